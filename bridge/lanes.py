"""One lane per thread: order inside, parallel across. Owns: Lanes. Imports: asyncio. Effects: runs tasks it owns.

A lane's task lives while the lane has work. What a worker raises is not swallowed: workers deal with their own failures, and what
they cannot deal with is logged here once, and the lane goes on with the next piece.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger(__name__)
Work = TypeVar("Work")


class Lanes(Generic[Work]):
    """Hands each lane's pieces to `worker` one after another; different lanes run side by side."""

    def __init__(self, worker: Callable[[str, Work], Awaitable[None]]) -> None:
        self._worker = worker
        self._queues: dict[str, deque[Work]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    def put(self, lane: str, work: Work) -> None:
        """Queue a piece of work at the end of its lane."""
        if self._closed:
            return
        self._queues.setdefault(lane, deque()).append(work)
        if lane not in self._tasks:
            self._tasks[lane] = asyncio.create_task(self._drain(lane), name=f"lane {lane}")

    @property
    def closed(self) -> bool:
        """Whether nothing is taken any more."""
        return self._closed

    @property
    def pending(self) -> int:
        """Return how many pieces wait or run."""
        return sum(len(queue) for queue in self._queues.values())

    async def _drain(self, lane: str) -> None:
        queue = self._queues[lane]
        try:
            while queue:
                try:
                    await self._worker(lane, queue[0])
                except Exception:
                    log.exception("lane.work_failed", lane=lane)
                queue.popleft()
        finally:
            del self._tasks[lane]
            del self._queues[lane]

    async def idle(self) -> None:
        """Wait until no lane has work."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Stop every lane where it stands; what was not done stays in the store."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
