"""Remembering, forgetting, tags and pins as rules. Owns: what is asked of the edge, what is said to whom, what the graph is told."""

from __future__ import annotations

from typing import Any

import pytest

from core import commands, effects, events, graph, layers, memory, memorycards, reports
from core.errors import BadInput
from core.ids import MemberId
from tests.unit.story import THREAD, Story, who, words

MINE = layers.personal(MemberId("maya"))


def remembered(story: Story, layer: str = layers.NOTES, **more: Any) -> events.Remembered:
    given: dict[str, Any] = {
        "lane": THREAD, "at": story.at, "layer": layer, "memo": "3f2a91c0b7d4", "handle": "m3f2", "path": "memory/staging-3f2a91c0b7d4.md",
        "text": "Staging is at db2", "author": who("maya"), "origin": f"message:{THREAD}#1", "source": f"message:{THREAD}#1",
    }  # fmt: skip
    return events.Remembered(**{**given, **more})


def nodes(story: Story, kind: str) -> list[graph.Node]:
    return [fact for fact in story.facts if isinstance(fact, graph.Node) and fact.kind == kind]


def edges(story: Story, src: str) -> set[tuple[str, str]]:
    return {(fact.kind, fact.dst) for fact in story.facts if isinstance(fact, graph.Edge) and fact.src == src}


@pytest.mark.parametrize(
    ("text", "personal", "fact"),
    [
        ("/loop remember staging is at db2", False, "staging is at db2"),
        ("/loop remember me I like tea", True, "I like tea"),
        ("/loop remember --me I like tea", True, "I like tea"),
        ("/loop remember me: I like tea", True, "I like tea"),
        ("/loop remember metrics are at /m", False, "metrics are at /m"),
    ],
)
def test_a_fact_is_handed_on_with_who_said_it_and_where(text: str, personal: bool, fact: str) -> None:
    story = Story()
    story.says("maya", text)
    (effect,) = story.of(effects.Remember)
    assert (effect.text, effect.personal, effect.author.name, effect.message) == (fact, personal, "Maya", "1")
    assert story.desk.loop is None


def test_a_reply_stands_for_what_it_replies_to() -> None:
    story = Story()
    story.says("maya", "/loop remember", reply_to="7")
    (effect,) = story.of(effects.Remember)
    assert (effect.text, effect.reply_to) == ("", "7")


def test_nothing_to_remember_is_said_and_so_is_who_may() -> None:
    story = Story()
    story.says("maya", "/loop remember")
    assert "Remember what?" in story.told()
    story.says("maya", "/loop remember " + "x" * 2_001)
    assert "longer than 2,000 characters" in story.told()
    story.says("gus", "/loop remember staging is at db2")
    assert "A guest can't do this" in story.told()
    assert not story.of(effects.Remember, story.effects)


def test_a_fact_of_the_team_is_a_node_with_its_source_and_a_receipt_for_all() -> None:
    story = Story()
    story.tell(remembered(story))
    (node,) = nodes(story, "memory")
    assert (node.key, node.audience, node.text) == (
        "memory:notes/3f2a91c0b7d4",
        layers.EVERYBODY,
        "Staging is at db2",
    )
    assert edges(story, node.key) == {
        ("by", "person:local:home/maya"),
        ("distilled_from", f"message:{THREAD}#1"),
    }
    (said,) = story.of(effects.Say)
    assert (
        words(said.message).strip()
        == "Remembered as m3f2: “Staging is at db2” `/loop forget m3f2` takes it back."
    )
    story.tell(remembered(story, known=True, origin="message:other"))
    assert "Known already as m3f2" in story.told()


def test_a_fact_of_ones_own_is_told_to_nobody_else() -> None:
    story = Story()
    story.tell(remembered(story, MINE, text="I sleep at noon", via=THREAD))
    (node,) = nodes(story, "memory")
    assert node.audience == "member:maya"
    assert not story.of(effects.Say)
    (whispered,) = story.of(effects.Whisper)
    assert (whispered.to, whispered.lane) == (who("maya").identity, THREAD)
    assert "I sleep" not in story.told()


def test_a_closed_thread_is_asked_about_once_and_its_card_tells_the_end() -> None:
    story = Story()
    story.tell(events.RememberHeld(lane=THREAD, at=story.at, held="abc", text="Staging is at db2", author=who("maya")))  # fmt: skip
    (card,) = story.of(effects.Show)
    assert "not open to the whole team" in words(card.message)
    assert "[Remember for the team] [Keep private]" in words(card.message)
    story.presses("gus", memorycards.token("abc", "share"))
    assert not story.of(effects.Share)
    assert "members" in story.told()
    for choice, share in (("share", True), ("own", False)):
        story.presses("maya", memorycards.token("abc", choice))
        (effect,) = story.of(effects.Share)
        assert (effect.held, effect.share) == ("abc", share)
    story.tell(remembered(story, card="abc"))
    (shown,) = story.of(effects.Show)
    assert shown.card == card.card
    assert "[" not in words(shown.message)
    story.tell(remembered(story, MINE, card="abc", text="I sleep at noon", via=THREAD))
    (shown,) = story.of(effects.Show)
    assert (shown.card, shown.lane) == (card.card, THREAD)
    assert "kept this private" in words(shown.message)
    assert "I sleep" not in story.told()


def test_forgetting_empties_the_node() -> None:
    story = Story()
    story.says("maya", "/loop forget me m3f2")
    (effect,) = story.of(effects.Forget)
    assert (effect.words, effect.personal) == ("m3f2", True)
    story.says("maya", "/loop forget")
    assert "Forget what?" in story.told()
    story.tell(
        events.Forgotten(
            lane=THREAD, at=story.at, layer=layers.NOTES, memo="3f2a91c0b7d4", handle="m3f2", path="p", text="Staging is at db2",
            author=who("maya"), message="1",
        )
    )  # fmt: skip
    assert nodes(story, "memory")[-1].props["deleted"]
    assert "Forgotten: m3f2" in story.told()
    story.tell(remembered(story))
    assert nodes(story, "memory")[-1].props["deleted"] == ""


def test_why_nothing_was_done_is_for_the_asker_with_what_it_could_have_been() -> None:
    story = Story()
    story.tell(
        events.NotDone(
            lane=THREAD, at=story.at, author=who("maya"), message="1", what="Several.", remedy="Say which:", candidates=("m1 · a", "m2 · b"),
        )
    )  # fmt: skip
    (whispered,) = story.of(effects.Whisper)
    assert whispered.to == who("maya").identity
    assert "- m1 · a\n- m2 · b" in story.told()


def test_what_an_agent_promotes_is_one_line_at_the_end_of_its_turn() -> None:
    story = Story().started()
    for memo, handle in (("3f2a91c0b7d4", "m3f2"), ("1a2a91c0b7d4", "m1a2")):
        story.tell(remembered(story, memo=memo, handle=handle, turn=story.turn.id, origin=graph.turn(story.turn.id)))  # fmt: skip
        assert not story.last
    story.tell(remembered(story, MINE, memo="9", turn=story.turn.id, via=THREAD, text="I sleep at noon"))
    assert not story.last
    story.tell(events.LearnedAlone(lane=THREAD, at=story.at, loop=story.loop.id, turn=story.turn.id, handle="m999"))  # fmt: skip
    story.tell(remembered(story, memo="5", handle="m555", known=True, turn=story.turn.id))
    story.results()
    story.taken()
    line = next(line for line in story.told().splitlines() if "Remembered for the team" in line)
    assert "m3f2 “Staging is at db2” and m1a2 “Staging is at db2”" in line
    assert "Kept in the memory of Maya alone: m999." in line
    assert ("m555" in line, "I sleep" in story.told()) == (False, False)


def test_what_an_agent_keeps_for_its_driver_is_not_told_as_a_step() -> None:
    story = Story().started()
    story.calls("mcp__loop__remember", "t1", fact="Maya sleeps at noon", personal=True)
    story.calls("mcp__loop__remember", "t2", fact="Tests need Redis")
    told = [node.text for node in nodes(story, "tool_call")]
    assert "noon" not in told[0]
    assert "Redis" in told[1]
    assert "noon" not in words(reports.steps(story.loop))


def test_a_turn_that_fails_says_what_it_remembered_once() -> None:
    story = Story().started()
    story.tell(remembered(story, turn=story.turn.id))
    story.results(error="The model is gone.")
    assert "Remembered for the team: m3f2" in story.told()
    story.says("maya", "/loop retry")
    story.running()
    story.results()
    story.taken()
    assert "Remembered for the team" not in story.told()


def test_files_that_came_in_otherwise_want_an_index() -> None:
    story = Story()

    def moved(*paths: str, gone: tuple[str, ...] = ()) -> list[effects.Reindex]:
        pages = tuple(events.Page(path=path, text="x") for path in paths)
        story.tell(events.LayerMoved(lane=THREAD, at=story.at, layer=layers.NOTES, base="", tip=str(paths), pages=pages, gone=gone))  # fmt: skip
        return story.of(effects.Reindex)

    assert not moved("focus.md")
    assert moved("memory/a-0123456789ab.md")
    assert moved("other.md", gone=("memory/a-0123456789ab.md",))
    assert not moved("memory/a-0123456789ab.md", "memory/README.md")


def test_a_fact_that_was_pushed_past_the_bridge_is_a_fact_all_the_same() -> None:
    story = Story()
    path, text = "memory/a-0123456789ab.md", "---\nby: Ravi\n---\n\nDeploys are on Tuesdays\n"

    def moved(tip: str, *pages: events.Page, gone: tuple[str, ...] = ()) -> list[graph.Fact]:
        story.facts.clear()
        story.tell(events.LayerMoved(lane=THREAD, at=story.at, layer=MINE, base="", tip=tip, pages=pages, gone=gone))  # fmt: skip
        return list(story.facts)

    (fact,) = moved("1", events.Page(path=path, text=text), events.Page(path=memory.TEAM_INDEX, text="- x"))
    assert isinstance(fact, graph.Node)
    assert (fact.key, fact.audience, fact.text) == (f"memory:{MINE}/0123456789ab", "member:maya", "Deploys are on Tuesdays")  # fmt: skip
    assert fact.props["by"] == "Ravi"
    (fact,) = moved("2", gone=(path,))
    assert isinstance(fact, graph.Node)
    assert (fact.kind, bool(fact.props["deleted"])) == ("memory", True)
    (fact,) = moved("3", events.Page(path=path, text="no head"))
    assert isinstance(fact, graph.Node)
    assert fact.kind == "page"


def test_a_fact_whose_file_was_renamed_or_copied_stays_a_fact() -> None:
    story = Story()
    page = events.Page(
        path="memory/b-0123456789ab.md", text="---\nby: Ravi\n---\n\nDeploys are on Tuesdays\n"
    )
    gone = "memory/a-0123456789ab.md"
    story.tell(events.LayerMoved(lane=THREAD, at=story.at, layer=layers.NOTES, base="", tip="1", pages=(page,), gone=(gone,)))  # fmt: skip
    assert [(node.text, node.props["deleted"]) for node in nodes(story, "memory")] == [
        ("Deploys are on Tuesdays", "")
    ]
    assert not nodes(story, "page")
    story.facts.clear()
    story.tell(
        events.Forgotten(
            lane=THREAD, at=story.at, layer=layers.NOTES, memo="0123456789ab", handle="m012", path=gone, text="Deploys are on Mondays",
            author=who("maya"), message="1", twin=page.path,
        )
    )  # fmt: skip
    assert not nodes(story, "memory")
    assert "`memory/b-0123456789ab.md` has the same name and stays" in story.told()


def test_tags_are_words_on_the_loop_and_edges_in_the_graph() -> None:
    story = Story().started("/loop --tag auth,Mobile fix the flaky test")
    assert list(story.loop.tags) == ["auth", "mobile"]
    loop = graph.loop(story.loop.id)
    assert {("tagged", "focus:auth"), ("tagged", "focus:mobile")} <= edges(story, loop)
    assert {node.audience for node in nodes(story, "focus")} == {layers.EVERYBODY}
    story.says("ravi", "/loop tag #release auth")
    assert list(story.loop.tags) == ["auth", "mobile", "release"]
    assert "is tagged auth, mobile and release" in story.told()
    story.says("maya", "/loop untag mobile nothing")
    assert list(story.loop.tags) == ["auth", "release"]
    story.says("maya", "/loop untag mobile")
    assert "no such tag" in story.told()
    story.says("maya", "/loop tag a1 a2 a3 a4")
    story.says("maya", "/loop tag a5 a6 a7 a8")
    assert "8 tags at most" in story.told()
    fresh = Story()
    fresh.says("maya", "/loop --tag ok? other task")
    assert "is no tag" in fresh.told()
    assert fresh.desk.loop is None


def test_pins_and_the_inbox_are_lines_for_the_notes() -> None:
    story = Story()
    story.says("maya", "/loop focus pin Ship 2.0\nby Friday")
    (jot,) = story.of(effects.Jot)
    assert (jot.what, jot.words) == ("pin", "Ship 2.0 by Friday")
    story.says("maya", "/loop inbox look at the mails")
    assert story.of(effects.Jot)[0].what == "inbox"
    story.says("maya", "/loop focus unpin x")
    assert "Which pin?" in story.told()
    story.says("maya", "/loop focus pin the key is AKIAABCDEFGHIJKLMNOP")
    assert "an AWS access key" in story.told()
    story.says("maya", "/loop focus")
    assert story.of(effects.Look)[0].what == "focus"
    story.tell(events.Jotted(lane=THREAD, at=story.at, what="pin", line="Ship 2.0", author=who("maya"), message="1"))  # fmt: skip
    assert "Pinned for the whole team: “Ship 2.0”" in story.told()


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ("focus on the login page", "start"),
        ("focus", "focus"),
        ("tag the release and write the notes for it", "start"),
        ("tag auth", "tag"),
        ("memory usage is too high, find out why", "start"),
        ("memory me", "memory"),
        ("remember: bananas", "start"),
        ("remember bananas", "remember"),
        ("inbox", "inbox"),
    ],
)
def test_words_that_begin_a_task_are_one(said: str, word: str) -> None:
    assert commands.parse(said).word == word


def test_tags_on_start_must_be_tags() -> None:
    assert commands.parse("--tag auth,web fix it").options.tags == "auth,web"
    with pytest.raises(BadInput):
        commands.parse("--tag")


def test_a_room_is_noted_on_its_thread_and_kept() -> None:
    story = Story()
    story.says("maya", "hello", room="closed")
    story.says("maya", "hello")
    rooms = [node.props.get("room") for node in nodes(story, "thread")]
    assert rooms == ["closed", None]
