"""What is entered and left, called off at each of its steps: nothing is left open. Effects: sockets, boxes."""

from __future__ import annotations

from pathlib import Path

from adapters.chat.local.adapter import LocalChat
from adapters.chat.local.client import Client
from bridge.clock import SystemClock
from tests.called_off import leavings
from tests.contract.chat_local_rig import LocalRig


async def test_the_local_chat(home: Path) -> None:
    async def enter() -> None:
        async with LocalChat(home=home, clock=SystemClock()) as chat:
            await chat.probe()

    assert await leavings(enter) == []


async def test_who_comes_into_the_local_chat(home: Path) -> None:
    async def enter() -> None:
        async with Client(home / "chat.sock", "zoe", name="Zoe") as zoe:
            await zoe.post("hello")

    async with LocalRig(home):
        assert await leavings(enter) == []
