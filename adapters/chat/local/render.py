"""A message as plain text, as a person sees it. Owns: plain, shown, buttons, transcript and its masks. Imports: re, core. Effects: none.

Everything that comes out is clean (see `clean.py`). Marks differ by shape, and the ones that matter have a word with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from adapters.chat.local.clean import clean, one_line
from adapters.chat.local.records import Record, user_of
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
    Text,
    ending,
)

MARKS: Final[Mapping[Mark, str]] = {"done": "✓", "running": "…", "failed": "✗", "waiting": "○"}
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^()\s]+)\)")
_BOLD = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*", re.DOTALL)
_SPAN = re.compile(r"(`+[^`\n]+`+)")


def buttons(message: Message) -> tuple[Button, ...]:
    """Return a message's buttons in the order of their numbers, which count from 1."""
    return tuple(button for block in message.blocks if isinstance(block, Buttons) for button in block.buttons)


def plain(message: Message, names: Mapping[str, str] | None = None) -> str:
    """Return the whole message as text; `names` maps user ids to what `notify` calls them."""
    number = 0
    parts = [clean(message.title)] if message.title else []
    for block in message.blocks:
        parts.append(_block(block, number))
        number += len(block.buttons) if isinstance(block, Buttons) else 0
    called = " ".join(f"@{called_by(user_of(who), names)}" for who in message.notify)
    body = "\n".join(part for part in parts if part)
    return f"{called} {body}".strip() if called else body


def called_by(user: str, names: Mapping[str, str] | None) -> str:
    """Return the name of a user on one clean line, the id when there is none."""
    return one_line((names or {}).get(user, "")) or user


def step(text: str, mark: Mark) -> str:
    """Return a checklist's line: its mark, its text, and the mark's word where the text does not say it."""
    said = one_line(text)
    return f"{MARKS[mark]} {said}{ending(said, mark)}"


def weight(attachment: Attachment) -> str:
    """Return an attachment's name and size for people."""
    size = len(attachment.content.encode(errors="replace"))
    shown_size = f"{size} bytes" if size < 1000 else f"{size / 1000:.1f} kB"
    lines = attachment.content.count("\n") + (not attachment.content.endswith("\n"))
    return f"{one_line(attachment.name)} · {lines} {'line' if lines == 1 else 'lines'} · {shown_size}"


def without_marks(text: str) -> str:
    """Return the small Markdown as plain text: bold loses its stars, a link shows its address, code keeps its ticks."""
    pieces = _SPAN.split(clean(text))
    return "".join(
        piece if place % 2 else _BOLD.sub(r"\1", _LINK.sub(r"\1 (\2)", piece))
        for place, piece in enumerate(pieces)
    )


def _block(block: Block, number: int) -> str:
    match block:
        case Text():
            return without_marks(block.text)
        case Code():
            return "\n".join(f"    {line}".rstrip() for line in clean(block.text).rstrip("\n").split("\n"))
        case Checklist():
            return "\n".join(step(item.text, item.mark) for item in block.items)
        case Fields():
            return "\n".join(f"{one_line(label)}: {clean(value)}" for label, value in block.pairs)
        case Buttons():
            return "  ".join(
                f"[{place}] {one_line(button.label)}"
                for place, button in enumerate(block.buttons, number + 1)
            )
        case Attachment():
            return f"[file] {weight(block)}"


def shown(record: Record, names: Mapping[str, str] | None = None) -> str:
    """Return what a message of the room shows, with its files and reactions."""
    if record.deleted:
        return "(deleted)"
    parts = [plain(record.body, names) if record.body else clean(record.text)]
    parts += [f"[file] {one_line(file.name)} · {file.size} bytes" for file in record.files]
    if record.reactions:
        parts.append(" ".join(dict.fromkeys(one_line(emoji) for emoji, _ in record.reactions)))
    return "\n".join(part for part in parts if part)


# ── a thread on paper ────────────────────────────────────────────────────────────────────────────────────────────────

# What differs from run to run, and what stands in its place. The order matters: what is longer comes first.
_MASKS: Final = (
    (
        re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?"),
        "2026-01-01",
    ),
    (re.compile(r"(\bloop/[a-z0-9-]*?-)[0-9a-f]{6}\b"), r"\1a1b2c3"),
    (re.compile(r"#[0-9a-f]{6}\b"), "#a1b2c3"),
    (re.compile(r"\b((?:ask|approve|deny|answer) #?)[0-9a-f]{3,32}\b", re.IGNORECASE), r"\g<1>7f3"),
    (re.compile(r"(?<![\w$.-])[0-9a-f]{7,64}\b(?!\.\w)"), "0123abc"),
    (re.compile(r"<?\$\d+(?:,\d{3})*(?:\.\d+)?"), "$0.42"),
    (re.compile(r"\b\d\d:\d\d(?::\d\d)?\b"), "14:02"),
    # Whole hours and days are deadlines, which stay the same.
    (re.compile(r"\b(?:\d+ h (?=\d+ m))?(?:\d+ m(?: \d+ s)?|\d+(?:\.\d+)? (?:ms|s))\b"), "2 s"),
    (re.compile(r"\bin \d+(?:\.\d+)?s\b"), "in 2s"),
)


def mask(text: str) -> str:
    """Return `text` with ids, times, durations, hashes and money replaced by fixed ones."""
    for pattern, stand_in in _MASKS:
        text = pattern.sub(stand_in, text)
    return text


def transcript(
    records: Iterable[Record], *, mask: bool = True, names: Mapping[str, str] | None = None
) -> str:
    """Return a thread as Markdown: one preformatted block, each message under its author's name as a person sees it."""
    kept: Sequence[Record] = [record for record in records if not record.deleted]
    wide = max((len(one_line(record.name)) for record in kept), default=0)
    told = "\n\n".join(_told(record, wide, names) for record in kept)
    told = _masked(told) if mask else told
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", told)), default=0))
    return f"{fence}text\n{told}\n{fence}\n"


_masked = mask


def _told(record: Record, wide: int, names: Mapping[str, str] | None) -> str:
    name = one_line(record.name)
    whisper = f"(only {called_by(record.to, names)} sees this) " if record.to else ""
    lines = (whisper + shown(record, names)).split("\n")
    head = f"{name:<{wide}}  "
    rest = " " * len(head)
    return "\n".join(f"{head if place == 0 else rest}{line}".rstrip() for place, line in enumerate(lines))
