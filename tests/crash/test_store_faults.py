"""The store under SIGKILL, a full disk, flipped bytes and a second bridge. Owns: nothing. Imports: adapters.store. Effects: processes, a small tmpfs."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.store.store import SqlStore
from core import errors, graph
from core.asks import Ask
from core.audience import Sight
from core.desk import Outcome
from core.events import Posted
from core.ids import CardKey
from core.people import Identity, Member
from core.testing import store_rig
from core.testing.fakes import FakeClock
from tests.patience import PATIENCE

CHILD = (sys.executable, "-m", "tests.crash.store_child")
ROOT = Path(__file__).parents[2]
ROUNDS = 20


def child(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*CHILD, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def store_at(path: Path) -> SqlStore:
    return SqlStore(f"sqlite:///{path}", clock=FakeClock(), reserve_bytes=0)


async def test_a_killed_bridge_loses_nothing_it_acknowledged(home: Path) -> None:
    path = home / "b.db"
    chance = random.Random(20)  # noqa: S311 - which moment it dies at
    said: set[str] = set()
    nursery = child("nursery", path)
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    for turn in range(ROUNDS):
        nursery.stdin.write(f"{turn * 1_000_000}\n")
        nursery.stdin.flush()
        pid = int(nursery.stdout.readline().split()[1])
        said.add(nursery.stdout.readline().strip())
        await asyncio.sleep(chance.uniform(0, 0.2))
        os.kill(pid, signal.SIGKILL)
        while not (line := nursery.stdout.readline()).startswith("gone"):
            assert line.endswith("\n"), "the nursery is gone itself"
            said.add(line.strip())
        assert line == "gone 9\n"
    assert nursery.communicate() == ("", "")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    async with store_at(path) as store:
        waiting = {
            f"event {arrival.event.message}"
            for arrival in await store.waiting()
            if isinstance(arrival.event, Posted)
        }
        done = {job.effect.key.removeprefix("say") for job in await store.jobs()}
        nodes, total = await store.thread_messages(store_rig.LANE, limit=1_000_000)
    settled = {f"settled {number}" for number in done}
    stored = waiting | {f"event {number}" for number in done}
    assert len(said) > ROUNDS
    assert said <= stored | settled
    # What was settled is settled as a whole: the event, its effect and its facts.
    assert {node.key.rpartition("#")[2] for node in nodes} == done
    assert total == len(done)
    assert not {name.removeprefix("event ") for name in waiting} & done


async def test_a_second_bridge_is_refused_and_names_the_first(home: Path) -> None:
    path = home / "b.db"
    process = child("hold", path, 0)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(errors.Refused, match=str(process.pid)) as caught:
            await store_at(path).__aenter__()
        assert caught.value.remedy
    finally:
        process.kill()
        process.communicate()
    async with store_at(path) as store:
        await store.keep("mine", "now")
        with pytest.raises(errors.Refused):
            await store_at(path).__aenter__()


def test_a_full_disk_stops_writing_only_and_heals(home: Path) -> None:
    disk = home / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=6m tmpfs "$1" && exec "$2" -m tests.crash.store_child fill "$1/b.db" 0'
    done = subprocess.run(
        [
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            str(disk),
            sys.executable,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[1]) > 5


async def test_flipped_bytes_are_told_as_damage(home: Path) -> None:
    whole = home / "whole.db"
    await _furnish(whole)
    chance = random.Random(7)  # noqa: S311 - which bytes
    seen: list[str] = []
    remedies: list[str] = []
    for turn in range(40):
        path = home / f"{turn}.db"
        shutil.copy(whole, path)
        _hurt(path, chance, turn)
        try:
            await _use(path)
            seen.append("read")
        except errors.LoopbridgeError as error:
            # Anything outside the tree ends the test with its trace.
            seen.append(type(error).__name__)
            remedies.append(error.remedy)
    assert all(remedies)
    assert seen.count("Damaged") > 12
    assert {"read", "Damaged"} <= set(seen)


@pytest.mark.parametrize("content", [b"not a database at all" * 500, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_file_of_something_else_is_damage(home: Path, content: bytes) -> None:
    path = home / "b.db"
    path.write_bytes(content)
    with pytest.raises(errors.Damaged, match="left as it is") as caught:
        await store_at(path).__aenter__()
    assert str(path) in caught.value.remedy
    assert path.read_bytes() == content


async def test_damage_met_while_running_is_told_and_the_rest_goes_on(home: Path) -> None:
    path = home / "b.db"
    await _furnish(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX node_link")  # it would refuse what a disk does not
        connection.execute("UPDATE event SET payload = '{]' WHERE id = 3")
        connection.execute("UPDATE node SET props = '[' WHERE key = 'note:1'")
        connection.execute("UPDATE node SET at = 'never' WHERE key = 'note:2'")
    connection.close()
    async with store_at(path) as store:
        with pytest.raises(errors.Damaged):
            await store.waiting()
        for key in ("note:1", "note:2"):
            with pytest.raises(errors.Damaged):
                await store.nodes([key])
        assert len(await store.nodes(["note:3"])) == 1
        arrival = await store_rig.arrived(store, store_rig.posted(5000))
        again = graph.Node(key="note:1", kind="note", audience="bridge", at=store_rig.at(), props={"a": "1"})
        with pytest.raises(errors.Damaged):
            await store.settle(arrival, Outcome(facts=(again,)))
        assert list(await store.settle(arrival, Outcome(effects=(store_rig.say("after"),))))


async def test_a_folder_that_is_not_there_is_told(home: Path) -> None:
    with pytest.raises(errors.Unavailable, match="cannot be used") as caught:
        await store_at(home / "nowhere" / "b.db").__aenter__()
    assert caught.value.remedy


async def _furnish(path: Path) -> None:
    async with store_at(path) as store:
        loop = store_rig.a_loop()
        ask: Ask = store_rig.an_ask(1, loop)
        await store_rig.settled(
            store,
            1,
            Outcome(
                loop=loop,
                asks=(ask,),
                members=(Member(id=store_rig.MEMBER, name="Maya", role="admin"),),
                identities=(Identity(key=store_rig.MAYA, member=store_rig.MEMBER),),
            ),
        )
        for number in range(2, 120):
            facts = (
                *store_rig.heard(number, f"words {number} " * 20),
                graph.Node(key=f"note:{number - 2}", kind="note", audience="bridge", at=store_rig.at()),
            )
            await store_rig.settled(
                store, number, Outcome(facts=facts, effects=(store_rig.say(f"s{number}"),))
            )
        await store.arrive([store_rig.posted(number, "later " * 30) for number in range(1000, 1100)])
        await store.transcribe("s", ["{}"] * 50)
        await store.keep("k", "v")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE event SET handled_at = NULL WHERE id = 3")
    connection.close()


def _hurt(path: Path, chance: random.Random, turn: int) -> None:
    content = bytearray(path.read_bytes())
    if turn % 4 == 0:
        del content[chance.randrange(len(content)) :]
    elif turn % 4 == 1:
        page = 4096 * chance.randrange(len(content) // 4096)
        content[page : page + 4096] = chance.randbytes(4096)
    elif turn % 4 == 2:
        page = 4096 * chance.randrange(len(content) // 4096)
        for _ in range(8):
            content[page + chance.randrange(120)] ^= 1 << chance.randrange(8)
    else:
        for _ in range(40):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


async def _use(path: Path) -> None:
    """Do everything a store does once."""
    loop = store_rig.a_loop()
    async with store_at(path) as store:
        await store.waiting()
        await store.jobs()
        await store.desk(store_rig.LANE)
        await store.loop(loop.id)
        await store.loops()
        await store.find_loop(loop.id[:4])
        await store.asks_due(store_rig.at(100))
        await store.people()
        await store.thread_messages(store_rig.LANE, limit=500)
        await store.find_nodes(kind="message", prefix="message:", limit=500)
        await store.walk(graph.thread(store_rig.LANE), depth=2)
        await store.search("words", sight=Sight(thread=store_rig.LANE))
        await store.digest()
        await store.spent()
        await store.kept("k")
        await store.transcript("s")
        await store.card(CardKey("c"))
        for number in (2, 60, 7000):
            (arrival,) = await store.arrive([store_rig.posted(number)])
            if arrival is not None:
                told = Outcome(
                    loop=loop, facts=store_rig.heard(number, "new"), effects=(store_rig.say(f"x{number}"),)
                )
                for job in await store.settle(arrival, told):
                    await store.finish(job.id, card=CardKey("c"), posted="1")
        await store.transcribe("s", ["{}"])
