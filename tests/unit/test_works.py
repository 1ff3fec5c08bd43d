"""Bringing work out of a box: nothing is exported when no branch has moved, nothing lands that needs a word."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.boxes import Boxes
from bridge.clock import SystemClock
from bridge.works import Works
from core import effects, events, ids, ports
from core.errors import Refused
from core.loop import Loop, Turn

BASE, OTHER = "a" * 40, "b" * 40
AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
LOOP = Loop(
    id=ids.LoopId("0" * 32), thread=ids.ThreadKey("local:home/general/1"), title="t", task="t", driver=ids.MemberId("maya"),
    driver_identity=ids.IdentityKey("local:home/maya"), driver_name="Maya", created_at=AT, updated_at=AT, trigger="1", repo="demo",
    base=BASE, branch="loop/t", prepared=True, turn=Turn(id=ids.TurnId("t2"), number=2, prompt="p", started_at=AT, state="taking"),
)  # fmt: skip


class OneLoop:
    def __init__(self, one: Loop = LOOP) -> None:
        self.one = one

    async def loop(self, identifier: ids.LoopId) -> Loop:
        return self.one


class Clone:
    """Git with a clone in the given state, that counts how often commits are taken in."""

    def __init__(self, tree: ports.WorkTree) -> None:
        self.tree = tree
        self.taken = 0
        self.judged: ports.Judged | None = None
        self.refuses = False
        self.landed: list[tuple[str, str, tuple[str, ...]]] = []

    async def status(self, box: object) -> ports.WorkTree:
        return self.tree

    async def take_in(self, repo: str, branch: str, base: str, box: object) -> ports.Judged:
        self.taken += 1
        return self.judged or ports.Judged(tip=base, commits=())

    async def land(self, repo: str, branch: str, judged: ports.Judged) -> str:
        if self.refuses:
            raise Refused("The branch has other commits")
        self.landed.append((branch, judged.tip, judged.objections))
        return f"origin, branch {branch}"


class Anything:
    def clone(self, *arguments: object) -> None:
        return None


def edge(home: Path, git: Clone, loop: Loop = LOOP) -> tuple[Works, list[events.Event]]:
    """Return the hand, and what it says."""
    said: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        said.append(event)

    works = Works(
        loops=home, store=cast(Any, OneLoop(loop)), git=cast(Any, git), boxes=cast(Boxes, Anything()), clock=SystemClock(), emit=emit
    )  # fmt: skip
    return works, said


def take() -> effects.TakeWork:
    assert LOOP.turn is not None
    return effects.TakeWork(key="k", lane=LOOP.thread, loop=LOOP.id, turn=LOOP.turn.id, leg=LOOP.turn.leg)


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
    git = Clone(ports.WorkTree(tip=tip, dirty=("x",), tips=tips))
    works, said = edge(home, git)
    await works(take())
    assert git.taken == taken
    (event,) = said
    assert isinstance(event, events.WorkTaken)
    assert (event.commits, event.dirty) == ((), ("x",))


async def test_what_needs_a_word_is_told_and_not_landed_without_it(home: Path) -> None:
    git = Clone(ports.WorkTree(tip=OTHER, dirty=(), tips=(OTHER,)))
    commit = ports.Commit(sha=OTHER, parents=(BASE,), author="a", subject="s", at=AT, files=())
    git.judged = ports.Judged(
        tip=OTHER, commits=(commit,), objections=("no",), delicate=(ports.Delicate(path="p", why="w"),), shown="+x"
    )  # fmt: skip
    works, said = edge(home, git)
    await works(take())
    (event,) = said
    assert isinstance(event, events.WorkTaken)
    assert (event.base, event.tip, event.where, event.shown) == (BASE, OTHER, "", "+x")
    assert event.delicate == (events.DelicatePath(path="p", why="w"),)
    assert git.landed == []


@pytest.mark.parametrize("refuses", [False, True])
async def test_exactly_what_was_allowed_lands_or_why_not_is_told(home: Path, refuses: bool) -> None:
    git = Clone(ports.WorkTree(tip=BASE, dirty=()))
    git.refuses = refuses
    works, said = edge(home, git)
    await works.land(
        effects.LandWork(key="k", lane=LOOP.thread, loop=LOOP.id, ask=ids.AskId("a1"), repo="demo", branch="loop/t", tip=OTHER)
    )  # fmt: skip
    (event,) = said
    assert isinstance(event, events.WorkLanded)
    assert event.ask == "a1"
    if refuses:
        assert (event.where, event.what) == ("", "The branch has other commits.")
        assert event.remedy
    else:
        assert (event.where, git.landed) == ("origin, branch loop/t", [("loop/t", OTHER, ())])
