"""Distill loops and claims, told event by event. Owns: nothing. Imports: core. Effects: none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core import effects, events, graph, layers
from core.ids import IdentityKey, message_key
from core.message import Buttons
from tests.unit.story import THREAD, Story, words

SOURCES = (f"message:{THREAD}#1", f"message:{THREAD}#2")
CLAIM = graph.claim("knowledge", "clock.md", "abcd1234")


class Days(Story):
    """A thread in which something can be distilled."""

    def due(self, **more: Any) -> list[effects.Effect]:
        self.wait(60)
        given: dict[str, Any] = {
            "order": str(self.at), "audience": THREAD, "driver": IdentityKey("local:home/maya"), "sources": SOURCES,
            "marks": ((str(THREAD), self.at),),
        }  # fmt: skip
        return self.tell(events.DistillDue(lane=THREAD, at=self.at, **{**given, **more}))

    def begun(self) -> None:
        self.prepared()
        self.running()

    def distilled(self) -> list[str]:
        """Return up to when threads count as distilled."""
        return [
            fact.props["distilled"]
            for fact in self.facts
            if isinstance(fact, graph.Node) and "distilled" in fact.props
        ]

    def press(self, label: str) -> None:
        (card,) = [
            say.message for say in self.of(effects.Say, self.effects) if "knowledge" in words(say.message)
        ]
        (buttons,) = [block for block in card.blocks if isinstance(block, Buttons)]
        (token,) = [button.token for button in buttons.buttons if button.label == label]
        self.presses("ravi", token)


@pytest.fixture
def days() -> Days:
    return Days()


def test_words_ask_for_what_is_to_be_distilled(days: Days) -> None:
    days.says("maya", "/loop distill since yesterday")
    (wanted,) = days.of(effects.Distil)
    assert (wanted.what, wanted.author.name) == ("since", "Maya")
    days.says("maya", "/loop distill")
    assert days.of(effects.Distil)[0].what == "new"
    days.says("maya", "/loop distill loop")
    assert "no loop" in days.told()
    days.says("maya", "/loop distill since the flood")
    assert "no time that can be read" in days.told()
    days.says("maya", "/loop distill the logs into a summary")
    assert days.loop.task == "distill the logs into a summary"


def test_what_the_clock_finds_stays_silent_until_there_is_something(days: Days) -> None:
    days.due()
    assert not days.of(effects.Say) + days.of(effects.Show)
    assert days.of(effects.Prepare)
    days.begun()
    days.results("Nothing yet: small talk.")
    assert not days.of(effects.Say) + days.of(effects.Show)
    assert days.loop.status == "archived"
    assert len(days.distilled()) == 1
    assert [(chore.job, chore.round) for chore in days.of(effects.Chore)] == [("distill", 2)]
    days.due(round=5)
    days.begun()
    days.results("Nothing yet.")
    assert not days.of(effects.Chore)


def test_what_came_of_it_is_shown(days: Days) -> None:
    days.due()
    days.begun()
    days.results("One page on the clock.")
    assert "One page on the clock." in days.told()
    assert days.loop.status == "idle"
    assert len(days.distilled()) == 1


def test_a_failure_marks_nothing_and_is_shown(days: Days) -> None:
    days.due()
    days.begun()
    days.tell(events.TurnBroke(**days.of_turn(), what="The model refused the key (401).", remedy="Mend it."))
    assert "The model refused the key" in days.told()
    assert not days.distilled()
    days.says("maya", "/loop retry")
    days.running()
    days.results("One page.")
    assert len(days.distilled()) == 1


def test_whoever_asked_hears_that_there_was_nothing(days: Days) -> None:
    days.due(asked="5", sources=())
    assert "Nothing new was said here" in days.told()
    days.due(sources=())
    assert not days.last
    days.due(asked="6")
    days.begun()
    days.results("Nothing yet: small talk.")
    assert "small talk" in days.told()


def test_a_busy_thread_is_left_alone(days: Days) -> None:
    days.started()
    running = days.loop.id
    days.due()
    assert (days.last, days.loop.id) == ([], running)
    days.due(asked="9")
    assert "is at work here" in days.told()
    days.results("Fixed.")
    days.taken()
    days.due()
    assert days.loop.id != running
    assert days.of(effects.CloseLoop)[0].loop == running


def test_what_few_could_read_waits_for_a_word(days: Days) -> None:
    days.due(asked="5", shared=False)
    assert not days.of(effects.Prepare)
    assert "May 2 messages of this thread be condensed" in days.told()
    assert days.loop.status == "waiting"
    assert "waiting for somebody who reads here to allow it" in days.told()
    days.says("maya", "/loop retry")
    assert "somebody's word" in days.told()
    assert not days.of(effects.Prepare)
    days.press("Allow")
    assert days.of(effects.Prepare)
    assert "may be condensed for `knowledge`: Ravi" in days.told()
    decisions = [fact for fact in days.facts if isinstance(fact, graph.Node) and fact.kind == "decision"]
    assert "allowed by Ravi" in decisions[0].text


def test_a_no_keeps_it_here(days: Days) -> None:
    days.due(asked="5", shared=False)
    days.press("Keep it here")
    assert not days.of(effects.Prepare)
    assert not days.loop.live
    assert not days.distilled()


def test_a_word_that_comes_after_the_end_changes_nothing(days: Days) -> None:
    days.due(asked="5", shared=False)
    days.says("maya", "/loop done")
    days.press("Allow")
    assert not days.of(effects.Prepare)
    assert "card that is over" in days.told()


def test_a_guests_word_does_not_count(days: Days) -> None:
    days.due(asked="5", shared=False)
    (card,) = days.of(effects.Say)
    (buttons,) = [block for block in card.message.blocks if isinstance(block, Buttons)]
    days.presses("gus", buttons.buttons[0].token)
    assert not days.of(effects.Prepare)
    assert "still waits" in days.told()


def test_claims_become_nodes_with_their_sources(days: Days) -> None:
    read = events.ClaimsRead(
        lane=layers.lane("knowledge"), at=days.at, layer="knowledge", path="clock.md", tip="a" * 40,
        claims=(events.ClaimRead(n="abcd1234", text="The clock is frozen.", sources=SOURCES),), gone=(f"{CLAIM}x",),
    )  # fmt: skip
    days.tell(read)
    made = {fact.key: fact for fact in days.facts if isinstance(fact, graph.Node)}
    assert (made[CLAIM].text, made[CLAIM].audience) == ("The clock is frozen.", layers.EVERYBODY)
    assert made[f"{CLAIM}x"].props["deleted"]
    edges = {
        (fact.kind, fact.dst) for fact in days.facts if isinstance(fact, graph.Edge) and fact.src == CLAIM
    }
    assert edges == {
        ("distilled_from", SOURCES[0]),
        ("distilled_from", SOURCES[1]),
        ("links", "page:knowledge/clock.md"),
    }


def test_a_change_of_a_source_is_followed_back(days: Days) -> None:
    days.says("maya", "the clock is frozen")
    edited = events.Edited(
        lane=THREAD, at=days.at + timedelta(seconds=5), message="1", author=days_author(), text="it is not"
    )
    days.tell(edited)
    (effect,) = days.of(effects.Retrace)
    assert (effect.message, effect.how) == (message_key(THREAD, "1"), "edited")
    changed = events.SourceChanged(
        lane=layers.lane("knowledge"), at=days.at, message=effect.message, how="edited", changed_at=days.at, claims=(CLAIM,),
    )  # fmt: skip
    days.tell(changed)
    flagged = [fact for fact in days.facts if isinstance(fact, graph.Node) and fact.key == CLAIM]
    assert flagged[-1].props["how"] == "edited"
    assert flagged[-1].text == ""


def test_a_layers_pages_are_read_for_claims(days: Days) -> None:
    moved = events.LayerMoved(
        lane=layers.lane("knowledge"), at=days.at, layer="knowledge", base="", tip="a" * 40,
        pages=(events.Page(path="clock.md", text="- so"),),
    )  # fmt: skip
    days.tell(moved)
    assert days.of(effects.ReadClaims)[0].pages[0].path == "clock.md"
    own = layers.personal(days.desk.people.of(IdentityKey("local:home/maya")).id)  # type: ignore[union-attr]
    days.tell(
        events.LayerMoved(
            lane=layers.lane(own), at=days.at, layer=own, base="", tip="b" * 40, pages=moved.pages
        )
    )
    assert not days.of(effects.ReadClaims)


def days_author() -> events.Author:
    return events.Author(identity=IdentityKey("local:home/maya"), name="Maya")
