"""What any store's graph, transcripts and small values must hold, and how it takes odd text. Owns: CHECKS. Imports: core. Effects: through the rig's stores."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime

from core import events, graph
from core.desk import Outcome
from core.graph import Edge, EdgeKind, Node
from core.ids import LoopId, note_of
from core.testing.store_contract import Check
from core.testing.store_rig import (
    LANE,
    OTHER_LANE,
    Rig,
    a_loop,
    arrived,
    at,
    heard,
    posted,
    say,
    settled,
    wanted,
)


def edge(src: str, dst: str, kind: EdgeKind = "links") -> Edge:
    return Edge(src=src, kind=kind, dst=dst, at=at())


def note(name: str, text: str = "", **props: str) -> Node:
    return Node(key=f"note:{name}", kind="note", audience="bridge", at=at(1), text=text, props=props)


async def check_a_node_is_told_again(rig: Rig) -> None:
    first = note("n", "old words", a="1", b="1")
    async with rig.open() as store:
        await settled(store, 1, Outcome(facts=(first,)))
        await settled(store, 2, Outcome(facts=(note("n", "new words", b="2"),)))
        await settled(store, 3, Outcome(facts=(note("n", c="3"),)))
    async with rig.open() as store:
        (back,) = await store.nodes(["note:n", "note:unknown"])
        assert back == replace(first, text="new words", props={"a": "1", "b": "2", "c": "3"})
        await settled(store, 4, Outcome(facts=(note("n", deleted="yes"),)))
        assert [node.text for node in await store.nodes(["note:n"])] == [""]
        await settled(store, 5, Outcome(facts=(note("n", "told late"),)))
        assert [node.text for node in await store.nodes(["note:n"])] == [""]


async def check_an_edge_may_come_before_its_nodes(rig: Rig) -> None:
    loop = a_loop()
    async with rig.open() as store:
        line = edge(graph.loop(loop.id), "note:late", "produced")
        await settled(store, 1, Outcome(facts=(line, line)))
        (stub,) = await store.nodes([graph.loop(loop.id)])
        assert (stub.kind, stub.text) == ("loop", "")
        told = replace(note("late", "here I am"), audience=LANE, at=at(7))
        await settled(store, 2, Outcome(facts=(told, line)))
        assert list(await store.nodes(["note:late"])) == [told]
        assert (await store.walk("note:late", depth=1)).edges == (line,)


async def check_a_walk_goes_both_ways_and_ends(rig: Rig) -> None:
    chain = [f"note:{number}" for number in range(6)]
    lines = [edge(here, there) for here, there in itertools.pairwise(chain)]
    ring = edge(chain[5], chain[0])
    async with rig.open() as store:
        await settled(store, 1, Outcome(facts=(*lines, ring)))
        assert (await store.walk("note:unknown", depth=3)).nodes == ()
        assert [node.key for node in (await store.walk(chain[2], depth=0)).nodes] == [chain[2]]
        near = await store.walk(chain[2], depth=1)
        assert [node.key for node in near.nodes] == [chain[2], chain[3], chain[1]]
        assert set(near.edges) == {lines[1], lines[2]}
        whole = await store.walk(chain[2], depth=99)
        assert {node.key for node in whole.nodes} == set(chain)
        assert set(whole.edges) == {*lines, ring}


async def check_a_walk_is_bounded(rig: Rig) -> None:
    lines = tuple(edge("note:hub", f"note:{number}") for number in range(300))
    async with rig.open() as store:
        await settled(store, 1, Outcome(facts=lines))
        walk = await store.walk("note:hub", depth=2, limit=50)
        met = {node.key for node in walk.nodes}
        assert len(met) == 50
        assert all({line.src, line.dst} <= met for line in walk.edges)


async def check_nodes_are_found_by_the_start_of_their_key(rig: Rig) -> None:
    commits = [
        Node(key=graph.commit("app", sha), kind="commit", audience="bridge", at=at())
        for sha in ("aaa1", "aaa2", "b_b")
    ]
    async with rig.open() as store:
        await settled(store, 1, Outcome(facts=(*commits, note("commit"))))
        found = await store.find_nodes(kind="commit", prefix="commit:app@aaa")
        assert list(found) == commits[:2]
        assert list(await store.find_nodes(kind="commit", prefix="commit:", limit=1)) == commits[:1]
        assert list(await store.find_nodes(kind="commit", prefix="commit:app@b%")) == []
        assert list(await store.find_nodes(kind="note", prefix="commit:")) == []


async def check_thread_messages_are_the_first_and_the_newest(rig: Rig) -> None:
    async with rig.open() as store:
        assert await store.thread_messages(LANE, limit=3) == ([], 0)
        for number in (5, 2, 9, 7):
            await settled(store, number, Outcome(facts=heard(number, str(number))))
        await settled(store, 20, Outcome(facts=(*heard(3, "elsewhere", lane=OTHER_LANE), note("n"))))
        for limit, texts in (
            (2, ["2", "7", "9"]),
            (3, ["2", "5", "7", "9"]),
            (4, ["2", "5", "7", "9"]),
            (0, ["2"]),
        ):
            nodes, total = await store.thread_messages(LANE, limit=limit)
            assert ([node.text for node in nodes], total) == (texts, 4)
        # What was said earlier and heard of later still comes first.
        await settled(store, 21, Outcome(facts=heard(1, "1", seconds=1)))
        nodes, total = await store.thread_messages(LANE, limit=1)
        assert ([node.text for node in nodes], total) == (["1", "9"], 5)


async def check_odd_text_is_taken(rig: Rig) -> None:
    odd = "a\x00b \ud800 c \U0001f600 é \u202e \udfff"
    loop = replace(a_loop(), title=odd)
    async with rig.open() as store:
        arrival = await arrived(store, posted(1, odd))
        told = Outcome(
            loop=loop, facts=(note("n", odd, p=odd), *heard(1, odd)), effects=(say("k", text=odd),)
        )
        await store.settle(arrival, told)
        await arrived(store, posted(2, odd))
        await store.keep("odd", odd)
        await store.transcribe("s", [odd])
    async with rig.open() as store:
        (waiting,) = await store.waiting()
        assert isinstance(waiting.event, events.Posted)
        (node,) = await store.nodes(["note:n"])
        back = await store.loop(loop.id)
        assert back is not None
        kept = await store.kept("odd")
        assert kept is not None
        for text in (
            waiting.event.text,
            node.text,
            node.props["p"],
            back.title,
            kept,
            *await store.transcript("s"),
        ):
            assert text.encode().decode() == text
            assert text.startswith("a")
            assert " c \U0001f600 é \u202e " in text
        assert len(await store.jobs()) == 1


async def check_long_text_is_taken(rig: Rig) -> None:
    long = "wörds " * 175_000
    async with rig.open() as store:
        await store.settle(
            await arrived(store, posted(1, long)),
            Outcome(facts=heard(1, long), effects=(say("k", text=long),)),
        )
    async with rig.open() as store:
        nodes, _ = await store.thread_messages(LANE, limit=1)
        assert [node.text for node in nodes] == [long]
        assert [job.effect for job in await store.jobs()] == [say("k", text=long)]


async def check_a_node_needs_a_zone(rig: Rig) -> None:
    naive = replace(note("n"), at=datetime(2026, 1, 1))  # noqa: DTZ001 - the point
    async with rig.open() as store:
        try:
            await settled(store, 1, Outcome(facts=(naive,)))
        except ValueError:
            assert list(await store.nodes(["note:n"])) == []
        else:
            raise AssertionError("an instant without a zone was stored")


async def check_transcripts_are_appended(rig: Rig) -> None:
    async with rig.open() as store:
        assert await store.transcript("s") == []
        await store.transcribe("s", ['{"n":1}', '{"n":2}'])
        await store.transcribe("t", ['{"n":9}'])
        await store.transcribe("s", [])
        await store.transcribe("s", ['{"n":3}', '{"n":1}'])
    async with rig.open() as store:
        assert await store.transcript("s") == ['{"n":1}', '{"n":2}', '{"n":3}', '{"n":1}']


async def check_small_values_are_kept(rig: Rig) -> None:
    async with rig.open() as store:
        assert await store.kept("k") is None
        await store.keep("k", "1")
        await store.keep("k", "")
        assert await store.kept("k") == ""
        await store.keep("k", "3")
    async with rig.open() as store:
        assert await store.kept("k") == "3"


async def check_what_an_effect_notes_goes_with_its_end(rig: Rig) -> None:
    async with rig.open() as store:
        one, two, three = await wanted(store, 1, say("1"), say("2"), say("3"))
        for job in (one, two, three):
            await store.keep(note_of(job.effect.key), "words")
        await store.keep("k", "stays")
        await store.finish(one.id)
        await store.finish(two.id, failed="no such channel")
        await store.postpone(three.id, until=at(500), why="the chat is away")
    async with rig.open() as store:
        left = [await store.kept(note_of(job.effect.key)) for job in (one, two, three)]
        assert (left, await store.kept("k")) == ([None, None, "words"], "stays")


async def check_a_write_is_seen_by_the_next_read(rig: Rig) -> None:
    async with rig.open() as store:
        for number in range(50):
            await store.keep("k", str(number))
            assert await store.kept("k") == str(number)
            (job,) = await wanted(store, number, say(str(number)))
            assert [seen.id for seen in await store.jobs()] == [job.id]
            await store.finish(job.id)
        assert await store.loop(LoopId("none")) is None


CHECKS: tuple[Check, ...] = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_")
)
