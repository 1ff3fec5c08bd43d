"""The one way out: effect → port call. Owns: Performer. Imports: core, bridge. Effects: hands each job to who can carry it out.

Chat effects go to `delivery`, a worker per thread. Everything else runs as a task of its own: the chain of events keeps their order.
A leg that a crash cut off is never begun again: what became of it is asked of the rules, by an event.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from bridge import aftermath
from bridge.delivery import Delivery
from bridge.legs import Legs
from bridge.supervise import Supervisor, backoff
from core import effects
from core.errors import LoopbridgeError, Unavailable
from core.ids import LoopId
from core.ports import Clock, Emit, Job, Store

log = structlog.get_logger(__name__)
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
        emit: Emit,
        clock: Clock,
        supervisor: Supervisor,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._legs = legs
        self._emit = emit
        self._clock = clock
        self._supervisor = supervisor
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
                self._supervisor.once(f"{job.effect.kind} {job.effect.key}", partial(self._carry_out, job))

    async def recover(self, left: Sequence[Job], alive_at: datetime | None) -> None:
        """Go on with the jobs that a stop or a crash left: those there were before anything new was begun."""
        cut_off = [job for job in left if job.leased and isinstance(job.effect, effects.RunLeg)]
        self.take([job for job in left if job not in cut_off])
        for job in cut_off:
            if isinstance(job.effect, effects.RunLeg):
                await self._legs.interrupted(job.effect, alive_at)
            await self._finish(job, failed="interrupted")

    async def _carry_out(self, job: Job) -> None:
        hand = self._hands[type(job.effect)]
        with structlog.contextvars.bound_contextvars(effect=job.effect.kind, thread=job.effect.lane):
            while True:
                try:
                    await self._once(job, hand)
                except Unavailable as exc:
                    pause = backoff(job.attempts, exc)
                    log.warning("effect.put_off", key=job.effect.key, why=str(exc), seconds=pause)
                    await self._clock.sleep(pause)
                    job = replace(job, attempts=job.attempts + 1)
                except LoopbridgeError as exc:
                    log.warning("effect.given_up", key=job.effect.key, why=str(exc))
                    return await self._give_up(job, f"{exc}.".replace("..", "."))
                except Exception as exc:
                    log.exception("effect.failed", key=job.effect.key)
                    return await self._give_up(job, f"{type(exc).__name__}, which nobody had foreseen.")
                else:
                    return await self._finish(job)

    async def _give_up(self, job: Job, why: str) -> None:
        event = aftermath.told(job.effect, why, self._clock.now())
        if event is not None:
            await self._emit(event)
        await self._finish(job, failed=why)

    async def _finish(self, job: Job, *, failed: str = "") -> None:
        """Note that a job is over. What was done must not be done again because the disk is full: only the note is repeated."""
        tries = 0
        while True:
            try:
                return await self._store.finish(job.id, failed=failed)
            except Unavailable as exc:
                log.warning("effect.note_put_off", key=job.effect.key, why=str(exc))
                await self._clock.sleep(backoff(tries))
                tries += 1

    async def _once(self, job: Job, hand: Hand) -> None:
        if isinstance(job.effect, effects.RunLeg):
            await self._store.lease(job.id)
            self.running[job.effect.loop] = job.effect
            try:
                await hand(job.effect)
            finally:
                self.running.pop(job.effect.loop, None)
        else:
            await hand(job.effect)
