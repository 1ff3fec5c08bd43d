"""The one way out: effect → port call. Owns: Performer. Imports: core, bridge. Effects: hands each job to who can carry it out.

Chat effects go to `delivery`, a worker per thread. Everything else runs as a task of its own: the chain of events keeps their order.
A leg that a crash cut off is never begun again: what became of it is asked of the rules, by an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bridge.delivery import Delivery
from bridge.legs import Legs
from bridge.supervise import Supervisor, backoff
from core import effects
from core.errors import LoopbridgeError
from core.ids import LoopId
from core.ports import Clock, Job, Store

log = structlog.get_logger(__name__)
TRIES = 8
PREPARED_AT_ONCE = 3
Hand = Callable[..., Awaitable[None]]


class Performer:
    """Carries effects out, at least once, each under its key."""

    def __init__(
        self,
        *,
        store: Store,
        delivery: Delivery,
        legs: Legs,
        others: Mapping[type[effects.Doing], Hand],
        clock: Clock,
        supervisor: Supervisor,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._legs = legs
        self._clock = clock
        self._supervisor = supervisor
        self._preparing = asyncio.Semaphore(PREPARED_AT_ONCE)
        self._hands: dict[type[effects.Doing], Hand] = {
            effects.RunLeg: legs.run,
            effects.Rule: legs.rule,
            effects.Interrupt: legs.interrupt,
            **others,
        }
        self.running: dict[LoopId, effects.RunLeg] = {}

    def take(self, jobs: Sequence[Job]) -> None:
        """Begin jobs that were just committed."""
        self._delivery.take([job for job in jobs if isinstance(job.effect, effects.CHAT)])
        for job in jobs:
            if not isinstance(job.effect, effects.CHAT):
                self._supervisor.once(f"{job.effect.kind} {job.effect.key}", self._carry_out(job))

    async def recover(self, alive_at: datetime | None) -> int:
        """Go on with what a stop or a crash left; return how many jobs that were."""
        left = list(await self._store.jobs())
        cut_off = [job for job in left if job.leased and isinstance(job.effect, effects.RunLeg)]
        self.take([job for job in left if job not in cut_off])
        for job in cut_off:
            if isinstance(job.effect, effects.RunLeg):
                await self._legs.interrupted(job.effect, alive_at)
            await self._store.finish(job.id, failed="interrupted")
        return len(left)

    async def _carry_out(self, job: Job) -> None:
        hand = self._hands[type(job.effect)]
        with structlog.contextvars.bound_contextvars(effect=job.effect.kind, thread=job.effect.lane):
            while True:
                try:
                    await self._once(job, hand)
                except LoopbridgeError as exc:
                    if job.attempts + 1 >= TRIES:
                        log.warning("effect.given_up", key=job.effect.key, why=str(exc))
                        await self._store.finish(job.id, failed=str(exc))
                        return
                    pause = backoff(job.attempts, exc)
                    log.warning("effect.put_off", key=job.effect.key, why=str(exc), seconds=pause)
                    await self._clock.sleep(pause)
                    job = replace(job, attempts=job.attempts + 1)
                except Exception as exc:
                    log.exception("effect.failed", key=job.effect.key)
                    await self._store.finish(job.id, failed=repr(exc)[:500])
                    return
                else:
                    return

    async def _once(self, job: Job, hand: Hand) -> None:
        if isinstance(job.effect, effects.RunLeg):
            await self._store.lease(job.id)
            self.running[job.effect.loop] = job.effect
            try:
                await hand(job.effect)
            finally:
                self.running.pop(job.effect.loop, None)
        elif isinstance(job.effect, effects.Prepare):
            async with self._preparing:
                await hand(job.effect)
        else:
            await hand(job.effect)
        await self._store.finish(job.id)
