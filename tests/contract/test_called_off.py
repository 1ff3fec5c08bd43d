"""What is entered and left, called off at each of its steps: nothing is left open. Effects: sockets, boxes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from adapters.chat.local.adapter import LocalChat
from adapters.chat.local.client import Client
from adapters.gateway.gateway import Gateway
from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from adapters.sandbox import bwrap, host
from bridge.clock import SystemClock
from core import ids, ports
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


async def test_a_command_in_a_box(home: Path, service_user: str) -> None:
    """It is given more than a pipe holds, and says more than is read."""
    user = host.ServiceUser.named(service_user) if os.geteuid() == 0 else None
    sandbox, box = bwrap.Bubblewrap(user=user, state=home), ports.Box(name="check", cwd="/tmp")
    argv = ["/bin/sh", "-c", "wc -c >&2; head -c 1M /dev/zero"]

    async def run() -> None:
        await sandbox.run(box, argv, stdin=b"x" * 200_000)

    async def run_to_file() -> None:
        await sandbox.run_to_file(box, argv, home / "out")

    assert await leavings(run) == []
    assert await leavings(run_to_file) == []


async def test_a_loop_at_the_gateway(home: Path) -> None:
    async def report(item: ports.GatewayReport) -> None:
        raise AssertionError(item)

    async def opens() -> None:
        async with Gateway(
            base_url="http://127.0.0.1:9", key="k", allow=[], owner=None, report=report, clock=SystemClock()
        ) as gateway:
            places = {"model_socket": home / "model.sock", "egress_socket": home / "egress.sock"}
            await gateway.open(ids.LoopId("a" * 32), budget_usd=1.0, **places)
            _, writer = await asyncio.open_unix_connection(places["egress_socket"])
            writer.close()

    assert await leavings(opens) == []


async def test_the_rehearsal() -> None:
    async def enter() -> None:
        async with Rehearsal(script.parse("")):
            pass

    assert await leavings(enter) == []
