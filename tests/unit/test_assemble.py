"""The capsule of a thread: bounded, the same each time, and nothing in it can pass for an instruction's frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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


def test_a_thread_that_fits_is_whole_and_in_order() -> None:
    capsule = assemble.assemble(
        [node(1, "one"), node(2, "two", "Ravi"), node(3, "three", "CI", bot="yes")],
        total=3,
        budget_tokens=1000,
    )
    assert capsule.text.index("one") < capsule.text.index("two") < capsule.text.index("three")
    assert (len(capsule.keys), capsule.people, capsule.left_out) == (3, 3, ())
    assert 'by="CI" bot="yes"' in capsule.text


def test_a_long_thread_keeps_its_start_and_its_end_and_says_what_is_missing() -> None:
    messages = [node(number, f"message {number} " + "x" * 200) for number in range(500)]
    capsule = assemble.assemble(messages, total=10_000, budget_tokens=2_000)
    assert len(capsule.text) < 2_000 * assemble.CHARS_PER_TOKEN + 1_000
    assert "message 0 " in capsule.text
    assert "message 499 " in capsule.text
    assert "message 250 " not in capsule.text
    missing = 10_000 - len(capsule.keys)
    assert capsule.left_out == (f"{missing:,} older messages that did not fit",)
    assert f'<left-out messages="{missing}"/>' in capsule.text


def test_deleted_messages_are_not_in_it_and_not_called_left_out() -> None:
    capsule = assemble.assemble([node(1, "one"), node(2, "", deleted="2026")], total=2, budget_tokens=1000)
    assert capsule.left_out == ()
    assert len(capsule.keys) == 1


@given(st.lists(st.tuples(st.text(max_size=80), st.text(max_size=30)), max_size=8))
def test_nobody_writes_their_way_out_of_a_message(said: list[tuple[str, str]]) -> None:
    messages = [node(number, text, author) for number, (text, author) in enumerate(said)]
    capsule = assemble.assemble(messages, total=len(messages), budget_tokens=10_000)
    assert capsule == assemble.assemble(messages, total=len(messages), budget_tokens=10_000)
    assert capsule.text.count("<message ") == len(capsule.keys)
    assert capsule.text.count("</thread>") == (1 if capsule.keys else 0)


def test_a_message_without_words_but_with_a_file_counts() -> None:
    file = FileRef(id="F1", name="trace.txt")
    capsule = assemble.assemble([node(1, "", files=files.path(file))], total=1, budget_tokens=100)
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
