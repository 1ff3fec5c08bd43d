"""The floor: the bare SDK, the same box, the same model, and nothing else. Owns: Bare. Imports: claude_agent_sdk, adapters.sandbox."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import claude_agent_sdk as sdk

from adapters.agent import managed
from adapters.agent.options import TOOLS
from adapters.sandbox.bwrap import Bubblewrap
from bridge.boxes import CLI, HOME, MODEL, WORKDIR
from core.ports import Bind, Box
from tests.bench.model import Model, new_mark


class Bare:
    """Clients as a short script would start them. `root` holds a folder for each; `model` is told of what they send."""

    def __init__(self, root: Path, sandbox: Bubblewrap, cli: Path, model: Model) -> None:
        self._root, self._sandbox, self._cli, self._model = root, sandbox, cli, model
        os.environ["CLAUDE_AGENT_SDK_SKIP_VERSION_CHECK"] = "1"  # it would start the CLI twice

    def box(self) -> Path:
        """Make a folder with a launcher; return the launcher."""
        folder = self._root / new_mark()
        for name in ("workdir", "home"):
            (folder / name).mkdir(parents=True)
            os.chown(folder / name, *(self._sandbox.owner() or (-1, -1)))
        binds = (
            Bind(source=folder / "workdir", dest=WORKDIR, writable=True),
            Bind(source=folder / "home", dest=HOME, writable=True),
            Bind(source=self._cli, dest=CLI),
            Bind(source=self._model.socket, dest=MODEL),
        )
        env = managed.environment(home=HOME, model_socket=MODEL)
        box = Box(
            name="floor", cwd=WORKDIR, binds=binds, env=env, files={managed.SETTINGS_PATH: managed.settings()}
        )
        self._sandbox.write_launcher(box, (CLI,), folder / "launch")
        return folder / "launch"

    async def clone(self, origin: Path, launcher: Path) -> None:
        """Fill a launcher's workdir with a clone, as a script would."""
        uid, gid = self._sandbox.owner() or (os.geteuid(), os.getegid())
        script = 'git clone -q "$1" "$2" && chown -R "$3" "$2"'
        words = ("sh", "-c", script, "sh", str(origin), str(launcher.parent / "workdir"), f"{uid}:{gid}")
        done = await asyncio.create_subprocess_exec(*words)
        if await done.wait():
            raise RuntimeError("the floor's clone failed")

    @asynccontextmanager
    async def client(self, launcher: Path) -> AsyncIterator[sdk.ClaudeSDKClient]:
        """Connect a client, and leave it at the end."""
        options = sdk.ClaudeAgentOptions(
            cli_path=launcher, cwd=launcher.parent, tools=list(TOOLS), model="claude-sonnet-5-5",
            permission_mode="default", setting_sources=["user"], strict_mcp_config=True,
        )  # fmt: skip
        async with sdk.ClaudeSDKClient(options) as client:
            yield client

    async def turn(self, client: sdk.ClaudeSDKClient) -> float:
        """Send one prompt and read its answer to the end; return when the model's side heard it (monotonic seconds)."""
        mark = new_mark()
        await client.query(f"mark-{mark}")
        async for _ in client.receive_response():
            pass
        return await self._model.heard(mark)

    async def cold(self, launcher: Path) -> float:
        """Return the seconds from nothing to the first model request of a new client."""
        began = time.monotonic()
        async with self.client(launcher) as client:
            return await self.turn(client) - began

    async def warm(self, client: sdk.ClaudeSDKClient) -> float:
        """Return the seconds from a prompt to its model request, on a client that lives."""
        began = time.monotonic()
        return await self.turn(client) - began
