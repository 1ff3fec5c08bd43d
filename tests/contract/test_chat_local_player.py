"""Scripts played against a room with a small bridge in it. Effects: a room in a temporary home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.chat.local import player
from core import events, message
from core.ids import Token
from core.message import Message
from tests.contract.chat_local_rig import LocalRig
from tests.patience import PATIENCE

ASK = Message(
    title="may I run this?",
    blocks=(
        message.Buttons(
            buttons=(
                message.Button(label="Allow once", token=Token("yes")),
                message.Button(label="Deny…", token=Token("no"), wants_text="Why not?"),
            )
        ),
    ),
)


async def _answer(rig: LocalRig) -> None:
    """Be a bridge that asks before it does anything, and then does it on one card."""
    number = 0
    while True:
        event = await rig.events.get()
        number += 1
        match event:
            case events.Posted() if event.addressed:
                await rig.adapter.post(event.lane, message.text("working"), key=f"w{number}")
                await rig.adapter.post(event.lane, ASK, key=f"a{number}")
            case events.Pressed():
                words = f"allowed by {event.author.name}" if event.token == "yes" else f"denied: {event.text}"
                await rig.adapter.edit(event.lane, event.card, message.text(words))
            case _:
                pass


WITHIN = f"within {PATIENCE:g}s"


@pytest.fixture
async def rig(home: Path) -> AsyncIterator[LocalRig]:
    async with LocalRig(home) as rig, asyncio.TaskGroup() as tasks:
        bridge = tasks.create_task(_answer(rig))
        yield rig
        bridge.cancel()


async def _play(home: Path, script: str) -> tuple[int, str]:
    path = home / "demo.chat"
    await asyncio.to_thread(path.write_text, script)
    said: list[str] = []
    code = await player.play(path, socket=home / "chat.sock", out=said.append, patience=PATIENCE)
    return code, "\n".join(said)


async def test_a_conversation_is_played(rig: LocalRig, home: Path) -> None:
    code, said = await _play(
        home,
        '@user ci "CI bot" bot\nMaya: it fails\nci: build 1 failed\nRavi: the clock?\nMaya: @loop fix it\n'
        f'wait for "working" {WITHIN}\nRavi presses "Allow once" {WITHIN}\nwait for card "^allowed by Ravi$" {WITHIN}\n'
        'expect "CI|build 1"\nexpect not "Allow once"\nMaya edits "it fails" to "it fails on CI"\nMaya deletes "@loop"\n'
        f'Ravi reacts "👍" to "allowed"\nwait for "👍" {WITHIN}\n@new\nMaya: another @loop\nwait for card "may I" {WITHIN}\n'
        f'Maya presses "Deny…" on "may I" with "not now"\nwait for "denied: not now" {WITHIN}\n'
        '@open "it fails"\nshow\n',
    )
    assert code == 0, said
    assert "Maya    it fails on CI" in said
    assert "CI bot  build 1 failed" in said
    assert "@loop" not in said


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ('Maya: hello\nwait for "never" within 0.2s\n', 'demo.chat:2: nothing showed "never" within 0.2 s'),
        ('Maya: hello\nexpect "bye"\n', 'demo.chat:2: no message shows "bye"'),
        ('Maya: hello\nexpect not "hel+o"\n', 'demo.chat:2: a message shows "hel+o"'),
        ('Maya: hello\nMaya presses "Go" within 0.2s\n', 'demo.chat:2: no message offered "Go" within 0.2 s'),
        ('Maya: hello\nRavi deletes "hello"\n', "demo.chat:2: there is no such message"),
        ('@open "nothing"\n', 'demo.chat:1: no thread begins with "nothing"'),
        ("gibberish\n", "demo.chat:1: this is no step: gibberish"),
        ('Maya: @loop x\nMaya presses "Deny…"\n', 'demo.chat:2: "Deny…" asks: Why not?'),
        ("loop: I am the bridge\n", "demo.chat:1: loop is the bridge itself"),
    ],
)
async def test_a_failure_names_the_line_and_shows_the_thread(
    rig: LocalRig, home: Path, script: str, complaint: str
) -> None:
    code, said = await _play(home, script)
    assert code == 1
    assert said.startswith(complaint), said
    if "Maya: hello" in script:
        assert "Maya  hello" in said


async def test_an_unreadable_script_is_told(rig: LocalRig, home: Path) -> None:
    said: list[str] = []
    assert await player.play(home / "none.chat", socket=home / "chat.sock", out=said.append) == 2
    assert "none.chat: cannot be read" in said[0]


async def test_no_bridge_is_told(home: Path) -> None:
    code, said = await _play(home, "Maya: hello\n")
    assert code == 1
    assert "no bridge answers" in said
    assert "loopbridge run" in said


async def test_a_restart_in_the_middle_is_waited_out(rig: LocalRig, home: Path) -> None:
    playing = asyncio.create_task(
        _play(home, f'Maya: one\nsleep 0.3\nMaya: two\nMaya: @loop three\nwait for "may I" {WITHIN}\nshow\n')
    )
    await rig.client("ravi").wait_for(lambda record: record.text == "one")
    await rig.reconnect()
    code, said = await playing
    assert code == 0, said
    assert [said.count(f"  {word}\n") for word in ("one", "two", "@loop three")] == [1, 1, 1]
