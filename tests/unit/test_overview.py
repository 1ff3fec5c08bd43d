"""One person's page. Owns: whose loops and asks stand on it, over a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.store.store import SqlStore
from bridge.overview import Overview
from core import focus, graph, layers
from core.asks import Ask
from core.desk import Outcome
from core.events import Deleted
from core.graph import Node
from core.ids import AskId, CallId, IdentityKey, LoopId, MemberId, ThreadKey, TurnId
from core.loop import Loop
from core.message import Message, Text
from core.people import Identity, Member, Role
from core.testing.fakes import START, FakeClock

PEOPLE: tuple[tuple[str, Role], ...] = (
    ("maya", "member"),
    ("ravi", "member"),
    ("ada", "admin"),
    ("gus", "guest"),
)


def who(name: str) -> IdentityKey:
    return IdentityKey(f"slack:T1/{name}")


def loop(number: int, driver: str, title: str) -> Loop:
    return Loop(
        id=LoopId(f"{number:032x}"[::-1]), thread=ThreadKey(f"slack:T1/C1/{number}"), title=title, task=title,
        driver=MemberId(driver), driver_identity=who(driver), driver_name=driver.capitalize(), created_at=START, updated_at=START,
        trigger="1", status="running",
    )  # fmt: skip


def ask(of: Loop, handle: str) -> Ask:
    return Ask(
        id=AskId(f"{handle}-{of.id}"), handle=handle, loop=of.id, turn=TurnId("t"), leg=1, thread=of.thread, call=CallId("c"),
        tool="Bash", input='{"command": "rm"}', digest="d", rule="r", why="", nonce="n", asked_at=START, remind_at=START, expires_at=START,
    )  # fmt: skip


@asynccontextmanager
async def overview(
    tmp_path: Path, *loops: Loop, asks: tuple[Ask, ...] = (), room: str = "open", page: str = ""
) -> AsyncIterator[Overview]:
    clock = FakeClock()
    async with SqlStore(f"sqlite:///{tmp_path / 'x.db'}", clock=clock) as store:
        members = tuple(Member(id=MemberId(name), name=name, role=role) for name, role in PEOPLE)
        known = tuple(Identity(key=who(name), member=MemberId(name)) for name, _ in PEOPLE)
        [first] = await store.arrive([Deleted(lane=ThreadKey("slack:T1/C1/0"), at=START, message="0")])
        assert first is not None
        pins = Node(
            key=graph.page(layers.NOTES, focus.PAGE),
            kind="page",
            audience=layers.EVERYBODY,
            at=START,
            text=page,
        )
        await store.settle(first, Outcome(members=members, identities=known, facts=(pins,)))
        for each in loops:
            [arrival] = await store.arrive([Deleted(lane=each.thread, at=START, message="1")])
            assert arrival is not None
            mine = tuple(one for one in asks if one.loop == each.id)
            place = Node(
                key=graph.thread(each.thread),
                kind="thread",
                audience=each.thread,
                at=START,
                props={"room": room},
            )
            await store.settle(arrival, Outcome(loop=each, asks=mine, facts=(place,)))
        yield Overview(store=store, clock=clock)


def parts(message: Message) -> list[str]:
    assert all(isinstance(block, Text) for block in message.blocks)
    return [block.text for block in message.blocks if isinstance(block, Text)]


async def test_a_page_has_my_asks_my_loops_and_the_board(tmp_path: Path) -> None:
    mine = replace(loop(1, "maya", "Fix login"), status="waiting")
    theirs = replace(loop(2, "ravi", "Speed up"), status="waiting")
    third = replace(loop(3, "ravi", "Cut costs"), tags=("money",))
    asks = (ask(mine, "7f3"), ask(theirs, "8aa"))
    async with overview(tmp_path, mine, theirs, third, asks=asks, page="- Ship 2.0") as seen:
        waiting, own, pinned, active, people = parts(await seen.page(who("maya")))
        assert "ask 7f3" in waiting
        assert "8aa" not in waiting
        assert ("Fix login" in own, "Speed up" in own) == (True, False)
        assert pinned == "**Pinned**\n1. Ship 2.0"
        assert "**money** · #" in active
        assert "Cut costs (working)" in active
        assert ("Fix login" in people, "Speed up · ask 8aa · waits for Ravi" in people) == (True, True)


async def test_an_ask_that_outlives_its_turn_waits_on_the_page_too(tmp_path: Path) -> None:
    mine = replace(loop(1, "maya", "Fix login"), status="idle")
    async with overview(tmp_path, mine, asks=(ask(mine, "7f3"),)) as seen:
        assert "ask 7f3" in parts(await seen.page(who("maya")))[0]
        assert "ask 7f3" not in parts(await seen.page(who("ravi")))[0]


async def test_an_admin_may_decide_every_ask(tmp_path: Path) -> None:
    theirs = replace(loop(2, "ravi", "Speed up"), status="waiting")
    async with overview(tmp_path, theirs, asks=(ask(theirs, "8aa"),)) as seen:
        waiting, own, *_ = parts(await seen.page(who("ada")))
        assert "ask 8aa" in waiting
        assert "`/loop <task>`" in own


@pytest.mark.parametrize("room", ["closed", ""])
async def test_titles_of_a_closed_thread_are_its_drivers_alone(tmp_path: Path, room: str) -> None:
    theirs = replace(loop(2, "ravi", "Speed up"), status="waiting", tags=("secretly",))
    idle = replace(loop(3, "ravi", "Cut costs"), tags=("money",))
    async with overview(tmp_path, theirs, idle, asks=(ask(theirs, "8aa"),), room=room) as seen:
        for name in ("maya", "ada"):
            page = "\n".join(parts(await seen.page(who(name))))
            assert "in a thread that not everybody may read" in page
            assert not [word for word in ("Speed up", "Cut costs", "secretly", "money") if word in page]
        own = "\n".join(parts(await seen.page(who("ravi"))))
        assert "Speed up" in own
        assert "**money**" in own


async def test_what_is_asked_stays_in_its_thread(tmp_path: Path) -> None:
    mine = replace(loop(1, "maya", "Fix login"), status="waiting")
    async with overview(tmp_path, mine, asks=(ask(mine, "7f3"),)) as seen:
        assert "rm" not in parts(await seen.page(who("maya")))[0]


async def test_a_guest_decides_nothing_and_a_stranger_sees_nothing(tmp_path: Path) -> None:
    theirs = replace(loop(2, "ravi", "Speed up"), status="waiting")
    async with overview(tmp_path, theirs, asks=(ask(theirs, "8aa"),)) as seen:
        assert "8aa" not in parts(await seen.page(who("gus")))[0]
        page = parts(await seen.page(who("nobody")))
        assert len(page) == 1
        assert "Speed up" not in page[0]
        assert "/loop people add" in page[0]


async def test_my_loops_for_completion(tmp_path: Path) -> None:
    given = replace(loop(3, "maya", "Given back"), status="rfd")
    async with overview(tmp_path, loop(1, "maya", "Fix login"), loop(2, "ravi", "Speed up"), given) as seen:
        assert [title for _, title in await seen.loops(who("maya"))] == ["Fix login"]
        assert await seen.loops(who("nobody")) == []


async def test_a_long_list_is_cut_and_counted(tmp_path: Path) -> None:
    many = [loop(number, "ravi", f"Task {number}") for number in range(1, 20)]
    async with overview(tmp_path, *many) as seen:
        assert "… and 7 more" in parts(await seen.page(who("maya")))[-1]


async def test_what_stands_there_leads_to_its_thread(tmp_path: Path) -> None:
    mine = replace(loop(1, "maya", "Fix login"), status="waiting")
    far = replace(loop(2, "ravi", "Speed up"), thread=ThreadKey("matrix:h/r/1"))
    async with overview(tmp_path, mine, far, asks=(ask(mine, "7f3"),)) as seen:
        page = await seen.page(who("maya"), lambda key: f"https://chat/{key}" if key == mine.thread else "")
        waiting, own, *_, others = parts(page)
        assert f"[ask 7f3](https://chat/{mine.thread}) of" in waiting
        assert f"[#{mine.handle}](https://chat/{mine.thread}) · Fix login" in own
        assert f"\n#{far.handle} Speed up" in others
