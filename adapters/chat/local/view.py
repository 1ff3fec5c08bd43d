"""What a terminal shows and what a typed line means. Owns: View, the intents, understand, complete. Imports: core. Effects: none."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.chat.local import render
from adapters.chat.local.clean import clip, one_line
from adapters.chat.local.records import Heading, Record
from core.ids import Token
from core.message import Button, Message

COMMANDS: tuple[tuple[str, str], ...] = (
    ("/loop", "talk to the bridge: /loop help"),
    ("/threads", "the list of threads"),
    ("/open", "open a thread by its number: /open 12"),
    ("/new", "the next message opens a thread: /new, /new alerts"),
    ("/as", "go on as somebody else: /as ravi"),
    ("/help", "this list"),
    ("/quit", "leave (or Ctrl-D)"),
)
HELP = """\
Type and press Enter to write; Alt-Enter makes a new line. In the list of threads, a message opens a new thread.
A button is pressed by its number: 1. By the name of its ask and its place: #7f3 1, approve 7f3, deny 7f3 because …
@loop talks to the bridge, so does /loop. A line that begins with a space is sent as it is.
PageUp and PageDown scroll. Esc goes back to the threads. Ctrl-C clears what was typed."""

WIDE = 60  # columns from which a list has room for words
_NUMBER = re.compile(r"\d{1,6}")
_HANDLE = re.compile(r"#(?P<handle>[0-9a-f]{3,32})\s+(?P<place>\d{1,2})")
_VERDICT = re.compile(
    r"(?P<word>approve|deny|answer)\s+#?(?P<handle>[0-9a-f]{3,32})(?P<rest>\s.*)?", re.DOTALL
)
_NOTHING = Message()


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Write in the thread, or open one."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Press a button of a message."""

    message: int
    button: Button


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Show a thread."""

    thread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """Let the next message open a thread; an empty channel stays where one is."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Become:
    """Go on as somebody else."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """List the threads, help, or leave."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """The line cannot be taken; `text` says why."""

    text: str


Intent = Say | Press | Open | Fresh | Become | Plain | Complaint


@dataclass(slots=True, kw_only=True)
class View:
    """What one terminal looks at. `thread` 0 is the list; `back` counts lines scrolled up; `form` waits for its text."""

    thread: int = 0
    channel: str = "general"
    back: int = 0
    notice: str = ""
    help: bool = False
    form: Press | None = None
    headings: Sequence[Heading] = ()
    unread: set[int] = field(default_factory=set)
    _numbers: dict[int, dict[Token, int]] = field(default_factory=dict)

    def numbers(self, thread: int, records: Sequence[Record]) -> Mapping[Token, int]:
        """Return each button's number in the thread.

        A number is never given twice: what was typed for a button that is gone meanwhile must not press another one.
        """
        known = self._numbers.setdefault(thread, {})
        for record in records:
            for button in render.buttons(record.body or _NOTHING):
                known.setdefault(button.token, len(known) + 1)
        return known

    def numbered(self, number: int, records: Sequence[Record]) -> Press | Complaint:
        """Return the button with this number in the open thread, which shows `records`."""
        known = self.numbers(self.thread, records)
        for record in reversed(records):
            for button in render.buttons(record.body or _NOTHING):
                if known[button.token] == number:
                    return Press(message=record.id, button=button)
        if number in known.values():
            return Complaint(text=f"Button {number} is gone: its message has changed.")
        return Complaint(text=f"There is no button {number} here. A space before it sends it as text.")

    def title(self) -> str:
        """Return the line above everything."""
        if not self.thread:
            return f"{self.channel} · threads"
        about = next((each for each in self.headings if each.root == self.thread), None)
        words = f" · {one_line(about.text)}" if about else ""
        return f"{self.channel} · thread {self.thread}{words}"

    def listing(self, width: int) -> list[str]:
        """Return the list of threads, the last active at the bottom, where the eye is."""
        if not self.headings:
            return ["No threads yet. Write something to open one; /help says what else there is."]
        wide = min(16, max(len(one_line(each.name)) for each in self.headings))
        lines = []
        for each in reversed(self.headings):
            mark = "*" if each.root in self.unread else " "
            head = f"{mark}{each.root:>5}  {clip(one_line(each.name), wide):<{wide}}  "
            messages = "message" if each.count == 1 else "messages"
            full = f"  {each.count} {messages} · {each.last_at.astimezone():%H:%M}"
            count = full if width >= WIDE else f"  {each.count}"
            room = max(8, width - len(head) - len(count) - 1)
            words = one_line(each.text) or "(deleted)"
            lines.append(f"{head}{clip(words, room):<{room}}{count}")
        return lines


def help_lines(width: int, *, may_become: bool) -> list[str]:
    """Return the help, wrapped."""
    told = [f"{name:<10}{about}" for name, about in COMMANDS if may_become or name != "/as"]
    return [*told, "", *(line for text in HELP.split("\n") for line in textwrap.wrap(text, max(20, width)))]


def understand(line: str, view: View, records: Sequence[Record]) -> Intent:
    """Return what a typed line means while `view` shows `records` (those of the open thread)."""
    if line.startswith(" "):
        return Say(text=line.strip())
    text = line.strip()
    if text.startswith("/"):
        return _command(text)
    if _NUMBER.fullmatch(text):
        if not view.thread:
            return _open(text)
        return view.numbered(int(text), records)
    if view.thread and (found := _HANDLE.fullmatch(text)):
        return _by_handle(found["handle"], int(found["place"]), records)
    if view.thread and (found := _VERDICT.fullmatch(text)) and _card(found["handle"], records):
        return Say(text=f"/loop {found['word']} {found['handle']}{found['rest'] or ''}")
    return Say(text=text)


def _command(text: str) -> Intent:
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    match word:
        case "/loop":
            return Say(text=text)
        case "/threads" | "/help" | "/quit":
            return Plain(what=word[1:])
        case "/open":
            return _open(rest)
        case "/new":
            if rest and not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", rest):
                return Complaint(text="A channel's name has lower-case letters, digits and dashes.")
            return Fresh(channel=rest)
        case "/as":
            return Become(user=rest) if rest else Complaint(text="As whom? /as ravi")
        case _:
            known = [name for name, _ in COMMANDS]
            near = difflib.get_close_matches(word, known, n=3, cutoff=0.5) or known
            return Complaint(
                text=f"{word} is unknown. Near: {' '.join(near)}. A space before it sends it as text."
            )


def _open(given: str) -> Intent:
    if not _NUMBER.fullmatch(given.lstrip("#")):
        return Complaint(text="Which thread? /open and the number at the left of the list.")
    return Open(thread=int(given.lstrip("#")))


def _card(handle: str, records: Sequence[Record]) -> Record | None:
    """Return the newest message of the bridge that has buttons and shows this handle."""
    named = re.compile(rf"(?<![0-9a-f])#?{handle}(?![0-9a-f])")
    return next(
        (
            record
            for record in reversed(records)
            if record.body and render.buttons(record.body) and named.search(render.plain(record.body))
        ),
        None,
    )


def _by_handle(handle: str, place: int, records: Sequence[Record]) -> Intent:
    card = _card(handle, records)
    if card is None or card.body is None:
        return Complaint(
            text=f"Nothing here waits under #{handle}. A space before the line sends it as text."
        )
    offered = render.buttons(card.body)
    if not 1 <= place <= len(offered):
        return Complaint(text=f"#{handle} has {len(offered)} buttons.")
    return Press(message=card.id, button=offered[place - 1])


def complete(
    text: str, *, subcommands: Sequence[tuple[str, str]], people: Mapping[str, str]
) -> list[tuple[str, int, str]]:
    """Return (what to insert, how many characters before the cursor it replaces, its help) for the text before the cursor."""
    last = re.split(r"\s", text)[-1]
    if text.startswith("/") and " " not in text:
        return [(name, len(text), about) for name, about in COMMANDS if name.startswith(text)]
    if re.fullmatch(r"[/!]loop\s+\S*", text):
        return [(name, len(last), about) for name, about in subcommands if name.startswith(last)]
    if last.startswith("@"):
        users = {"loop": "the bridge", **people}
        return [
            (f"@{user}", len(last), name) for user, name in users.items() if user.startswith(last[1:].lower())
        ]
    return []
