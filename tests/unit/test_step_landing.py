"""Commits that may land only with a person's consent: who is asked, for what, and what follows."""

from __future__ import annotations

from typing import Any

import pytest

from core import asks, effects, events, graph
from core.asks import Ask
from core.ids import CallId
from core.message import Attachment
from tests.unit.story import THREAD, Story, words

BASE, A, B = "a" * 40, "b" * 40, "c" * 40
WHY = events.DelicatePath(path=".claude/settings.json", why="it steers agents")
DIFF = f"commit {A}\ndiff --git a/.claude/settings.json b/.claude/settings.json\n+evil\u202e"


def commit(story: Story, sha: str) -> events.CommitTaken:
    return events.CommitTaken(
        sha=sha, parents=(), subject=f"Work {sha[0]}", at=story.at, files=((".claude/settings.json", 1, 0),)
    )


def ends(story: Story, *shas: str, **more: Any) -> None:
    """Let the turn end with commits up to the last of these, that need consent."""
    story.results("Made settings.")
    given: dict[str, Any] = {
        "commits": tuple(commit(story, sha) for sha in shas),
        "objections": ("commit bbbbbb changes .claude/settings.json (a protected path)",),
        "delicate": (WHY,), "shown": DIFF, "base": story.loop.base, "tip": shas[-1] if shas else story.loop.base,
    }  # fmt: skip
    story.taken(**{**given, **more})


def asking() -> Story:
    story = Story().started()
    ends(story, A)
    return story


def goes_on(story: Story) -> None:
    """Begin the next turn."""
    story.says("maya", "go on")
    story.running()


def landed(story: Story, ask: Ask, **more: Any) -> None:
    story.wait(1)
    given = more or {"where": "origin, branch x"}
    story.tell(events.WorkLanded(lane=THREAD, at=story.at, loop=story.loop.id, ask=ask.id, **given))


def produced(story: Story) -> set[str]:
    return {fact.dst for fact in story.facts if isinstance(fact, graph.Edge) and fact.kind == "produced"}


def test_the_answer_is_posted_and_the_ask_follows_with_everything_in_it() -> None:
    story = asking()
    answer, card = [words(say.message) for say in story.of(effects.Say)]
    assert "Made settings." in answer
    assert "on branch" not in answer
    for part in (
        "may these commits land?",
        "it steers agents",
        "`bbbbbbb` Work b",
        "+evil\\u202e",
        "[Land] [Leave it…]",
    ):
        assert part in card
    assert "did not leave" not in story.told()
    assert card.index(f"ask {story.ask().handle} ·") < card.index(WHY.path), (
        "the agent's words could pass for its handle"
    )
    assert story.of(effects.LandWork) == []
    assert story.of(effects.Say)[1].message.notify == ("local:home/maya",)
    assert story.ask().digest == A
    assert story.loop.status == "idle"
    assert story.loop.base == BASE
    assert not produced(story)


def test_a_long_diff_goes_along_whole_and_one_too_long_is_asked_of_nobody() -> None:
    story = Story().started()
    long = DIFF + "x" * 5000
    ends(story, A, shown=long)
    [file] = [block for block in story.of(effects.Say)[1].message.blocks if isinstance(block, Attachment)]
    assert file.content == long.replace("\u202e", "\\u202e")
    story = Story().started()
    ends(story, A, shown="x" * 200_001)
    assert not story.desk.asks
    assert "did not leave the sandbox" in story.told()


def test_what_nobody_may_allow_is_objected_to_as_ever() -> None:
    story = Story().started()
    ends(story, A, delicate=(), shown="")
    assert not story.desk.asks
    assert "did not leave the sandbox" in story.told()


@pytest.mark.parametrize(("name", "counts"), [("maya", True), ("ada", True), ("ravi", False), ("gus", False)])
def test_the_driver_or_an_admin_decides(name: str, counts: bool) -> None:
    story = asking()
    story.presses(name, story.token("once"))
    assert bool(story.of(effects.LandWork)) is counts


def test_an_allowed_tip_lands_once_and_its_card_and_the_graph_tell_it() -> None:
    story = asking()
    ask, token = story.ask(), story.token("once")
    story.presses("maya", token)
    [land] = story.of(effects.LandWork)
    assert (land.tip, land.repo, land.branch, land.key) == (A, "app", story.loop.branch, f"land:{ask.id}")
    assert story.loop.base == BASE, "nothing landed yet"
    story.presses("ada", token)
    assert story.of(effects.LandWork) == []
    landed(story, ask)
    assert "✓ landed, allowed by Maya" in story.told()
    assert story.of(effects.Say) == []
    assert story.loop.base == A
    key = graph.commit("app", A)
    edges = {(fact.src, fact.kind, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge)}
    assert {
        (graph.turn(story.turn.id), "asked", graph.ask(ask.id)), (graph.decision(ask.id), "decided", graph.ask(ask.id)),
        (graph.decision(ask.id), "allowed", key), (graph.turn(story.turn.id), "produced", key),
    } <= edges  # fmt: skip
    landed(story, ask)
    assert story.last == []
    goes_on(story)
    assert "Maya allowed it" in story.turn.prompt


def test_what_could_not_land_says_so_and_the_next_turn_asks_again() -> None:
    story = asking()
    ask = story.ask()
    story.presses("maya", story.token("once"))
    landed(story, ask, what="The branch moved.", remedy="Go on.")
    assert "✗ not landed, though allowed by Maya" in story.told()
    assert "The branch moved." in story.told()
    assert "kept in the loop's clone" in story.told()
    assert story.loop.base == BASE
    goes_on(story)
    ends(story, A)
    assert story.ask().id != ask.id


def test_left_commits_stay_and_are_named_again_only_with_newer_ones() -> None:
    story = asking()
    first = story.ask()
    story.says("maya", f"deny {first.handle} because not here")
    assert "✗ left by Maya" in story.told()
    assert "stay in the loop's clone · because not here" in story.told()
    assert story.of(effects.LandWork) == []
    goes_on(story)
    assert "not here" in story.turn.prompt
    ends(story, A)
    assert not any(ask.open for ask in story.desk.asks)
    assert "Maya left them" in story.told()
    goes_on(story)
    ends(story, A, B)
    assert story.ask().digest == B
    card = words(story.of(effects.Say)[1].message)
    assert "Work b" in card
    assert "Work c" in card


def test_an_open_ask_outlives_turns_until_newer_commits_take_its_place() -> None:
    story = asking()
    first, token = story.ask(), story.token("once")
    goes_on(story)
    assert story.loop.status == "running"
    story.calls("Bash", command="make")
    call = next(ask for ask in story.desk.asks if ask.about == "call")
    story.presses("maya", asks.token(call, "once"))
    assert story.loop.status == "running", "the landing is not what the turn waits for"
    story.ended()
    ends(story, A)
    assert story.ask() == first
    assert f"wait for a word: ask {first.handle}" in story.told()
    goes_on(story)
    ends(story, A, B)
    assert "– withdrawn" in story.told()
    assert story.ask().digest == B
    story.presses("maya", token)
    assert story.of(effects.LandWork) == [], "a word for the one tip lands the other"


def test_a_landing_that_is_told_late_never_takes_the_base_back() -> None:
    story = asking()
    first = story.ask()
    story.presses("maya", story.token("once"))
    goes_on(story)
    ends(story, A, B)
    second = story.ask()
    story.presses("maya", story.token("once"))
    landed(story, second)
    landed(story, first)
    assert story.loop.base == B


def test_it_is_reminded_of_and_expires_and_that_is_no_no() -> None:
    story = asking()
    ask = story.ask()
    story.tell(events.AskDue(lane=THREAD, at=ask.remind_at, loop=story.loop.id, ask=ask.id, stage="remind"))
    assert "1 commit up to `bbbbbbb`" in story.told()
    story.tell(events.AskDue(lane=THREAD, at=ask.expires_at, loop=story.loop.id, ask=ask.id, stage="expire"))
    assert "that is not a no" in story.told()
    story.at = ask.expires_at
    goes_on(story)
    ends(story, A)
    assert story.ask().id != ask.id


def test_the_end_of_the_loop_withdraws_it_and_a_stop_does_not() -> None:
    story = asking()
    goes_on(story)
    story.says("maya", "stop")
    assert story.ask().open
    story.tell(events.TurnBroke(**story.of_turn(), what="", remedy="", stopped=True, lost=False))
    story.says("maya", "/loop done")
    assert [ask.state for ask in story.desk.asks] == ["withdrawn"]


def test_a_withdrawn_ask_says_what_to_do() -> None:
    story = asking()
    story.says("maya", "/loop done")
    assert "the loop is over: `/loop <task>` begins one that can make them anew" in story.told()
    story = asking()
    story.tell(events.WentIdle(lane=THREAD, at=story.at, loop=story.loop.id, since=story.loop.updated_at))
    assert "– withdrawn" in story.told()
    assert "a word here wakes the loop, and its next turn asks again" in story.told()
    story = asking()
    goes_on(story)
    ends(story, A, B)
    assert "newer commits took their place: the ask below is for all of them" in story.told()


def test_a_loop_to_distill_leaves_commits_that_wait_answerable() -> None:
    story = asking()
    first = story.loop.id
    given: dict[str, Any] = {"driver": "local:home/maya", "sources": (), "claims": ("claim:x",), "asked": "m"}
    story.tell(events.DistillDue(lane=THREAD, at=story.at, order="o", audience="all", **given))
    assert (story.loop.id, story.ask().state) == (first, "open")
    assert f"wait for a word: ask {story.ask().handle}" in story.told()


def test_no_call_of_the_agent_passes_for_an_ask_about_work() -> None:
    story = Story().started()
    story.calls("landing", about="work", tip=A)
    ask = story.ask()
    assert (ask.kind, ask.about, ask.call) == ("approval", "call", CallId("t1"))
    story.presses("maya", story.token("once"))
    assert story.of(effects.LandWork) == []


def test_promote_repo_tells_what_waits_and_what_was_left() -> None:
    story = asking()
    handle = story.ask().handle
    story.says("maya", "/loop promote repo")
    assert "None of its commits has landed yet" in story.told()
    assert f"wait for a word: ask {handle}" in story.told()
    story.says("maya", f"deny {handle}")
    story.says("maya", "/loop promote repo")
    assert "Maya left them" in story.told()
