"""What a loop is given, shared and told, and decisions that people mark: rule by rule. Owns: nothing. Imports: core, tests.unit.story."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from core import cards, decided, effects, events, graph
from core.events.context import Wants
from core.ids import IdentityKey, ThreadKey
from core.message import Attachment, Buttons, Code
from core.references import Reference
from tests.unit.story import THREAD, Story, who, words

NOW = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
ELSEWHERE = "local:home/secret/7"


def source(audience: str = "bridge", **more: Any) -> events.Source:
    given: dict[str, Any] = {
        "key": "page:knowledge/clock.md", "kind": "page", "audience": audience, "title": "page `knowledge/clock.md`", "text": "Freeze it.",
        "said_at": NOW, "digest": "d1",
    }  # fmt: skip
    return events.Source(**given | more)


def secret(**more: Any) -> events.Source:
    return source(
        **{
            "audience": ELSEWHERE,
            "key": f"message:{ELSEWHERE}#9", "kind": "message", "title": f"the message of today ({ELSEWHERE}#9)", "text": "the key is blue", "author": "Eve",
            "permalink": f"{ELSEWHERE}#9", "readers": (IdentityKey("local:home/ravi"),), **more,
        },
    )  # fmt: skip


def refers(story: Story, wants: Wants, found: events.Source | None, name: str = "maya", **more: Any) -> None:
    story.wait(1)
    number = str(len(story.effects))
    story.tell(
        events.Referred(
            lane=THREAD, at=story.at, wants=wants, author=who(name), message=number, found=found, **more
        )
    )


def presses_label(story: Story, name: str, label: str, message: Any) -> None:
    (button,) = [
        button
        for block in message.blocks
        if isinstance(block, Buttons)
        for button in block.buttons
        if button.label == label
    ]
    story.presses(name, button.token)


def edges(story: Story, kind: str) -> set[tuple[str, str]]:
    return {
        (fact.src, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge) and fact.kind == kind
    }


@pytest.mark.parametrize(
    ("said", "kind", "name"),
    [
        ("exclude 3", "number", "3"),
        ("exclude local:home/general/1#4", "node", "message:local:home/general/1#4"),
        ("add https://chat.example/p/1.", "link", "https://chat.example/p/1"),
        ("add knowledge/clock.md", "node", "page:knowledge/clock.md"),
        ("add personal/me.md", "node", "page:personal/maya/me.md"),
        ("add #a1b2c3", "loop", "a1b2c3"),
    ],
)
def test_what_people_point_at_is_looked_up(said: str, kind: str, name: str) -> None:
    story = Story().started()
    story.says("maya", f"/loop context {said}")
    [effect] = story.of(effects.Refer)
    assert effect.reference == Reference(kind=kind, name=name)  # type: ignore[arg-type]
    assert effect.wants == said.split()[0]


def test_only_members_change_what_a_loop_is_given() -> None:
    story = Story().started()
    for words_said in ("exclude 1", "add knowledge/a.md", "refresh"):
        story.says("gus", f"/loop context {words_said}")
        assert not story.of(effects.Refer)
        assert not story.of(effects.Assemble)
        assert "Ada, Maya or Ravi can" in story.told()
    story.says("gus", "/loop context")
    assert story.of(effects.Look)


def test_what_is_excluded_is_out_and_the_agent_is_told_with_the_next_turn() -> None:
    story = Story().started()
    refers(story, "exclude", source())
    assert story.loop.excluded == ("page:knowledge/clock.md",)
    assert len(story.of(effects.Assemble)) == 1
    assert "Excluded from the loop's context by Maya" in story.told()
    story.results()
    story.taken()
    story.says("maya", "go on")
    [leg] = story.of(effects.RunLeg)
    assert "excluded this from your context: do not rely on it: page `knowledge/clock.md`" in leg.prompt
    assert story.loop.news == ()
    refers(story, "exclude", source())
    assert "excluded already" in story.told()


def test_before_the_first_turn_nothing_needs_telling() -> None:
    story = Story()
    story.says("maya", "/loop fix the flaky test")
    refers(story, "exclude", source(key="message:x"))
    assert not story.of(effects.Assemble), "there is no folder yet"
    story.tell(events.ThreadRead(lane=THREAD, at=story.at, loop=story.loop.id, messages=()))
    story.prepared()  # it was made meanwhile, of what was so then
    assert len(story.of(effects.Assemble)) == 1
    [leg] = story.of(effects.RunLeg)
    assert "excluded" not in leg.prompt


def test_what_everybody_reads_is_added_at_once() -> None:
    story = Story().started()
    refers(story, "add", source())
    assert [given.key for given in story.loop.added] == ["page:knowledge/clock.md"]
    assert len(story.of(effects.Assemble)) == 1
    refers(story, "add", source())
    assert "given that already" in story.told()
    refers(story, "exclude", source())
    assert not story.loop.added


def test_a_narrower_source_waits_for_somebody_who_could_read_it_and_is_not_shown_before() -> None:
    story = Story().started()
    refers(story, "add", secret())
    assert not story.loop.added
    assert not story.of(effects.Assemble)
    [card] = story.of(effects.Say)
    assert "blue" not in words(card.message)
    assert ELSEWHERE in words(card.message)
    assert card.message.notify == (IdentityKey("local:home/ravi"),)
    for stranger in ("maya", "gus"):
        presses_label(story, stranger, "Allow", card.message)
        assert "It still waits" in story.told()
        assert not story.of(effects.Refer)
    presses_label(story, "ravi", "Allow", card.message)
    [look] = story.of(effects.Refer)
    assert (look.wants, look.reference.name) == ("give", secret().key)
    refers(story, "give", secret(), "ravi", words=secret().key)
    assert [(given.key, given.digest) for given in story.loop.added] == [(secret().key, "d1")]
    assert not story.loop.wanted
    [shown] = [effect for effect in story.of(effects.Show) if effect.card == card.card]
    assert "the key is blue" in words(shown.message)
    assert "shared here by Ravi" in words(shown.message)
    assert secret().key in {dst for _, dst in edges(story, "allowed")}
    assert len(story.of(effects.Assemble)) == 1


def test_a_thread_that_follows_is_told_that_it_was_shared_and_not_what() -> None:
    story = Story().started()
    other = ThreadKey("local:home/hall/4")
    story.desk = replace(story.desk, loop=replace(story.loop, followers=(other,)))
    refers(story, "add", secret())
    refers(story, "give", secret(), "ravi", words=secret().key)
    (there,) = [
        effect for effect in story.of(effects.Show) if effect.lane == other and "wanted" in effect.card
    ]
    assert "blue" not in words(there.message)
    assert "shared in the loop's own thread by Ravi" in words(there.message)


def test_what_changed_while_it_was_asked_for_is_not_shared() -> None:
    for now in (secret(text="the key is red", digest="d2"), None):
        story = Story().started()
        refers(story, "add", secret())
        refers(story, "give", now, "ravi", words=secret().key, what="Nothing is known.")
        assert (story.loop.added, story.loop.wanted) == ((), ())
        [shown] = [effect for effect in story.of(effects.Show) if "wanted" in effect.card]
        assert "changed or deleted since" in words(shown.message)


def test_an_admin_may_keep_it_out_and_that_is_recorded() -> None:
    story = Story().started()
    refers(story, "add", secret())
    [card] = story.of(effects.Say)
    refers(story, "add", secret())
    assert "waits to be allowed already" in story.told()
    presses_label(story, "ada", "Keep it out", card.message)
    assert (story.loop.added, story.loop.wanted) == ((), ())
    assert any(isinstance(fact, graph.Node) and fact.text.startswith("denied by Ada") for fact in story.facts)


def test_a_long_source_is_shown_whole_as_a_file() -> None:
    story = Story().started()
    long = secret(text="blue " * 2_000)
    refers(story, "add", long)
    refers(story, "give", long, "ravi", words=long.key)
    [shown] = [effect for effect in story.of(effects.Show) if "wanted" in effect.card]
    [file] = [block for block in shown.message.blocks if isinstance(block, Attachment)]
    assert file.content == long.text
    assert sum(len(block.text) for block in shown.message.blocks if isinstance(block, Code)) <= 2_500


def test_a_capsule_made_anew_tells_the_card_and_the_graph() -> None:
    story = Story().started()
    story.tell(
        events.CapsuleMade(
            lane=THREAD, at=story.at, loop=story.loop.id, made="k", digest="d", messages=("message:y",), others=("page:notes/a.md",),
            people=1, pages=1, left_out=("1 thing that somebody excluded",),
        )
    )  # fmt: skip
    assert (
        story.loop.receipt
        == "Context: 1 message by 1 person, 1 page. Left out: 1 thing that somebody excluded."
    )
    loop = graph.loop(story.loop.id)
    assert {(loop, "message:y"), (loop, "page:notes/a.md")} <= edges(story, "ingested")


def test_what_the_agent_found_counts_as_given() -> None:
    story = Story().started()
    story.tell(events.ContextFound(**story.of_turn(), asked="q", keys=("page:notes/b.md",)))
    assert (graph.loop(story.loop.id), "page:notes/b.md") in edges(story, "ingested")


def test_the_receipts_buttons() -> None:
    story = Story().started()
    for act in ("refresh", "exclude"):
        token = cards.act_token(story.house.secret, story.loop, act)
        story.presses("ravi", token, "2")
        assert story.of(effects.Assemble if act == "refresh" else effects.Refer)
        story.presses("gus", token, "2")
        assert not story.of(effects.Assemble)
        assert not story.of(effects.Refer)


# ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def marks(story: Story) -> list[decided.Mark]:
    """Return the decisions as the store would read them."""
    told: dict[str, graph.Node] = {}
    for fact in story.facts:
        if isinstance(fact, graph.Node) and fact.key.startswith("decision:mark/"):
            known = told.get(fact.key, fact)
            told[fact.key] = replace(known, text=fact.text or known.text, props={**known.props, **fact.props})
    return [decided.of(node) for node in told.values()]


def decides(story: Story, name: str, text: str) -> decided.Mark:
    story.says(name, text)
    story.desk = replace(story.desk, decisions=tuple(mark for mark in marks(story) if mark.live))
    return story.desk.decisions[-1]


def test_a_decision_in_words_touches_the_thread_and_the_repository() -> None:
    story = Story().started()
    mark = decides(story, "ravi", "/loop decide we pin every version of pip packages")
    assert (mark.text, mark.owner, mark.status) == ("we pin every version of pip packages", "Ravi", "live")
    assert f"Decision {mark.handle} by Ravi" in story.told()
    assert {(mark.key, graph.thread(THREAD)), (mark.key, graph.repo("app"))} <= edges(story, "touches")


def test_one_word_is_a_decision_too() -> None:
    assert decides(Story().started(), "ravi", "/loop decide UTC").text == "UTC"


def test_superseding_is_explicit_and_shown_on_both() -> None:
    story = Story().started()
    old = decides(story, "ravi", "/loop decide we pin every version")
    new = decides(story, "maya", f"/loop decide we pin nothing --supersedes {old.handle}")
    assert (new.key, old.key) in edges(story, "supersedes")
    known = {mark.key: mark for mark in marks(story)}
    assert (known[old.key].status, known[old.key].instead) == ("superseded", new.handle)
    assert known[new.key].instead == old.handle
    story.says("maya", f"/loop decide again --supersedes {old.handle}")
    assert "no live decision" in story.told()


def test_a_message_of_the_thread_can_be_marked_once_and_no_other() -> None:
    story = Story().started()
    story.says("ravi", "/loop decide", reply_to="1")
    [effect] = story.of(effects.Refer)
    assert effect.reference == Reference(kind="node", name=graph.message(f"{THREAD}#1"))  # type: ignore[arg-type]
    said = secret(audience=str(THREAD), key=f"message:{THREAD}#1", text="we use UTC", author="Ada")
    refers(story, "decide", said, "ravi")
    [mark] = marks(story)
    assert (mark.text, mark.owner, mark.source) == ("we use UTC", "Ada", said.key)
    assert (mark.key, said.key) in edges(story, "distilled_from")
    story.desk = replace(story.desk, decisions=(mark,))
    refers(story, "decide", said, "maya")
    assert "a decision already" in story.told()
    refers(story, "decide", secret(), "ravi")
    assert "Only messages of this thread" in story.told()
    assert len(marks(story)) == 1


def test_what_becomes_of_the_message_becomes_of_the_decision() -> None:
    story = Story().started()
    said = secret(audience=str(THREAD), key=f"message:{THREAD}#1", text="we use UTC", author="Ada")
    refers(story, "decide", said, "ravi")
    story.desk = replace(story.desk, decisions=tuple(marks(story)))
    story.tell(events.Edited(lane=THREAD, at=story.at, message="1", author=who("ada"), text="we use CET"))
    flagged = [fact for fact in story.facts if isinstance(fact, graph.Node) and fact.props.get("flagged")]
    assert [(node.key, node.props["flagged"]) for node in flagged] == [(marks(story)[0].key, "edited")]
    story.tell(events.Deleted(lane=THREAD, at=story.at, message="1"))
    assert marks(story)[0].status == "withdrawn"
    assert marks(story)[0].live is False


def test_a_decision_can_be_withdrawn_by_members_alone() -> None:
    story = Story().started()
    mark = decides(story, "ravi", "/loop decide we pin every version")
    story.says("gus", f"/loop decisions withdraw {mark.handle}")
    assert marks(story)[0].live
    story.says("maya", f"/loop decisions withdraw {mark.handle}")
    assert marks(story)[0].status == "withdrawn"
    assert "withdrawn by Maya" in story.told()


def test_an_ask_shows_the_decision_it_bears_on_and_no_other() -> None:
    story = Story().started()
    decides(story, "ravi", "/loop decide never pip install without a pinned version")
    decides(story, "ravi", "/loop decide releases happen on Tuesdays")
    story.calls("Bash", command="pip install freezegun")
    assert "Decided here:" in story.told()
    assert "never pip install" in story.told()
    assert "Tuesdays" not in story.told()
    story.calls("Bash", "t2", command="make docs", description="pip install freezegun")
    assert "Decided here:" not in story.told()
