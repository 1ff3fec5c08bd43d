"""Bad days, told as events: restarts at awkward moments, a far side that fails, hosts that are not reached."""

from __future__ import annotations

from core import effects, events
from tests.unit.story import THREAD, Story


def test_the_card_says_what_is_not_well_and_which_host_was_not_reached() -> None:
    story = Story().started()
    story.tell(events.ModelFailed(lane=THREAD, at=story.at, loop=story.loop.id, status=529, why="overloaded"))
    assert "working · the model answered 529; trying again" in story.told()
    story.tell(
        events.EgressDenied(
            lane=THREAD,
            at=story.at,
            loop=story.loop.id,
            host="example.org",
            port=443,
            why="not on the allowlist",
        )
    )
    assert "Not reached: example.org (not on the allowlist)." in story.told()


def test_a_stopped_turn_says_who_stopped_it() -> None:
    story = Story().started()
    story.says("ravi", "/loop stop")
    assert "stopping" in story.told()
    story.tell(events.TurnBroke(**story.of_turn(), what="The turn was stopped.", stopped=True))
    assert "\nstopped by Ravi" in story.told()
    assert "finished" not in story.told()


def test_an_interruption_that_comes_after_the_result_changes_nothing() -> None:
    story = Story().started()
    story.results("Fixed.")
    assert story.turn.state == "taking"
    story.interrupted()
    assert story.last == []
    story.taken()
    assert "Fixed." in story.told()
    assert not story.of(effects.RunLeg)


def test_an_interruption_that_comes_after_parking_changes_nothing() -> None:
    story = Story().started()
    story.calls("Bash", command="pip install x")
    ask = story.ask()
    story.tell(events.TurnParked(**story.of_turn(), call=ask.call, session=story.turn.session))
    story.interrupted()
    assert story.last == []
    assert story.turn.state == "parked"


def test_a_command_that_was_cut_off_is_no_step_done() -> None:
    story = Story().started()
    story.calls("Bash", command="pytest -q")
    story.ended(ok=False, note="exit code 1")
    assert "done: Ran `pytest -q` (exit code 1)" in story.told()
    story.calls("Bash", "t2", command="pytest -x")
    story.ended("t2", ok=False, note="failed")
    assert "failed: Ran `pytest -x` (failed)" in story.told()


def test_a_session_that_begins_afresh_is_given_the_task_again() -> None:
    story = Story().started()
    story.says("maya", "/loop stop")
    story.tell(events.TurnBroke(**story.of_turn(), what="The turn was stopped.", stopped=True))
    story.says("maya", "rather the other one")
    [leg] = story.of(effects.RunLeg)
    assert leg.resume is False
    assert leg.prompt.index('<task by="Maya">\nfix the flaky test\n</task>') < leg.prompt.index(
        "rather the other"
    )


def test_a_session_that_goes_on_is_not_given_the_task_again() -> None:
    story = Story().started()
    story.results("Fixed.")
    story.taken()
    story.says("maya", "thanks, and now the docs")
    [leg] = story.of(effects.RunLeg)
    assert leg.resume is True
    assert "<task" not in leg.prompt


async def test_telling_a_file_asks_the_machine_nothing() -> None:
    story = Story().started()
    story.calls("Edit", file_path="/loop/workdir/app/x.py")
    assert "Editing `app/x.py`" in story.told()


def test_what_a_reading_left_out_is_counted_with_the_thread() -> None:
    story = Story()
    story.says("maya", "/loop fix it")
    read = events.ThreadRead(lane=THREAD, at=story.at, loop=story.loop.id, messages=(), left_out=8001)
    story.tell(read)
    assert story.loop.thread_size == 8001
    assert story.loop.thread_note == "", "it would be counted twice on the receipt"


def test_an_ask_that_was_withdrawn_is_asked_anew_by_a_retry() -> None:
    story = Story().started()
    story.calls("Bash", command="pip install x")
    story.tell(events.TurnBroke(**story.of_turn(), what="The agent's process was killed."))
    story.says("maya", "/loop retry")
    story.running()
    story.calls("Bash", "t2", command="pip install x")
    assert "may I run this?" in story.told()
    assert not story.of(effects.Rule)
