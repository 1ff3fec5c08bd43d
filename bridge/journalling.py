"""The journal, kept up to date. Owns: Journalling. Imports: core. Effects: commits what the store has for the journal, at ends of turns and by the clock.

First the commit, then the store lets its lines go. A crash between the two is known by the commit itself: it says which lines it
holds, so none is lost and none is written twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from core.desk import Outcome
from core.errors import LoopbridgeError, Rejected, Unavailable
from core.events import Event
from core.journal import spell
from core.ports import Clock, Journal, Ledger

log = structlog.get_logger(__name__)
ENDS = frozenset({"turn_result", "turn_broke", "turn_parked", "work_taken", "work_stuck"})
SETTLES = 0.5  # seconds from the end of a turn to its commit
GAP = 2.0  # seconds between commits, however many turns end: what ends together is told together
MOST_NODES = 20_000  # a larger graph's digest would hold up a stop
TIDY_AFTER = 50
AT_ONCE = 20  # commits until the remote is told: where people never stop talking, a journal is never done


class Journalling:
    """Drains the store's ledger into the journal. `clean` takes secrets out of a text; `every` is seconds."""

    def __init__(
        self, *, ledger: Ledger, journal: Journal, clock: Clock, every: float, clean: Callable[[str], str]
    ) -> None:
        self._ledger = ledger
        self._journal = journal
        self._clock = clock
        self._every = every
        self._clean = clean
        self._due = asyncio.Event()
        self._draining = asyncio.Lock()
        self._commits = 0
        self._adopted = False
        self._pushed = False
        self._task: asyncio.Future[None] | None = None

    def seen(self, event: Event, outcome: Outcome) -> None:
        """Hear of a handled event: the end of a turn is journalled as soon as its answer is out."""
        if event.kind in ENDS:
            self._due.set()

    async def run(self) -> None:
        """Write at the end of each turn and every so often, for ever."""
        while True:
            waiting = asyncio.ensure_future(self._due.wait())
            timer = asyncio.ensure_future(self._clock.sleep(self._every))
            try:
                await asyncio.wait([waiting, timer], return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
                timer.cancel()
            # The answer goes first: a commit costs as much as posting it.
            await self._clock.sleep(SETTLES)
            self._due.clear()
            # What has begun is finished: a commit that is half made in a thread cannot be called back.
            self._task = asyncio.ensure_future(self._round())
            await asyncio.shield(self._task)
            await self._clock.sleep(GAP)

    async def close(self) -> None:
        """Write what is left, with the graph's digest. What cannot be written now waits in the store."""
        try:
            if self._task is not None:
                await asyncio.wait([self._task])
            await self.drain()
            async with self._draining:
                tip = await self._journal.tip()
                graph = (
                    "" if tip.graph or not tip.seq else await self._ledger.digest(tip.seq, most=MOST_NODES)
                )
                if graph:
                    await self._journal.noted(graph)
        except LoopbridgeError as exc:
            log.warning("journal.left_open", why=str(exc), remedy=exc.remedy)

    async def drain(self, *, commits: int | None = None) -> int:
        """Commit what waits, in `commits` commits at most (None: to the end); return how many lines that were.

        Raises Damaged, Unavailable, StorageFull.
        """
        async with self._draining:
            if not self._adopted:
                await self._journal.adopt()
                self._adopted = True
            written, made = 0, 0
            while made != commits:
                batch = await self._ledger.batch()
                tip = await self._journal.tip()
                if tip.seq != batch.since:
                    await self._meet(tip.seq, tip.since, tip.batch)
                    continue
                if not batch.entries:
                    return written
                await self._journal.append(batch, clean=self._cleaned)
                await self._ledger.written(batch.upto)
                written += len(batch.entries)
                self._commits += 1
                self._pushed = False
                made += 1
            return written

    async def _meet(self, seq: int, since: int, digest: str) -> None:
        """Bring both sides together when they do not end with the same line."""
        batch = await self._ledger.batch()
        known = tuple(entry for entry in batch.entries if entry.seq <= seq)
        if since == batch.since and replace(batch, entries=known).digest == digest:
            log.info("journal.was_written", lines=len(known))
            await self._ledger.written(seq)
            return
        if seq < batch.since:
            lines = await self._ledger.baseline(seq)
            log.warning("journal.begun_anew", journal=seq, database=batch.since, lines=lines)
            return
        log.warning(
            "journal.apart",
            journal=seq,
            database=batch.since,
            remedy="If this database is an old copy or a new one, `loopbridge rebuild` brings back what the journal knows.",
        )
        await self._ledger.lift(seq)

    async def _round(self) -> None:
        try:
            await self.drain(commits=AT_ONCE)
            if not self._pushed:
                await self._journal.push()
                self._pushed = True
        except (Unavailable, Rejected) as exc:
            log.warning("journal.put_off", why=str(exc), remedy=exc.remedy)
        if self._commits >= TIDY_AFTER:
            self._commits = 0
            with suppress(Unavailable):
                await self._journal.tidy()

    def _cleaned(self, line: str) -> str:
        """Return a line of JSON without secrets. Text by text: a mask put into the line as a whole could break it."""
        return line if self._clean(line) == line else spell(self._masked(json.loads(line)))

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, list):
            return [self._masked(item) for item in value]
        if isinstance(value, dict):
            return {name: self._masked(item) for name, item in value.items()}
        return value
