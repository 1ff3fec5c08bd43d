"""What people point at, and which words a search is given. Owns: nothing. Imports: core."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import decided, references, relevance
from core.ids import MemberId, ThreadKey

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HERE = ThreadKey("slack:T1/C1/1716.1")


def test_links_and_keys_are_found_without_what_surrounds_them() -> None:
    said = "see (https://chat.example/p/1716), <https://x.example/a#b> and local:home/general/1#5! Not mailto:a@b or a:b#c."
    assert references.links([said, said]) == (
        "https://chat.example/p/1716", "https://x.example/a#b", "local:home/general/1#5",
    )  # fmt: skip


def test_pages_are_found_by_their_paths() -> None:
    said = "knowledge/auth/tokens.md says so, ./notes/x.md and src/notes/y.md do not; notes/ is a folder, notes/plan.md."
    assert references.pages([said]) == ("page:knowledge/auth/tokens.md", "page:notes/plan.md")


@pytest.mark.parametrize(
    ("words", "kind", "name"),
    [
        ("<https://chat.example/p/1716>", "link", "https://chat.example/p/1716"),
        ("1716.123", "node", "message:slack:T1/C1/1716.1#1716.123"),
        ("#a1b2c3", "loop", "a1b2c3"),
        ("m3f2", "fact", "3f2"),
        ("personal/me/too.md", "node", "page:personal/maya/me/too.md"),
        ("knowledge/a b.md", "node", "page:knowledge/a b.md"),
        ("12", "node", "message:slack:T1/C1/1716.1#12"),
    ],
)
def test_what_one_reference_means(words: str, kind: str, name: str) -> None:
    found = references.read(words, thread=HERE, member=MemberId("maya"))
    assert found is not None
    assert (found.kind, found.name) == (kind, name)


def test_a_number_counts_where_there_are_numbered_lines() -> None:
    found = references.read("12", thread=HERE, member=MemberId("maya"), numbered=True)
    assert found == references.Reference(kind="number", name="12")
    assert references.read("nothing of the kind", thread=HERE, member=MemberId("maya")) is None


@given(st.text(max_size=300))
def test_anything_can_be_said(text: str) -> None:
    for link in references.links([text]):
        assert link in text
    references.pages([text])
    references.read(text, thread=HERE, member=MemberId("m"))
    assert set(relevance.query(text, [text]).split()) <= set(relevance.words(text))


@pytest.mark.parametrize(
    "text", ["aa:" * 40_000, "aa:b/" * 40_000, "notes/." * 40_000, "https://" * 40_000, "a_" * 80_000]
)
def test_a_long_text_takes_no_longer_than_it_is_long(text: str) -> None:
    def took(said: str) -> float:
        began = time.process_time()
        references.links([said])
        references.pages([said])
        relevance.words(said)
        return time.process_time() - began

    assert took(text) < 40 * max(took(text[: len(text) // 8]), 0.002)


def test_the_tasks_words_come_first_and_common_ones_never() -> None:
    asked = relevance.query(
        "Please fix the flaky login test", ["the clock of login is off", "clock clock"], ["app"]
    )
    assert asked.split() == ["fix", "flaky", "login", "test", "app", "clock"]


def test_a_decision_bears_on_a_call_that_speaks_of_it() -> None:
    marks = [
        decided.Mark(key=str(number), handle=f"d{number}", text=text, owner="Ada", at=NOW, audience="bridge")
        for number, text in enumerate(
            ["never pip install without a version", "no deploys", "deploys need two reviews"]
        )
    ]
    assert [mark.handle for mark in decided.bearing(marks, '{"command": "pip install x"}')] == ["d0"]
    assert [mark.handle for mark in decided.bearing(marks, '{"command": "make deploys"}')] == ["d1"]
    assert decided.bearing(marks, '{"description": "pip install x", "command": "ls"}') == ()
    assert decided.bearing(marks, '{"edits": [{"old": "pip"}, {"new": "install"}]}') == (marks[0],)
