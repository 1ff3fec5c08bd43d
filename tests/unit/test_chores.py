"""What the bridge's own jobs find and say. Owns: nothing. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from adapters.store.store import SqlStore
from bridge.choring import Choring
from core import cards, chores, effects, events
from core.desk import Outcome
from core.ids import LoopId, ThreadKey
from core.proposals import Proposal
from core.testing import store_rig
from core.testing.fakes import FakeClock
from tests.unit.story import THREAD, Story, words

DAY = timedelta(days=1)


def test_reminders_come_once_and_again_after_a_week() -> None:
    loop = replace(store_rig.a_loop(1), status="rfd", updated_at=store_rig.at())
    waits = chores.waiting([loop], {})
    told = []
    last = None
    for hour in range(0, 24 * 20, 6):
        now = store_rig.at(hour * 3600)
        if chores.reminders(waits, after=DAY, last=last, now=now):
            told.append(hour // 24)
        last = now
    assert told == [1, 8, 15]


def test_one_thread_has_one_reminder_that_calls_who_is_asked() -> None:
    loop = store_rig.a_loop(1)
    asks = [store_rig.an_ask(1, loop), store_rig.an_ask(2, loop, asked=60)]
    waits = chores.waiting([loop], {loop.id: asks})
    (message,) = chores.reminders(waits, after=DAY, last=None, now=store_rig.at(2 * 86_400)).values()
    told = words(message)
    assert all(ask.handle in told for ask in asks)
    assert message.notify == (loop.driver_identity,)


def test_proposals_are_brought_up_and_keep_their_loop() -> None:
    loop = replace(store_rig.a_loop(1), status="idle")
    proposal = Proposal(
        id="f" * 32, loop=loop.id, turn=None, thread=loop.thread, layer="knowledge", title="How clocks tick", by=loop.driver, by_name="Maya",
        base="a" * 40, tip="b" * 40, digest="d", files=(), protected=(), proposed_at=store_rig.at(),
    )  # fmt: skip
    waits = chores.waiting([loop], {}, [proposal])
    (message,) = chores.reminders(waits, after=DAY, last=None, now=store_rig.at(2 * 86_400)).values()
    assert "proposal ffffff “How clocks tick”" in words(message)
    assert not message.notify
    assert not chores.idle([loop], after=DAY, now=store_rig.at(9 * 86_400), waited_for={loop.id})


def test_a_digest_holds_what_everybody_here_may_read() -> None:
    here = replace(store_rig.a_loop(1), title="Clock bug", status="idle")
    elsewhere = replace(
        store_rig.a_loop(2), id=LoopId("e" * 32), title="Salaries", thread=ThreadKey("slack:T/G1/1.1")
    )
    now = here.updated_at + timedelta(hours=1)
    made = chores.digest(
        [here, elsewhere], chores.waiting([elsewhere], {}), reads=lambda thread: thread == here.thread,
        since=None, now=now,
    )  # fmt: skip
    assert made is not None
    assert "Clock bug" in words(made)
    assert "Salaries" not in words(made)
    assert "1 loop where not everybody here can read" in words(made)


def test_nothing_moved_and_nothing_waits_is_no_digest() -> None:
    loop = store_rig.a_loop(1)
    now = loop.updated_at + 3 * DAY
    assert chores.digest([loop], [], reads=lambda _: True, since=now - DAY, now=now) is None


async def test_a_loop_whose_ask_waits_is_not_put_away(tmp_path: Path) -> None:
    told: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        told.append(event)

    async def distil(effect: effects.Chore) -> None: ...

    clock = FakeClock()
    async with SqlStore(f"sqlite:///{tmp_path}/bridge.db", clock=clock) as store:
        choring = Choring(
            loops=tmp_path, store=store, clock=clock, emit=emit, digest_in="", remind_after=DAY, archive_after=14 * DAY, keep=90 * DAY,
            packs=(), distil=distil,
        )  # fmt: skip
        loop = replace(store_rig.a_loop(1), status="idle")
        ask = replace(store_rig.an_ask(1, loop), about="work")
        for number, asks in enumerate(((ask,), (replace(ask, state="denied"),))):
            [arrival] = await store.arrive(
                [events.Deleted(lane=loop.thread, at=clock.now(), message=str(number))]
            )
            assert arrival is not None
            await store.settle(arrival, Outcome(loop=loop, asks=asks))
            await clock.sleep(15 * 86_400)
            await choring(
                effects.Chore(key="c", lane=loop.thread, job="archive", due=clock.now(), since=None)
            )
            assert len(told) == number


def resting() -> Story:
    story = Story().started()
    story.results("Fixed.")
    story.taken()
    assert chores.idle([story.loop], after=14 * DAY, now=story.at + 15 * DAY) == [story.loop]
    assert not chores.idle([story.loop], after=14 * DAY, now=story.at + 13 * DAY)
    idle = events.WentIdle(
        lane=THREAD, at=story.at + 15 * DAY, loop=story.loop.id, since=story.loop.updated_at
    )
    story.tell(idle)
    return story


def test_an_idle_loop_is_archived_and_said_once() -> None:
    story = resting()
    assert (story.loop.status, story.loop.resting) == ("archived", True)
    assert "archived after 15 d without a word" in story.told()
    assert not story.of(effects.CloseLoop)[0].archive


def test_a_word_takes_a_resting_loop_out_again() -> None:
    story = resting()
    first = story.loop.id
    story.says("maya", "one more thing: the docs")
    assert (story.loop.id, story.loop.status) == (first, "queued")
    assert "one more thing" in story.of(effects.RunLeg)[0].prompt
    assert story.of(effects.RunLeg)[0].resume


def resting_failed() -> Story:
    story = Story().started()
    story.tell(
        events.TurnBroke(**story.of_turn(), what="The model refused the key (401).", remedy="Mend it.")
    )
    story.tell(
        events.WentIdle(lane=THREAD, at=story.at + 15 * DAY, loop=story.loop.id, since=story.loop.updated_at)
    )
    assert story.loop.resting
    return story


def test_a_failed_loop_that_rests_is_still_tried_again() -> None:
    story = resting_failed()
    story.presses("maya", cards.act_token(story.house.secret, story.loop, "retry"))
    assert story.of(effects.RunLeg)
    assert story.loop.busy
    assert "401). Tried again." in story.told()
    story = resting_failed()
    story.says("maya", "go on")
    assert "refused the key" in story.of(effects.RunLeg)[0].prompt
    assert "401). Tried again." in story.told()


def test_a_failed_loop_that_rested_for_very_long_shows_no_retry() -> None:
    story = resting_failed()
    since = story.loop.updated_at
    story.tell(events.WentIdle(lane=THREAD, at=story.at + 200 * DAY, loop=story.loop.id, since=since))
    (card,) = story.of(effects.Show)
    assert "401). The loop is over" in words(card.message)
    assert "[" not in words(card.message)


def test_who_is_not_listened_to_wakes_nobody() -> None:
    story = resting()
    story.says("gus", "nice work")
    assert story.loop.status == "archived"
    story.says("maya", "/loop look at the other test")
    assert story.loop.task == "look at the other test"


def test_a_loop_that_was_spoken_to_meanwhile_stays() -> None:
    story = Story().started()
    story.results("Fixed.")
    story.taken()
    since = story.loop.updated_at
    story.says("maya", "and now?")
    story.tell(events.WentIdle(lane=THREAD, at=story.at, loop=story.loop.id, since=since))
    assert story.loop.live


def test_a_loop_that_rested_for_very_long_loses_its_home() -> None:
    story = resting()
    again = events.WentIdle(
        lane=THREAD, at=story.at + 200 * DAY, loop=story.loop.id, since=story.loop.updated_at
    )
    story.tell(again)
    assert story.of(effects.CloseLoop)[0].archive
    assert not story.loop.resting
    assert not story.of(effects.Say)
