"""Facts as files. Owns: spelling, ids, handles, the index, what is too secret, by example and by property."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import layers, memory, wording
from core.ids import MemberId
from core.memory import Memo

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
MINE = layers.personal(MemberId("maya"))
WORDS: st.SearchStrategy[str] = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
FACTS: st.SearchStrategy[str] = WORDS.filter(lambda text: bool(wording.clean(text).strip()))


def memo(text: str, *, by: str = "Maya", at: datetime = AT) -> Memo:
    return Memo(id=memory.identify(text), text=text, by=by, when=at, path=memory.place(text))


def files(*facts: Memo) -> dict[str, str]:
    return {fact.path: memory.spell(fact) for fact in facts}


@given(FACTS, WORDS, WORDS)
def test_what_is_written_is_read_again_whatever_people_call_themselves(
    text: str, by: str, source: str
) -> None:
    clean = wording.clean(text).strip()
    wrote = Memo(
        id=memory.identify(clean), text=clean, by=by, when=AT, source=source, thread="local:x/y/1", path=memory.place(clean)
    )  # fmt: skip
    found = memory.read(wrote.path, memory.spell(wrote))
    assert found is not None
    assert (found.id, found.text.split(), found.when, found.thread) == (
        wrote.id,
        clean.split(),
        AT,
        wrote.thread,
    )
    assert found.by == wording.line(by, 300)
    assert found.source == wording.line(source, 300)
    assert found.origin == ""


@given(FACTS)
def test_the_same_words_are_the_same_fact(text: str) -> None:
    clean = wording.clean(text)
    assert memory.identify(clean) == memory.identify(f"  {clean.casefold()} . ")
    assert memory.read(memory.place(clean), memory.spell(memo(clean))) is not None


def test_numbers_make_another_fact() -> None:
    assert memory.identify("staging listens on 5432") != memory.identify("staging listens on 5433")


@given(st.lists(FACTS, max_size=12))
def test_every_fact_has_a_handle_that_finds_it_alone(texts: list[str]) -> None:
    among = memory.known(files(*(memo(wording.clean(text).strip()) for text in texts)))
    for fact in among:
        assert memory.matching(memory.handle(fact, among), among) == (fact,)


@given(st.lists(FACTS, max_size=8), st.sampled_from(["notes", MINE]))
def test_an_index_that_was_made_wants_nothing_more(texts: list[str], layer: str) -> None:
    wrote = files(*(memo(wording.clean(text).strip()) for text in texts))
    made = memory.index(layer, wrote)
    assert memory.index(layer, {**wrote, **made}) == {}
    assert sum(line.startswith("- [") for text in made.values() for line in text.splitlines()) == len(wrote)


def test_an_index_names_who_and_when_and_breaks_no_page() -> None:
    made = memory.index("notes", files(memo('<img src="x"> ![a](b)\nsecond line', by="Ravi")))
    (text,) = made.values()
    assert "(Ravi, 2026-03-04)" in text
    assert "<img" not in text
    assert "![" not in text


def test_a_members_index_keeps_what_the_agent_wrote_there() -> None:
    mine = "# Memory\n\n- [Style](style.md): likes short answers\n"
    fact = memo("I work in Lisbon time")
    first = memory.index(MINE, {**files(fact), memory.OWN_INDEX: mine})
    text = first[memory.OWN_INDEX]
    assert text.startswith(mine)
    assert "Lisbon" in text
    assert memory.index(MINE, {memory.OWN_INDEX: text}) == {memory.OWN_INDEX: mine}


LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40)


@given(st.lists(LINES, max_size=6), st.lists(LINES, max_size=6), st.sampled_from(["notes", MINE]))
def test_a_broken_index_is_mended_and_keeps_peoples_own_lines(
    above: list[str], below: list[str], layer: str
) -> None:
    fact, gone = memo("Staging is at db2"), memo("Production is at db1")
    there = files(fact)
    path = memory.OWN_INDEX if layer == MINE else memory.TEAM_INDEX
    stale = f"- [m999]({gone.path.removeprefix('memory/')}): Production is at db1"
    broken = "\n".join([*above, "<<<<<<< HEAD", stale, "=======", stale, ">>>>>>> theirs", *below])
    text = memory.index(layer, {**there, path: broken})[path]
    lines = [line for line in text.splitlines() if line.strip()]
    assert [line for line in lines if line in (*above, *below)] == [
        line for line in (*above, *below) if line.strip()
    ]
    assert sum("Staging is at db2" in line for line in lines) == 1
    assert not [line for line in lines if "<<<<<<<" in line or "=======" in line or "Production" in line]
    assert memory.index(layer, {**there, path: text}) == {}


def test_a_heading_of_somebodys_is_no_conflict() -> None:
    ours = "Ask Ravi\n=======\n\nbefore you change these."
    (text,) = memory.index("notes", {**files(memo("Staging is at db2")), memory.TEAM_INDEX: ours}).values()
    assert ours in text


def test_a_layer_without_facts_has_no_index() -> None:
    assert memory.index("notes", {}) == {}
    assert memory.index(MINE, {}) == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("memory/README.md", "---\n---\nx"),
        ("memory/style.md", "---\nname: x\n---\nx"),
        ("other/x-0123456789ab.md", "---\n---\nx"),
        ("memory/x-0123456789ab.md", "no head"),
        ("memory/x-0123456789ab.md", "---\nnever closed"),
        ("memory/x-0123456789ab.md", "---\nby: x\n---\n\n"),
    ],
)
def test_other_files_are_no_facts(path: str, text: str) -> None:
    assert memory.read(path, text) is None


def test_a_file_that_people_changed_reads_as_it_stands() -> None:
    found = memory.read("memory/x-0123456789ab.md", "---\nwhen: yesterday\n---\nNew words\n")
    assert found is not None
    assert (found.id, found.text, found.when, found.by) == ("0123456789ab", "New words", None, "")


def test_what_people_forget_by() -> None:
    among = memory.known(files(memo("Staging is at db2"), memo("Production is at db1"), memo("db2 is slow")))
    assert [fact.text for fact in memory.matching("production", among)] == ["Production is at db1"]
    assert len(memory.matching("db2", among)) == 2
    assert [fact.text for fact in memory.matching("staging is at DB2.", among)] == ["Staging is at db2"]
    assert [fact.text for fact in memory.matching("stag db2", among)] == ["Staging is at db2"]
    assert memory.matching("tion", among) == ()
    assert memory.matching("", among) == ()
    assert memory.matching("m999999", among) == ()


def test_files_of_one_name_are_told_apart_by_where_they_stand() -> None:
    one, other = memo("Staging is at db2"), memo("Production is at db1")
    copy = replace(one, path=f"memory/copied-{one.id}.md")
    among = memory.known({**files(one, other), copy.path: memory.spell(copy)})
    handle = memory.handle(one, among)
    assert set(memory.matching(handle, among)) == {one, copy}
    assert {memory.name(each, among) for each in among} == {
        f"`{one.path}`",
        f"`{copy.path}`",
        memory.handle(other, among),
    }
    for words in (copy.path, f"`{copy.path}`", copy.path.removeprefix("memory/"), f"notes/{copy.path}"):
        assert memory.matching(words, among) == (copy,)


@pytest.mark.parametrize(
    "text",
    [
        "the key is AKIAABCDEFGHIJKLMNOP",
        "use ghp_" + "a1" * 18,
        "xoxb-1234567890-abcdef",
        "sk-ant-REDACTED-0123456789abcdef",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "db at postgres://app:hunter2hunter@db/x",
        "the password is hunter2hunter",
        "api_key=abcd1234efgh",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc",
    ],
)
def test_what_looks_like_a_key_is_named(text: str) -> None:
    assert memory.secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "The password policy is in the handbook",
        "tokens expire after 24h",
        "Our API key rotation happens on Mondays",
        "https://chat.example/p/1716 has the story",
        "the secret is to restart it twice",
    ],
)
def test_plain_words_are_no_keys(text: str) -> None:
    assert not memory.secret(text)
