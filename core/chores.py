"""What the bridge's own jobs find. Owns: digest, reminders, idle. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core import wording
from core.asks import Ask
from core.ids import IdentityKey, LoopId, ThreadKey
from core.loop import Loop
from core.message import Message, Text
from core.proposals import Proposal

AGAIN = timedelta(days=7)  # after which what still waits is brought up once more
FIRST = timedelta(days=1)  # what a first digest looks back on
SHOWN = 12
RESTING = frozenset({"idle", "failed", "rfd"})
MOVED = {
    "idle": "finished a turn", "done": "done", "archived": "archived", "failed": "failed", "rfd": "ready for a driver",
    "waiting": "waiting", "running": "working", "queued": "queued",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Something that waits for somebody: `words` say what, `since` how long; `calls` are the accounts it is mentioned to."""

    thread: ThreadKey
    words: str
    since: datetime
    calls: tuple[IdentityKey, ...] = ()


def waiting(
    loops: Sequence[Loop], asks: Mapping[LoopId, Sequence[Ask]], proposals: Sequence[Proposal] = ()
) -> Sequence[Waiting]:
    """Return the asks and proposals that are open and the loops without a driver, the longest wait first."""
    found = [
        Waiting(
            thread=each.thread,
            words=f"proposal {each.handle} “{wording.line(each.title, 60)}” waits for somebody to `/loop merge {each.handle}` or reject it",
            since=each.proposed_at,
        )
        for each in proposals
    ]
    for loop in loops:
        title = f"#{loop.handle} “{wording.line(loop.title, 60)}”"
        found += [
            Waiting(
                thread=loop.thread,
                words=f"ask {ask.handle} of {title} waits for {wording.line(loop.driver_name, 40)}",
                since=ask.asked_at,
                calls=(loop.driver_identity,),
            )
            for ask in asks.get(loop.id, ())
        ]
        if loop.condenses is not None and loop.condenses.asked:
            words = f"{title} waits for somebody who reads here to allow it"
            found.append(Waiting(thread=loop.thread, words=words, since=loop.updated_at))
        if loop.status == "rfd":
            words = f"{title} has no driver; `/loop claim` in its thread takes it"
            found.append(Waiting(thread=loop.thread, words=words, since=loop.updated_at))
    return sorted(found, key=lambda each: (each.since, each.words))


def reminders(
    found: Iterable[Waiting], *, after: timedelta, last: datetime | None, now: datetime
) -> Mapping[ThreadKey, Message]:
    """Return one message for each thread where something has waited for `after`, or for another week, since the `last` look."""
    by_thread: dict[ThreadKey, list[Waiting]] = {}
    for each in found:
        if _told(each.since, after, now) > (_told(each.since, after, last) if last else 0):
            by_thread.setdefault(each.thread, []).append(each)
    return {thread: _reminder(waits, now) for thread, waits in by_thread.items()}


def _told(since: datetime, after: timedelta, at: datetime) -> int:
    """Return how often something that waits has been brought up by an instant."""
    past = at - since - after
    return 0 if past < timedelta() else 1 + past // AGAIN


def _reminder(waits: Sequence[Waiting], now: datetime) -> Message:
    lines = [f"{each.words}, for {_for(each.since, now)}" for each in waits]
    head = "Still waiting here: " if len(lines) == 1 else "Still waiting here:\n- "
    calls = tuple(dict.fromkeys(key for each in waits for key in each.calls))
    return Message(blocks=(Text(text=head + "\n- ".join(_first(lines)) + "."),), notify=calls)


def digest(
    loops: Sequence[Loop],
    waits: Sequence[Waiting],
    *,
    reads: Callable[[ThreadKey], bool],
    since: datetime | None,
    now: datetime,
) -> Message | None:
    """Return what moved since an instant and what waits, as far as `reads` lets the readers see a thread; None for nothing at all."""
    since = since or now - FIRST
    moved = sorted(
        (loop for loop in loops if loop.updated_at > since), key=lambda loop: (loop.updated_at, loop.id)
    )
    shown = [loop for loop in moved if reads(loop.thread)]
    open_waits = [each for each in waits if reads(each.thread)]
    hidden = len(moved) - len(shown)
    if not shown and not open_waits:
        return None
    blocks = []
    if shown:
        lines = [_line(loop) for loop in reversed(shown)]
        if hidden:
            lines.append(f"and {wording.count(hidden, 'loop')} where not everybody here can read")
        blocks.append(Text(text="**Moved**\n- " + "\n- ".join(_first(lines))))
    if open_waits:
        lines = [f"{each.words}, for {_for(each.since, now)}" for each in open_waits]
        blocks.append(Text(text="**Waiting**\n- " + "\n- ".join(_first(lines))))
    return Message(title=f"The last {_for(since, now)}", blocks=tuple(blocks))


def _line(loop: Loop) -> str:
    spent = f" · {wording.money(loop.spent_usd)}" if loop.spent_usd else ""
    return (
        f"#{loop.handle} “{wording.line(loop.title, 60)}” · {MOVED[loop.status]} ·"
        f" {wording.line(loop.driver_name, 30)}{spent}"
    )


def _first(lines: Sequence[str]) -> list[str]:
    return [*lines[:SHOWN], *([f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else [])]


def _for(since: datetime, now: datetime) -> str:
    return wording.duration(max(0.0, (now - since).total_seconds()))


def idle(
    loops: Iterable[Loop], *, after: timedelta, now: datetime, waited_for: Collection[LoopId] = ()
) -> Sequence[Loop]:
    """Return the loops that rest, that nothing has happened in for `after`, and whose work nobody is still to judge."""
    return [
        loop
        for loop in loops
        if loop.id not in waited_for
        and loop.live
        and loop.status in RESTING
        and not loop.busy
        and now - loop.updated_at > after
    ]
