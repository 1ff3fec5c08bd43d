"""The bridge's own jobs, carried out. Owns: Choring. Imports: core, bridge. Effects: reads the store, emits events, clears leftovers.

A job that is late is done all the same, as of now: it looks at what there is, and nothing it says depends on being on time.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog

from bridge.folders import LoopFolder
from bridge.sources import Sources
from core import chores, events, focus
from core.asks import Ask
from core.audience import Sight
from core.effects import Chore
from core.ids import LoopId, ThreadKey, platform_of
from core.loop import Loop
from core.ports import Clock, Emit, Store

log = structlog.get_logger(__name__)
LOOPS = 2_000
CHANNEL_ITSELF = "0"  # as Slack's adapter spells what stands in a channel and in no thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Choring:
    """Carries out Chore. `packs` are folders of work that was judged; `distil` begins what is due of distilling."""

    loops: Path
    store: Store
    clock: Clock
    emit: Emit
    digest_in: str
    remind_after: timedelta
    archive_after: timedelta
    keep: timedelta
    packs: tuple[Path, ...]
    distil: Callable[[Chore], Awaitable[None]]

    async def __call__(self, effect: Chore) -> None:
        """Do a job."""
        jobs: Mapping[str, Callable[[Chore], Awaitable[None]]] = {
            "digest": self._digest, "reminders": self._remind, "archive": self._archive, "gc": self._clear, "distill": self.distil,
        }  # fmt: skip
        await jobs[effect.job](effect)

    async def _waiting(self, loops: list[Loop]) -> list[chores.Waiting]:
        asks: dict[LoopId, list[Ask]] = {}
        for ask in await self.store.open_asks():
            asks.setdefault(ask.loop, []).append(ask)
        return list(chores.waiting(loops, asks, await self.store.proposals()))

    async def _digest(self, effect: Chore) -> None:
        where = await place(self.store, self.digest_in)
        if where is None:
            log.warning(
                "digest.nowhere",
                where=self.digest_in,
                remedy="Set jobs.digest.where to a thread the bridge has seen.",
            )
            return
        loops = list(await self.store.loops(live_only=False, limit=LOOPS))
        waits = await self._waiting(loops)
        rooms = await Sources(store=self.store).rooms([loop.thread for loop in loops])
        sight = Sight(thread=where)
        message = chores.digest(
            loops,
            waits,
            reads=lambda thread: rooms.get(thread) == focus.OPEN or sight.sees(thread),
            since=effect.since,
            now=self.clock.now(),
        )
        if message is None:
            log.info("digest.nothing")
            return
        await self.emit(
            events.JobSaid(lane=where, at=self.clock.now(), job="digest", due=effect.due, message=message)
        )

    async def _remind(self, effect: Chore) -> None:
        now = self.clock.now()
        waits = await self._waiting(list(await self.store.loops(limit=LOOPS)))
        found = chores.reminders(waits, after=self.remind_after, last=effect.since, now=now)
        for thread, message in found.items():
            await self.emit(
                events.JobSaid(lane=thread, at=now, job="reminders", due=effect.due, message=message)
            )

    async def _archive(self, effect: Chore) -> None:
        now = self.clock.now()
        # Whose work somebody has still to judge: a proposal, or commits that wait for a word.
        waited_for = {each.loop for each in await self.store.proposals()}
        waited_for |= {ask.loop for ask in await self.store.open_asks()}
        loops = await self.store.loops(limit=LOOPS)
        for loop in chores.idle(loops, after=self.archive_after, now=now, waited_for=waited_for):
            await self.emit(events.WentIdle(lane=loop.thread, at=now, loop=loop.id, since=loop.updated_at))

    async def _clear(self, effect: Chore) -> None:
        now = self.clock.now()
        before = now - self.keep
        rows = 0
        while looked := await self.store.shed(before):
            rows += looked
            await self.clock.sleep(0)
        packs = await asyncio.to_thread(_drop_old, self.packs, before.timestamp())
        homes = 0
        for loop in await self.store.loops(live_only=False, limit=LOOPS):
            if loop.live or loop.updated_at > before:
                continue
            if loop.resting:
                await self.emit(
                    events.WentIdle(lane=loop.thread, at=now, loop=loop.id, since=loop.updated_at)
                )
            else:
                await asyncio.to_thread(LoopFolder.of(self.loops, loop.id).remove_home)
            homes += 1
        log.info("gc.done", rows=rows, homes=homes, packs=packs)


def _drop_old(folders: tuple[Path, ...], before: float) -> int:
    """Remove what was put into quarantine before an instant and never left it; return how much that was."""
    old = [path for folder in folders for path in folder.glob("*/*") if path.stat().st_mtime < before]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)


async def place(store: Store, words: str) -> ThreadKey | None:
    """Return the thread that a setting names, by its key or by a link to a message in it, or Slack's channel; None for what nobody knows."""
    if "://" not in words:
        in_channel = platform_of(words) == "slack" and words.count("/") == 1
        return ThreadKey(f"{words}/{CHANNEL_ITSELF}" if in_channel else words) if words else None
    node = (await store.linked([words])).get(words)
    return ThreadKey(node.audience) if node is not None else None
