"""The rules of promoting and of proposals, without git: who may, what a round means, what is told where."""

from __future__ import annotations

from typing import Any

import pytest

from core import effects, events, graph, proposals
from core.events import Promoted
from core.ids import IdentityKey, MemberId, MessageKey, ThreadKey
from core.layers import KNOWLEDGE, NOTES, personal
from core.message import Buttons
from core.proposals import Proposal
from tests.unit.story import THREAD, Story, who, words

ELSEWHERE = ThreadKey("local:home/general/9")
MAYA = MemberId("maya")
FILES = (("clock.md", 3, 1),)


class Review(Story):
    """A loop that has finished a turn, and proposes."""

    def idle(self) -> Review:
        self.started("/loop write down what we know of clocks")
        self.results("Written.")
        self.taken()
        return self

    def proposes(self, *, protected: tuple[str, ...] = (), request: str = "r1", proposal: str = "ab" * 16, **more: Any) -> Proposal:  # fmt: skip
        self.wait(1)
        given = {"digest": "d1", "base": "a" * 40, "tip": "b" * 40, "diff": "+clocks", **more}
        self.tell(
            events.Proposed(
                lane=THREAD, at=self.at, loop=self.loop.id, turn=self.turn.id, request=request, layer=KNOWLEDGE, proposal=proposal,
                title="Clocks", files=FILES, protected=protected, **given,
            )
        )  # fmt: skip
        return self.proposal

    @property
    def proposal(self) -> Proposal:
        return self.desk.proposals[-1]

    def weighs(self, name: str, choice: Any, text: str = "", *, via: str = ELSEWHERE) -> list[effects.Effect]:
        self._number += 1
        self.wait(1)
        return self.tell(
            events.ProposalWeighed(
                lane=THREAD, at=self.at, proposal=self.proposal.id, choice=choice, words=text, author=who(name),
                message=str(self._number), via=via,
            )
        )  # fmt: skip

    def press(
        self, name: str, choice: proposals.Choice, text: str = "", *, of: Proposal | None = None
    ) -> None:
        self.presses(name, proposals.token(self.house.secret, of or self.proposal, choice), text)

    def merges(self) -> effects.MergeProposal:
        (effect,) = self.of(effects.MergeProposal)
        return effect


def test_a_proposal_waits_on_a_card_and_is_part_of_the_graph() -> None:
    story = Review().idle()
    story.proposes()
    (card,) = [said for said in story.of(effects.Say) if said.card]
    assert card.message.notify == (IdentityKey("local:home/maya"),)
    (row,) = [block for block in card.message.blocks if isinstance(block, Buttons)]
    assert [button.label for button in row.buttons] == ["Merge", "Reject…", "Edit by the loop…", "Diff"]
    edges = {(fact.src, fact.kind, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge)}
    commit = graph.commit(KNOWLEDGE, "b" * 40)
    assert (graph.turn(story.turn.id), "produced", commit) in edges
    assert (commit, "touches", graph.page(KNOWLEDGE, "clock.md")) in edges


@pytest.mark.parametrize(
    ("name", "protected", "words"),
    [
        ("eve", (), "That is for members of this bridge"),
        ("gus", (), "That is for members of this bridge"),
        ("ravi", (".claude/skills/x.md",), "Ada can merge it."),
    ],
)
def test_who_may_not_merge_hears_who_can(name: str, protected: tuple[str, ...], words: str) -> None:
    story = Review().idle()
    story.proposes(protected=protected)
    story.press(name, "merge")
    assert words in story.told()
    assert story.proposal.state == "open"
    assert not story.of(effects.MergeProposal)


def test_any_member_merges_what_is_not_protected_and_an_admin_anything() -> None:
    for name, protected in (("ravi", ()), ("ada", (".mcp.json",))):
        story = Review().idle()
        story.proposes(protected=protected)
        story.press(name, "merge")
        assert (story.merges().reviewer, story.proposal.state) == (name.capitalize(), "merging")
        story.press("ada", "merge")
        assert "is being merged. Its card tells what comes of it." in story.told()


def test_a_merge_from_elsewhere_is_told_there_and_decides() -> None:
    story = Review().idle()
    story.proposes()
    story.weighs("ravi", "merge")
    effect = story.merges()
    assert effect.via == ELSEWHERE
    story.tell(
        events.ProposalMerged(
            lane=THREAD, at=story.at, proposal=story.proposal.id, round=1, commit="c" * 40, files=FILES, author=who("ravi"), via=ELSEWHERE,
        )
    )  # fmt: skip
    assert [whisper.lane for whisper in story.of(effects.Whisper)] == [ELSEWHERE]
    assert "✓ merged by Ravi" in story.told()
    edges = {(fact.src, fact.kind, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge)}
    decision = f"decision:{story.proposal.id}"
    assert (decision, "allowed", graph.commit(KNOWLEDGE, "c" * 40)) in edges
    assert (decision, "by", "person:local:home/ravi") in edges
    story.weighs("maya", "reject", "late")
    assert "was merged by Ravi. It is on `main`." in story.told()


def test_what_the_loop_changes_is_a_new_round_and_the_old_buttons_are_dead() -> None:
    story = Review().idle()
    first = story.proposes()
    story.proposes(request="r2", digest="d2", tip="e" * 40)
    assert (story.proposal.id, story.proposal.round, story.proposal.tip) == (first.id, 2, "e" * 40)
    assert "What was reviewed before counts no more." in story.told()
    assert "renewed below" in story.told()
    story.press("ravi", "merge", of=first)
    assert "belongs to a card that is over" in story.told()
    assert story.proposal.state == "open"


def test_what_is_proposed_while_it_is_merged_stays_to_be_reviewed() -> None:
    story = Review().idle()
    story.proposes()
    story.press("ravi", "merge")
    story.proposes(request="r2", digest="d2", tip="e" * 40)
    merged = events.ProposalMerged(
        lane=THREAD, at=story.at, proposal=story.proposal.id, round=1, commit="c" * 40, files=FILES, author=who("ravi"),
    )  # fmt: skip
    story.tell(merged)
    assert (story.proposal.state, story.proposal.round, story.proposal.tip) == ("open", 2, "e" * 40)
    (card,) = story.of(effects.Show)
    assert card.card == f"proposal:{story.proposal.id}:1"
    assert "✓ merged by Ravi" in story.told()
    edges = {(fact.src, fact.kind, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge)}
    assert (f"decision:{story.proposal.id}", "allowed", graph.commit(KNOWLEDGE, "c" * 40)) in edges
    story.press("maya", "merge")
    assert story.merges().round == 2


def test_bytes_that_would_differ_are_reviewed_again_and_an_old_renewal_changes_nothing() -> None:
    story = Review().idle()
    story.proposes()
    story.press("ravi", "merge")
    renewed = events.ProposalRenewed(
        lane=THREAD, at=story.at, proposal=story.proposal.id, round=1, base="f" * 40, digest="d9", files=FILES, protected=(), diff="+x",
        author=who("ravi"),
    )  # fmt: skip
    story.tell(renewed)
    assert (story.proposal.state, story.proposal.round, story.proposal.digest) == ("open", 2, "d9")
    story.press("ravi", "merge")
    story.tell(renewed)
    assert (story.proposal.state, story.proposal.round) == ("merging", 2)


def test_a_conflict_is_for_the_loop_and_a_failure_gives_the_buttons_back() -> None:
    story = Review().idle()
    story.proposes()
    story.press("ravi", "merge")
    stuck: dict[str, Any] = {
        "lane": THREAD,
        "at": story.at,
        "proposal": story.proposal.id,
        "round": 1,
        "author": who("ravi"),
    }
    story.tell(
        events.ProposalStuck(**stuck, request="m1", what="The remote can't be reached", remedy="Wait.")
    )
    assert story.proposal.open
    assert "The remote can't be reached. Nothing was changed. Wait." in story.told()
    assert "[Merge]" in story.told()
    story.press("ravi", "merge")
    story.tell(events.ProposalStuck(**stuck, request="m2", files=("clock.md",)))
    assert story.proposal.state == "stale"
    story.weighs("ravi", "merge")
    assert "conflicts with what others merged" in story.told()
    story.press("ravi", "edit", "take theirs")
    (leg,) = story.of(effects.RunLeg)
    assert "take theirs" in leg.prompt
    assert "It conflicts with what others merged" in leg.prompt


def test_a_rejected_proposal_keeps_its_reason() -> None:
    story = Review().idle()
    story.proposes()
    story.weighs("ravi", "reject", "staging only")
    assert (story.proposal.state, story.proposal.reason) == ("rejected", "staging only")
    assert f"branch `{story.proposal.branch}` is kept" in story.told()
    assert "because staging only" in story.told()
    story.weighs("maya", "merge")
    assert "was rejected by Ravi. Its branch and the reason are kept." in story.told()


def test_a_newer_draft_that_comes_after_the_decision_leaves_its_branch_and_is_said() -> None:
    story = Review().idle()
    first = story.proposes()
    story.weighs("ravi", "reject", "staging only")
    story.proposes(request="r2", digest="d2", tip="e" * 40)
    assert story.proposal.branch == first.branch
    assert (story.proposal.state, story.proposal.tip) == ("rejected", first.tip)
    (drop,) = story.of(effects.DropDraft)
    assert (drop.layer, drop.tip) == (KNOWLEDGE, "e" * 40)
    assert drop.branch == proposals.branch(first.id, "e" * 40) != first.branch
    words = f"A newer draft of proposal {first.handle} came after it was rejected by Ravi. It is in the loop’s clone"
    assert words in story.told()
    story.says("maya", "go on")
    (leg,) = story.of(effects.RunLeg)
    assert words in leg.prompt
    # The same commits again, because `main` moved: their branch is the one that is kept.
    story = Review().idle()
    story.proposes()
    story.weighs("ravi", "reject", "staging only")
    story.proposes(request="r2", digest="d2")
    assert not story.of(effects.DropDraft)


def test_an_earlier_rounds_branch_goes_once_a_newer_one_is_taken() -> None:
    story = Review().idle()
    first = story.proposes()
    story.proposes(request="r2", digest="d2", tip="e" * 40)
    (drop,) = story.of(effects.DropDraft)
    assert (drop.branch, drop.tip) == (first.branch, first.tip)
    assert story.proposal.branch != first.branch
    # What differs because `main` moved has the same commits, and keeps its branch.
    story.proposes(request="r3", digest="d3", tip="e" * 40)
    assert not story.of(effects.DropDraft)


def test_words_from_any_thread_are_taken_to_the_proposal() -> None:
    story = Review().idle()
    story.says("ravi", "/loop reject abab because it is old")
    (effect,) = story.of(effects.Weigh)
    assert (effect.prefix, effect.choice, effect.words) == ("abab", "reject", "it is old")
    story.says("gus", "/loop merge abab")
    assert "A guest can't do this" in story.told()
    story.says("maya", "/loop merge")
    assert "Which proposal?" in story.told()


def test_promote_is_for_the_driver_of_a_loop_that_rests() -> None:
    story = Review().idle()
    story.says("maya", "/loop promote")
    (effect,) = story.of(effects.Promote)
    assert effect.layers == (KNOWLEDGE, NOTES, personal(MAYA))
    story.says("maya", "/loop promote notes the clocks")
    (effect,) = story.of(effects.Promote)
    assert (effect.layers, effect.summary) == ((NOTES,), "the clocks")
    story.says("maya", "/loop promote repo")
    assert f"`{story.loop.branch}`" in story.told()
    story.says("ravi", "/loop promote notes")
    assert "Maya drives this loop." in story.told()
    story.says("maya", "and the time zones")
    story.says("maya", "/loop promote notes")
    assert "The loop is at work." in story.told()


def landed(story: Story, layer: str, files: tuple[tuple[str, int, int], ...] = FILES) -> Promoted:
    return Promoted(
        lane=THREAD, at=story.at, loop=story.loop.id, turn=story.turn.id, request=f"r-{layer}", layer=layer, summary="Clocks", base="a" * 40,
        tip="b" * 40, files=files,
    )  # fmt: skip


def test_what_lands_in_a_turn_is_told_with_its_answer_and_else_at_once() -> None:
    story = Review()
    story.started("/loop write it down")
    story.tell(landed(story, NOTES))
    assert not story.told()
    story.results("Written.")
    story.taken()
    assert "Promoted to notes: `clock.md` +3 −1 · commit `bbbbbbb`" in story.told()
    story.tell(landed(story, NOTES))
    assert "Promoted to notes" in story.told()


def test_of_somebodys_own_layer_nothing_is_told_but_a_number() -> None:
    story = Review().idle()
    story.facts.clear()
    story.tell(landed(story, personal(MAYA), (("diary.md", 1, 0),)))
    assert story.told().strip() == "Promoted 1 file to your own notes."
    assert not story.facts


def test_a_conflict_that_a_person_met_becomes_a_turn() -> None:
    story = Review().idle()
    given: dict[str, Any] = {
        "lane": THREAD,
        "at": story.at,
        "loop": story.loop.id,
        "turn": story.turn.id,
        "layer": NOTES,
    }
    story.tell(events.NotPromoted(**given, request="r1", why="conflict", files=("a.md",)))
    (leg,) = story.of(effects.RunLeg)
    assert "/loop/context/notes holds both now" in leg.prompt
    story.tell(events.NotPromoted(**given, request="r2", why="refused", what="No"))
    assert not story.told()  # the agent hears it from its tool


def test_handing_over_leaves_the_starters_own_notes_behind() -> None:
    story = Review()
    story.started("/loop write it down")
    story.results("Written.")
    story.taken()
    ravi = (IdentityKey("local:home/ravi"),)
    assert story.loop.personal
    story.says("maya", "/loop handoff @ravi", mentions=ravi)
    assert story.loop.personal is None
    assert story.loop.session  # there was nothing in them to be read
    assert "fresh session" not in story.told()


SOURCE = graph.message(MessageKey(f"{THREAD}#70"))
CLAIM = graph.claim(KNOWLEDGE, "clock.md", "0a1b2c3d")
GROUNDS = (
    proposals.Grounds(claim=CLAIM, path="clock.md", text="The clock is frozen.", sources=(SOURCE,)),
    proposals.Grounds(claim=f"{CLAIM}9", path="clock.md", text="It never waits.", sources=(f"{SOURCE}1",)),
)


def shaken(story: Review, how: Any = "edited") -> None:
    story.wait(1)
    story.tell(
        events.ProposalShaken(
            lane=THREAD, at=story.at, proposal=story.proposal.id, message=SOURCE, how=how, changed_at=story.at
        )
    )


def merged(story: Review) -> None:
    story.tell(
        events.ProposalMerged(
            lane=THREAD, at=story.at, proposal=story.proposal.id, round=story.proposal.round, commit="c" * 40, files=FILES,
            author=who("ravi"), via=ELSEWHERE,
        )
    )  # fmt: skip


def flags(story: Review) -> dict[str, str]:
    return {
        fact.key: fact.props["how"]
        for fact in story.facts
        if isinstance(fact, graph.Node) and fact.props.get("flagged")
    }


def test_whoever_merges_sees_that_a_source_changed_while_the_proposal_waited() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    assert "Look again" not in story.told()
    shaken(story)
    (card,) = story.of(effects.Show)
    told = words(card.message)
    assert "**Look again:**\n- `clock.md`: “The clock is frozen.”; its source was edited since" in told
    assert "It never waits" not in told
    assert "[Merge]" in told
    shaken(story)
    assert not story.of(effects.Show), "it says so already"
    assert not flags(story), "nothing of it is knowledge yet"
    story.weighs("ravi", "merge")
    story.weighs("ravi", "merge", "anyway")
    merged(story)
    assert flags(story) == {CLAIM: "edited"}
    assert (
        "1 claim rests on what was edited or deleted since; the next distill looks at that again."
        in story.told()
    )
    assert "1 claim flagged: a source changed" in story.told()


def asks(story: Review) -> str:
    """Return the words of the card that asks, and make sure that nothing is merged."""
    assert not story.of(effects.MergeProposal)
    assert story.proposal.state == "open"
    (card,) = story.of(effects.Show)
    assert card.card == f"proposal:{story.proposal.id}:{story.proposal.round}"
    told = words(card.message)
    assert "[Merge anyway]" in told
    assert "[Merge]" not in told
    return told


def test_a_merge_after_a_source_changed_asks_first_and_a_press_on_that_merges() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    shaken(story)
    story.press("ravi", "merge")
    told = asks(story)
    assert "Ravi wants to merge it, but 1 claim rests on what was edited since it was written." in told
    assert "- `clock.md`: “The clock is frozen.”; its source was edited since" in told
    assert "[Look again]" in told
    assert "It never waits" not in told
    story.press("ravi", "merge")
    asks(story)
    for name in ("eve", "gus"):
        story.press(name, "anyway")
        assert "That is for members of this bridge" in story.told()
        assert not story.of(effects.MergeProposal)
    digest = story.proposal.digest
    story.press("maya", "anyway")
    assert (story.merges().reviewer, story.merges().round) == ("Maya", 1)
    assert (story.proposal.state, story.proposal.digest) == ("merging", digest)
    merged(story)
    assert flags(story) == {CLAIM: "edited"}


def test_what_changes_after_the_ask_is_asked_about_again() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    shaken(story)
    story.press("ravi", "merge")
    for how in ("edited", "deleted"):
        asked = story.proposal
        shaken(story, how)
        (card,) = story.of(effects.Show)
        assert "[Merge]" in words(card.message), "the card that asked is old"
        story.press("ravi", "anyway", of=asked)
        assert "belongs to a card that is over" in story.told()
        assert story.proposal.state == "open"
        story.press("ravi", "merge")
        assert f"what was {how} since" in asks(story)
    asked = story.proposal
    story.proposes(request="r2", digest="d2", tip="e" * 40, grounds=GROUNDS)
    story.press("ravi", "anyway", of=asked)
    assert "belongs to a card that is over" in story.told()
    story.press("ravi", "merge")
    assert "[Merge anyway]" in asks(story)


def test_a_merge_anyway_that_nobody_was_asked_about_asks() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    shaken(story, "deleted")
    story.press("ravi", "anyway")
    asks(story)
    shaken(story)
    story.weighs("ravi", "merge", "anyway")
    asks(story)
    (told,) = story.of(effects.Whisper)
    handle = story.proposal.handle
    assert f"Proposal {handle} is not merged yet: 1 claim rests on what was deleted since" in words(
        told.message
    )
    assert f"`/loop merge {handle} anyway`" in words(told.message)
    story.weighs("ravi", "merge", "Anyway.")
    assert story.merges().via == ELSEWHERE
    # Nothing changed: there is nothing to be asked, whatever somebody writes.
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    story.weighs("ravi", "merge", "anyway")
    assert story.merges().round == 1


def test_what_steers_agents_is_merged_anyway_by_an_admin_alone() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS, protected=(".mcp.json",))
    shaken(story)
    story.press("ada", "merge")
    asks(story)
    story.press("ravi", "anyway")
    assert "Ada can merge it." in story.told()
    assert not story.of(effects.MergeProposal)
    story.press("ada", "anyway")
    assert story.merges().reviewer == "Ada"


def test_a_source_that_changes_while_it_is_merged_is_flagged_all_the_same() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    story.weighs("ravi", "merge")
    merged(story)
    assert not flags(story)
    assert "claim" not in story.told()
    shaken(story, "deleted")
    assert flags(story) == {CLAIM: "deleted"}


def test_a_newer_draft_that_says_the_same_is_as_shaken() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    shaken(story, "deleted")
    shaken(story, "edited")
    story.proposes(request="r2", digest="d2", tip="e" * 40, grounds=GROUNDS)
    assert "its source was deleted since" in story.told()
    story.proposes(request="r3", digest="d3", tip="f" * 40, grounds=GROUNDS[1:])
    assert "Look again" not in story.told()


def test_what_was_rejected_is_looked_at_by_nobody_again() -> None:
    story = Review().idle()
    story.proposes(grounds=GROUNDS)
    story.weighs("ravi", "reject", "no")
    shaken(story)
    assert not story.last
    assert not flags(story)
