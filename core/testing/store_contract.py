"""What any store must hold: events, effects, loops, asks, people. Owns: CHECKS. Imports: core. Effects: through the rig's stores.

Each check is a plain coroutine over a Rig. What the graph must hold is in `store_graph_contract`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from core import asks, events, ids
from core.desk import Outcome
from core.effects import Priority
from core.ids import CardKey, MemberId
from core.loop import Turn
from core.people import Identity, Member
from core.ports import Arrival
from core.testing.store_rig import (
    LANE,
    MAYA,
    MEMBER,
    OTHER_LANE,
    Rig,
    a_loop,
    an_ask,
    arrived,
    at,
    heard,
    posted,
    say,
    settled,
    show,
    spent,
    wanted,
)

Check = Callable[[Rig], Awaitable[None]]


async def check_an_event_is_stored_once(rig: Rig) -> None:
    first, second = posted(1), posted(2)
    async with rig.open() as store:
        stored = await store.arrive([first, second, first])
        assert [bool(arrival) for arrival in stored] == [True, True, False]
        assert list(await store.arrive([replace(first, text="told otherwise")])) == [None]
    async with rig.open() as store:
        assert list(await store.arrive([second])) == [None]
        assert [arrival.event for arrival in await store.waiting()] == [first, second]


async def check_a_handled_event_stays_known(rig: Rig) -> None:
    async with rig.open() as store:
        await settled(store, 1, Outcome())
        assert await store.waiting() == []
        assert list(await store.arrive([posted(1)])) == [None]


async def check_events_wait_in_the_order_they_came(rig: Rig) -> None:
    async with rig.open() as store:
        for number in (3, 1, 2):
            await arrived(store, posted(number))
        stored = await store.arrive([posted(number) for number in range(10, 60)])
        assert all(stored)
    async with rig.open() as store:
        waiting = await store.waiting()
        told = [arrival.event.message for arrival in waiting if isinstance(arrival.event, events.Posted)]
        assert told == ["3", "1", "2", *map(str, range(10, 60))]
        assert [arrival.seq for arrival in waiting] == sorted({arrival.seq for arrival in waiting})


async def check_many_at_once_lose_nothing(rig: Rig) -> None:
    async with rig.open() as store:
        stored = await asyncio.gather(*(store.arrive([posted(number % 150)]) for number in range(300)))
        assert sum(arrival is not None for (arrival,) in stored) == 150
        assert len(await store.waiting()) == 150


async def check_every_kind_of_event_and_effect_comes_back(rig: Rig) -> None:
    loop = a_loop()
    turn = ids.turn_id(loop.id, 1)
    told: list[events.Event] = [
        events.ThreadRead(lane=LANE, at=at(), loop=loop.id, messages=(posted(7), posted(8)), left_out=2),
        events.AskDue(lane=LANE, at=at(), loop=loop.id, ask=an_ask(1, loop).id, stage="expire"),
        events.WorkTaken(
            lane=LANE, at=at(), loop=loop.id, turn=turn, leg=1, repo="app", branch="b",
            commits=(events.CommitTaken(sha="s", parents=("p",), subject="x", at=at(), files=(("a", 1, 2),)),),
        ),
    ]  # fmt: skip
    async with rig.open() as store:
        await store.arrive(told)
        first = (await store.waiting())[0]
        effects = (say("s", text="**bold**"), show("c"))
        await store.settle(first, Outcome(effects=effects))
    async with rig.open() as store:
        assert [arrival.event for arrival in await store.waiting()] == told[1:]
        assert [job.effect for job in await store.jobs()] == list(effects)


async def check_settling_is_whole_and_happens_once(rig: Rig) -> None:
    loop = a_loop()
    outcome = Outcome(
        loop=loop, asks=(an_ask(1, loop),), facts=heard(1), effects=(say("k"),), spent=spent("r", 0.5)
    )
    async with rig.open() as store:
        arrival = await arrived(store, posted(1))
        jobs = await store.settle(arrival, outcome)
        assert [job.effect for job in jobs] == [say("k")]
        changed = replace(loop, title="another")
        assert list(await store.settle(arrival, replace(outcome, loop=changed, effects=(say("k2"),)))) == []
        assert await store.loop(loop.id) == loop
        assert [job.id for job in await store.jobs()] == [job.id for job in jobs]
        again = await wanted(store, 2, say("k", text="other words"), say("k3"))
        assert [job.effect.key for job in again] == ["k3"]
        assert await store.spent() == (0.5, 10)


async def check_a_bad_outcome_changes_nothing(rig: Rig) -> None:
    naive = replace(a_loop(), updated_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the point
    async with rig.open() as store:
        arrival = await arrived(store, posted(1))
        good = [await arrived(store, posted(number)) for number in (2, 3)]
        done = await asyncio.gather(
            store.settle(good[0], Outcome(effects=(say("g0"),))),
            store.settle(arrival, Outcome(facts=heard(1), effects=(say("k"),), loop=naive)),
            store.settle(good[1], Outcome(effects=(say("g1"),))),
            return_exceptions=True,
        )
        assert isinstance(done[1], ValueError)
        assert [waiting.seq for waiting in await store.waiting()] == [arrival.seq]
        assert [job.effect.key for job in await store.jobs()] == ["g0", "g1"]
        assert await store.thread_messages(LANE, limit=5) == ([], 0)


async def check_jobs_come_by_priority_then_age(rig: Rig) -> None:
    async with rig.open() as store:
        await wanted(store, 1, say("p", priority=Priority.PROGRESS), say("a1"))
        await wanted(store, 2, say("a2"), say("q", priority=Priority.ASK))
        assert [job.effect.key for job in await store.jobs()] == ["q", "a1", "a2", "p"]


async def check_a_job_is_leased_put_off_and_finished(rig: Rig) -> None:
    later = at(500)
    async with rig.open() as store:
        (one, two, three) = await wanted(store, 1, say("1"), say("2"), say("3"))
        await store.lease(one.id)
        await store.lease(two.id)
        await store.postpone(two.id, until=later, why="the chat is away")
        await store.finish(three.id, failed="no such channel")
    async with rig.open() as store:
        jobs = {job.effect.key: job for job in await store.jobs()}
        assert set(jobs) == {"1", "2"}
        assert (jobs["1"].leased, jobs["1"].attempts, jobs["1"].not_before) == (True, 0, None)
        assert (jobs["2"].leased, jobs["2"].attempts, jobs["2"].not_before) == (False, 1, later)
        await store.finish(one.id)
        await store.lease(one.id)
        assert [job.effect.key for job in await store.jobs()] == ["2"]


async def check_a_newer_show_supersedes_one_nobody_began(rig: Rig) -> None:
    async with rig.open() as store:
        (old,) = await wanted(store, 1, show("1"))
        await wanted(store, 2, show("2", card="another"))
        await wanted(store, 3, show("3"))
        assert [job.effect.key for job in await store.jobs()] == ["2", "3"]
        await store.lease(old.id)
        assert [job.effect.key for job in await store.jobs()] == ["2", "3"]
        (begun,) = (job for job in await store.jobs() if job.effect.key == "3")
        await store.lease(begun.id)
        await wanted(store, 4, show("4"))
        assert [job.effect.key for job in await store.jobs()] == ["2", "3", "4"]
        assert [job.effect.key for job in await wanted(store, 5, show("5"), show("6"))] == ["6"]
        assert [job.effect.key for job in await store.jobs()] == ["2", "3", "6"]


async def check_a_card_remembers_its_message(rig: Rig) -> None:
    async with rig.open() as store:
        (one, two) = await wanted(store, 1, show("1"), say("2"))
        assert await store.card(CardKey("card")) is None
        await store.finish(one.id, card=CardKey("card"), posted="m1")
        assert await store.card(CardKey("card")) == "m1"
        await store.finish(two.id, card=CardKey("card"), posted="m2")
    async with rig.open() as store:
        assert await store.card(CardKey("card")) == "m2"


async def check_a_desk_holds_the_lane(rig: Rig) -> None:
    old, new, elsewhere = a_loop(1), a_loop(2), a_loop(3, lane=OTHER_LANE)
    many = [_denied(an_ask(number, new, asked=number)) for number in range(1, 121)]
    first = an_ask(0, new)
    async with rig.open() as store:
        assert (await store.desk(LANE)).loop is None
        for number, loop in enumerate((old, new, elsewhere)):
            await settled(store, number, Outcome(loop=loop, asks=(an_ask(900 + number, loop, asked=900),)))
        await settled(store, 4, Outcome(loop=replace(old, title="touched"), asks=(first, *many)))
        desk = await store.desk(LANE)
        assert (desk.thread, desk.loop, desk.earlier) == (LANE, new, (old.id,))
        assert [ask.handle for ask in desk.asks] == ["000", *(ask.handle for ask in many[20:]), "385"]
        assert desk.asks[1] == many[20]


async def check_a_loop_is_found(rig: Rig) -> None:
    turn = Turn(id=ids.turn_id(a_loop().id, 1), number=1, prompt="p", started_at=at(3))
    first = replace(a_loop(1, updated=5), turn=turn, granted=("Bash(make)",), budget_usd=2.5)
    second, third = a_loop(2, updated=9), replace(a_loop(3, updated=7), status="done")
    async with rig.open() as store:
        for number, loop in enumerate((first, second, third)):
            await settled(store, number, Outcome(loop=loop))
        await settled(
            store, 5, Outcome(loop=replace(first, turn=replace(turn, state="ended", answer="done")))
        )
        await settled(store, 6, Outcome(loop=first))
    async with rig.open() as store:
        assert await store.loop(first.id) == first
        assert await store.loop(ids.LoopId("f" * 32)) is None
        assert [loop.id for loop in await store.loops()] == [second.id, first.id]
        assert [loop.id for loop in await store.loops(live_only=False, limit=2)] == [second.id, third.id]
        assert list(await store.find_loop(first.id[:4])) == [first]
        assert list(await store.find_loop("ffff")) == []
        assert list(await store.find_loop("%_")) == []


async def check_asks_come_due(rig: Rig) -> None:
    loop = a_loop()
    ask = an_ask(1, loop, remind=60, expire=120)
    async with rig.open() as store:
        await settled(store, 1, Outcome(loop=loop, asks=(ask,)))
        assert list(await store.asks_due(at(59))) == []
        assert list(await store.asks_due(at(60))) == [(ask, "remind")]
        await arrived(store, events.AskDue(lane=LANE, at=at(60), loop=loop.id, ask=ask.id, stage="remind"))
        await settled(store, 2, Outcome(asks=(ask,)))
        assert list(await store.asks_due(at(119))) == []
    async with rig.open() as store:
        assert list(await store.asks_due(at(120))) == [(ask, "expire")]
        await settled(store, 3, Outcome(asks=(_denied(ask),)))
        assert list(await store.asks_due(at(9999))) == []


async def check_people_are_remembered(rig: Rig) -> None:
    maya = Member(id=MEMBER, name="Maya", role="admin")
    async with rig.open() as store:
        assert (await store.people()).members == {}
        await settled(store, 1, Outcome(members=(maya,), identities=(Identity(key=MAYA, member=MEMBER),)))
        assert (await store.people()).of(MAYA) == maya
        claimed = replace(maya, role="guest", claimed=True)
        await settled(store, 2, Outcome(members=(claimed,)))
        assert (await store.desk(LANE)).people.of(MAYA) == claimed
    async with rig.open() as store:
        assert (await store.people()).identities == {MAYA: MEMBER}
        await settled(store, 3, Outcome(identities=(Identity(key=MAYA, member=MemberId("b" * 32)),)))
        assert (await store.people()).of(MAYA) is None


async def check_a_thread_follows_a_live_loop(rig: Rig) -> None:
    other = ids.ThreadKey("slack:T1/C1/1.2")
    followed = replace(a_loop(), followers=(other,))
    async with rig.open() as store:
        await settled(store, 1, Outcome(loop=followed))
        assert (await store.desk(other)).follows == followed.thread
        assert (await store.desk(followed.thread)).follows is None
    async with rig.open() as store:
        await settled(store, 2, Outcome(loop=replace(followed, status="done")))
        assert (await store.desk(other)).follows is None
        await settled(store, 3, Outcome(loop=replace(followed, followers=()), unfollowed=(other,)))
        assert (await store.desk(other)).follows is None


async def check_spending_is_summed(rig: Rig) -> None:
    first, second = spent("1", 0.25), replace(spent("2", 0.5), loop=a_loop(2).id, at=at(100))
    async with rig.open() as store:
        assert await store.spent() == (0.0, 0)
        for number, one in enumerate((first, second, first)):
            await settled(store, number, Outcome(spent=one))
        assert await store.spent() == (0.75, 20)
        assert await store.spent(loop=first.loop) == (0.25, 10)
        assert await store.spent(since=at(50)) == (0.5, 10)
        assert await store.spent(loop=first.loop, since=at(50)) == (0.0, 0)


async def check_instants_keep_their_zone(rig: Rig) -> None:
    east = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    loop = replace(a_loop(), created_at=east, updated_at=east)
    async with rig.open() as store:
        await settled(store, 1, Outcome(loop=loop))
        await arrived(store, posted(2, moment=east))
    async with rig.open() as store:
        (arrival,) = await store.waiting()
        back = await store.loop(loop.id)
        assert back is not None
        for moment in (arrival.event.at, back.created_at, back.updated_at):
            assert moment.tzinfo is not None
            assert moment == east


async def check_an_unknown_arrival_or_job_is_no_harm(rig: Rig) -> None:
    async with rig.open() as store:
        assert list(await store.settle(Arrival(seq=999, event=posted(1)), Outcome(effects=(say("k"),)))) == []
        await store.lease(999)
        await store.finish(999)
        assert await store.jobs() == []


def _denied(ask: asks.Ask) -> asks.Ask:
    return asks.settle(ask, "deny", member=MEMBER, name="Maya", at=at(60))


CHECKS: tuple[Check, ...] = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_")
)
