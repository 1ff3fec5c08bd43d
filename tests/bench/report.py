"""What was measured and how it is told. Owns: Line, table, document, machine. Imports: standard library. Effects: reads /proc.

A line compares: its ratio is the median of ours over the median of a floor that was measured in the same run, in turns with ours.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CLOCK, SHARE, SIZE, CALLS = "ms", "%", "MB", "calls"
UNITS = {CLOCK: (1e3, ".2f"), SHARE: (100.0, ".2f"), SIZE: (2.0**-20, ".0f"), CALLS: (1.0, ".0f")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One measurement. `ours` and `floor` are seconds, bytes or shares of a core; without a floor the goal is an amount.

    `at_least` turns the comparison round: the ratio is then of rates, floor's time over ours.
    """

    name: str
    what: str
    ours: Sequence[float]
    goal: float
    floor: Sequence[float] = ()
    against: str = ""
    unit: str = CLOCK
    at_least: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        """Return the ratio, or the median where there is no floor."""
        mine = median(self.ours)
        if not self.floor:
            return mine
        bare = median(self.floor)
        return bare / mine if self.at_least else mine / bare

    @property
    def met(self) -> bool:
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def told(self, amount: float) -> str:
        """Return an amount in the line's unit."""
        factor, form = UNITS[self.unit]
        return f"{amount * factor:{form}} {self.unit}"

    @property
    def shown(self) -> str:
        return f"×{self.value:.2f}" if self.floor else self.told(self.value)

    @property
    def wanted(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} ×{self.goal:g}" if self.floor else f"{sign} {self.told(self.goal)}"

    def __str__(self) -> str:
        spread = f"{self.told(median(self.ours))} (of {len(self.ours)}: {self.told(min(self.ours))} – {self.told(max(self.ours))})"
        floor = f", floor {self.told(median(self.floor))}" if self.floor else ""
        verdict = "met" if self.met else "MISSED"
        note = f"\n      {self.note}" if self.note else ""
        return f"({self.name}) {self.what}: {self.shown}, goal {self.wanted}: {verdict}\n      {spread}{floor}{note}"


def machine() -> str:
    """Return one sentence about where this ran."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    memory = next((int(line.split()[1]) >> 20 for line in _lines("/proc/meminfo")), 0)
    return (
        f"{os.cpu_count()} cores ({cpu}), {memory} GB, Linux {platform.release().split('-')[0]},"
        f" Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def load() -> str:
    """Return the load averages of 1, 5 and 15 minutes."""
    return " ".join(f"{value:.1f}" for value in os.getloadavg())


def document(lines: Sequence[Line], loads: Sequence[str]) -> str:
    """Return docs/benchmarks.md."""
    rows = "\n".join(
        f"| {line.name} | {line.what} | {line.against or '–'} | {line.shown} | {line.wanted} | {'yes' if line.met else 'no'} |"
        for line in lines
    )
    return f"""# Benchmarks

Written by `python -m tests.bench --write`; `make bench` prints the same with times. Each line is the median of at least seven
runs. A ratio compares with a floor that was measured in the same run, in turns with ours: a short script that does the same
with the bare parts and nothing else. A ratio holds for a machine and its load, so run it on yours.

Machine: {machine()}. Load average before and after: {loads[0]} and {loads[-1]}.

| | what | floor | measured | goal | met |
|---|---|---|---|---|---|
{rows}
"""


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
