"""The store. Owns: SqlStore. Imports: core, adapters.store. Effects: a database file, its lock and reserve beside it, two threads."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self

import sqlalchemy as sa

from adapters.store import (
    claim,
    codec,
    desks,
    faults,
    finding,
    journal,
    opening,
    proposals,
    reads,
    schedules,
    shedding,
    walks,
    writes,
)
from adapters.store.hand import Hand
from adapters.store.ledger import Ledger
from adapters.store.worker import Worker
from core import errors, graph, ids, ports
from core.asks import Ask
from core.audience import Sight
from core.desk import Desk, Outcome
from core.events import Event
from core.loop import Loop
from core.people import People
from core.proposals import Proposal
from core.schedules import Schedule

RESERVE = 4 << 20


class SqlStore(AbstractAsyncContextManager["SqlStore"]):
    """The one database, in an SQLite file. One thread writes (group commit), another reads.

    Entering raises Refused (another bridge has it, a newer schema), Damaged, Unavailable, StorageFull or BadInput (the URL).
    Every method raises StorageFull when the disk has no room, Unavailable when the same call may pass later, Damaged when the
    file cannot be read. Instants without a time zone are a ValueError.
    """

    def __init__(self, url: str, *, clock: ports.Clock, reserve_bytes: int = RESERVE) -> None:
        self._path = opening.path_of(url)
        self._clock = clock
        self._claim = claim.Claim(self._path)
        self._reserve = claim.Reserve(self._path, reserve_bytes)
        self._desks = desks.Desks()
        self._placed: dict[ids.CardKey, asyncio.Future[None]] = {}  # cards whose place is about to be written
        self._writer: Worker
        self._reader: Worker

    async def __aenter__(self) -> Self:
        opened = asyncio.ensure_future(asyncio.to_thread(self._open))
        try:
            await asyncio.shield(opened)
        except asyncio.CancelledError:
            # A thread cannot be called back: what it opens is closed again.
            await asyncio.wait([opened])
            if opened.exception() is None:
                await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.refuse()
        self._writer.refuse()
        await asyncio.to_thread(self._close)

    def _open(self) -> None:
        self._claim.take()
        try:
            try:
                write, read = self._hands()
            except errors.StorageFull:
                if not self._reserve.release():
                    raise
                write, read = self._hands()
        except BaseException:
            self._claim.release()
            raise
        self._reserve.take()
        self._writer = Worker("store-writes", write, self._path, reserve=self._reserve)
        self._reader = Worker("store-reads", read, self._path)
        self._writer.start()
        self._reader.start()

    def _hands(self) -> tuple[Hand, Hand]:
        engine = opening.engine(self._path)
        words = codec.Codec()
        with contextlib.ExitStack() as undo:
            try:
                opening.prepare(self._path, engine)
                write = undo.enter_context(opening.connect(engine, writes=True))
                read = undo.enter_context(opening.connect(engine, writes=False))
            except (sa.exc.SQLAlchemyError, sqlite3.Error, UnicodeDecodeError) as exc:
                raise faults.translate(exc, self._path) or exc from exc
            undo.pop_all()
        return Hand(write, words, self._clock), Hand(read, words, self._clock)

    def _close(self) -> None:
        self._reader.join()
        self._writer.join()
        self._claim.release()

    # ── events and effects ───────────────────────────────────────────────────────────────────────────────────────────

    async def arrive(self, events: Sequence[Event]) -> Sequence[ports.Arrival | None]:
        return await self._writer.do(partial(writes.arrive, tuple(events)))

    async def waiting(self) -> Sequence[ports.Arrival]:
        return await self._reader.do(reads.waiting)

    async def desk(self, thread: ids.ThreadKey) -> Desk:
        if (known := self._desks.get(thread)) is not None:
            return known
        everybody = await self.people()
        token = self._desks.reading(thread)
        found = await self._reader.do(partial(reads.lane, thread, everybody))
        self._desks.put(token, found)
        return found

    async def settle(self, arrival: ports.Arrival, outcome: Outcome) -> Sequence[ports.Job]:
        return await self._settle(arrival.event, arrival.seq, outcome) or ()

    async def tell(self, event: Event, outcome: Outcome) -> Sequence[ports.Job] | None:
        return await self._settle(event, 0, outcome)

    async def _settle(self, event: Event, seq: int, outcome: Outcome) -> Sequence[ports.Job] | None:
        taken = self._desks.take(event.lane)
        landed = self._desks.forget if desks.far(taken.desk, outcome) else None
        unit = partial(writes.settle, event, seq, outcome, partial(journal.note, event, outcome))
        jobs = await self._writer.do(unit, landed)
        if jobs is not None:
            self._desks.leave(taken, outcome)
        return jobs

    async def jobs(self) -> Sequence[ports.Job]:
        await self._writer.caught_up()
        return await self._reader.do(reads.jobs)

    async def lease(self, job: int) -> None:
        await self._writer.do(partial(writes.lease, job))

    async def postpone(self, job: int, *, until: datetime, why: str) -> None:
        await self._writer.do(partial(writes.postpone, job, until, why))

    def finish(
        self, job: int, *, card: ids.CardKey | None = None, posted: str = "", failed: str = ""
    ) -> Awaitable[None]:
        noted = self._writer.soon(partial(writes.finish, job, card, posted, failed))
        if card and posted:
            self._placed[card] = noted
            noted.add_done_callback(lambda _: self._placed.get(card) is noted and self._placed.pop(card))
        return noted

    async def card(self, card: ids.CardKey) -> str | None:
        if card in self._placed:
            await self._writer.caught_up()
        return await self._reader.do(partial(reads.card, card))

    # ── loops, asks, people ──────────────────────────────────────────────────────────────────────────────────────────

    async def loop(self, loop: ids.LoopId) -> Loop | None:
        if (known := self._desks.loop(loop)) is not None:
            return known
        return await self._reader.do(partial(reads.one_loop, loop))

    async def loops(self, *, live_only: bool = True, limit: int = 50) -> Sequence[Loop]:
        return await self._reader.do(partial(reads.loops, live_only, limit))

    async def find_loop(self, prefix: str) -> Sequence[Loop]:
        return await self._reader.do(partial(reads.find_loop, prefix))

    async def proposals(self) -> Sequence[Proposal]:
        return await self._reader.do(proposals.waiting)

    async def find_proposal(self, prefix: str) -> Sequence[Proposal]:
        return await self._reader.do(partial(proposals.find, prefix))

    async def schedules(self) -> Sequence[Schedule]:
        return await self._reader.do(schedules.running)

    async def asks_due(self, now: datetime) -> Sequence[tuple[Ask, str]]:
        return await self._reader.do(partial(reads.due, codec.micros(now)))

    async def people(self) -> People:
        if (known := self._desks.people) is not None:
            return known
        age = self._desks.age
        found = await self._reader.do(reads.everybody)
        self._desks.meet(found, age)
        return found

    # ── the graph ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def thread_messages(self, thread: ids.ThreadKey, *, limit: int) -> tuple[Sequence[graph.Node], int]:
        return await self._reader.do(partial(walks.thread_messages, thread, limit))

    async def talked(self, since: datetime) -> Sequence[ids.ThreadKey]:
        return await self._reader.do(partial(walks.talked, codec.micros(since)))

    async def nodes(self, keys: Sequence[str]) -> Sequence[graph.Node]:
        return await self._reader.do(partial(walks.nodes, tuple(keys)))

    async def find_nodes(self, *, kind: str, prefix: str, limit: int = 5) -> Sequence[graph.Node]:
        return await self._reader.do(partial(walks.find, kind, prefix, limit))

    async def walk(self, start: str, *, depth: int, limit: int = 500) -> ports.Walk:
        return await self._reader.do(partial(walks.walk, start, depth, limit))

    async def search(
        self, words: str, *, sight: Sight, kinds: Sequence[str] = (), limit: int = 20
    ) -> Sequence[graph.Node]:
        return await self._reader.do(partial(finding.by_words, words, sight, tuple(kinds), limit))

    async def linked(self, links: Sequence[str]) -> Mapping[str, graph.Node]:
        return await self._reader.do(partial(finding.linked, tuple(links)))

    async def onto(self, key: str, kind: graph.EdgeKind, *, limit: int = 100) -> Sequence[graph.Node]:
        return await self._reader.do(partial(finding.onto, key, kind, limit))

    async def out_of(self, key: str, kind: graph.EdgeKind, *, limit: int = 100) -> Sequence[graph.Node]:
        return await self._reader.do(partial(finding.out_of, key, kind, limit))

    async def given(self, loop: ids.LoopId) -> Sequence[graph.Node]:
        return await self._reader.do(partial(finding.given, loop))

    async def distilled(self, sources: Sequence[str], *, limit: int = 100) -> Sequence[graph.Node]:
        return await self._reader.do(partial(finding.distilled, tuple(sources), limit))

    async def digest(self) -> str:
        """Return the SHA-256 (hex) of the whole graph, the same for the same nodes and edges."""
        return await self._reader.do(walks.digest)

    @property
    def ledger(self) -> Ledger:
        """Return what the journal is written from, and a database from the journal."""
        return Ledger(self._reader, self._writer, people_changed=self._desks.forget)

    # ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def spent(
        self, *, loop: ids.LoopId | None = None, since: datetime | None = None
    ) -> tuple[float, int]:
        return await self._reader.do(partial(reads.spent, loop, since))

    async def keep(self, key: str, value: str) -> None:
        await self._writer.do(partial(writes.keep, key, value))

    async def kept(self, key: str) -> str | None:
        return await self._reader.do(partial(reads.kept, key))

    async def shed(self, before: datetime) -> int:
        return await self._writer.do(partial(shedding.shed, codec.micros(before)))

    async def open_asks(self) -> Sequence[Ask]:
        return await self._reader.do(reads.open_asks)

    async def transcript(self, session: str) -> Sequence[str]:
        return await self._reader.do(partial(reads.transcript, session))

    async def transcribe(self, session: str, entries: Sequence[str]) -> None:
        await self._writer.do(partial(writes.transcribe, session, tuple(entries)))
