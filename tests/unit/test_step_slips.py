"""Slips of people: a role that does not exist, a handle that nothing has, a word of the house in the wrong place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core import commands
from core.errors import BadInput
from core.ids import IdentityKey
from tests.unit.story import Story

EVE = IdentityKey("local:home/eve")


@pytest.mark.parametrize("words", ["@eve king", "king @eve", "@eve members", "@eve as an owner"])
def test_a_role_that_does_not_exist_lets_nobody_in(words: str) -> None:
    story = Story()
    story.says("ada", f"/loop people add {words}", mentions=(EVE,))
    assert story.desk.people.of(EVE) is None
    assert "admin, member or guest" in story.told()


def test_a_name_is_no_role() -> None:
    story = Story()
    for name in ("@admin", "@guest-eve", "<@admin>"):
        story.says("ada", f"/loop people add {name} member", mentions=(EVE,))
        eve = story.desk.people.of(EVE)
        assert eve is not None
        assert eve.role == "member"


def test_without_a_role_somebody_is_a_member() -> None:
    story = Story()
    story.says("ada", "/loop people add @eve", mentions=(EVE,))
    eve = story.desk.people.of(EVE)
    assert eve is not None
    assert eve.role == "member"


def test_a_mention_of_nobody_is_named() -> None:
    story = Story().started()
    story.says("ada", "/loop people add @nobody member")
    assert "Nobody in this chat goes by `@nobody`" in story.told()
    story.says("maya", "/loop handoff @nobody")
    assert "Nobody in this chat goes by `@nobody`" in story.told()


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ("approve zzz", "approve"),
        ("deny because we pin versions", "deny"),
        ("merge thing", "merge"),
        ("promote everything", "promote"),
    ],
)
def test_one_word_after_a_decision_is_a_handle_and_no_task(words: str, word: str) -> None:
    assert commands.parse(words).word == word


@pytest.mark.parametrize(
    "words", ["approve the new dependency in CI", "merge the two parsers", "promote the new docs page"]
)
def test_several_words_are_still_a_task(words: str) -> None:
    assert commands.parse(words).word == "start"


def test_a_handle_that_no_ask_has_is_said() -> None:
    story = Story().started()
    story.says("maya", "/loop approve zzz")
    assert "There is no ask `zzz` in this thread" in story.told()


def test_a_layer_that_does_not_exist_is_said() -> None:
    story = Story().started()
    story.results()
    story.taken()
    story.says("maya", "/loop promote everything")
    assert "There is no layer `everything`" in story.told()


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        ("plan", "/loop --plan <task>"),
        ("model", "/loop --model NAME <task>"),
    ],
)
def test_an_option_without_its_dashes_is_told_apart(words: str, usage: str) -> None:
    with pytest.raises(BadInput) as refused:
        commands.parse(words)
    assert usage in refused.value.remedy


def test_a_thread_that_has_a_loop_says_what_a_word_of_the_house_takes() -> None:
    story = Story().started()
    story.says("maya", "/loop approve the change to the login page")
    assert "This thread has a loop already" in story.told()
    assert "If you meant the subcommand: `/loop approve <ask>`" in story.told()
    story.says("maya", "/loop write a better page")
    assert "If you meant" not in story.told()


def test_which_decision_is_to_be_withdrawn_is_asked() -> None:
    story = Story()
    story.says("maya", "/loop decisions withdraw")
    assert "Which decision?" in story.told()
    assert "` `" not in story.told()


def test_a_budget_is_raised_in_the_thread() -> None:
    story = Story().started("/loop --budget 2 fix it")
    story.results("", error="The loop's budget is spent.", remedy="Raise it.")
    for words, told in (
        ("budget", "$2.00, of which"),
        ("budget lots", "`/loop budget lots` is no amount"),
        ("budget -1", "is no amount"),
        ("budget nan", "is no amount"),
    ):
        story.says("maya", f"/loop {words}")
        assert told in story.told()
        assert story.loop.budget_usd == 2
    story.says("ravi", "/loop budget 9")
    assert story.loop.budget_usd == 2
    story.says("maya", "/loop budget $5")
    assert story.loop.budget_usd == 5
    assert "may spend $5.00 in all" in story.told()
    assert "Press Retry" in story.told()
    assert commands.parse("budget the trip to Lisbon").word == "start"


def test_a_budget_below_what_is_spent_is_none() -> None:
    story = Story().started()
    story.desk = replace(story.desk, loop=replace(story.loop, spent_usd=3.0))
    story.says("maya", "/loop budget 2")
    assert "has spent $3.00 already" in story.told()
    assert story.loop.budget_usd is None


def test_help_names_every_option() -> None:
    story = Story()
    story.says("maya", "/loop help start")
    for option in (*commands.VALUED, *commands.FLAGS):
        assert f"`{option}" in story.told()


def test_a_loop_that_is_over_gets_no_budget() -> None:
    story = Story().started()
    story.results()
    story.taken()
    story.says("maya", "/loop done")
    story.says("maya", "/loop budget 5")
    assert "is done" in story.told()
    assert story.loop.budget_usd is None
