"""Places to start in. Owns: Places. Imports: asyncio. Effects: none.

Starting a session takes a core for half a second; many at once make all of them late. Whoever came first goes first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Places:
    """So many places; `hold` waits for one."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._count = count
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def hold(self, waiting: Callable[[int], Awaitable[None]]) -> AsyncIterator[None]:
        """Hold a place. When none is free `waiting` is told once how many are before this one."""
        await self._take(waiting)
        try:
            yield
        finally:
            self._give()

    async def _take(self, waiting: Callable[[int], Awaitable[None]]) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            return
        ahead = self._count + len(self._waiting)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await waiting(ahead)
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._give()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _give(self) -> None:
        self._free += 1
        while self._free and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._free -= 1
                turn.set_result(None)
