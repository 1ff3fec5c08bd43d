"""Stand-ins. Owns: FakeClock. Imports: the standard library. Effects: none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves only when told, or by what is slept: an hour passes at once."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._passed = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += max(0.0, seconds)

    def jump(self, seconds: float) -> None:
        """Set the clock on the wall, forwards or back; what `monotonic` counts is not touched."""
        self._start += timedelta(seconds=seconds)

    def jump_to(self, at: datetime) -> None:
        """Set the clock on the wall to an instant."""
        self._start += at - self.now()
