"""Putting a loop away: nothing of it is looked after any longer."""

from __future__ import annotations

from pathlib import Path

from bridge.closing import Closing
from bridge.folders import LoopFolder
from bridge.memory import MemoryGuard
from core.effects import CloseLoop
from core.ids import LoopId, thread_key

LOOP = LoopId("a" * 32)


class Ends:
    """Stands for whoever ends something of a loop."""

    def __init__(self) -> None:
        self.ended: list[LoopId] = []

    async def close(self, loop: LoopId) -> None:
        self.ended.append(loop)


class Loops:
    """Stands for the store: one loop, which lives or does not."""

    def __init__(self, *, live: bool) -> None:
        self.live = live

    async def loop(self, loop: LoopId) -> Loops:
        return self


async def test_a_loop_that_was_woken_meanwhile_keeps_what_it_needs(tmp_path: Path) -> None:
    guard, runner, gateway = MemoryGuard(1 << 20), Ends(), Ends()
    launcher = LoopFolder.of(tmp_path, LOOP).launcher
    guard.watch(launcher)
    closing = Closing(loops=tmp_path, runner=runner, gateway=gateway, guard=guard, store=Loops(live=True))  # type: ignore[arg-type]
    await closing(CloseLoop(key="close", lane=thread_key("local", "w", "c", "1"), loop=LOOP))
    assert runner.ended == gateway.ended == []
    assert guard.watchdog.watched == {launcher}


async def test_a_closed_loop_is_watched_no_longer(tmp_path: Path) -> None:
    guard, runner, gateway = MemoryGuard(1 << 20), Ends(), Ends()
    launcher = LoopFolder.of(tmp_path, LOOP).launcher
    other = LoopFolder.of(tmp_path, LoopId("b" * 32)).launcher
    guard.watch(launcher)
    guard.watch(other)
    store = Loops(live=False)
    closing = Closing(loops=tmp_path, runner=runner, gateway=gateway, guard=guard, store=store)  # type: ignore[arg-type]
    effect = CloseLoop(key="close", lane=thread_key("local", "w", "c", "1"), loop=LOOP)
    await closing(effect)
    await closing(effect)
    assert guard.watchdog.watched == {other}
    assert runner.ended == gateway.ended == [LOOP, LOOP]
