"""A bridge for a bench. Owns: Place, Daemon, usage. Imports: bridge.home, the local chat's client. Effects: a home in a temp folder, processes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from adapters.chat.local.client import Client
from adapters.chat.local.records import Record
from bridge import home as homes
from bridge.seed import WHEN

PROGRAM = Path(sys.executable).with_name("loopbridge")
PATIENCE = 120.0
FILES = 1_000
CONFIG = """
[repos.thousand]
url = "{origin}"
[chat.local]
user = "maya"
[http]
port = 0
[logs]
format = "json"
"""


def environment() -> dict[str, str]:
    """Return the environment of a program that was installed: what Python compiles is kept for the next start."""
    left_out = ("LOOPBRIDGE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), "loopbridge-bench-pyc"))}


@dataclass(slots=True)
class Daemon:
    """A `loopbridge run`. `ready_at` is when it said so (monotonic seconds); `said` is what it printed."""

    process: asyncio.subprocess.Process
    began: float
    ready_at: float = 0.0
    said: list[str] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Return the seconds of a core that its threads have used."""
        return usage(self.process.pid)

    @property
    def children(self) -> list[int]:
        """Return the processes that it has started and that live."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]

    @property
    def rss(self) -> int:
        """Return its resident memory in bytes."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


def usage(pid: int) -> float:
    """Return the seconds of a core that the living threads of a process have used, to the microsecond."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with a home in it."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def origin(self) -> Path:
        return self.root / "thousand.git"

    def furnish(self) -> None:
        """Make the home and its configuration."""
        homes.prepare(homes.Home(self.home))
        (self.home / "config.toml").write_text(CONFIG.format(origin=self.origin), encoding="utf-8")

    def seed(self) -> None:
        """Make the origin: a thousand files of two kilobytes in fifty folders."""
        text = "".join(f"value_{number} = {number}\n" for number in range(110)).encode()
        files = "".join(
            f"M 100644 inline pkg{number % 50:02}/module_{number}.py\ndata {len(text) + 6}\n# {number:03}\n{text.decode()}\n"
            for number in range(FILES)
        )
        stream = f"commit refs/heads/main\ncommitter Bench <bench@localhost> 1767603600 +0000\ndata 5\nBegin\n{files}done\n"
        git = ["git", "-c", "core.hooksPath=/dev/null"]
        subprocess.run([*git, "init", "-q", "--bare", "-b", "main", str(self.origin)], check=True)
        subprocess.run(
            [*git, f"--git-dir={self.origin}", "fast-import", "--quiet"],
            input=stream.encode(),
            check=True,
            env={**os.environ, "GIT_COMMITTER_DATE": WHEN},
        )

    @asynccontextmanager
    async def daemon(self, environ: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[Daemon]:
        """Run the bridge as a process of its own until it is ready; leaving stops it."""
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "run", env={**environment(), "LOOPBRIDGE_HOME": str(self.home), "NO_COLOR": "1", **environ},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        daemon = Daemon(process, began)
        ready = asyncio.Event()
        reading = asyncio.create_task(_read(daemon, ready))
        try:
            async with asyncio.timeout(PATIENCE):
                await ready.wait()
            if not daemon.ready_at:
                raise RuntimeError("the daemon ended:\n" + "\n".join(daemon.said[-20:]))
            yield daemon
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            await reading

    def client(self) -> Client:
        """Return the person at the chat, not yet entered."""
        return Client(homes.Home(self.home).chat_socket, "maya", name="Maya", patience=PATIENCE)


async def _read(daemon: Daemon, ready: asyncio.Event) -> None:
    assert daemon.process.stdout is not None
    async for raw in daemon.process.stdout:
        line = raw.decode(errors="replace").rstrip()
        daemon.said.append(line)
        if not daemon.ready_at and line.startswith("{") and json.loads(line).get("event") == "bridge.ready":
            daemon.ready_at = time.monotonic()
            ready.set()
    ready.set()


async def answered(client: Client, thread: int, *, after: int) -> Record:
    """Return the loop's answer in a thread, once it is there."""
    return await client.wait_for(
        lambda record: (
            record.root == thread
            and record.id > after
            and record.body is not None
            and "I am here." in client.text(record)
        ),
        PATIENCE,
    )
