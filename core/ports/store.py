"""The one database. Owns: Store and what it hands out. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.asks import Ask
from core.audience import Sight
from core.desk import Desk, Outcome
from core.effects import Effect
from core.events import Event
from core.graph import Edge, EdgeKind, Node
from core.ids import CardKey, LoopId, ThreadKey
from core.loop import Loop
from core.people import People
from core.proposals import Proposal
from core.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A stored event that waits to be handled, by its sequence number."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A stored effect that waits to be carried out. `attempts` counts earlier tries; `leased` ones may have begun before a crash."""

    id: int
    effect: Effect
    attempts: int = 0
    leased: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A piece of the graph: the nodes met and the edges between them."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()


class Store(AbstractAsyncContextManager["Store"], Protocol):
    """The one database. Its checks are in `core.testing.store_contract`. Every write is durable when its call returns."""

    async def arrive(self, events: Sequence[Event]) -> Sequence[Arrival | None]:
        """Store events; None stands for one whose dedup key was seen before."""

    async def waiting(self) -> Sequence[Arrival]:
        """Return the events that no `settle` has covered, oldest first."""

    async def desk(self, thread: ThreadKey) -> Desk:
        """Return the lane's state: newest loop, its open asks and newest 100 settled ones, everybody, earlier loops."""

    async def settle(self, arrival: Arrival, outcome: Outcome) -> Sequence[Job]:
        """Commit an event's outcome in one transaction; return the effects as jobs.

        A pending Show of the same card that no one began is superseded (it never comes back from `jobs`). An event settled
        before, or an effect whose key exists, changes nothing. A node told again takes the new text (none given leaves it) and
        adds the new props; one whose props say `deleted` loses its text for good. Edges make the nodes they lack.
        """

    async def tell(self, event: Event, outcome: Outcome) -> Sequence[Job] | None:
        """Store an event together with its outcome, as `settle` does; None when it was stored before, and nothing is changed."""

    async def jobs(self) -> Sequence[Job]:
        """Return the effects not carried out yet, by priority then age."""

    async def lease(self, job: int) -> None:
        """Mark a job as begun."""

    async def postpone(self, job: int, *, until: datetime, why: str) -> None:
        """Count a failed try and put the job off."""

    def finish(
        self, job: int, *, card: CardKey | None = None, posted: str = "", failed: str = ""
    ) -> Awaitable[None]:
        """Mark a job as over (with `failed`: given up, and why) and remember which message shows the card.

        It is written soon, whether that is awaited or not, and goes along with what is written before that: a crash in between
        repeats the job, under its key.
        """

    async def card(self, card: CardKey) -> str | None:
        """Return the platform's id of the message that shows a card."""

    async def loop(self, loop: LoopId) -> Loop | None: ...
    async def loops(self, *, live_only: bool = True, limit: int = 50) -> Sequence[Loop]:
        """Return loops, the last active first."""

    async def find_loop(self, prefix: str) -> Sequence[Loop]:
        """Return the loops whose id starts with `prefix` (four characters or more)."""

    async def proposals(self) -> Sequence[Proposal]:
        """Return the open proposals of all threads, oldest first."""

    async def find_proposal(self, prefix: str) -> Sequence[Proposal]:
        """Return the proposals whose id starts with `prefix`, settled ones too; twenty at most."""

    async def schedules(self) -> Sequence[Schedule]:
        """Return the teams' own schedules that are not paused."""

    async def asks_due(self, now: datetime) -> Sequence[tuple[Ask, str]]:
        """Return open asks whose reminder ("remind", not sent yet) or expiry ("expire") has come."""

    async def open_asks(self) -> Sequence[Ask]:
        """Return the asks that wait for somebody, oldest first."""

    async def shed(self, before: datetime) -> int:
        """Let go of what was said in some events and effects that were over before an instant; return how many were looked at.

        0 means that nothing is left to do. Keys stay: what was seen once is never taken twice.
        """

    async def people(self) -> People: ...
    async def thread_messages(self, thread: ThreadKey, *, limit: int) -> tuple[Sequence[Node], int]:
        """Return a thread's newest `limit` message nodes (and its first), oldest first, and how many there are in all."""

    async def talked(self, since: datetime) -> Sequence[ThreadKey]:
        """Return the threads in which something was said after an instant."""

    async def nodes(self, keys: Sequence[str]) -> Sequence[Node]: ...
    async def find_nodes(self, *, kind: str, prefix: str, limit: int = 5) -> Sequence[Node]:
        """Return nodes of a kind whose key starts with `prefix`."""

    async def walk(self, start: str, *, depth: int, limit: int = 500) -> Walk:
        """Return what is reached from a node by edges in either direction, breadth first."""

    async def search(
        self, words: str, *, sight: Sight, kinds: Sequence[str] = (), limit: int = 20
    ) -> Sequence[Node]:
        """Return nodes that `sight` sees and that hold the words, the best first: newest matches, rare words before common ones.

        `kinds` are those of nodes, or "mark" for decisions that people marked. Words to the bridge itself (`core.asides`) are not found.
        """

    async def linked(self, links: Sequence[str]) -> Mapping[str, Node]:
        """Return the messages that permalinks lead to, by link."""

    async def onto(self, key: str, kind: EdgeKind, *, limit: int = 100) -> Sequence[Node]:
        """Return what has an edge of this kind to a node, the newest first."""

    async def out_of(self, key: str, kind: EdgeKind, *, limit: int = 100) -> Sequence[Node]:
        """Return what a node has an edge of this kind to, the newest first."""

    async def given(self, loop: LoopId) -> Sequence[Node]:
        """Return what a loop was given, in the order it was: a place in it, once taken, stays."""

    async def distilled(self, sources: Sequence[str], *, limit: int = 100) -> Sequence[Node]:
        """Return what was distilled from any of these nodes, each once."""

    async def spent(self, *, loop: LoopId | None = None, since: datetime | None = None) -> tuple[float, int]:
        """Return dollars and tokens spent."""

    async def keep(self, key: str, value: str) -> None:
        """Remember a small value of the bridge's own (a watermark, a secret's seed). One under `ids.note_of` goes with its effect's end."""

    async def kept(self, key: str) -> str | None: ...
    async def transcript(self, session: str) -> Sequence[str]:
        """Return a session's transcript entries (JSON), oldest first."""

    async def transcribe(self, session: str, entries: Sequence[str]) -> None:
        """Append transcript entries (JSON)."""
