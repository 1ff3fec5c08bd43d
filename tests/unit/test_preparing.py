"""Loops that wait for their turn to be made: one look at the origins for all, and nothing that is old when the turn comes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bridge.folders import LoopFolder
from bridge.preparing import Preparing
from bridge.pulling import Start
from core import effects
from core.ids import LoopId, MemberId
from core.loop import Loop
from core.testing.fake_layers import FakeLayers
from tests.patience import PATIENCE
from tests.unit.story import Story

ONE = replace(Story().started().loop, personal=None, prepared=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Noting(Preparing):
    """Notes what would be made, and from which start."""

    filled: list[tuple[Loop, Start]] = field(default_factory=list)

    async def _fill(self, loop: Loop, folder: LoopFolder, start: Start, attempt: int) -> None:
        self.filled.append((loop, start))


class Origin:
    """A repository that counts how often it is looked at."""

    def __init__(self) -> None:
        self.looks = 0
        self.all_in = asyncio.Event()

    async def sync(self, repo: str, *, fetch: bool = True) -> str:
        self.looks += 1
        if self.looks == 2:
            self.all_in.set()
        return "a" * 40


class Kept:
    def __init__(self, *loops: Loop) -> None:
        self.loops: dict[LoopId, Loop | None] = {loop.id: loop for loop in loops}

    async def loop(self, identifier: LoopId) -> Loop | None:
        return self.loops[identifier]


def preparing(home: Path, store: Kept, origin: Origin, places: asyncio.Semaphore) -> Noting:
    rest: Any = SimpleNamespace(owner=lambda: None)
    return Noting(
        loops=home, store=cast(Any, store), git=cast(Any, origin), layers=cast(Any, FakeLayers()), sandbox=rest, gateway=rest,
        runner=rest, boxes=rest, clock=rest, emit=rest, versions=rest, fetch=rest, capsules=rest, first_leg=rest, places=places,
    )  # fmt: skip


def prepare(loop: Loop) -> effects.Prepare:
    return effects.Prepare(key=f"prepare:{loop.id}", lane=loop.thread, loop=loop.id, attempt=1)


async def test_origins_are_looked_at_before_the_turn_comes(home: Path) -> None:
    other = replace(ONE, id=LoopId("2" * 32))
    origin, places = Origin(), asyncio.Semaphore(1)
    hand = preparing(home, Kept(ONE, other), origin, places)
    await places.acquire()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for loop in (ONE, other):
            group.create_task(hand(prepare(loop)))
        await origin.all_in.wait()
        assert hand.filled == []
        places.release()
    made = {(loop.id, start.base) for loop, start in hand.filled}
    assert made == {(ONE.id, "a" * 40), (other.id, "a" * 40)}


@pytest.mark.parametrize(("change", "made"), [("gone", 0), ("prepared", 0), ("driver", 1), ("title", 1)])
async def test_what_happened_while_it_waited_counts(home: Path, change: str, made: int) -> None:
    mine = replace(ONE, personal=MemberId("1" * 32))
    store, origin, places = Kept(mine), Origin(), asyncio.Semaphore(0)
    hand = preparing(home, store, origin, places)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(hand(prepare(mine)))
        while not origin.looks:  # noqa: ASYNC110 - the first look comes from a thread
            await asyncio.sleep(0)
        store.loops[mine.id] = {
            "gone": None,
            "prepared": replace(mine, prepared=True),
            "driver": replace(mine, personal=None),
            "title": replace(mine, title="anew"),
        }[change]
        places.release()
    assert len(hand.filled) == made
    for loop, start in hand.filled:
        assert loop == store.loops[mine.id]
        assert ("personal" in str(start.layers)) is (loop.personal is not None)


class Unfurnished(Preparing):
    """Never comes to an end by itself."""

    async def _furnish(self, loop: Loop, folder: LoopFolder, start: Start, attempt: int) -> None:
        await asyncio.Event().wait()


async def test_a_loop_that_is_not_made_after_all_leaves_no_process_that_starts(home: Path) -> None:
    starts, left = asyncio.Event(), list[str]()

    async def prewarm(leg: object) -> None:
        starts.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.append("the start")

    async def opened(*_: object, **__: object) -> None:
        return None

    nothing: Any = SimpleNamespace()
    hand = Unfurnished(
        loops=home, store=cast(Any, Kept(ONE)), git=cast(Any, Origin()), layers=cast(Any, FakeLayers()),
        sandbox=cast(Any, SimpleNamespace(owner=lambda: None)), gateway=cast(Any, SimpleNamespace(open=opened)),
        runner=cast(Any, SimpleNamespace(prewarm=prewarm)), boxes=cast(Any, SimpleNamespace(write_launcher=lambda *_: None)),
        clock=nothing, emit=nothing, versions=nothing, fetch=nothing, capsules=nothing, first_leg=lambda *_: nothing,
        places=asyncio.Semaphore(1),
    )  # fmt: skip
    making = asyncio.create_task(hand(prepare(ONE)))
    async with asyncio.timeout(PATIENCE):
        await starts.wait()
    making.cancel()
    await asyncio.wait({making})
    assert left == ["the start"]
