"""A child of the scheduler's crash test: ticks what is due and is killed at a step. Owns: nothing. Effects: a database."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from adapters.schedule.ticking import Ticking
from adapters.store.store import SqlStore
from core import events
from core.ports import Timetable
from core.testing.fakes import FakeClock
from core.testing.schedule_contract import table


async def main(database: Path, hours: float, stop: str) -> None:
    """Look, and again so many hours later; `stop` names the step at which the process ends itself by SIGKILL."""
    clock = FakeClock()
    async with SqlStore(f"sqlite:///{database}", clock=clock) as store:

        async def emit(event: events.Event) -> None:
            if stop == "before the tick":
                os.kill(os.getpid(), signal.SIGKILL)
            await store.arrive([event])
            if stop == "before the note":
                os.kill(os.getpid(), signal.SIGKILL)

        async def tables() -> tuple[Timetable, ...]:
            return (table("hourly"),)

        ticking = Ticking(timetables=tables, marks=store, emit=emit, clock=clock)
        await ticking.look()
        clock.advance(hours * 3600)
        await ticking.look()
        if stop == "after the note":
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]))
