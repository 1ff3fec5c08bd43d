"""The memory of long-lived boxes. Owns: Watchdog, Overrun. Imports: core, .limits, .process. Effects: kills boxes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from adapters.sandbox import limits, process


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """A box that was killed: its launcher, what it held, what it might have held (bytes)."""

    launcher: Path
    held: int
    allowed: int


class Watchdog:
    """Kills boxes started by launchers when they hold more memory than they may. `run` is its supervised task.

    `over` is awaited after the kill. A box is looked at every `every` seconds; between two looks `RLIMIT_DATA` bounds
    each process, and boxes are the first that the kernel's own OOM killer takes.
    """

    def __init__(self, over: Callable[[Overrun], Awaitable[None]], *, every: float = 2.0) -> None:
        self._over = over
        self._every = every
        self._allowed: dict[Path, int] = {}

    @property
    def watched(self) -> set[Path]:
        """Return the launchers whose boxes are looked after."""
        return set(self._allowed)

    def watch(self, launcher: Path, memory_bytes: int) -> None:
        """Look after whatever `launcher` runs, now and later, until `forget`."""
        self._allowed[launcher] = memory_bytes

    def forget(self, launcher: Path) -> None:
        """Look after it no longer (idempotent)."""
        self._allowed.pop(launcher, None)

    async def run(self) -> None:
        """Look after the boxes for ever."""
        while True:
            await asyncio.sleep(self._every)
            for overrun in await asyncio.to_thread(_look, dict(self._allowed)):
                await self._over(overrun)


def _look(allowed: dict[Path, int]) -> list[Overrun]:
    lives = {launcher: life for launcher in allowed if (life := process.life_of(launcher)) is not None}
    if not lives:
        return []  # summing up reads every process of the machine
    try:
        held = limits.usage([life.init for life in lives.values()])
        overruns = []
        for launcher, life in lives.items():
            if (size := held[life.init].memory_bytes) > allowed[launcher]:
                life.kill()
                overruns.append(Overrun(launcher=launcher, held=size, allowed=allowed[launcher]))
        return overruns
    finally:
        for life in lives.values():
            life.close()
