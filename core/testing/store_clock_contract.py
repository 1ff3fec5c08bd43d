"""What every store does for the clock. Owns: checks of schedules and of shedding. Imports: core. Effects: none (the rig has them)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from core.desk import Outcome
from core.graph import Node
from core.ids import IdentityKey, MemberId, ThreadKey
from core.schedules import Schedule, When
from core.testing.store_rig import LANE, Rig, a_loop, an_ask, arrived, at, posted, say, settled


def a_schedule(number: int = 1) -> Schedule:
    """Return a schedule of the lane's thread."""
    return Schedule(
        id=f"{number:032x}", thread=LANE, when=When(hour="9"), said="daily at 9", zone="UTC", words="look",
        driver=MemberId("m"), driver_identity=IdentityKey("local:home/maya"), driver_name="Maya", message="1",
        created_at=at(number),
    )  # fmt: skip


async def check_schedules_stand_on_the_desk(rig: Rig) -> None:
    one, two = a_schedule(1), a_schedule(2)
    async with rig.open() as store:
        await settled(store, 1, Outcome(schedules=(two, one)))
        assert (await store.desk(LANE)).schedules == (one, two)
        paused = replace(one, paused="by Maya", failures=2)
        await settled(store, 2, Outcome(schedules=(paused,)))
        assert list(await store.schedules()) == [two]
        assert (await store.desk(LANE)).schedules == (paused, two)
    async with rig.open() as store:
        await settled(store, 3, Outcome(schedules=(replace(two, deleted=True),)))
        assert (await store.desk(LANE)).schedules == (paused,)


async def check_open_asks_are_told(rig: Rig) -> None:
    loop = a_loop()
    one, two = an_ask(1, loop), an_ask(2, loop, asked=5)
    async with rig.open() as store:
        await settled(store, 1, Outcome(loop=loop, asks=(two, one)))
        await settled(store, 2, Outcome(asks=(replace(two, state="denied"),)))
        assert list(await store.open_asks()) == [one]


async def check_what_is_over_is_let_go_and_known_again(rig: Rig) -> None:
    async with rig.open() as store:
        for number in range(1, 4):
            (job,) = await settled(store, number, Outcome(effects=(say(f"s{number}"),)))
            await store.finish(job.id, posted="1")
        waiting = await arrived(store, posted(9))
        (left,) = await settled(store, 10, Outcome(effects=(say("open"),)))
        rig.clock.advance(100)
        before = rig.clock.now() - timedelta(seconds=1)
        looked = 0
        while found := await store.shed(before):
            looked += found
        assert looked == 6
        assert await store.arrive([posted(1)]) == [None]
        assert not await settled(store, 11, Outcome(effects=(say("s1"),)))
        assert [arrival.event for arrival in await store.waiting()] == [waiting.event]
        assert [job.effect for job in await store.jobs()] == [left.effect]


async def check_threads_are_found_by_what_was_said_lately(rig: Rig) -> None:
    other = ThreadKey(f"{LANE}9")
    facts = tuple(
        Node(key=f"message:{thread}#{number}", kind="message", audience=thread, at=at(number), text="hi")
        for thread, number in ((LANE, 1), (LANE, 5), (other, 3))
    )
    async with rig.open() as store:
        await settled(store, 1, Outcome(facts=facts))
        assert list(await store.talked(at(0))) == sorted([LANE, other])
        assert list(await store.talked(at(3))) == [LANE]
        assert not await store.talked(at(5))


CHECKS = [
    check_threads_are_found_by_what_was_said_lately,
    check_schedules_stand_on_the_desk,
    check_open_asks_are_told,
    check_what_is_over_is_let_go_and_known_again,
]
