"""The scheduler over a real store, against the checks every scheduler passes. Owns: StoreRig. Effects: temp files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from inspect import getmembers, isfunction
from pathlib import Path

import pytest

from adapters.schedule.ticking import Ticking
from adapters.store.store import SqlStore
from core import events
from core.ports import Timetable
from core.testing import schedule_contract
from core.testing.fakes import FakeClock

Check = Callable[[schedule_contract.Rig], Awaitable[None]]
CHECKS = [check for name, check in getmembers(schedule_contract, isfunction) if name.startswith("check_")]


class StoreRig:
    """Schedulers over one database, whose front door is the store's own."""

    def __init__(self, store: SqlStore, clock: FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.tables: list[Timetable] = []

    def scheduler(self) -> Ticking:
        return Ticking(timetables=self._tables, marks=self.store, emit=self._emit, clock=self.clock)

    def forgets(self) -> Ticking:
        return Ticking(timetables=self._tables, marks=Dying(self.store), emit=self._emit, clock=self.clock)

    async def ticks(self) -> Sequence[events.Ticked]:
        return [
            arrival.event
            for arrival in await self.store.waiting()
            if isinstance(arrival.event, events.Ticked)
        ]

    async def _tables(self) -> Sequence[Timetable]:
        return tuple(self.tables)

    async def _emit(self, event: events.Event) -> None:
        await self.store.arrive([event])


class Dying:
    """Marks of a process that ends before it writes one."""

    def __init__(self, store: SqlStore) -> None:
        self.kept = store.kept

    async def keep(self, key: str, value: str) -> None:
        raise OSError("killed")


@pytest.fixture
async def rig(home: Path) -> AsyncIterator[StoreRig]:
    clock = FakeClock()
    async with SqlStore(f"sqlite:///{home / 'b.db'}", clock=clock) as store:
        yield StoreRig(store, clock)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
async def test_scheduler(check: Check, rig: StoreRig) -> None:
    await check(rig)
