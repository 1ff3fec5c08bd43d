"""A scheduler that is killed at each of its steps runs what was due once. Owns: nothing. Effects: temp files, child processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.store.store import SqlStore
from core import events
from core.testing.fakes import FakeClock

ROOT = Path(__file__).parents[2]


def look(database: Path, hours: float, stop: str = "") -> int:
    """Let a process look once; return how it ended."""
    words = [sys.executable, "-m", "tests.crash.schedule_child", str(database), str(hours), stop]
    return subprocess.run(words, cwd=ROOT, check=False, timeout=60).returncode


@pytest.mark.parametrize("stop", ["before the tick", "before the note", "after the note"])
async def test_what_was_due_runs_once(home: Path, stop: str) -> None:
    database = home / "bridge.db"
    assert await asyncio.to_thread(look, database, 0) == 0
    assert await asyncio.to_thread(look, database, 3.5, stop) == -signal.SIGKILL
    assert await asyncio.to_thread(look, database, 3.6) == 0
    async with SqlStore(f"sqlite:///{database}", clock=FakeClock()) as store:
        ticks = [arrival.event for arrival in await store.waiting()]
    assert len(ticks) == 1
    assert isinstance(ticks[0], events.Ticked)
    assert (ticks[0].due - FakeClock().now()).total_seconds() == 3 * 3600
