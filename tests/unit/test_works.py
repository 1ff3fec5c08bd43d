"""Bringing work out of a box: nothing is exported when no branch has moved."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.boxes import Boxes
from bridge.clock import SystemClock
from bridge.works import Works
from core import effects, events, ids, ports
from core.loop import Loop, Turn

BASE, OTHER = "a" * 40, "b" * 40
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LOOP = Loop(
    id=ids.LoopId("0" * 32), thread=ids.ThreadKey("local:home/general/1"), title="t", task="t", driver=ids.MemberId("maya"),
    driver_identity=ids.IdentityKey("local:home/maya"), driver_name="Maya", created_at=AT, updated_at=AT, trigger="1", repo="demo",
    base=BASE, branch="loop/t", prepared=True, turn=Turn(id=ids.TurnId("t1"), number=1, prompt="p", started_at=AT, state="taking"),
)  # fmt: skip


class OneLoop:
    async def loop(self, identifier: ids.LoopId) -> Loop:
        return LOOP


class Clone:
    """Git with a clone in the given state, that counts how often commits are taken in."""

    def __init__(self, tree: ports.WorkTree) -> None:
        self.tree = tree
        self.taken = 0

    async def status(self, box: object) -> ports.WorkTree:
        return self.tree

    async def take_in(self, repo: str, branch: str, base: str, box: object) -> ports.Judged:
        self.taken += 1
        return ports.Judged(tip=base, commits=())


class Anything:
    def clone(self, *arguments: object) -> None:
        return None


@pytest.mark.parametrize(
    ("tip", "tips", "taken"),
    [
        (BASE, (BASE,), 0),
        (OTHER, (OTHER,), 1),
        (BASE, (BASE, OTHER), 1),
        (OTHER, (BASE,), 1),
        (BASE, (), 1),
    ],
)
async def test_commits_are_taken_in_unless_all_stands_where_it_stood(
    home: Path, tip: str, tips: tuple[str, ...], taken: int
) -> None:
    said: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        said.append(event)

    git = Clone(ports.WorkTree(tip=tip, dirty=("x",), tips=tips))
    works = Works(
        loops=home,
        store=cast(Any, OneLoop()),
        git=cast(Any, git),
        boxes=cast(Boxes, Anything()),
        clock=SystemClock(),
        emit=emit,
    )
    turn = LOOP.turn
    assert turn is not None
    await works(effects.TakeWork(key="k", lane=LOOP.thread, loop=LOOP.id, turn=turn.id, leg=turn.leg))
    assert git.taken == taken
    (event,) = said
    assert isinstance(event, events.WorkTaken)
    assert (event.commits, event.dirty) == ((), ("x",))
