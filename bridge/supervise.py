"""Tasks that must not die. Owns: Supervisor, backoff. Imports: asyncio. Effects: runs tasks it owns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import structlog

from core.errors import LoopbridgeError, RateLimited
from core.ports import Clock

log = structlog.get_logger(__name__)
LONGEST = 60.0


def backoff(attempts: int, error: Exception | None = None) -> float:
    """Return how many seconds to wait after so many failed tries: what the far side asked for, else 0.5, 1, 2 … 60."""
    if isinstance(error, RateLimited):
        return max(0.05, error.retry_after)
    return min(LONGEST, 0.5 * 2.0 ** min(attempts, 10))


class Supervisor:
    """Owns the bridge's long tasks: one that dies is logged and started again, later each time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def keep(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` again and again until this supervisor is left; it may return to be run anew."""
        self._start(name, self._again(name, work))

    def once(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run `work` to its end, or until this supervisor is left; what it raises is logged."""
        return self._start(name, self._logged(name, work))

    def _start(self, name: str, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        if isinstance(task, asyncio.Task):
            task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _again(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                await work()
                failures = 0
            except LoopbridgeError as exc:
                log.warning("task.failed", task=name, why=str(exc), remedy=exc.remedy)
            except Exception:
                log.exception("task.died", task=name)
            if self._clock.monotonic() - began > LONGEST:
                failures = 0
            await self._clock.sleep(backoff(failures))
            failures += 1

    async def _logged(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            log.exception("task.died", task=name)
