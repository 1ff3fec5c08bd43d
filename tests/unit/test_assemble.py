"""The capsule of a thread: bounded, the same each time, and nothing in it can pass for an instruction's frame."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core import assemble, effects, files, prompts
from core.events import FileRef
from core.graph import Node
from tests.unit.story import Story

BEGAN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def node(number: int, text: str, author: str = "Maya", **props: str) -> Node:
    return Node(
        key=f"message:t#{number}", kind="message", audience="t", at=BEGAN + timedelta(minutes=number), text=text,
        props={"author": author, "identity": f"local:home/{author}", **props},
    )  # fmt: skip


def assembled(messages: list[Node], total: int, budget_tokens: int, **more: Any) -> assemble.Capsule:
    return assemble.assemble(
        assemble.Material(messages=messages, total=total, **more), budget_tokens=budget_tokens
    )


def test_a_thread_that_fits_is_whole_and_in_order() -> None:
    capsule = assembled([node(1, "one"), node(2, "two", "Ravi"), node(3, "three", "CI", bot="yes")], 3, 1000)
    assert capsule.text.index("one") < capsule.text.index("two") < capsule.text.index("three")
    assert (len(capsule.keys), capsule.people, capsule.left_out) == (3, 3, ())
    assert 'by="CI" bot="yes"' in capsule.text


def test_a_long_thread_keeps_its_start_and_its_end_and_says_what_is_missing() -> None:
    messages = [node(number, f"message {number} " + "x" * 200) for number in range(500)]
    capsule = assembled(messages, 10_000, 2_000)
    assert len(capsule.text) < 2_000 * assemble.CHARS_PER_TOKEN + 1_000
    assert "message 0 " in capsule.text
    assert "message 499 " in capsule.text
    assert "message 250 " not in capsule.text
    missing = 10_000 - len(capsule.keys)
    assert capsule.left_out == (f"{missing:,} older messages that did not fit",)
    assert f'<left-out messages="{missing}"/>' in capsule.text


def test_deleted_messages_are_not_in_it_and_not_called_left_out() -> None:
    capsule = assembled([node(1, "one"), node(2, "", deleted="2026")], 2, 1000)
    assert capsule.left_out == ()
    assert len(capsule.keys) == 1


@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=30)), max_size=8))
def test_nobody_writes_their_way_out_of_a_message(said: list[tuple[str, str]]) -> None:
    messages = [node(number, text, author) for number, (text, author) in enumerate(said)]
    capsule = assembled(messages, len(messages), 10_000)
    assert capsule == assembled(messages, len(messages), 10_000)
    assert capsule.text.count("<message ") == len(capsule.keys)
    assert capsule.text.count("</thread>") == (1 if capsule.keys else 0)


def page(name: str, text: str) -> Node:
    return Node(key=f"page:knowledge/{name}", kind="page", audience="bridge", at=BEGAN, text=text)


def test_what_surrounds_the_thread_is_in_it_and_counted() -> None:
    capsule = assembled(
        [node(1, "fix it"), node(2, "see there")], 2, 4000,
        pages=[page("clock.md", "Freeze the clock."), page("huge.md", "x" * 50_000)],
        loops=[assemble.Earlier(node=replace(page("l", "the first try"), key="loop:abcdef0123", kind="loop"), title="t", status="done", answer="It was the clock.", commits=("3f2a91c",))],
        decisions=[replace(page("d", "We pin versions."), key="decision:mark/d3f", kind="decision", props={"handle": "d3f", "owner": "Ravi"})],
        linked=[node(9, "a neighbour's words", permalink="https://chat.example/9")],
    )  # fmt: skip
    assert (capsule.pages, capsule.loops, capsule.decisions, capsule.linked) == (2, 1, 1, 1)
    assert set(capsule.others) == {
        "page:knowledge/clock.md",
        "page:knowledge/huge.md",
        "loop:abcdef0123",
        "decision:mark/d3f",
        "message:t#9",
    }
    for words in (
        "Freeze the clock.",
        "It was the clock.",
        "3f2a91c",
        "We pin versions.",
        "https://chat.example/9",
        "…(cut)",
    ):
        assert words in capsule.text
    assert capsule.text.index("</pages>") < capsule.text.index("<thread ")


def test_what_is_excluded_is_in_it_nowhere_and_said() -> None:
    secret = page("clock.md", "Freeze the clock.")
    capsule = assembled(
        [node(1, "one"), node(2, "two")],
        2,
        4000,
        pages=[secret],
        excluded=frozenset({secret.key, "message:t#1"}),
    )
    assert "Freeze" not in capsule.text
    assert "one" not in capsule.text
    assert capsule.keys == ("message:t#2",)
    assert capsule.left_out == ("2 things that somebody excluded",)


@given(
    st.lists(st.text(max_size=400), max_size=12),
    st.lists(st.text(max_size=4000), max_size=12),
    st.integers(50, 3000),
)
def test_the_budget_holds_and_the_thread_keeps_its_half(
    said: list[str], pages: list[str], tokens: int
) -> None:
    messages = [node(number, text) for number, text in enumerate(said)]
    around = [page(f"{number}.md", text) for number, text in enumerate(pages)]
    capsule = assembled(messages, len(messages), tokens, pages=around)
    room = tokens * assemble.CHARS_PER_TOKEN
    frame = (
        sum(
            map(
                len,
                (
                    "<pages untrusted='yes'>",
                    "</pages>",
                    "<thread untrusted='yes'>",
                    "</thread>",
                    assemble.HEAD,
                ),
            )
        )
        + 40
    )
    first = 5 * 400 + 200  # the first message stays, however small the budget: escaped, it may have grown
    assert len(capsule.text) <= room + frame + first + len(messages) + len(around)
    alone = assembled(messages, len(messages), int(tokens * assemble.AROUND))
    assert len(capsule.keys) >= len(alone.keys)
    assert capsule.text.count("<page ") == capsule.pages
    assert capsule.text.count("<message ") == len(capsule.keys)


def test_a_message_without_words_but_with_a_file_counts() -> None:
    file = FileRef(id="F1", name="trace.txt")
    capsule = assembled([node(1, "", files=files.path(file))], 1, 100)
    assert f'<file path="{files.path(file)}"/>' in capsule.text


@given(st.text(max_size=100), st.text(max_size=20))
def test_a_files_name_is_harmless_and_keeps_namesakes_apart(name: str, other: str) -> None:
    found = files.inbox_name(FileRef(id="F1", name=name))
    assert "/" not in found
    assert not found.startswith((".", "-"))
    assert len(found) < 100
    assert found.isascii()
    if other != "F1":
        assert found != files.inbox_name(FileRef(id=other, name=name))


def test_a_file_said_to_the_loop_reaches_its_inbox_and_its_prompt() -> None:
    story = Story().started()
    file = FileRef(id="F1", name="trace.txt", size=10)
    story.says("maya", "", files=(file,))
    story.results()
    [leg] = story.of(effects.RunLeg)
    assert files.path(file) in leg.prompt
    assert story.loop.files == (file,)


def test_attributes_stay_on_one_line() -> None:
    assert "\n" not in prompts.attribute('a\n"b')
    assert '"' not in prompts.attribute('a\n"b')
