"""A `core.message.Message` as Slack posts. Owns: Part, parts, excerpt. Imports: core, mrkdwn. Effects: none.

Texts become rich text, whose elements nobody's words can forge. A message that one post cannot hold continues in further ones, cut at
the ends of lines; code and tables stay fixed in every piece. `text` is a short fallback for notifications.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.chat.slack import mrkdwn, names
from adapters.chat.slack.mrkdwn import Span
from core import message as words
from core.message import Attachment, Button, Buttons, Checklist, Code, Fields, Mark, Message, Text

PIECE = 2_900  # characters of one block
PART = 9_000  # characters of one post
MAX_BLOCKS = 45
MAX_ELEMENTS = 25
FALLBACK = 300
MAX_VALUE = 2_000
MOST_SHOWN = 5  # answers to a question that have a button each; more are in a menu
MAX_OPTIONS = 100
CHOOSE = "Choose an answer"
PRESS, FORM, PICK = "press", "form", "pick"  # how the action id of a button or a menu begins
MARKS: Final[dict[Mark, str]] = {"done": "✓", "running": "…", "failed": "✗", "waiting": "○"}

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One post: its blocks and its fallback text."""

    text: str
    blocks: tuple[Raw, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A block with the characters it shows, and those as text."""

    block: Raw
    size: int
    text: str = field(default="")


def parts(message: Message, team: str, *, files: bool = True, first: str = "") -> list[Part]:
    """Return the posts of a message, one at least. `first` is the ts of the first post, for the buttons of later ones.

    Without `files`, the contents of attachments are shown in the message itself.
    """
    called = [user for each in message.notify for where, user in [names.user_of(each)] if where == team]
    packs: list[list[_Piece]] = [[]]
    for piece in _pieces(message, called, files=files):
        pack = packs[-1]
        if pack and (sum(each.size for each in pack) + piece.size > PART or len(pack) >= MAX_BLOCKS):
            packs.append(pack := [])
        pack.append(piece)
    found = [pack for pack in packs if pack] or [[_prose([Span(text="–")])]]
    return [_part(pack, called if place == 0 else [], first) for place, pack in enumerate(found)]


def _part(pack: Sequence[_Piece], called: Sequence[str], first: str) -> Part:
    shown = excerpt("\n".join(piece.text for piece in pack if piece.text) or "…")
    calls = " ".join(f"<@{user}>" for user in called)
    blocks = []
    for place, piece in enumerate(pack):
        actions = piece.block["type"] == "actions"
        blocks.append(piece.block | {"block_id": f"{first}~{place}"} if actions else piece.block)
    return Part(text=f"{calls} {shown}".strip(), blocks=tuple(blocks))


def excerpt(text: str) -> str:
    """Return the beginning of a text as mrkdwn that shows it to the letter."""
    flat = text if len(text) <= FALLBACK else text[: FALLBACK - 1].rstrip() + "…"
    return mrkdwn.escape(flat)


# ── blocks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pieces(message: Message, called: Sequence[str], *, files: bool) -> Iterator[_Piece]:
    title = " ".join(mrkdwn.clean(message.title).split())
    opening = [Span(text=title, bold=True)] if title else []
    pieces = (piece for block in message.blocks for piece in _block(block, files=files))
    if title or called:
        # Without a title, who is called stands at the head of what they are told.
        first = None if title else next(pieces, None)
        yield from _opening(opening, called, first)
    yield from pieces


def _opening(title: list[Span], called: Sequence[str], first: _Piece | None) -> Iterator[_Piece]:
    calls: list[Raw] = []
    for user in called:
        calls += [{"type": "user", "user_id": user}, {"type": "text", "text": " "}]
    if first is not None and _is_prose(first):
        (section,) = first.block["elements"]
        told = _rich("rich_text_section", [*calls, *section["elements"]])
        yield _Piece(block=told, size=first.size, text=first.text)
        return
    for place, run in enumerate(list(mrkdwn.split(title, PIECE)) or [[]]):
        yield _prose(run, before=calls if place == 0 else [])
    if first is not None:
        yield first


def _block(block: words.Block, *, files: bool) -> Iterator[_Piece]:
    match block:
        case Text():
            yield from _text(block.text)
        case Code():
            yield from _fixed(mrkdwn.clean(block.text).strip("\n"))
        case Checklist():
            yield from _lines([_step(item) for item in block.items])
        case Fields():
            yield from _lines([_pair(label, value) for label, value in block.pairs])
        case Buttons():
            answers = [button for button in block.buttons if not button.wants_text]
            if block.question and len(answers) > MOST_SHOWN:
                yield _menu(answers, [button for button in block.buttons if button.wants_text])
                return
            for start in range(0, len(block.buttons), MAX_ELEMENTS):
                yield _actions(block.buttons[start : start + MAX_ELEMENTS], start)
        case Attachment():
            yield from _runs([Span(text=weight(block))])
            if not files:
                yield from _fixed(mrkdwn.clean(block.content).strip("\n"))


def _text(text: str) -> Iterator[_Piece]:
    for segment in mrkdwn.segments(mrkdwn.clean(text)):
        if segment.kind == "fixed":
            yield from _fixed(segment.text)
        else:
            yield from _runs(mrkdwn.spans(segment.text))


def weight(attachment: Attachment) -> str:
    """Return an attachment's name, lines and size for people."""
    size = len(attachment.content.encode(errors="replace"))
    shown = f"{size} bytes" if size < 1000 else f"{size / 1000:.1f} kB"
    lines = attachment.content.count("\n") + (not attachment.content.endswith("\n"))
    name = " ".join(mrkdwn.clean(attachment.name).split())
    return f"📎 {name} · {lines} {'line' if lines == 1 else 'lines'} · {shown}"


def _step(item: words.Item) -> list[Span]:
    said = " ".join(mrkdwn.clean(item.text).split())
    tail = words.ending(said, item.mark)
    return [Span(text=f"{MARKS[item.mark]} "), *mrkdwn.spans(said), *([Span(text=tail)] if tail else [])]


def _pair(label: str, value: str) -> list[Span]:
    name = " ".join(mrkdwn.clean(label).split())
    return [Span(text=f"{name}: ", bold=True), *mrkdwn.spans(mrkdwn.clean(value))]


def _lines(lines: Sequence[list[Span]]) -> Iterator[_Piece]:
    joined: list[Span] = []
    for place, line in enumerate(lines):
        joined += [*([Span(text="\n")] if place else []), *line]
    yield from _runs(joined)


def _runs(found: list[Span]) -> Iterator[_Piece]:
    for run in mrkdwn.split(found, PIECE):
        if run:
            yield _prose(run)


def _prose(run: Sequence[Span], *, before: Sequence[Raw] = ()) -> _Piece:
    elements = [*before, *(mrkdwn.element(span) for span in run)]
    text = "".join(span.text for span in run)
    return _Piece(block=_rich("rich_text_section", elements), size=len(text) + 1, text=text)


def _is_prose(piece: _Piece) -> bool:
    block = piece.block
    return bool(block["type"] == "rich_text" and block["elements"][0]["type"] == "rich_text_section")


def _fixed(text: str) -> Iterator[_Piece]:
    rest = text
    while rest:
        shown, rest = mrkdwn.cut(rest, PIECE)
        if shown:
            block = _rich("rich_text_preformatted", [{"type": "text", "text": shown}])
            yield _Piece(block=block, size=len(shown) + 1, text=shown)


def _rich(kind: str, elements: Sequence[Raw]) -> Raw:
    return {"type": "rich_text", "elements": [{"type": kind, "elements": list(elements)}]}


def _actions(buttons: Sequence[Button], start: int) -> _Piece:
    elements = [_button(button, place) for place, button in enumerate(buttons, start)]
    return _Piece(block={"type": "actions", "elements": elements}, size=0)


def _menu(answers: Sequence[Button], others: Sequence[Button]) -> _Piece:
    """Return answers as menus, as few as Slack allows, and the other buttons beside them."""
    menus: list[Raw] = [
        {
            "type": "static_select",
            "action_id": f"{PICK}:{start}",
            "placeholder": _plain(CHOOSE),
            "options": [
                {"text": _plain(_label(button)), "value": str(button.token)}
                for button in answers[start : start + MAX_OPTIONS]
            ],
        }
        for start in range(0, len(answers), MAX_OPTIONS)
    ]
    elements = [*menus, *(_button(button, place) for place, button in enumerate(others))]
    return _Piece(block={"type": "actions", "elements": elements[:MAX_ELEMENTS]}, size=0)


def _label(button: Button) -> str:
    return " ".join(mrkdwn.clean(button.label).split())[:75] or "…"


def _plain(words: str) -> Raw:
    return {"type": "plain_text", "text": words, "emoji": False}


def _button(button: Button, place: int) -> Raw:
    question = " ".join(mrkdwn.clean(button.wants_text).split())[:200]
    # A draft goes along where it fits: the form must open with it after a restart, too. It is text a person sees, no authority.
    value = f"{button.token}\n{button.draft}" if button.draft else str(button.token)
    raw: Raw = {
        "type": "button",
        "text": _plain(_label(button)),
        "action_id": f"{FORM}:{place}:{question}" if question else f"{PRESS}:{place}",
        "value": value if len(value) <= MAX_VALUE else str(button.token),
    }
    return raw if button.style == "plain" else raw | {"style": button.style}
