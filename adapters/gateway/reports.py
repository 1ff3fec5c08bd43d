"""Carries reports to the bridge without holding up a stream. Owns: Reporter. Imports: asyncio, core. Effects: one task.

What was spent is never dropped. Refusals are, past a bound: a tool in a loop can make thousands of them in a second.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from core import ports

MAX_WAITING = 1000
ATTEMPTS = 5
PAUSE = 1.0

log = logging.getLogger(__name__)


class Reporter:
    """A queue and the one task that empties it, in order. `stop` hands over what waits, for `patience` seconds at most."""

    def __init__(self, report: Callable[[ports.GatewayReport], Awaitable[None]], clock: ports.Clock) -> None:
        self._report = report
        self._clock = clock
        self._waiting: deque[ports.GatewayReport] = deque()
        self._more = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._task = asyncio.create_task(self._run(), name="gateway-reports")

    def put(self, item: ports.GatewayReport) -> None:
        """Queue a report; never waits."""
        if len(self._waiting) >= MAX_WAITING and not isinstance(item, ports.Metered):
            log.warning("gateway.report_dropped", extra={"loop": item.loop, "kind": type(item).__name__})
            return
        self._waiting.append(item)
        self._empty.clear()
        self._more.set()

    async def settle(self, patience: float) -> None:
        """Wait until everything queued was delivered, `patience` seconds at most. From inside a report: returns at once."""
        if asyncio.current_task() is self._task:
            return
        try:
            async with asyncio.timeout(patience):
                await self._empty.wait()
        except TimeoutError:
            log.warning("gateway.reports_wait", extra={"waiting": len(self._waiting)})

    async def stop(self, patience: float) -> None:
        """Deliver what waits, then end the task."""
        if self._task is None:
            return
        await self.settle(patience)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        if self._waiting:
            log.error("gateway.reports_lost", extra={"lost": len(self._waiting)})

    async def _run(self) -> None:
        while True:
            await self._more.wait()
            while self._waiting:
                await self._deliver(self._waiting[0])
                self._waiting.popleft()
            self._more.clear()
            self._empty.set()

    async def _deliver(self, item: ports.GatewayReport) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._report(item)
            except Exception:  # the top of a supervised task: log, wait, try again
                log.exception("gateway.report_failed", extra={"loop": item.loop, "attempt": attempt})
            await self._clock.sleep(PAUSE * attempt)
        log.error("gateway.report_lost", extra={"loop": item.loop, "kind": type(item).__name__})
