"""Questions and plans are asks: who answers, by what, and what the agent hears."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core import effects, events, graph, questions
from core.ids import Token
from core.message import Attachment, Buttons, Message
from tests.unit.story import Story, words

COLOUR = {
    "question": "Which colour?",
    "header": "Colour",
    "options": [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cold"}],
    "multiSelect": False,
}
SIZES = {
    "question": "Which sizes?",
    "header": "Sizes",
    "options": [{"label": label, "description": ""} for label in ("S", "M", "L")],
    "multiSelect": True,
}
PLAN = "# The plan\n1. freeze the clock\n2. run the tests"


def asking(*asked: dict[str, Any]) -> Story:
    story = Story().started()
    story.calls("AskUserQuestion", questions=list(asked or (COLOUR,)))
    return story


def planning() -> Story:
    story = Story().started("/loop --plan fix the flaky test")
    story.calls("ExitPlanMode", plan=PLAN, planFilePath="/home/loop/.claude/plans/x.md")
    return story


def button(message: Message, label: str) -> Token:
    found = [each for block in message.blocks if isinstance(block, Buttons) for each in block.buttons]
    return next(each.token for each in found if each.label == label)


def card(story: Story) -> Message:
    return story.of(effects.Say)[-1].message


def answers(story: Story) -> dict[str, str]:
    """Return what the call is let through with."""
    [rule] = story.of(effects.Rule)
    assert rule.decision == "allow"
    given = json.loads(rule.updated_input)
    assert [each["question"] for each in given["questions"]] == list(given["answers"])
    found: dict[str, str] = given["answers"]
    return found


def test_a_question_is_put_with_its_options_and_calls_the_driver() -> None:
    story = asking()
    message = card(story)
    assert message.title == "Which colour?"
    assert message.notify == ("local:home/maya",)
    assert "**Blue**: cold" in words(message)
    assert "[Red] [Blue] [Other…]" in words(message)
    assert story.loop.status == "waiting"
    assert story.of(effects.Rule) == []


def test_a_pressed_option_is_the_answer() -> None:
    story = asking()
    story.presses("maya", button(card(story), "Blue"))
    assert answers(story) == {"Which colour?": "Blue"}
    assert "answered by Maya" in story.told()
    assert story.loop.status == "running"


def test_other_words_are_an_answer_too() -> None:
    story = asking()
    story.presses("maya", button(card(story), "Other…"), "green, if we have it")
    assert answers(story) == {"Which colour?": "green, if we have it"}


@pytest.mark.parametrize(
    ("said", "answer"), [("blue", "Blue"), ("2", "Blue"), ("neither: ask Ravi", "neither: ask Ravi")]
)
def test_a_plain_reply_of_the_driver_answers(said: str, answer: str) -> None:
    story = asking()
    story.says("maya", said)
    assert answers(story) == {"Which colour?": answer}
    assert story.loop.inputs == (), "an answer is no further turn"
    assert [react.emoji for react in story.of(effects.React)] == ["👀"]


def test_a_reply_of_somebody_else_is_no_answer() -> None:
    story = asking()
    story.says("ravi", "blue")
    story.says("ada", "blue")
    story.says("maya", "what do you think?", mentions=("local:home/ravi",))
    assert story.ask().open
    story.says("ada", "blue", addressed=True)
    assert answers(story) == {"Which colour?": "Blue"}


def test_an_answer_can_be_typed_with_the_asks_handle() -> None:
    for spelled in ("answer {} 2", "/loop answer {} blue"):
        story = asking()
        story.says("ada", spelled.format(story.ask().handle))
        assert answers(story) == {"Which colour?": "Blue"}


@pytest.mark.parametrize("name", ["ravi", "gus", "eve"])
def test_who_may_not_decide_may_not_answer(name: str) -> None:
    story = asking()
    story.presses(name, button(card(story), "Blue"))
    assert story.of(effects.Rule) == []
    assert "can't decide" in story.told()


@pytest.mark.parametrize("said", ["7", "1,2", "  "])
def test_an_answer_that_cannot_be_leaves_the_question_open(said: str) -> None:
    story = asking()
    story.says("maya", f"answer {story.ask().handle} {said}")
    assert story.ask().open
    assert "still waits" in story.told()


def test_several_options_are_named_by_number_or_label() -> None:
    for said in ("1,3", "1 and 3", "s, L", "3 1 3"):
        story = asking(SIZES)
        story.says("maya", f"answer {story.ask().handle} {said}")
        assert set(answers(story)["Which sizes?"].split(", ")) == {"S", "L"}
    assert "1,3" in words(card(asking(SIZES)))


def test_questions_are_put_one_after_another_and_handed_over_together() -> None:
    story = asking(COLOUR, SIZES)
    first = card(story)
    assert "question 1 of 2" in words(first)
    story.presses("maya", button(first, "Red"))
    assert story.of(effects.Rule) == []
    [shown] = [show for show in story.of(effects.Show) if show.card.startswith("ask:")]
    assert "answered by Maya" in words(shown.message)
    second = card(story)
    assert second.title == "Which sizes?"
    story.presses("maya", button(first, "Blue"))
    assert "answered already" in story.told()
    story.says("ada", f"answer {story.ask().handle} 2")
    assert answers(story) == {"Which colour?": "Red", "Which sizes?": "M"}
    decisions = [fact for fact in story.facts if isinstance(fact, graph.Node) and fact.kind == "decision"]
    assert ["Maya" in node.text for node in decisions] == [True, False]


def test_two_questions_at_once_are_not_guessed_between() -> None:
    story = asking()
    story.calls("AskUserQuestion", "t2", questions=[SIZES])
    story.says("maya", "red")
    assert story.of(effects.Rule) == []
    assert "More than one question" in story.told()


def test_answers_of_the_agents_own_do_not_count() -> None:
    story = Story().started()
    story.calls("AskUserQuestion", questions=[COLOUR], answers={"Which colour?": "Red"})
    story.says("maya", "blue")
    assert answers(story) == {"Which colour?": "Blue"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"questions": []},
        {"questions": ["what?"]},
        {"questions": [{"question": " ", "options": []}]},
        {"questions": [COLOUR, COLOUR]},
        {"questions": [{**COLOUR, "options": [{"label": "A"}, {"label": "a"}]}]},
        {"questions": [{**COLOUR, "options": [{"label": 1}]}]},
    ],
)
def test_what_cannot_be_asked_goes_back_to_the_agent(given: dict[str, Any]) -> None:
    story = Story().started()
    story.calls("AskUserQuestion", **given)
    [rule] = story.of(effects.Rule)
    assert rule.decision == "deny"
    assert story.of(effects.Say) == []


def test_silence_is_no_answer() -> None:
    story = asking()
    story.tell(
        events.AskDue(
            lane=story.desk.thread, at=story.at, loop=story.loop.id, ask=story.ask().id, stage="expire"
        )
    )
    [rule] = story.of(effects.Rule)
    assert rule.decision == "deny"
    assert "That is no answer" in rule.reason


def test_a_question_can_be_refused() -> None:
    story = asking()
    story.says("maya", f"deny {story.ask().handle} because that is yours to know")
    [rule] = story.of(effects.Rule)
    assert "does not want to answer because: that is yours to know" in rule.reason


def test_an_answer_to_a_session_that_was_put_away_brings_it_back_at_the_call() -> None:
    story = asking()
    story.tell(events.TurnParked(**story.of_turn(), call=story.ask().call, session=story.turn.session))
    story.says("maya", "blue")
    [leg] = story.of(effects.RunLeg)
    assert (leg.resume, leg.prompt) == (True, "")
    story.calls("AskUserQuestion", questions=[COLOUR])
    assert answers(story) == {"Which colour?": "Blue"}
    assert story.of(effects.Say) == []


def test_an_answer_after_a_crash_is_told_in_words_and_the_same_question_is_not_put_again() -> None:
    story = asking()
    story.interrupted()
    story.says("maya", "blue")
    [leg] = story.of(effects.RunLeg)
    assert "Which colour? Blue" in leg.prompt
    story.calls("AskUserQuestion", "other", questions=[COLOUR])
    assert answers(story) == {"Which colour?": "Blue"}
    assert story.of(effects.Say) == []


def test_a_decision_of_the_wrong_kind_says_what_the_ask_is() -> None:
    story = asking()
    story.says("maya", f"approve {story.ask().handle}")
    assert "is a question" in story.told()
    story = Story().started()
    story.calls("Bash", command="make deploy")
    story.says("maya", f"answer {story.ask().handle} yes")
    assert "waits for a yes or a no" in story.told()
    assert story.ask().open


def test_words_that_name_no_option_stay_as_they_are() -> None:
    question = questions.read(json.dumps({"questions": [SIZES]}))[0]
    assert questions.meant(question, "s, and something wide") == "s, and something wide"


# ── plans ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_loop_that_plans_starts_its_session_so_and_says_it() -> None:
    story = Story().started("/loop --plan fix the flaky test")
    assert [leg.plan for leg in story.of(effects.RunLeg, story.effects)] == [True]
    assert story.loop.title == "Fix the flaky test"
    story.calls("Read", file_path="/loop/workdir/a.py")
    assert "planning" in story.told()


def test_nothing_is_changed_while_planning() -> None:
    story = Story().started("/loop --plan fix the flaky test")
    allowed = {
        "plan": ("Write", {"file_path": "/home/loop/.claude/plans/a-b.md", "content": "x"}),
        "read": ("Read", {"file_path": "/loop/workdir/a.py"}),
        "test": ("Bash", {"command": "pytest -q"}),
    }
    refused = {
        "edit": ("Edit", {"file_path": "/loop/workdir/a.py", "old_string": "a", "new_string": "b"}),
        "settings": ("Write", {"file_path": "/home/loop/.claude/plans/../settings.json", "content": "{}"}),
        "deeper": ("Write", {"file_path": "/home/loop/.claude/plans/x/CLAUDE.md", "content": "{}"}),
        "ask": ("Bash", {"command": "make deploy"}),
    }
    for call, (tool, given) in {**allowed, **refused}.items():
        story.calls(tool, call, **given)
        [rule] = story.of(effects.Rule)
        assert rule.decision == ("allow" if call in allowed else "deny"), call
        assert story.of(effects.Say) == []


def test_a_plan_is_shown_whole_and_approved_by_a_button() -> None:
    story = planning()
    message = card(story)
    assert PLAN in words(message)
    assert "[Approve] [Change…]" in words(message)
    story.presses("ravi", button(message, "Approve"))
    assert "can't decide" in story.told()
    story.presses("maya", button(message, "Approve"))
    [rule] = story.of(effects.Rule)
    assert rule.decision == "allow"
    assert "plan approved by Maya" in story.told()
    story.calls("Edit", "t2", file_path="/loop/workdir/a.py", old_string="a", new_string="b")
    assert [rule.decision for rule in story.of(effects.Rule)] == ["allow"]


def test_a_long_plan_goes_along_as_a_file() -> None:
    story = Story().started("/loop --plan fix the flaky test")
    plan = "\n".join(f"{number}. step" for number in range(1, 2_000))
    story.calls("ExitPlanMode", plan=plan)
    [file] = [block for block in card(story).blocks if isinstance(block, Attachment)]
    assert file.content == plan


def test_changes_are_told_to_the_agent_which_goes_on_planning() -> None:
    story = planning()
    story.says("maya", f"deny {story.ask().handle} leave the API alone")
    [rule] = story.of(effects.Rule)
    assert "wants changes to the plan: leave the API alone" in rule.reason
    assert "changes to the plan wanted by Maya" in story.told()
    assert story.loop.planning
    story.calls("ExitPlanMode", "t2", plan="another one")
    assert "another one" in words(card(story))


def test_a_plan_may_not_change_while_it_waits_for_its_yes() -> None:
    story = planning()
    story.calls("Write", "t2", file_path="/home/loop/.claude/plans/x.md", content="something else")
    assert [rule.decision for rule in story.of(effects.Rule)] == ["deny"]


def test_a_plan_that_waited_long_is_approved_in_its_session() -> None:
    story = planning()
    story.tell(events.TurnParked(**story.of_turn(), call=story.ask().call, session=story.turn.session))
    story.says("maya", f"approve {story.ask().handle}")
    [leg] = story.of(effects.RunLeg)
    assert (leg.resume, leg.plan, leg.prompt) == (True, True, "")
    assert not story.loop.planning
    story.calls("ExitPlanMode", plan=PLAN, planFilePath="/home/loop/.claude/plans/x.md")
    assert [rule.decision for rule in story.of(effects.Rule)] == ["allow"]


def test_a_plan_approved_after_a_crash_is_gone_by_without_planning_again() -> None:
    story = planning()
    story.interrupted()
    story.says("maya", f"approve {story.ask().handle}")
    [leg] = story.of(effects.RunLeg)
    assert not leg.plan
    assert "freeze the clock" in leg.prompt
    assert "approved by Maya" in leg.prompt


def test_an_empty_plan_and_one_that_nobody_wanted_ask_nobody() -> None:
    story = Story().started("/loop --plan fix the flaky test")
    story.calls("ExitPlanMode")
    assert [rule.decision for rule in story.of(effects.Rule)] == ["deny"]
    story = Story().started()
    story.calls("ExitPlanMode", plan=PLAN)
    assert [rule.decision for rule in story.of(effects.Rule)] == ["deny"]
    assert story.of(effects.Say) == []
