"""Memory and focus with the real CLI. Owns: facts from people and agents reach later loops, one's own reach nobody else; the board."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from adapters.chat.local import wire
from adapters.chat.local.records import Record
from adapters.rehearsal import asked
from adapters.store.store import SqlStore
from bridge.clock import SystemClock
from core import events, graph, layers, memory
from core.ids import MemberId
from tests.scenarios.house import PATIENCE, House, Person, Talk, house, until
from tests.scenarios.test_cli import loopbridge

NOTES = "/loop/context/notes"
SCRIPT = """
[[rule]]
when.after = 0
when.task = 'learn: (.+) mine: (.+)'
say = "I keep both."
tools = [
    { name = "mcp__loop__remember", input = { fact = "{1}" } },
    { name = "mcp__loop__remember", input = { fact = "{2}", personal = true } },
]
[[rule]]
when.after = 0
when.task = 'what is known'
tools = [{ name = "Read", input = { file_path = "/loop/context/notes/memory/README.md" } }]
[[rule]]
when.after = 0
when.task = 'touch'
tools = [{ name = "Bash", input = { command = "touch /tmp/x" } }]
[[rule]]
when.results = '(?s)(.*)'
say = "It says:\\n\\n{1}"
[[rule]]
say = "I am here."
"""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record every request that the model gets, whole."""
    requests: list[str] = []
    real = asked.read

    def read(body: Mapping[str, Any], **more: Any) -> asked.Asked:
        requests.append(json.dumps(body))
        return real(body, **more)

    monkeypatch.setattr(asked, "read", read)
    return requests


def shown(made: House, layer: str, path: str) -> str:
    """Return a file of a layer as its repository holds it, empty when it does not."""
    where = f"{made.home}/{'personal' if layer.startswith('personal') else 'context'}/{layer.removeprefix('personal/')}.git"
    done = subprocess.run(
        ["git", f"--git-dir={where}", "show", f"main:{path}"], capture_output=True, text=True, check=False
    )
    return done.stdout


async def fresh(person: Person, task: str = "what is known") -> str:
    """Return what the agent of a new loop answers."""
    talk = await person.opens(f"/loop start --no-context {task}")
    return talk.text(await talk.answered())


async def test_what_was_remembered_reaches_later_loops_and_what_is_ones_own_nobody_else(
    heard: list[str],
) -> None:
    async with house(SCRIPT) as made:
        async with made.bridge() as bridge, made.person() as maya, made.person("ravi") as ravi:
            talk = await maya.opens("/loop remember Staging is at db2")
            await talk.sees("Remembered as m")
            await talk.says("/loop people add @ravi member")
            await talk.sees("is a member of this bridge now")
            said = await talk.says("/loop remember staging is at DB2.")
            await talk.sees("Known already as m", after=said)
            said = await talk.says("/loop remember the token is AKIAABCDEFGHIJKLMNOP")
            await talk.sees("an AWS access key, so it was not remembered", after=said)
            said = await talk.says("/loop remember me I like lemon tea")
            own = await talk.sees("Kept in your own memory as m", after=said)
            assert own.to == "maya"

            work = await maya.opens("/loop learn: Tests need Redis mine: Maya sleeps at noon")
            answer = talk.text(await work.answered())
            assert "Remembered for the team: m" in answer
            assert "“Tests need Redis”" in answer
            assert "Kept in the memory of Maya alone: m" in answer
            assert "noon" not in answer.split("It says")[0].replace("mine:", "")

            del heard[:]
            known = await fresh(maya)
            assert "Staging is at db2" in known
            assert "Tests need Redis" in known
            assert "lemon tea" in heard[0]
            assert "sleeps at noon" in heard[0]
            del heard[:]
            where = await ravi.opens("/loop where is staging now?")
            await where.answered()
            assert "Staging is at db2" in heard[0]  # by its capsule: nothing was read yet
            assert "Staging is at db2" in await fresh(ravi)
            assert not [words for words in heard if "lemon tea" in words or "at noon" in words]

            said = await talk.says("/loop forget staging")
            await talk.sees("Forgotten: m", after=said)
            known = await fresh(ravi)
            assert ("Staging" in known, "Redis" in known) == (False, True)
            said = await talk.says("/loop memory")
            listed = await talk.sees("What the team remembers", after=said)
            assert (listed.to, "Redis" in talk.text(listed), "lemon" in talk.text(listed)) == (
                "maya",
                True,
                False,
            )
            await _taken_back(maya, talk, bridge.store)
            await _in_the_graph(made, bridge.store)
        await _is_rebuilt(made)
        async with made.bridge() as bridge:
            # No journal holds what is one's own: its layer tells it anew.
            await _told(bridge.store, "memory", f"memory:{layers.personal(MemberId(''))}", "I like lemon tea")


async def _taken_back(maya: Person, talk: Talk, store: Any) -> None:
    """Delete what a fact rests on: the fact says so."""
    said = await talk.says("/loop remember Deploys are on Tuesdays")
    receipt = talk.text(await talk.sees("Remembered as m", after=said))
    await maya.client.delete(said)
    await _told(store, "memory", "memory:notes/", "Deploys", flagged=True)
    said = await talk.says("/loop memory")
    await talk.sees("Deploys are on Tuesdays · Maya", after=said)
    assert talk.count("its source was deleted since") == 1
    said = await talk.says(f"/loop why {receipt.split(':')[0].split()[-1]}")
    await talk.sees("to be looked at again: a source was deleted", after=said)


async def _in_the_graph(made: House, store: Any) -> None:
    index = shown(made, layers.NOTES, memory.TEAM_INDEX)
    assert "Tests need Redis (loop #" in index
    assert "Staging" not in index
    facts = await store.find_nodes(kind="memory", prefix="memory:", limit=20)
    by_audience: dict[str, list[str]] = {node.audience: [] for node in facts}
    for node in facts:
        by_audience[node.audience].append(node.text)
    mine = next(audience for audience in by_audience if audience.startswith("member:"))
    assert sorted(by_audience[mine]) == ["I like lemon tea", "Maya sleeps at noon"]
    assert sorted(by_audience[layers.EVERYBODY]) == ["", "Deploys are on Tuesdays", "Tests need Redis"]
    (redis,) = [node for node in facts if node.text == "Tests need Redis"]
    walk = await store.walk(redis.key, depth=1)
    assert {edge.kind for edge in walk.edges if edge.src == redis.key} == {"links", "distilled_from"}
    assert any(node.kind == "message" and "/loop learn" in node.text for node in walk.nodes)


async def _is_rebuilt(made: House) -> None:
    # A bridge that runs may still have something to add.
    async with SqlStore(f"sqlite:///{made.database}", clock=SystemClock()) as store:
        digest = await store.digest()
    for path in list(made.home.glob("bridge.db*")):
        path.unlink()
    done = await asyncio.to_thread(loopbridge, made.home, "rebuild")
    assert done.returncode == 0, done.stderr
    assert "The graph is the one that was journalled" in done.stdout
    assert digest[:16] in done.stdout


async def test_a_closed_thread_is_asked_before_its_words_go_further(monkeypatch: pytest.MonkeyPatch) -> None:
    real = wire.posted

    def closed(*given: Any, **more: Any) -> events.Posted:
        return replace(real(*given, **more), room="closed")

    monkeypatch.setattr(wire, "posted", closed)
    async with house(SCRIPT) as made, AsyncExitStack() as room:
        async with made.bridge():
            maya, ravi = [await room.enter_async_context(made.person(name)) for name in ("maya", "ravi")]
            talk = await maya.opens("/loop people add @ravi member")
            await talk.sees("is a member of this bridge now")
            first, second = [await _held(talk, fact) for fact in ("The merger is on", "The merger is off")]
        async with made.bridge():  # the cards of a bridge that was stopped hold
            other = ravi.joins(talk)
            await other.presses(first, "Remember for the team")
            await other.sees("Maya asked for this, and decides. It still waits.")
            await talk.presses(first, "Remember for the team")
            await talk.sees("Remembered as m")
            await talk.presses(second, "Keep private")
            await talk.sees("Maya kept this private.")
            await talk.sees("Kept in your own memory as m")
            await other.presses(first, "Keep private")
            await other.sees("That was answered already. Nothing changed.")
            index = shown(made, layers.NOTES, memory.TEAM_INDEX)
            assert ("merger is on" in index, "merger is off" in index) == (True, False)
            assert talk.count("merger is off") == 0


async def _held(talk: Talk, fact: str) -> Record:
    said = await talk.says(f"/loop remember {fact}")
    return await talk.sees(f"every later loop could read this:\n“{fact}”", after=said)


async def test_the_board_shows_pins_topics_and_who_is_waited_for() -> None:
    async with house(SCRIPT) as made, made.bridge() as bridge, made.person() as maya:
        first = await maya.opens("/loop start --no-context --tag auth,web look around")
        await first.answered()
        waiting = await maya.opens("/loop start --no-context touch it")
        await waiting.asked("touch")
        free = await maya.opens("/loop start --no-context look elsewhere")
        await free.answered()
        await free.says("/loop release")
        await free.sees("let go of this loop")
        await free.says("/loop tag auth")
        await free.sees("is tagged auth")
        said = await first.says("/loop focus pin Ship 2.0 by Friday")
        await first.sees("Pinned for the whole team: “Ship 2.0 by Friday”", after=said)
        said = await first.says("/loop inbox look at the mails")
        await first.sees("In the team's inbox", after=said)
        await until(lambda: "look at the mails" in shown(made, layers.NOTES, "inbox.md"))
        for name, line in (("focus.md", "Ship 2.0"), ("inbox.md", "look at the mails")):
            await _told(bridge.store, "page", graph.page(layers.NOTES, name), line)
        words = await _board(first)
        assert "1. Ship 2.0 by Friday" in words
        assert "auth · #" in words
        assert "Look around (finished)" in words
        assert (
            words.index("Ready for a driver")
            < words.index("Look elsewhere · auth")
            < words.index("Waiting on people")
        )
        assert "Touch it · ask " in words
        assert "waits for Maya" in words
        assert "look at the mails" in words
        said = await first.says("/loop focus unpin 1")
        await first.sees("Not pinned any more", after=said)
        assert "Ship 2.0" not in shown(made, layers.NOTES, "focus.md")


async def _told(store: Any, kind: str, prefix: str, words: str, *, flagged: bool = False) -> None:
    """Wait until the graph holds a node with these words, flagged if it is to be."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await store.find_nodes(kind=kind, prefix=prefix)
            if any(words in node.text and bool(graph.flagged(node)) >= flagged for node in found):
                return
            await asyncio.sleep(0.02)


async def _board(talk: Talk) -> str:
    said = await talk.says("/loop focus")
    return talk.text(await talk.sees("Pinned", after=said))
