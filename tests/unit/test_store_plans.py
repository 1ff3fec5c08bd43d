"""How the store's questions are answered: by index, whatever has piled up. Owns: nothing. Imports: adapters.store. Effects: temp files."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from adapters.store import facts, finding, opening, reads, search, walks, writes

QUESTIONS = {
    name: statement
    for module in (reads, walks, facts, writes, finding)
    for name, statement in vars(module).items()
    if isinstance(statement, str) and statement.startswith(("SELECT", "UPDATE"))
}
# Everybody is read at once, and the digest reads everything.
WHOLE = {"MEMBERS", "IDENTITIES", "SPENT", "ALL_NODES", "ALL_EDGES"}


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("plans") / "b.db"
    opening.prepare(path, opening.engine(path))
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    names = dict.fromkeys(
        ("id", "key", "prefix", "past", "kind", "limit", "thread", "seq", "loop", "now", "since", "session", "card",
         "state", "result", "until", "why", "thread", "words", "audience", "at", "text", "props", "status", "live",
         "driver", "updated_at", "body", "keys", "link"), 1,
    )  # fmt: skip
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", names)]


@pytest.mark.parametrize("name", sorted(set(QUESTIONS) - WHOLE))
def test_no_question_reads_a_whole_table(connection: sqlite3.Connection, name: str) -> None:
    steps = plan(connection, QUESTIONS[name])
    # json_each goes through the list that was asked for, no table.
    scans = [
        step for step in steps if step.startswith("SCAN") and "USING" not in step and "json_each" not in step
    ]
    assert not scans, steps


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("WAITING", "event_waiting"),
        ("JOBS", "effect_open"),
        ("SUPERSEDE", "effect_card"),
        ("DUE", "ask_open"),
        ("NEWEST", "node_audience"),
        ("COUNT", "node_audience"),
        ("LOOPS", "loop_updated"),
        ("LIVE_LOOPS", "loop_live"),
        ("BACK", "edge_back"),
        ("ONTO", "edge_back"),
        ("LINKED", "node_link"),
    ],
)
def test_a_question_uses_its_index_and_sorts_nothing(
    connection: sqlite3.Connection, name: str, index: str
) -> None:
    steps = plan(connection, QUESTIONS[name])
    assert any(index in step for step in steps), steps
    # Few asks are open at a time; what else is asked for comes in the index's own order.
    assert name == "DUE" or not any("TEMP B-TREE" in step for step in steps), steps


def test_words_are_literal() -> None:
    assert search.terms('fix "the AND (tests_of') == ["fix", "the", "and", "tests", "of"]
    assert search.terms("  -- ") == []
