"""A desk that is remembered is the desk that the database has. Owns: nothing. Imports: adapters.store. Effects: temp files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from adapters.store.store import SqlStore
from core import graph, ids
from core.asks import Ask
from core.desk import Desk, Outcome
from core.graph import Edge, Node
from core.ids import MemberId
from core.people import Member
from core.testing import store_rig
from core.testing.fakes import FakeClock
from core.testing.store_clock_contract import a_schedule
from core.testing.store_rig import LANE, OTHER_LANE

LANES = (LANE, OTHER_LANE)
LOOPS = tuple(
    replace(store_rig.a_loop(number + 1, lane=lane), repo="app") for number, lane in enumerate(LANES)
)


def asks(which: int, number: int, *, open_still: bool = True) -> Ask:
    ask = store_rig.an_ask(10 * which + number, LOOPS[which], asked=number % 3)
    return ask if open_still else replace(ask, state="denied", decided_at=store_rig.at(9))


def mark(which: int, number: int) -> tuple[graph.Fact, ...]:
    key = graph.mark(f"{which}/{number}")
    node = Node(
        key=key, kind="decision", audience=LANES[which], at=store_rig.at(number), text=f"decision {number}", props={"by": "Maya"}
    )  # fmt: skip
    return (node, Edge(src=key, kind="touches", dst=graph.repo("app"), at=store_rig.at(number)))


def outcome(what: str, which: int, number: int) -> Outcome:
    """Return what an event of a lane may leave behind."""
    loop = LOOPS[which]
    return {
        "goes on": Outcome(loop=replace(loop, title=f"step {number}", status="running"), facts=store_rig.heard(number)),
        "is over": Outcome(loop=replace(loop, status="done")),
        "is another": Outcome(loop=replace(loop, id=ids.LoopId(f"{which}{number:03x}" * 8))),
        "is followed": Outcome(loop=replace(loop, followers=(LANES[1 - which],))),
        "is let go": Outcome(unfollowed=(LANES[1 - which],)),
        "asks": Outcome(loop=replace(loop, status="waiting"), asks=(asks(which, number),)),
        "is answered": Outcome(asks=(asks(which, number, open_still=False),)),
        "is marked": Outcome(facts=mark(which, number)),
        "is scheduled": Outcome(schedules=(replace(a_schedule(number + 1), thread=LANES[1 - which]),)),
        "has company": Outcome(members=(Member(id=MemberId("m"), name=f"Maya {number}", role="member"),)),
        "hears": Outcome(facts=store_rig.heard(number)),
    }[what]  # fmt: skip


KINDS = ("goes on", "is over", "is over", "is another", "is followed", "is followed", "is let go", "asks", "is answered", "is marked", "is scheduled", "has company", "hears")  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happened_a_desk_is_what_the_database_has(home: Path, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - a story, no secret
    story: list[str] = []
    async with SqlStore(f"sqlite:///{home / 'b.db'}", clock=FakeClock()) as store:
        for number in range(40):
            what, which, detail = chance.choice(KINDS), chance.randrange(2), chance.randrange(5)
            story.append(f"{LANES[which]} {what} {detail}")
            for lane in LANES:
                await store.desk(lane)
            await _happened(store, number, LANES[which], outcome(what, which, detail), told=bool(detail % 2))
            assert [await store.desk(lane) for lane in LANES] == await _read_anew(store), story


async def _happened(store: SqlStore, number: int, lane: ids.ThreadKey, after: Outcome, *, told: bool) -> None:
    event = store_rig.posted(number, lane=lane)
    if told:
        assert await store.tell(event, after) is not None
        assert await store.tell(event, Outcome(loop=LOOPS[0])) is None
    else:
        await store.settle(await store_rig.arrived(store, event), after)


async def _read_anew(store: SqlStore) -> list[Desk]:
    store._desks.forget()
    return [await store.desk(lane) for lane in LANES]


async def test_a_desk_that_changes_while_it_is_read_is_not_kept(home: Path) -> None:
    async with SqlStore(f"sqlite:///{home / 'b.db'}", clock=FakeClock()) as store:
        await store_rig.settled(store, 1, Outcome(loop=LOOPS[0]))
        reading = store.desk(LANE)
        token = store._desks.reading(LANE)
        before = await reading
        after = replace(LOOPS[0], title="another")
        await store_rig.settled(store, 2, Outcome(loop=after))
        store._desks.put(token, before)
        assert (await store.desk(LANE)).loop == after
        assert await store.loop(after.id) == after
