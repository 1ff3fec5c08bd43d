"""The clock on the wall. Owns: Scheduler, Timetable, Marks. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.ids import ThreadKey
from core.schedules import When


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """When a job is due: `zone` is an IANA name, `since` the instant from which on it counts, whatever ran
    or was missed before (None: from when it is first seen)."""

    job: str
    lane: ThreadKey  # where its ticks are handled
    when: When
    zone: str
    since: datetime | None = None


class Marks(Protocol):
    """Small values that outlive the process; a Store has them."""

    async def keep(self, key: str, value: str) -> None: ...
    async def kept(self, key: str) -> str | None: ...


Timetables = Callable[[], Awaitable[Sequence[Timetable]]]


class Scheduler(Protocol):
    """Tells of each job when it is due, as `Ticked` events. Its checks are in `core.testing.schedule_contract`.

    A tick's dedup key is made of job and instant, so that schedulers that share a database run a job once. Runs that were missed are
    made up once, as the last of them. An hour that the clocks skip or repeat has a daily job run once.
    """

    async def run(self) -> None:
        """Tick for ever."""

    async def look(self) -> float:
        """Tick what is due now; return how many seconds to wait before looking again."""
