"""Message → what is sent to Discord. Owns: Part, parts, body, LIMIT. Imports: core. Effects: none.

A long message goes on in further ones, cut between lines, words at worst; a fence or a table that fits one message stays whole. What is
left after `most` messages is a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from adapters.chat.discord import markdown, names
from adapters.chat.discord.markdown import Segment
from core.message import (
    Attachment,
    Block,
    Button,
    Buttons,
    Checklist,
    Code,
    Fields,
    Mark,
    Message,
    Style,
    Text,
    ending,
)

LIMIT = 1_960  # of Discord's 2,000: room for the note that the rest is a file
MOST = 8  # messages that one message may become
FILE_BYTES = 8_000_000
PER_ROW, ROWS, LABEL = 5, 5, 80
PER_MENU, CHOICE = 25, 100
SUPPRESS_EMBEDS = 1 << 2
REST = "continued.md"
NOTE = f"… (goes on in the file {REST})"
MARKS: Final[Mapping[Mark, str]] = {"done": "✓", "running": "…", "failed": "✗", "waiting": "○"}
STYLES: Final[Mapping[Style, int]] = {"primary": 1, "plain": 2, "danger": 4}
PRESS, FORM, PICK = (
    "b:",
    "f:",
    "p:",
)  # how a custom id begins: of a button, pressed at once or after a form; of a menu


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One message of Discord. `users` are called by it."""

    content: str
    rows: tuple[Mapping[str, Any], ...] = ()
    files: tuple[Attachment, ...] = ()
    users: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Page:
    """A message under way: what is sent, and the same as the agent wrote it."""

    shown: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(size(line) + 1 for line in self.shown)


def size(text: str) -> int:
    """Return a text's length as Discord may count it: in UTF-16 units."""
    return len(text) + sum(mark > "\uffff" for mark in text)


def parts(message: Message, *, most: int = MOST) -> tuple[Part, ...]:
    """Return the messages one message becomes, at least one and at most `most`."""
    users = tuple(dict.fromkeys(names.user_of(who) for who in message.notify))
    pages = _pages(message, " ".join(f"<@{user}>" for user in users), most)
    files = [block for block in message.blocks if isinstance(block, Attachment)]
    kept = pages[:most]
    if len(pages) > most:
        kept[-1].shown.append(markdown.escape(NOTE))
        files.append(
            Attachment(
                name=REST, content="\n".join(line for page in pages[most:] for line in page.raw) + "\n"
            )
        )
    made = [Part(content="\n".join(page.shown)) for page in kept]
    made[0] = replace(made[0], users=users)
    made[-1] = replace(made[-1], rows=_rows(message), files=tuple(_fitting(file) for file in files[:10]))
    return tuple(made)


def body(part: Part, *, nonce: str = "") -> dict[str, Any]:
    """Return the JSON of a part: nobody is called but who it names, and no link is looked at."""
    value: dict[str, Any] = {
        "content": part.content,
        "components": list(part.rows),
        "flags": SUPPRESS_EMBEDS,
        "allowed_mentions": {"parse": [], "users": list(part.users), "replied_user": False},
        "attachments": [{"id": at, "filename": name_of(file)} for at, file in enumerate(part.files)],
    }
    return {**value, "nonce": nonce, "enforce_nonce": True} if nonce else value


def name_of(file: Attachment) -> str:
    """Return a file's name without what could be a path."""
    flat = " ".join(markdown.clean(file.name).split()).replace("/", "_").replace("\\", "_").replace('"', "_")
    return flat[-100:] or "file.txt"


def _fitting(file: Attachment) -> Attachment:
    content = file.content.encode(errors="replace")
    if len(content) <= FILE_BYTES:
        return file
    cut = content[:FILE_BYTES].decode(errors="ignore")
    return replace(file, content=f"{cut}\n… (cut here: {len(content):,} bytes are more than Discord takes)\n")


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pages(message: Message, called: str, most: int) -> list[_Page]:
    writer = _Writer(most)
    if message.title:
        title = markdown.escape(" ".join(markdown.clean(message.title).split()))
        writer.line(f"{called} **{title}**".strip(), f"# {message.title}")
    elif called:
        writer.before = f"{called} "
    for block in message.blocks:
        for segment in _segments(block):
            writer.fixed(segment) if segment.fixed else writer.prose(segment.text)
    if writer.before:
        writer.line("", "")
    return writer.pages


def _segments(block: Block) -> Iterator[Segment]:
    match block:
        case Text():
            yield from markdown.segments(markdown.clean(block.text))
        case Code():
            words = markdown.clean(block.text).strip("\n")
            if words.strip():
                yield Segment(text=words, fixed=True, language=block.language)
        case Checklist() if block.items:
            yield Segment(text="\n".join(_step(item.text, item.mark) for item in block.items))
        case Fields() if block.pairs:
            lines = (f"**{_flat(label)}:** {markdown.clean(value)}" for label, value in block.pairs)
            yield Segment(text="\n".join(lines))
        case _:
            return


def _flat(text: str) -> str:
    return " ".join(markdown.clean(text).split())


def _step(text: str, mark: Mark) -> str:
    said = _flat(text)
    return f"{MARKS[mark]} {said}{ending(said, mark)}"


class _Writer:
    """Fills pages line by line."""

    def __init__(self, most: int) -> None:
        self.pages = [_Page()]
        self.before = ""  # what the first line begins with
        self._most = most

    @property
    def _over(self) -> bool:
        """Whether what comes now is for the file."""
        return len(self.pages) > self._most

    def line(self, shown: str, raw: str) -> None:
        """Add what stays together; it goes to a new page when this one is full."""
        shown, self.before = f"{self.before}{shown}", ""
        page = self.pages[-1]
        if page.shown and page.size + size(shown) > LIMIT:
            page = _Page()
            self.pages.append(page)
        page.shown.append(shown)
        page.raw.append(raw)

    def prose(self, text: str) -> None:
        if size(text) <= LIMIT:
            whole = markdown.inline(text)
            if self.pages[-1].size + size(whole) + len(self.before) <= LIMIT:
                self.line(whole, text)
                return
        for line in text.split("\n"):
            if self._over:
                self.pages[-1].raw.append(line)
                continue
            for piece in _pieces(line, lambda piece: size(markdown.inline(piece)) <= LIMIT - 100):
                self.line(markdown.inline(piece), piece)

    def fixed(self, segment: Segment) -> None:
        whole = markdown.fence(segment.text, segment.language)
        if self._over:
            self.pages[-1].raw.append(whole)
            return
        if size(whole) <= LIMIT - len(self.before):
            self.line(whole, whole)
            return
        room = LIMIT - len(self.before) - size(markdown.fence("", segment.language)) - 1
        lines: list[str] = []
        for line in segment.text.split("\n"):
            for piece in _pieces(line, lambda piece: size(markdown.fence(piece)) <= room):
                if lines and size(markdown.fence("\n".join([*lines, piece]))) > room:
                    self._fence(lines, segment)
                    lines = []
                lines.append(piece)
        self._fence(lines, segment)

    def _fence(self, lines: Sequence[str], segment: Segment) -> None:
        told = markdown.fence("\n".join(lines), segment.language)
        if "".join(lines).strip():
            self.line(told, told)


def _pieces(line: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """Cut a line that is too long between words, within one only when it is too long itself."""
    while len(line) > LIMIT or not fits(line):
        low, high = 1, min(len(line), LIMIT)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(line[:middle]) else (low, middle - 1)
        space = line.rfind(" ", max(1, low // 2), low + 1)
        cut = space if space > 0 else low
        yield line[:cut]
        line = line[cut:].lstrip(" ") if space > 0 else line[cut:]
    yield line


# ── buttons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _rows(message: Message) -> tuple[Mapping[str, Any], ...]:
    made: list[list[dict[str, Any]]] = []
    for block in message.blocks:
        if isinstance(block, Buttons):
            answers = [button for button in block.buttons if not button.wants_text]
            in_menu = answers if block.question and len(answers) > PER_ROW else []
            made += [[_menu(in_menu[at : at + PER_MENU])] for at in range(0, len(in_menu), PER_MENU)]
            buttons = [_button(button) for button in block.buttons if button not in in_menu]
            made += [buttons[at : at + PER_ROW] for at in range(0, len(buttons), PER_ROW)]
    return tuple({"type": 1, "components": row} for row in made[:ROWS])


def _button(button: Button) -> dict[str, Any]:
    return {
        "type": 2,
        "style": STYLES[button.style],
        "label": _clip(_flat(button.label), LABEL) or "…",
        "custom_id": (FORM if button.wants_text else PRESS) + button.token,
    }


def _menu(answers: Sequence[Button]) -> dict[str, Any]:
    options = [
        {"label": _clip(_flat(button.label), CHOICE) or "…", "value": str(button.token)} for button in answers
    ]
    return {
        "type": 3, "custom_id": PICK + answers[0].token, "placeholder": "Choose an answer", "options": options,
    }  # fmt: skip


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
