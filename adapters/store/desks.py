"""Desks that were read or left a moment ago. Owns: Desks, far. Imports: core, adapters.store. Effects: none.

One process writes the database, so what a lane's desk shows is known after every event that changes the lane's own loop and nothing
else. Whatever reaches further makes all of them be read again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from adapters.store.reads import SETTLED_ASKS
from core import graph
from core.desk import Desk, Outcome
from core.ids import LoopId, ThreadKey
from core.loop import Loop
from core.people import People

KEPT = 32
MARKING = frozenset({"decision", "touches"})  # kinds of facts by which a decision is shown on other desks


@dataclass(frozen=True, slots=True)
class Taken:
    """A desk on which something is being changed, as it was before; None when it is not known."""

    desk: Desk | None
    age: int


class Desks:
    """The desks of the lanes that were last busy. To be used on the event loop alone."""

    def __init__(self) -> None:
        self._known: OrderedDict[ThreadKey, Desk] = OrderedDict()
        self._loops: dict[LoopId, ThreadKey] = {}
        self._read: dict[ThreadKey, object] = {}
        self.people: People | None = None
        self.age = 0

    def get(self, lane: ThreadKey) -> Desk | None:
        """Return a lane's desk as the database has it, if that is known."""
        desk = self._known.get(lane)
        if desk is not None:
            self._known.move_to_end(lane)
        return desk

    def loop(self, loop: LoopId) -> Loop | None:
        """Return a loop as the database has it, if that is known."""
        desk = self._known.get(self._loops.get(loop, ThreadKey("")))
        return desk.loop if desk is not None else None

    def reading(self, lane: ThreadKey) -> object:
        """Note that a lane's desk is about to be read; return what `put` is to be given."""
        token = self._read[lane] = object()
        return token

    def put(self, token: object, desk: Desk) -> None:
        """Keep a desk that was read, unless something changed meanwhile."""
        if self._read.get(desk.thread) is token:
            del self._read[desk.thread]
            self._keep(desk)

    def take(self, lane: ThreadKey) -> Taken:
        """Note that a lane's desk is about to be changed: nobody knows it until `leave`."""
        self._read.pop(lane, None)
        desk = self._known.pop(lane, None)
        if desk is not None and desk.loop is not None:
            self._loops.pop(desk.loop.id, None)
        return Taken(desk, self.age)

    def leave(self, taken: Taken, outcome: Outcome) -> None:
        """Keep a desk as a committed outcome left it, if that can be told."""
        if taken.desk is None or taken.age != self.age:
            return
        asks = {ask.id: ask for ask in (*taken.desk.asks, *outcome.asks)}
        # Which of more settled ones a desk shows is for the database to say.
        if sum(not ask.open for ask in asks.values()) <= SETTLED_ASKS:
            ordered = tuple(sorted(asks.values(), key=lambda ask: (ask.asked_at, ask.id)))
            self._keep(replace(taken.desk, loop=outcome.loop or taken.desk.loop, asks=ordered))

    def meet(self, everybody: People, age: int) -> None:
        """Keep everybody, read when things were of this age."""
        if age == self.age:
            self.people = everybody

    def forget(self) -> None:
        """Have every desk and everybody read again."""
        self._known.clear()
        self._loops.clear()
        self._read.clear()
        self.people = None
        self.age += 1

    def _keep(self, desk: Desk) -> None:
        self._known[desk.thread] = desk
        if desk.loop is not None:
            self._loops[desk.loop.id] = desk.thread
        while len(self._known) > KEPT:
            _, old = self._known.popitem(last=False)
            if old.loop is not None:
                self._loops.pop(old.loop.id, None)


def far(before: Desk | None, outcome: Outcome) -> bool:
    """Whether an outcome may change what other desks show, or more of its own than the loop and the asks."""
    elsewhere = (
        outcome.members,
        outcome.identities,
        outcome.unfollowed,
        outcome.schedules,
        outcome.proposals,
    )
    if any(elsewhere) or any(_marks(fact) for fact in outcome.facts if fact.kind in MARKING):
        return True
    loop, known = outcome.loop, before.loop if before is not None else None
    if known is None:
        return loop is not None or bool(outcome.asks)
    if any(ask.loop != known.id for ask in outcome.asks):
        return True
    return loop is not None and _place(loop) != _place(known)


def _place(loop: Loop) -> tuple[object, ...]:
    """Return what other desks find a loop by, and what its own desk finds the rest by."""
    return loop.id, loop.thread, loop.live, loop.followers, loop.repo


def _marks(fact: graph.Fact) -> bool:
    return fact.kind == "decision" or (
        fact.kind == "touches" and isinstance(fact, graph.Edge) and fact.src.startswith("decision:")
    )
