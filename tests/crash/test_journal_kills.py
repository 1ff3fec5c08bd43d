"""The journal under SIGKILL: no line is lost, none is written twice. Owns: nothing. Effects: child processes, temp homes."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from bridge import rebuilding
from tests.unit.journal_rig import Rig

ROOT = Path(__file__).parents[2]
STEPS = ("before the commit", "after the commit", "after letting go", "at any moment")


def told_until_killed(root: Path, start: int, stop: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.journal_child", root, str(start), stop],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        if stop == "at any moment":
            assert child.stdout.readline()
            time.sleep(random.random() * 0.3)  # noqa: S311 - any moment will do
            child.kill()
        child.stdout.read()
    assert child.returncode == -signal.SIGKILL


@pytest.fixture
def rig(home: Path) -> Rig:
    """Return a home whose journal was killed at each step."""
    rig = Rig(root=home / "h")
    for number, stop in enumerate(STEPS):
        told_until_killed(rig.root, number * 100_000, stop)
    return rig


async def test_kills_lose_and_double_nothing(rig: Rig) -> None:
    async with rig.telling() as telling:
        await telling.dispatcher.recover()
        await telling.dispatcher.idle()
        await telling.journalling.close()
        graph = await telling.store.digest()
    lines = [json.loads(line) for line in await rig.lines()]
    assert max(Counter(line["seq"] for line in lines).values()) == 1
    assert max(Counter(line["dedup"] for line in lines).values()) == 1
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    assert (rebuilt.graph, rebuilt.lines) == (graph, len(lines))
