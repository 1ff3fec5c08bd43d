"""A scheduler that is killed at each of its steps runs what was due once. Owns: nothing. Effects: temp files, child processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.schedule.ticking import Ticking
from adapters.store.store import SqlStore
from core import events
from core.ports import Timetable
from core.testing.fakes import FakeClock
from core.testing.schedule_contract import table
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]


def killed(database: Path, hours: float, stop: str) -> int:
    """Let a process look twice, so many hours apart; return how it ended."""
    words = [sys.executable, "-m", "tests.crash.schedule_child", str(database), str(hours), stop]
    return subprocess.run(words, cwd=ROOT, check=False, timeout=PATIENCE).returncode


@pytest.mark.parametrize("stop", ["before the tick", "before the note", "after the note"])
async def test_what_was_due_runs_once(home: Path, stop: str) -> None:
    database = home / "bridge.db"
    assert await asyncio.to_thread(killed, database, 3.5, stop) == -signal.SIGKILL
    clock = FakeClock()
    begun = clock.now()
    clock.advance(3.6 * 3600)

    async def tables() -> tuple[Timetable, ...]:
        return (table("hourly"),)

    async with SqlStore(f"sqlite:///{database}", clock=clock) as store:

        async def emit(event: events.Event) -> None:
            await store.arrive([event])

        await Ticking(timetables=tables, marks=store, emit=emit, clock=clock).look()
        ticks = [arrival.event for arrival in await store.waiting()]
    assert [tick.due - begun for tick in ticks if isinstance(tick, events.Ticked)] == [timedelta(hours=3)]
    assert len(ticks) == 1
