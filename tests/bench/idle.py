"""A daemon that has nothing to do: lines (f). Owns: idle. Imports: tests.bench. Effects: starts daemons and Pythons."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.place import Place, environment
from tests.bench.report import SHARE, SIZE, Line

ROOT = Path(__file__).parents[2]
RUNS = 9
SLICES, SLICE = 8, 3.0  # seconds
SETTLES = 12.0  # seconds after ready in which the warm-up ends
# What the daemon has loaded of other people's libraries when it says that it is ready.
LISTED = """
import sys, bridge.cli, bridge.daemon, bridge.home, config.settings, adapters.chat.local.plugin
ours = ("bridge", "core", "config", "adapters", "tests")
names = [n for n, m in sys.modules.items() if "site-packages" in (getattr(m, "__file__", "") or "") and n.split(".")[0] not in ours]
print("import " + ", ".join(n for n in names if not n.startswith("_")))
"""


async def idle(root: Path) -> Sequence[Line]:
    """(f): memory and CPU at rest after the warm-up, and the way to ready against importing the same libraries."""
    imports = await asyncio.to_thread(_python, LISTED)
    ready, floor = [], []
    for turn in range(RUNS + 1):
        began = time.monotonic()
        await asyncio.to_thread(_python, imports)
        its = time.monotonic() - began
        async with Place(root / str(turn)).daemon({"LOOPBRIDGE_HTTP__PORT": "0"}) as daemon:
            if turn:  # the first warms the page cache up
                floor.append(its)
                ready.append(daemon.ready_at - daemon.began)
    shares, sizes = await _at_rest(Place(root / "rest"))
    return [
        Line(name="f", what="idle daemon, resident memory", ours=sizes, goal=120 * 2.0**20, unit=SIZE),
        Line(
            name="f",
            what="idle daemon, share of a core",
            ours=shares,
            goal=0.005,
            unit=SHARE,
            note=f"runs of {SLICE:.0f} s; over all {SLICES * SLICE:.0f} s {100 * sum(shares) / len(shares):.2f} %",
        ),
        Line(
            name="f",
            what="daemon in a fresh home → ready",
            ours=ready,
            floor=floor,
            goal=1.5,
            against="importing the same libraries",
        ),
    ]


async def _at_rest(place: Place) -> tuple[list[float], list[float]]:
    shares, sizes = [], []
    async with place.daemon({"LOOPBRIDGE_HTTP__PORT": "0"}) as daemon:
        await asyncio.sleep(SETTLES)
        for _ in range(SLICES):
            before, at = daemon.cpu, time.monotonic()
            await asyncio.sleep(SLICE)
            shares.append((daemon.cpu - before) / (time.monotonic() - at))
            sizes.append(float(daemon.rss))
    return shares, sizes


def _python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment(), cwd=ROOT
    ).stdout
