"""The rows of schedules. Owns: how they are written and read. Imports: core, adapters.store. Effects: through the Hand."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.store.codec import micros
from adapters.store.hand import Hand
from core import forget, ids
from core.schedules import Schedule

PUT = (
    "INSERT INTO schedule (id, thread, runs, created_at, body) VALUES (:id, :thread, :runs, :created_at, :body)"
    " ON CONFLICT (id) DO UPDATE SET runs = excluded.runs, body = excluded.body"
)
DROP = "DELETE FROM schedule WHERE id = :id"
OF_THREAD = "SELECT body FROM schedule WHERE thread = :thread ORDER BY created_at, id"
RUNNING = "SELECT body FROM schedule WHERE runs = 1 ORDER BY created_at, id"
ALL = "SELECT body FROM schedule ORDER BY created_at, id"


def put(schedule: Schedule, hand: Hand) -> None:
    """Write a schedule as it is now; a deleted one goes."""
    if schedule.deleted:
        hand.run(DROP, id=schedule.id)
        return
    hand.run(
        PUT,
        id=schedule.id,
        thread=schedule.thread,
        runs=int(schedule.runs),
        created_at=micros(schedule.created_at),
        body=hand.codec.dump(schedule),
    )


def of_thread(thread: ids.ThreadKey, hand: Hand) -> tuple[Schedule, ...]:
    """Return a thread's schedules, oldest first."""
    return tuple(hand.codec.load(Schedule, body) for body in hand.column(OF_THREAD, thread=thread))


def running(hand: Hand) -> Sequence[Schedule]:
    """Return the schedules that are not paused."""
    return [hand.codec.load(Schedule, body) for body in hand.column(RUNNING)]


def everything(hand: Hand) -> Sequence[Schedule]:
    """Return all schedules, oldest first."""
    return [hand.codec.load(Schedule, body) for body in hand.column(ALL)]


def purge(scope: forget.Scope, hand: Hand) -> None:
    """Take out the schedules of threads and people that are to be forgotten: their tasks are words of those who made them."""
    for schedule in everything(hand):
        theirs = schedule.driver in scope.members or schedule.driver_identity in scope.identities
        if theirs or schedule.thread in scope.lanes:
            hand.run(DROP, id=schedule.id)
