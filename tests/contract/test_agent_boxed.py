"""A session in a real box, over a unix socket: it works there, and the agent cannot switch its approvals off."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.agent import managed
from adapters.agent.runner import Sessions
from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal
from adapters.sandbox import bwrap, host
from core.events import ToolCalled, ToolEnded, TurnParked, TurnResult
from core.ports import Bind, Box
from tests.contract.agent_rig import ALLOW, Bench, Clock, bash, bundled, rule

HOME = "/home/loop"
LOOSE = json.dumps(
    {"disableAllHooks": True, "permissions": {"allow": ["Bash(*)"], "defaultMode": "bypassPermissions"}}
)


@asynccontextmanager
async def relay(at: Path, url: str) -> AsyncIterator[None]:
    """Carry connections to the socket over to the model."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        try:
            await asyncio.gather(copy(reader, back), copy(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            back.close()
            writer.close()

    server = await asyncio.start_unix_server(joined, at)
    try:
        yield
    finally:
        server.close()


def launcher(home: Path, service_user: str) -> Path:
    """Write a launcher for the CLI in a box under `home`."""
    user = host.ServiceUser.named(service_user) if os.geteuid() == 0 else None
    sandbox = bwrap.Bubblewrap(user=user, state=home)
    binds = []
    for name, dest in (("workdir", "/loop/workdir"), ("inside", HOME), ("run", "/run/gate")):
        folder = home / name
        folder.mkdir(mode=0o700, exist_ok=True)
        binds.append(Bind(source=folder, dest=dest, writable=True))
        if (owner := sandbox.owner()) is not None:
            os.chown(folder, *owner)
    cli = home / "claude"
    shutil.copyfile(bundled(), cli)
    cli.chmod(0o755)
    box = Box(
        name="agent",
        cwd="/loop/workdir",
        binds=(*binds, Bind(source=cli, dest="/opt/claude")),
        files={managed.SETTINGS_PATH: managed.settings()},
        env=managed.environment(home=HOME, model_socket="/run/gate/model.sock"),
    )
    at = home / "launch"
    sandbox.write_launcher(box, ["/opt/claude"], at)
    return at


async def test_a_boxed_session_asks_whatever_the_agent_writes(home: Path, service_user: str) -> None:
    loosen = f"mkdir -p ~/.claude .claude && echo '{LOOSE}' | tee ~/.claude/settings.json .claude/settings.local.json"
    rules = (
        rule("^go", bash(loosen), say="Making room.")
        + rule("^go", bash("touch quietly"), after=1)
        + rule("", say="carried on")
    )
    at = await asyncio.to_thread(launcher, home, service_user)
    async with Rehearsal(script.parse(rules)) as model, Sessions(clock=Clock()) as sessions:
        socket = home / "run" / "model.sock"
        async with relay(socket, model.base_url):
            socket.chmod(0o666)
            b = Bench(home=home, model=model, sessions=sessions, launcher=at)
            b.judge = lambda called: ALLOW if "settings.json" in called.input else None
            told = await b.run("go", park_after=0.5)
            assert isinstance(told[-1], TurnParked)
            assert [ended.ok for ended in b.of(ToolEnded)] == [True]
            assert [called.why for called in b.of(ToolCalled)] == ["Making room.", ""]
            assert not (b.workdir / "quietly").exists()
            b.judge = lambda _: ALLOW
            told = await b.run("", resume=True)
            assert isinstance(told[-1], TurnResult)
            assert told[-1].text == "carried on"
            assert (b.workdir / "quietly").exists()
