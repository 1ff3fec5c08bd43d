"""The journal: written with every event, told back into the same graph. Owns: nothing. Effects: temp homes, real git."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.store import opening
from adapters.store.store import SqlStore
from bridge import rebuilding
from bridge.home import prepare
from core import errors, events, graph, layers, policy
from core.ids import CallId, MemberId, message_key
from core.journal import WITHDRAWN, thread_folder
from core.redact import Redactor
from tests.patience import PATIENCE
from tests.unit.journal_rig import Rig, a_long_story, lane, who


@pytest.fixture
def rig(home: Path) -> Rig:
    return Rig(root=home / "h")


async def test_a_long_story_is_journalled(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        assert await telling.journalling.drain() > 50
        assert await telling.journalling.drain() == 0
        lines = await rig.lines()
        tip = await rig.journal().tip()
        assert tip.lines == len(lines)


async def test_proposals_come_back_and_a_merge_that_ran_can_be_asked_for_again(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        (loop, *_) = await telling.store.loops(live_only=False)
        proposed = events.Proposed(
            lane=loop.thread, at=telling.clock.now(), loop=loop.id, turn=None, request="r", layer=layers.KNOWLEDGE, proposal="ab" * 16,
            title="Clocks", base="a" * 40, tip="b" * 40, digest="d", files=(("clock.md", 1, 0),), protected=(), diff="+x",
        )  # fmt: skip
        await telling.tell(proposed)
        weighed = events.ProposalWeighed(
            lane=loop.thread,
            at=telling.clock.now(),
            proposal="ab" * 16,
            choice="merge",
            words="",
            author=who("ada"),
            message="m1",
        )
        await telling.tell(weighed)
        (waiting,) = await telling.store.proposals()
        assert waiting.state == "merging"
        await telling.journalling.close()
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    async with SqlStore(rig.url("new.db"), clock=rig.clock) as new:
        (back,) = await new.proposals()
        assert back == replace(waiting, state="open")


async def test_consent_to_a_landing_comes_back_and_one_that_waits_is_withdrawn(rig: Rig) -> None:
    async with rig.telling() as telling:
        await telling.admits()
        await telling.starts(lane(1))
        for sha, word in (("c" * 40, "approve"), ("d" * 40, "")):
            turn = await telling.of_turn(lane(1))
            given = '{"file_path": "/loop/workdir/.mcp.json"}'
            call = events.ToolCalled(
                **turn,
                call=CallId(sha[:4]),
                tool="Edit",
                input=given,
                digest=policy.digest("Edit", given),
                why="so",
            )
            await telling.tell(call)
            await telling.ends(lane(1), call.call)
            commit = events.CommitTaken(sha=sha, parents=(), subject="Steer", at=telling.clock.now())
            taken = events.WorkTaken(
                **turn, repo="app", branch="loop/x", commits=(commit,), objections=("no",), base="a" * 40, tip=sha, shown="+x",
                delicate=(events.DelicatePath(path=".mcp.json", why="tools"),),
            )  # fmt: skip
            await telling.tell(events.TurnResult(**turn, text="Done.", session="s1"), taken)
            (ask,) = [ask for ask in (await telling.store.desk(lane(1))).asks if ask.open]
            if word:
                await telling.decides(lane(1), "maya", word)
                await telling.tell(
                    events.WorkLanded(lane=lane(1), at=telling.clock.now(), loop=ask.loop, ask=ask.id, where="origin")
                )  # fmt: skip
                await telling.says(lane(1), "maya", "go on")
        landed = await telling.store.onto(graph.commit("app", "c" * 40), "allowed", limit=2)
        assert [node.kind for node in landed] == ["decision"]
        await telling.journalling.close()
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    async with SqlStore(rig.url("new.db"), clock=rig.clock) as new:
        asks = (await new.desk(lane(1))).asks
        assert [(ask.about, ask.state, ask.landed) for ask in asks] == [
            ("work", "allowed", "landed"), ("work", "withdrawn", ""),
        ]  # fmt: skip


async def test_what_is_one_members_alone_is_in_no_line_and_the_graph_is_the_same_all_the_same(
    rig: Rig,
) -> None:
    mine = layers.personal(MemberId("a" * 32))
    async with rig.telling() as telling:
        await a_long_story(telling)
        for number, layer in enumerate((mine, layers.NOTES)):
            page = events.Page(path=f"page-{number}.md", text=f"Words of page {number}.")
            await telling.tell(
                events.LayerMoved(lane=layers.lane(layer), at=telling.clock.now(), layer=layer, base="", tip="b" * 40, pages=(page,))
            )  # fmt: skip
        assert await telling.store.nodes([graph.page(mine, "page-0.md")])
        await telling.journalling.close()
        told = "\n".join(await rig.lines())
    assert "Words of page 1." in told
    assert "page-0" not in told
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified


async def test_a_rebuild_tells_the_same_graph(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        await telling.journalling.close()
        graph, before = await telling.store.digest(), await telling.store.people()
        spent, loops = await telling.store.spent(), await telling.store.loops(live_only=False)
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    assert rebuilt.graph == graph
    async with rig.telling("new.db") as telling:
        store = telling.store
        assert await store.digest() == graph
        assert await store.people() == before
        assert await store.spent() == spent
        assert {loop.id for loop in await store.loops(live_only=False)} == {loop.id for loop in loops}
        assert await store.jobs() == []
        assert await store.waiting() == []


async def test_after_a_rebuild_nothing_is_taken_twice_and_nothing_waits(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        await telling.journalling.drain()
        (waiting,) = [loop for loop in await telling.store.loops() if loop.status == "waiting"]
        graph = await telling.store.digest()
    (rig.home.loops / waiting.id).mkdir()
    (rig.home.loops / waiting.id / "lock.json").touch()
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified is None
    async with rig.telling("new.db") as telling:
        for number in range(1, 31):
            telling.numbers[lane(3)] = number - 1
            await telling.says(lane(3), "maya", "told a second time")
        assert await telling.store.digest() == graph
        desk = await telling.store.desk(waiting.thread)
        assert desk.loop is not None
        assert desk.loop.turn is not None
        assert (desk.loop.status, desk.loop.turn.state) == ("failed", "ended")
        assert desk.loop.prepared
        assert desk.loop.session == waiting.session
        assert [(ask.state, ask.reason) for ask in desk.asks] == [("withdrawn", WITHDRAWN)]
        elsewhere = (await telling.store.desk(lane(1))).loop
        assert elsewhere is not None
        assert not elsewhere.prepared
        assert "folder" in elsewhere.failure
        # It goes on: numbers follow those of the journal, and a retry makes the folder anew.
        telling.numbers[lane(1)] = 100
        await telling.says(lane(1), "maya", "/loop retry")
        assert "prepare" in {job.effect.kind for job in await telling.store.jobs()}
        await telling.journalling.close()
        lines = [json.loads(line) for line in await rig.lines()]
        assert len({line["seq"] for line in lines}) == len(lines) == rebuilt.lines + 1


async def test_a_secret_never_enters(rig: Rig) -> None:
    rig.clean = Redactor(["swordfish"]).text
    async with rig.telling() as telling:
        await a_long_story(telling)
        await telling.starts(lane(9), task="use swordfish to log in")
        await telling.journalling.close()
    for path in (await asyncio.to_thread(rig.git, "ls-tree", "-r", "--name-only", "main")).split():
        assert "swordfish" not in await asyncio.to_thread(rig.git, "show", f"main:{path}")
    assert "[secret]" in "".join(await rig.lines())
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.masked
    assert rebuilt.verified is None


async def test_buttons_cannot_be_forged_from_the_journal(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        await telling.journalling.drain()
        nonces = [ask.nonce for ask in (await telling.store.desk(lane(2))).asks]
        assert all(nonces)
        lines = "".join(await rig.lines())
        assert not [nonce for nonce in nonces if nonce in lines]


async def test_a_rebuild_refuses_a_database_that_holds_something(rig: Rig) -> None:
    async with rig.telling() as telling:
        await telling.says(lane(1), "maya", "hello")
        await telling.journalling.drain()
    with pytest.raises(errors.Refused, match="not empty") as caught:
        await rebuilding.rebuild(rig.url(), rig.journal(), clock=rig.clock, loops=rig.home.loops)
    assert "mv" in caught.value.remedy


async def test_a_journal_without_lines_is_nothing_to_rebuild_from(rig: Rig) -> None:
    with pytest.raises(errors.BadInput, match="no line"):
        await rebuilding.rebuild(rig.url(), rig.journal(), clock=rig.clock, loops=rig.home.loops)


async def test_a_journal_that_lacks_a_line_is_damaged(rig: Rig) -> None:
    async with rig.telling() as telling:
        await telling.says(lane(1), "maya", "hello")
        await telling.says(lane(2), "maya", "hello")
        await telling.journalling.drain()
    await rig.journal().rewrite("cut", str, {}, [f"{thread_folder(lane(1))}/000001.jsonl"])
    with pytest.raises(errors.Damaged, match="should hold 2"):
        await rebuilding.rebuild(rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops)
    async with rig.telling("new.db") as telling:
        assert await telling.store.ledger.empty()


async def test_an_old_or_new_database_goes_on_behind_the_journal(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        await telling.journalling.drain()
        old = await telling.store.digest()
    async with rig.telling("other.db") as telling:
        await telling.says(lane(77), "maya", "a database that knows nothing of the past")
        await telling.journalling.drain()
        await telling.says(lane(77), "maya", "and goes on")
        await telling.journalling.close()
    lines = [json.loads(line) for line in await rig.lines()]
    assert len({line["seq"] for line in lines}) == len(lines)
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.graph != old
    async with rig.telling("new.db") as telling:
        for thread, count in ((lane(3), 30), (lane(77), 2)):
            assert (await telling.store.thread_messages(thread, limit=1))[1] == count


async def test_a_long_thread_goes_on_in_another_file(rig: Rig) -> None:
    async with rig.telling() as telling:
        for _ in range(3):
            for _ in range(5):
                await telling.says(lane(1), "maya", "x" * 30_000)
            await telling.journalling.drain()
        graph = await telling.store.digest()
    names = (await asyncio.to_thread(rig.git, "ls-tree", "-r", "--name-only", "main", "threads")).split()
    assert [name.rpartition("/")[2] for name in names] == ["000001.jsonl", "000002.jsonl"]
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.graph == graph


async def test_a_remote_follows_and_can_be_begun_from(rig: Rig, home: Path) -> None:
    remote = home / "remote.git"
    await asyncio.to_thread(
        subprocess.run, ["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True
    )
    async with rig.telling(remote=str(remote)) as telling:
        await a_long_story(telling)
        await telling.journalling.close()
        await rig.journal(str(remote)).push()
        graph = await telling.store.digest()
    other = await asyncio.to_thread(Rig, root=home / "other")
    rebuilt = await rebuilding.rebuild(
        other.url(), other.journal(str(remote)), clock=rig.clock, loops=other.home.loops
    )
    assert rebuilt.verified
    assert rebuilt.graph == graph


async def test_turns_and_time_set_it_going(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        running = asyncio.create_task(telling.journalling.run())
        try:
            async with asyncio.timeout(PATIENCE):
                while not (await rig.journal().tip()).seq:  # noqa: ASYNC110 - a commit tells no one of its coming
                    await asyncio.sleep(0.05)
        finally:
            running.cancel()
            await asyncio.wait([running])
        await telling.journalling.close()
        assert (await rig.journal().tip()).graph == await telling.store.digest()


async def test_what_was_deleted_or_edited_is_gone_from_the_tip(rig: Rig) -> None:
    async with rig.telling() as telling:
        gone = await telling.says(lane(1), "maya", "my password is swordfish")
        await telling.says(lane(1), "maya", "and my name is Maya")
        changed = await telling.says(lane(1), "maya", "the key is herring")
        await telling.journalling.drain()
        await telling.deletes(lane(1), gone)
        await telling.edits(lane(1), changed, "maya", "the key is elsewhere")
        await telling.journalling.close()
        graph = await telling.store.digest()
    now = "".join(await rig.lines())
    assert "swordfish" not in now
    assert "herring" not in now
    assert "the key is elsewhere" in now
    assert "and my name is Maya" in now
    assert "swordfish" in await asyncio.to_thread(rig.git, "log", "-p", "main"), "history is not rewritten"
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    assert rebuilt.graph == graph


async def test_a_lost_journal_is_written_anew(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        await telling.journalling.drain()
        await telling.says(lane(1), "maya", "not journalled yet")
        await asyncio.to_thread(shutil.rmtree, rig.home.layer("journal"))
        await asyncio.to_thread(prepare, rig.home)
        await telling.journalling.drain()
        await telling.says(lane(1), "maya", "and on")
        await telling.journalling.close()
        store = telling.store
        graph, spent, people = await store.digest(), await store.spent(), await store.people()
        asked = {ask.id for ask in (await store.desk(lane(1))).asks}
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    async with rig.telling("new.db") as telling:
        store = telling.store
        assert (await store.digest(), await store.spent(), await store.people()) == (graph, spent, people)
        assert {ask.id for ask in (await store.desk(lane(1))).asks} == asked
        for _ in range(5):
            await telling.says(lane(1), "maya", "told a second time")
        assert await store.digest() == graph


def _back_to_the_first(database: Path) -> None:
    """Take everything out of a database that its first schema did not have, and put back what it had."""
    names = "SELECT type, name, sql FROM sqlite_master WHERE type = 'trigger' OR name NOT LIKE 'sqlite_%' AND name NOT LIKE 'kept_text_%'"
    with opening.connect(opening.engine(database.with_name("first.db")), writes=True) as first:
        opening.migrate(first, to="0001")
        known = {name: sql for _, name, sql in first.exec_driver_sql(names)}
    with sqlite3.connect(database) as connection:
        there = {name: kind for kind, name, _ in connection.execute(names)}
        later = [(kind, name) for name, kind in there.items() if name not in known]
        for kind, name in sorted(
            later, key=lambda each: ("trigger", "index", "table", "view").index(each[0])
        ):
            connection.execute(f"DROP {kind} IF EXISTS {name}")
        for name in known.keys() - there:
            connection.execute(known[name])
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()


async def test_a_database_from_before_the_journal_is_journalled_whole(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
    await asyncio.to_thread(_back_to_the_first, rig.root / "bridge.db")
    async with rig.telling() as telling:
        await telling.journalling.close()
        graph = await telling.store.digest()
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert rebuilt.verified
    assert rebuilt.graph == graph


async def test_schedules_claims_and_what_is_distilled_come_back(rig: Rig) -> None:
    knowledge = layers.lane(layers.KNOWLEDGE)
    async with rig.telling() as telling:
        await a_long_story(telling)
        thread = lane(7)
        source = await telling.says(thread, "maya", "the clock is frozen")
        await telling.says(thread, "maya", '/loop schedule "daily at 9" look at the tests')
        await telling.says(thread, "maya", '/loop schedule "hourly" look again')
        first, _ = (await telling.store.desk(thread)).schedules
        await telling.says(thread, "maya", f"/loop schedule delete {first.handle}")
        at = telling.clock.now()
        fact = events.Remembered(
            lane=thread, at=at, layer="notes", memo="0123456789ab", handle="m012", path="memory/x-0123456789ab.md", text="It is frozen",
            author=who("maya"), origin=f"message:{thread}#{source}", source=f"message:{thread}#{source}",
        )  # fmt: skip
        claim = events.ClaimRead(
            n="abcd1234", text="The clock is frozen.", sources=(f"message:{thread}#{source}",)
        )
        key = message_key(thread, source)
        await telling.tell(
            fact,
            events.ClaimsRead(
                lane=knowledge, at=at, layer="knowledge", path="a.md", tip="a" * 40, claims=(claim,)
            ),
            events.SourceChanged(
                lane=knowledge, at=at, message=key, how="edited", changed_at=at, claims=("claim:knowledge/a.md#abcd1234",),
                facts=("memory:notes/0123456789ab",),
            ),
        )  # fmt: skip
        schedules = await telling.store.schedules()
        await telling.journalling.close()
        graph = await telling.store.digest()
    rebuilt = await rebuilding.rebuild(
        rig.url("new.db"), rig.journal(), clock=rig.clock, loops=rig.home.loops
    )
    assert (rebuilt.verified, rebuilt.graph) == (True, graph)
    async with SqlStore(rig.url("new.db"), clock=rig.clock) as store:
        assert await store.schedules() == schedules
        found = await store.distilled([f"message:{thread}#{source}"])
        assert {node.kind: node.props["how"] for node in found} == {"claim": "edited", "memory": "edited"}
