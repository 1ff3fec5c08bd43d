"""Who decides what, and what a decision does."""

from __future__ import annotations

import json
import re

import pytest

from core import asks, effects, events, graph
from core.ids import CallId
from tests.unit.story import Story, words


def asking() -> Story:
    story = Story().started()
    story.calls("Bash", command="pip install x", description="Install x")
    return story


def test_an_ask_shows_the_whole_command_and_calls_the_driver() -> None:
    story = asking()
    [say] = story.of(effects.Say)
    assert "pip install x" in words(say.message)
    assert say.message.notify == ("local:home/maya",)
    assert say.priority is effects.Priority.ASK
    assert story.loop.status == "waiting"
    assert story.of(effects.Rule) == []


def test_hidden_characters_are_spelled_out_in_an_ask() -> None:
    story = Story().started()
    story.calls("Bash", command="echo safe\u202e evil\x1b[2K")
    assert "\\u202e" in story.told()
    assert "\\u001b" in story.told()


@pytest.mark.parametrize(
    ("name", "counts"), [("maya", True), ("ada", True), ("ravi", False), ("gus", False), ("eve", False)]
)
def test_only_the_driver_or_an_admin_decides(name: str, counts: bool) -> None:
    story = asking()
    story.presses(name, story.token("once"))
    assert bool(story.of(effects.Rule)) is counts
    if not counts:
        assert "can't decide" in story.told()
        assert story.ask().open


def test_a_decision_counts_once() -> None:
    story = asking()
    token = story.token("once")
    story.presses("maya", token)
    story.presses("ada", token)
    assert story.of(effects.Rule) == []
    assert "allowed by Maya already" in story.told()


def test_allow_for_this_loop_is_a_rule_for_the_same_call_alone() -> None:
    story = asking()
    story.presses("maya", story.token("loop"))
    story.ended()
    story.calls("Bash", "t2", command="pip install x", description="again")
    assert [rule.decision for rule in story.of(effects.Rule)] == ["allow"]
    story.calls("Bash", "t3", command="pip install y")
    assert story.of(effects.Rule) == []


def test_a_denial_carries_its_reason_to_the_agent() -> None:
    story = asking()
    story.says("maya", f"deny {story.ask().handle} because we pin versions")
    [rule] = story.of(effects.Rule)
    assert rule.decision == "deny"
    assert "Maya denied it because: we pin versions" in rule.reason


def test_a_refused_step_is_told_as_one_that_did_not_run() -> None:
    story = asking()
    assert "waiting for Maya or an admin" in story.told()
    assert re.search(r"since \d\d:\d\d UTC$", story.told(), re.MULTILINE)
    story.says("maya", f"deny {story.ask().handle}")
    assert "Did not run `pip install x`" in story.told()
    assert "Ran " not in story.told()


def test_a_yes_to_an_ask_that_is_not_there_is_told_and_no_turn() -> None:
    story = asking()
    for typed in ("approve 9z9", "Deny 1234 because we pin versions"):
        story.says("maya", typed)
        assert f"There is no ask `{typed.split()[1]}`" in story.told()
        assert f"`{story.ask().handle}`" in story.told()
    assert not story.loop.inputs
    story.says("maya", "approve the other one")
    assert [entry.text for entry in story.loop.inputs] == ["approve the other one"]


def test_an_edited_command_is_what_runs() -> None:
    story = asking()
    story.presses("maya", story.token("edit"), "pip install x==1.2")
    [rule] = story.of(effects.Rule)
    assert json.loads(rule.updated_input) == {"command": "pip install x==1.2", "description": "Install x"}


@pytest.mark.parametrize("edit", ["not json", '{\n "file_path": }', ""])
def test_an_edit_that_is_no_json_is_said_in_peoples_words(edit: str) -> None:
    story = Story().started()
    story.calls("Write", file_path=".claude/settings.json", content="{}")
    story.presses("maya", story.token("edit"), edit)
    assert story.ask().open
    assert "char" not in story.told()
    assert "The ask still waits" in story.told()


@pytest.mark.parametrize("edit", ["", "shutdown now"])
def test_an_edit_that_cannot_be_taken_leaves_the_ask_open(edit: str) -> None:
    story = asking()
    story.presses("maya", story.token("edit"), edit)
    assert story.ask().open
    assert "still waits" in story.told()


def test_a_denied_rule_is_told_to_the_agent_and_asks_nobody() -> None:
    story = Story().started()
    story.calls("Bash", command="shutdown now")
    [rule] = story.of(effects.Rule)
    assert rule.decision == "deny"
    assert "no shutdown" in rule.reason
    assert story.of(effects.Say) == []


def test_an_input_nobody_can_see_whole_is_refused() -> None:
    story = Story().started()
    story.calls("Bash", command="x" * 300_000)
    [rule] = story.of(effects.Rule)
    assert "too large" in rule.reason


def test_an_ask_outlives_a_crash_and_the_decision_reaches_the_repeated_call() -> None:
    story = asking()
    token = story.token("once")
    story.interrupted()
    assert story.of(effects.RunLeg) == []
    assert "an answer to it counts as before" in story.told()
    story.presses("maya", token)
    [leg] = story.of(effects.RunLeg)
    assert "It was allowed and has not run yet" in leg.prompt
    story.calls("Bash", "other-id", command="pip install x", description="Install x")
    assert [rule.decision for rule in story.of(effects.Rule)] == ["allow"]
    story.calls("Bash", "third-id", command="pip install x", description="Install x")
    assert story.of(effects.Rule) == []
    assert story.of(effects.Say), "a second run is asked anew"


def test_an_allowed_call_whose_outcome_a_crash_hid_is_asked_again() -> None:
    story = asking()
    story.presses("maya", story.token("once"))
    story.interrupted()
    assert story.of(effects.RunLeg)
    story.calls("Bash", "t9", command="pip install x", description="Install x")
    assert story.of(effects.Rule) == []
    assert "how that ended is unknown" in story.told()


def test_two_asks_wait_side_by_side_and_are_settled_one_by_one() -> None:
    story = asking()
    story.calls("Bash", "t2", command="make deploy")
    first, second = sorted((ask for ask in story.desk.asks if ask.open), key=lambda ask: ask.asked_at)
    assert first.handle != second.handle
    story.presses("maya", asks.token(first, "once"))
    statuses = [story.loop.status]
    story.presses("maya", asks.token(second, "deny"), "not today")
    assert [*statuses, story.loop.status] == ["waiting", "running"]
    assert [rule.call for rule in story.of(effects.Rule)] == [CallId("t2")]


def test_a_foreign_button_gets_a_human_answer() -> None:
    story = asking()
    story.presses("maya", asks.token(story.ask(), "once")[::-1])  # type: ignore[arg-type]
    assert "belongs to a card that is over" in story.told()


def test_bots_never_decide() -> None:
    story = asking()
    story.says("maya", f"approve {story.ask().handle}", bot=True)
    assert story.ask().open


def test_a_decision_is_on_record() -> None:
    story = asking()
    ask = story.ask()
    story.presses("ada", story.token("once"))
    edges = {(fact.src, fact.kind, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge)}
    assert (graph.decision(ask.id), "by", "person:local:home/ada") in edges
    assert (graph.decision(ask.id), "decided", graph.ask(ask.id)) in edges
    assert (graph.decision(ask.id), "allowed", graph.call(ask.turn, ask.call)) in edges


def test_a_verdict_of_a_turn_that_is_over_changes_nothing() -> None:
    story = asking()
    token = story.token("once")
    story.tell(events.TurnBroke(**story.of_turn(), what="The process died.", remedy="Press Retry."))
    story.presses("maya", token)
    assert story.of(effects.Rule) == []
    assert "is over" in story.told()
