"""What the store does beyond its port: full text, the digest, the driver's errors, odd rows. Owns: nothing. Imports: adapters.store. Effects: temp files."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.store import claim, codec, faults
from adapters.store.store import SqlStore
from core import errors, graph, ids, journal
from core.audience import Sight
from core.desk import Outcome
from core.ids import CardKey
from core.testing import store_rig
from core.testing.fakes import FakeClock


def store_at(path: Path) -> SqlStore:
    return SqlStore(f"sqlite:///{path}", clock=FakeClock())


async def test_words_are_found_where_they_may_be_seen(home: Path) -> None:
    async with store_at(home / "b.db") as store:
        for number, (text, lane) in enumerate(
            [
                ("retry the Flaky tests", store_rig.LANE),
                ("flaky test", ids.thread_key("local", "home", "secret", "2")),
                ("calm", store_rig.LANE),
            ]
        ):
            await store_rig.settled(store, number, Outcome(facts=store_rig.heard(number, text, lane=lane)))
        found = await store.search("flaky te", sight=Sight(thread=store_rig.LANE))
        assert [node.text for node in found] == ["retry the Flaky tests"]
        assert await store.search('"*(', sight=Sight(thread=store_rig.LANE)) == ()
        gone = graph.Node(
            key=found[0].key,
            kind="message",
            audience=store_rig.LANE,
            at=store_rig.at(),
            props={"deleted": "now"},
        )
        await store_rig.settled(store, 7, Outcome(facts=(gone,)))
        assert await store.search("flaky", sight=Sight(thread=store_rig.LANE)) == []
    holds_what_is_there(home / "b.db")


def holds_what_is_there(database: Path) -> None:
    """Fail unless both indexes hold just the words that the nodes hold."""
    with sqlite3.connect(database) as connection:
        for index in ("node_text", "kept_text"):
            connection.execute(
                f"CREATE VIRTUAL TABLE temp.{index}_words USING fts5vocab(main, {index}, instance)"
            )
            words = f"SELECT term, doc, offset FROM {index}_words"  # noqa: S608 - names of ours
            kept = sorted(connection.execute(words))
            connection.execute(f"INSERT INTO {index}({index}) VALUES ('rebuild')")  # noqa: S608
            assert kept == sorted(connection.execute(words))
    connection.close()


async def test_nodes_are_found_however_they_came(home: Path) -> None:
    def node(kind: graph.NodeKind, number: int, text: str) -> graph.Node:
        return graph.Node(
            key=f"{kind}:{number}", kind=kind, audience=store_rig.LANE, at=store_rig.at(), text=text
        )

    many = [node("page" if number % 3 else "message", number, f"word{number}") for number in range(60)]
    stub = graph.Edge(src="page:100", kind="touches", dst="page:101", at=store_rig.at())
    told: list[tuple[graph.Fact, ...]] = [
        (*many, stub, node("message", 3, "told twice at once")),
        (node("page", 100, "filled"), node("claim", 1, "single"), node("decision", 1, "plain")),
        (*many, node("page", 100, "filled anew"), node("page", 4, "")),
    ]
    async with store_at(home / "b.db") as store:
        for number, facts in enumerate(told):
            await store_rig.settled(store, number, Outcome(facts=facts))
        for words, kinds, found in (
            ("word59", (), 1), ("word59", ("page",), 1), ("anew", ("page",), 1), ("single", ("claim",), 1), ("plain", (), 1), ("plain", ("claim",), 0),
        ):  # fmt: skip
            sight = Sight(thread=store_rig.LANE)
            assert len(await store.search(words, sight=sight, kinds=kinds)) == found, words
    holds_what_is_there(home / "b.db")


async def test_equal_graphs_have_equal_digests(home: Path) -> None:
    facts = [fact for number in range(5) for fact in store_rig.heard(number, f"text {number}")]
    digests = []
    for name, order in (("a", facts), ("b", facts[::-1]), ("c", facts[:-2])):
        async with store_at(home / f"{name}.db") as store:
            for number, fact in enumerate(order):
                await store_rig.settled(store, number, Outcome(facts=(fact,)))
            digests.append(await store.digest())
    assert digests[0] == digests[1] != digests[2]


async def test_a_closed_store_says_so(home: Path) -> None:
    async with store_at(home / "b.db") as store:
        await store.keep("k", "v")
    with pytest.raises(errors.Unavailable, match="closed"):
        await store.kept("k")
    # Everything is in the one file now, which nobody else may read.
    assert sorted(path.name for path in home.iterdir()) == ["b.db", "b.db.lock", "b.db.reserve"]
    assert (home / "b.db").stat().st_mode & 0o077 == 0


async def test_an_opening_that_was_called_off_leaves_nothing_open(home: Path) -> None:
    opening = asyncio.ensure_future(store_at(home / "b.db").__aenter__())
    await asyncio.sleep(0.01)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    async with store_at(home / "b.db") as store:
        assert await store.kept("k") is None


async def test_what_was_asked_before_closing_is_done(home: Path) -> None:
    async with store_at(home / "b.db") as store:
        asked = [asyncio.ensure_future(store.keep(f"k{number}", "v")) for number in range(500)]
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    async with store_at(home / "b.db") as store:
        assert await store.kept("k499") == "v"


async def test_a_write_whose_caller_left_is_still_seen(home: Path) -> None:
    people = store_rig.MAYA, store_rig.MEMBER
    async with store_at(home / "b.db") as store:
        arrival = await store_rig.arrived(store, store_rig.posted(1))
        assert not (await store.people()).identities
        identity = store_rig.identity(*people)
        left = asyncio.ensure_future(store.settle(arrival, Outcome(identities=(identity,))))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait([left])
        await store.keep("after", "it")
        assert (await store.people()).identities == dict([people])


def test_the_drivers_errors_are_told_apart(home: Path) -> None:
    path = home / "b.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE t (x UNIQUE)")
    holder.execute("INSERT INTO t VALUES (1)")
    other = sqlite3.connect(path, isolation_level=None, timeout=0)
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    holder.execute("BEGIN EXCLUSIVE")
    told = {
        errors.Unavailable: (other, "BEGIN IMMEDIATE"),
        errors.Rejected: (holder, "INSERT INTO t VALUES (1)"),
        errors.Damaged: (holder, "SELECT * FROM gone"),
    }
    for kind, (connection, statement) in told.items():
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(statement)
        assert type(faults.translate(caught.value, path)) is kind
    holder.execute("COMMIT")
    with pytest.raises(sqlite3.Error) as caught:
        reader.execute("INSERT INTO t VALUES (2)")
    unreachable = faults.translate(caught.value, path)
    assert isinstance(unreachable, errors.Unavailable)
    assert unreachable.remedy
    holder.execute("PRAGMA max_page_count = 3")
    with pytest.raises(sqlite3.Error) as caught:
        holder.execute("INSERT INTO t VALUES (randomblob(100000))")
    assert isinstance(faults.translate(caught.value, path), errors.StorageFull)
    assert faults.translate(ValueError("ours"), path) is None
    for connection in (holder, other, reader):
        connection.close()


def test_a_reserve_takes_only_what_leaves_room(home: Path) -> None:
    small = claim.Reserve(home / "b.db", 1 << 16)
    small.take()
    assert (home / "b.db.reserve").stat().st_size == 1 << 16
    assert small.held
    assert small.release()
    assert not small.release()
    vast = claim.Reserve(home / "b.db", 1 << 60)
    vast.take()
    assert not vast.held
    assert not (home / "b.db.reserve").exists()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("plain", "plain"),
        ("a\0b", "a\ufffdb"),
        ("\ud83d\ude00", "\U0001f600"),
        ("x\udc00", "x\ufffd"),
        ("é\ud800é", "é\ufffdé"),
    ],
)
def test_text_is_cleaned(given: str, taken: str) -> None:
    assert codec.clean(given) == taken


@given(st.dictionaries(st.text(st.characters()), st.text(st.characters())))
def test_records_are_spelled_as_json_spells_them(record: dict[str, str]) -> None:
    assert codec.spell(record) == journal.spell(record)


def test_what_utf_8_cannot_hold_is_spelled_all_the_same() -> None:
    assert codec.spell({"text": "a\ud800"}) == journal.spell({"text": "a\ud800"})


async def test_a_receipt_goes_along_with_what_is_written_next_and_is_not_lost_at_the_end(home: Path) -> None:
    async with store_at(home / "b.db") as store:
        first, second, third = await store_rig.wanted(store, 1, *(store_rig.say(key) for key in "abc"))
        early = asyncio.ensure_future(store.finish(first.id))
        await store.keep("anything", "written at once")
        assert early.done()
        alone = asyncio.ensure_future(store.finish(second.id))
        await alone
        assert [job.id for job in await store.jobs()] == [third.id]
        again = [store.finish(job.id, card=CardKey("c"), posted=job.effect.key) for job in (first, second)]
        assert await store.card(CardKey("c")) == "b"
        await asyncio.gather(*again)
        late = asyncio.ensure_future(store.finish(third.id))
    await late
    async with store_at(home / "b.db") as store:
        assert await store.jobs() == []
        closed = store
    with pytest.raises(errors.Unavailable):
        await closed.finish(first.id)
