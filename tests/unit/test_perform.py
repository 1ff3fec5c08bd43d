"""Effects to the loop, with hands that fail and a store that has no room for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import structlog.testing

from adapters.store.store import SqlStore
from bridge.clock import SystemClock
from bridge.delivery import Delivery
from bridge.dispatch import Dispatcher
from bridge.legs import Legs
from bridge.perform import Performer
from bridge.supervise import Supervisor
from core import events
from core.desk import House, Outcome
from core.effects import Prepare
from core.errors import Rejected, StorageFull, Unavailable
from core.events import Deleted, Event
from core.ids import CardKey, LoopId, ThreadKey
from core.policy import Policy
from core.ports import Arrival, Clock, Job
from tests.patience import PATIENCE

LANE = ThreadKey("local:home/general/1")
EFFECT = Prepare(key="prepare", lane=LANE, loop=LoopId("l"), attempt=1)


class HurriedClock(SystemClock):
    """Sleeps a hundredth of what it is asked to."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


class FullStore(SqlStore):
    """A store that takes no note for a while."""

    refusals = 0

    async def finish(
        self, job: int, *, card: CardKey | None = None, posted: str = "", failed: str = ""
    ) -> None:
        self._room()
        await super().finish(job, card=card, posted=posted, failed=failed)

    async def arrive(self, events: Sequence[Event]) -> Sequence[Arrival | None]:
        self._room()
        return await super().arrive(events)

    async def tell(self, event: Event, outcome: Outcome) -> Sequence[Job] | None:
        self._room()
        return await super().tell(event, outcome)

    def _room(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StorageFull("the disk is full")


class NoChat:
    """A delivery that has nothing to deliver."""

    def take(self, jobs: list[Job]) -> None:
        assert not jobs


class NoLegs:
    """Legs nobody runs."""

    run = rule = interrupt = None


@asynccontextmanager
async def stage(
    tmp_path: Path, hand: Callable[[Prepare], Awaitable[None]], heard: list[Event]
) -> AsyncIterator[FullStore]:
    clock: Clock = HurriedClock()

    async def emit(event: Event) -> None:
        heard.append(event)

    async with (
        FullStore(f"sqlite:///{tmp_path / 'b.db'}", clock=clock) as store,
        Supervisor(clock) as supervisor,
    ):
        performer = Performer(
            store=store, delivery=cast("Delivery", NoChat()), legs=cast("Legs", NoLegs()), others={Prepare: hand}, emit=emit,
            clock=clock, supervisor=supervisor,
        )  # fmt: skip
        [arrival] = await store.arrive([Deleted(lane=LANE, at=clock.now(), message="1")])
        assert arrival is not None
        performer.take(await store.settle(arrival, Outcome(effects=(EFFECT,))))
        yield store
        async with asyncio.timeout(PATIENCE):
            while await store.jobs():  # noqa: ASYNC110 - looked at from outside
                await asyncio.sleep(0.01)


async def test_what_cannot_be_reached_is_tried_until_it_can(tmp_path: Path) -> None:
    tries: list[int] = []

    async def hand(effect: Prepare) -> None:
        tries.append(1)
        if len(tries) < 12:
            raise Unavailable("not yet")

    heard: list[Event] = []
    async with stage(tmp_path, hand, heard):
        pass
    assert len(tries) == 12
    assert heard == []


async def test_what_is_refused_or_breaks_is_told_to_the_loop_that_waits_for_it(tmp_path: Path) -> None:
    async def refused(effect: Prepare) -> None:
        raise Rejected("no such place")

    async def broken(effect: Prepare) -> None:
        raise ZeroDivisionError

    heard: list[Event] = []
    for number, hand in enumerate((refused, broken)):
        place = tmp_path / str(number)
        place.mkdir()
        with structlog.testing.capture_logs():
            async with stage(place, hand, heard):
                pass
    first, second = heard
    assert isinstance(first, events.PrepareFailed)
    assert isinstance(second, events.PrepareFailed)
    assert first.what == "The workdir could not be made: no such place."
    assert "ZeroDivisionError" in second.what


async def test_what_was_done_is_not_done_again_because_the_disk_is_full(tmp_path: Path) -> None:
    done: list[int] = []
    at: asyncio.Future[FullStore] = asyncio.get_running_loop().create_future()

    async def hand(effect: Prepare) -> None:
        (await at).refusals = 5
        done.append(1)

    async with stage(tmp_path, hand, []) as store:
        at.set_result(store)
    assert done == [1]


async def test_what_the_bridges_own_side_tells_is_stored_as_soon_as_there_is_room(tmp_path: Path) -> None:
    clock: Clock = HurriedClock()
    async with FullStore(f"sqlite:///{tmp_path / 'b.db'}", clock=clock) as store:
        house = House(policy=Policy(), secret="s")
        dispatcher = Dispatcher(store=store, house=house, clock=clock, take=lambda jobs: None)
        store.refusals = 6
        await dispatcher.insist(Deleted(lane=LANE, at=clock.now(), message="1"))
        await dispatcher.idle()
        assert store.refusals == 0
        assert await store.waiting() == []


async def test_what_the_bridges_own_side_tells_is_handled_once_and_in_its_turn(tmp_path: Path) -> None:
    clock: Clock = HurriedClock()
    seen: list[str] = []

    def look(event: Event, outcome: Outcome) -> None:
        assert isinstance(event, Deleted)
        seen.append(event.message)

    async with SqlStore(f"sqlite:///{tmp_path / 'b.db'}", clock=clock) as store:
        house = House(policy=Policy(), secret="s")
        dispatcher = Dispatcher(store=store, house=house, clock=clock, take=lambda jobs: None, seen=(look,))
        brought, told, again = (Deleted(lane=LANE, at=clock.now(), message=name) for name in "121")
        await asyncio.gather(dispatcher.emit(brought), dispatcher.insist(told), dispatcher.insist(again))
        await dispatcher.idle()
        assert sorted(seen) == ["1", "2"]
        assert await store.waiting() == []
        assert await store.arrive([brought, told]) == [None, None]


async def test_what_is_told_while_the_bridge_stops_is_kept_for_the_next_start(tmp_path: Path) -> None:
    clock: Clock = HurriedClock()
    async with SqlStore(f"sqlite:///{tmp_path / 'b.db'}", clock=clock) as store:
        house = House(policy=Policy(), secret="s")
        dispatcher = Dispatcher(store=store, house=house, clock=clock, take=lambda jobs: None)
        early, late = (Deleted(lane=LANE, at=clock.now(), message=name) for name in "12")
        telling = asyncio.create_task(dispatcher.insist(early))
        await asyncio.sleep(0)
        await dispatcher.close()
        await telling
        await dispatcher.insist(late)
        assert late in [arrival.event for arrival in await store.waiting()]
        assert await store.arrive([early]) == [None]
