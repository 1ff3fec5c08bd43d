"""Loops by the clock, told event by event. Owns: nothing. Imports: core. Effects: none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core import effects, events
from core.ids import MemberId
from core.schedules import Schedule
from tests.unit.story import THREAD, Story

MAKE = '/loop schedule "every weekday at 9:00" --repo app run the slow tests'


class Days(Story):
    """A thread with one schedule."""

    def schedule(self) -> Schedule:
        (found,) = self.desk.schedules
        return found

    def tick(self, **more: Any) -> list[effects.Effect]:
        self.wait(86_400)
        return self.tell(events.Ticked(lane=THREAD, at=self.at, job=self.schedule().id, due=self.at, **more))

    def a_run(self) -> None:
        """Bring a run to where its agent has the prompt."""
        self.tick()
        self.tell(events.ThreadRead(lane=THREAD, at=self.at, loop=self.loop.id, messages=()))
        self.prepared()
        self.running()

    def fails(self) -> None:
        self.tell(
            events.TurnBroke(**self.of_turn(), what="The model refused the key (401).", remedy="Mend it.")
        )


@pytest.fixture
def days() -> Days:
    made = Days(zone="Europe/Berlin")
    made.says("maya", MAKE)
    return made


def test_a_schedule_is_made_and_said(days: Days) -> None:
    found = days.schedule()
    assert (str(found.when), found.zone, found.driver) == (
        "0 9 * * mon,tue,wed,thu,fri",
        "Europe/Berlin",
        MemberId("maya"),
    )
    assert "at 09:00, Monday to Friday (Europe/Berlin). Maya drives it" in days.told()
    assert days.desk.loop is None


def test_a_tick_begins_a_loop_of_whoever_made_it(days: Days) -> None:
    days.tick()
    assert (days.loop.task, days.loop.repo, days.loop.driver) == (
        "run the slow tests",
        "app",
        MemberId("maya"),
    )
    assert days.loop.schedule == days.schedule().id
    first = days.loop.id
    days.a_run()
    assert days.loop.id == first  # the loop of the first tick is still being made: the second run is left out


def test_an_idle_loop_is_finished_first(days: Days) -> None:
    days.a_run()
    days.results("All pass.")
    days.taken()
    before = days.loop.id
    assert days.loop.status == "idle"
    days.tick()
    assert days.loop.id != before
    assert days.of(effects.CloseLoop)[0].loop == before


def test_commits_that_wait_for_a_word_are_not_taken_from_whoever_is_to_say_it(days: Days) -> None:
    days.a_run()
    before = days.loop.id
    days.results("Made settings.")
    work = events.CommitTaken(sha="b" * 40, parents=(), subject="Work", at=days.at, files=())
    why = events.DelicatePath(path=".mcp.json", why="it names programs")
    days.taken(
        commits=(work,), objections=("x",), delicate=(why,), shown="+x", base=days.loop.base, tip="b" * 40
    )
    days.tick()
    ask = days.ask()
    assert (days.loop.id, ask.state) == (before, "open")
    assert "was left out" in days.told()
    assert f"`approve {ask.handle}` or `deny {ask.handle}`" in days.told()
    days.tick()
    assert not days.last
    days.at = ask.asked_at
    days.presses("maya", days.token("once"))
    days.tick()
    assert days.loop.id == before  # they are on their way, which is to be told
    days.tell(events.WorkLanded(lane=THREAD, at=days.at, loop=before, ask=ask.id, where="origin, branch x"))
    days.tick()
    assert days.loop.id != before


def test_a_busy_loop_has_the_run_left_out_and_said_once(days: Days) -> None:
    days.a_run()
    running = days.loop.id
    days.tick()
    assert "was left out" in days.told()
    assert "still at work" in days.told()
    days.tick()
    assert not days.last
    assert days.loop.id == running
    assert days.schedule().failures == 0


def test_three_failures_in_a_row_pause_it(days: Days) -> None:
    for _ in range(2):
        days.a_run()
        days.fails()
        assert not days.schedule().paused
    days.a_run()
    days.fails()
    assert days.schedule().paused
    told = days.told()
    assert "is paused: its last 3 runs failed, the newest because: The model refused the key (401)." in told
    assert "/loop schedule resume" in told
    days.tick()
    assert not days.last
    days.says("maya", f"/loop schedule resume {days.schedule().handle}")
    assert (days.schedule().paused, days.schedule().failures) == ("", 0)
    assert days.schedule().resumed_at == days.at
    days.a_run()
    assert days.loop.live


def test_a_good_run_ends_the_row(days: Days) -> None:
    for _ in range(2):
        days.a_run()
        days.fails()
    days.a_run()
    days.results("All pass.")
    days.taken()
    assert days.schedule().failures == 0


def test_a_failed_loop_that_is_tried_again_counts_once(days: Days) -> None:
    days.a_run()
    days.fails()
    days.says("maya", "/loop retry")
    days.running()
    days.fails()
    assert days.schedule().failures == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ('/loop schedule "every blue moon" dance', "no time that can be read"),
        ("/loop schedule every monday tidy up", "a time in quotes"),
        ('/loop schedule "hourly"', "What is to be done"),
        ('/loop schedule "* * * * *" look', "12 times an hour at most"),
        ('/loop schedule "hourly" --repo nowhere look', "no repository"),
        ("/loop schedule pause 999999", "Which schedule"),
    ],
)
def test_what_cannot_be_taken_is_said(days: Days, words: str, hint: str) -> None:
    days.says("maya", words)
    assert hint in days.told()
    assert len(days.desk.schedules) == 1


def test_others_leave_it_alone_and_admins_need_not(days: Days) -> None:
    handle = days.schedule().handle
    days.says("ravi", f"/loop schedule pause {handle}")
    assert "Maya made this schedule" in days.told()
    days.says("ada", f"/loop schedule pause {handle}")
    assert days.schedule().paused == "by Ada"
    days.says("gus", '/loop schedule "hourly" look')
    assert "can't do this" in days.told()
    days.says("maya", f"/loop schedule delete {handle}")
    assert not days.desk.schedules


def test_a_list_shows_them(days: Days) -> None:
    days.says("ravi", "/loop schedule list")
    assert days.schedule().handle in days.told()
    assert "run the slow tests" in days.told()


def test_a_task_may_begin_with_the_word(days: Days) -> None:
    days.says("maya", "/loop schedule a talk with the auditors")
    assert days.loop.task == "schedule a talk with the auditors"


def test_a_schedule_whose_maker_left_is_paused(days: Days) -> None:
    days.says("ada", "/loop people remove @maya", mentions=(days.schedule().driver_identity,))
    days.tick()
    assert "may not start loops any more" in days.told()
    assert days.desk.loop is None


def test_a_made_up_run_is_one_run(days: Days) -> None:
    days.tick(since=days.at - timedelta(days=3))
    assert len(days.of(effects.Prepare)) + len(days.of(effects.ReadThread)) == 1
