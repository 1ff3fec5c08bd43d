"""The board of what matters now, as a message. Owns: its wording. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from core import cards, wording
from core.focus import FADES_AFTER, Board, Seen
from core.ids import ThreadKey
from core.message import Message, Text

LINES = 12  # of one part
UNTITLED = "in a thread that not everybody may read"
Link = Callable[[ThreadKey], str]


def nowhere(_: ThreadKey) -> str:
    """Return no address: a thread cannot be gone to from here."""
    return ""


def message(board: Board, *, at: datetime, link: Link = nowhere) -> Message:
    """Return the board as a post. `link` gives the address of a thread."""
    return Message(title="Focus", blocks=blocks(board, at=at, link=link))


def blocks(board: Board, *, at: datetime, link: Link = nowhere) -> tuple[Text, ...]:
    """Return the board part by part; what has nothing in it is left out, but for the pins and what is under way."""
    pins = [f"{number}. {line}" for number, line in enumerate(board.pinned, 1)]
    topics = [_topic(tag, loops, at, link) for tag, loops in board.active]
    parts: list[tuple[str, list[str], str]] = [
        ("Pinned", pins, "Nothing. `/loop focus pin <text>` pins a line."),
        ("Active", topics, "" if board.untagged else "No loop is at work."),
        ("Ready for a driver", [_line(seen, at, link) for seen in board.ready], ""),
        ("Waiting on people", [_waiting(seen, at, link) for seen in board.waiting], ""),
        ("Untagged", [_line(seen, at, link) for seen in board.untagged], ""),
        ("Inbox", [*board.inbox, *([f"… and {board.unread:,} more"] if board.unread else [])], ""),
    ]
    shown = [Text(text="\n".join([f"**{title}**", *(_first(lines) or [none])])) for title, lines, none in parts if lines or none]  # fmt: skip
    if board.faded:
        days = FADES_AFTER.days
        shown.append(Text(text=f"{wording.count(board.faded, 'loop')} faded: untouched for {days} days. `/loop list all` shows them."))  # fmt: skip
    return tuple(shown)


def _topic(tag: str, loops: Sequence[Seen], at: datetime, link: Link) -> str:
    named = [_named(seen, link) + f" ({cards.STATES[seen.loop.status]})" for seen in loops[:5]]
    more = [f"{len(loops) - 5:,} more"] if len(loops) > 5 else []
    return f"**{tag}** · {', '.join([*named, *more])} · {_ago(loops[0], at)}"


def _line(seen: Seen, at: datetime, link: Link) -> str:
    state = "" if seen.loop.status == "rfd" else f" · {cards.STATES[seen.loop.status]} · {_driver(seen)}"
    return f"{_named(seen, link)}{_tags(seen)}{state} · {_ago(seen, at)}"


def _waiting(seen: Seen, at: datetime, link: Link) -> str:
    asked = f"ask {', '.join(ask.handle for ask in seen.asks)} · " if seen.asks else ""
    since = min((ask.asked_at for ask in seen.asks), default=seen.loop.updated_at)
    waited = wording.duration((at - since).total_seconds())
    return f"{_named(seen, link)}{_tags(seen)} · {asked}waits for {wording.line(seen.loop.driver_name, 30)} · for {waited}"


def _named(seen: Seen, link: Link) -> str:
    address = link(seen.loop.thread) if seen.titled else ""
    handle = f"[#{seen.loop.handle}]({address})" if address else f"#{seen.loop.handle}"
    return f"{handle} {wording.line(seen.loop.title, 60) if seen.titled else UNTITLED}"


def _tags(seen: Seen) -> str:
    return f" · {', '.join(seen.loop.tags)}" if seen.titled and seen.loop.tags else ""


def _driver(seen: Seen) -> str:
    return wording.line(seen.loop.driver_name, 30)


def _ago(seen: Seen, at: datetime) -> str:
    return f"{wording.duration((at - seen.loop.updated_at).total_seconds())} ago"


def _first(lines: Sequence[str]) -> list[str]:
    return [*lines[:LINES], *([f"… and {len(lines) - LINES:,} more"] if len(lines) > LINES else [])]
