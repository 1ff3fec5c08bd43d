"""The model of a bench. Owns: Model, Heard. Imports: adapters.rehearsal, aiohttp. Effects: a process of its own that listens.

The rehearsal model runs apart, so that its work is in nobody's share, and tells when each request reached it. It listens on
loopback (for the bridge's gateway) and on a unix socket (for a bare client's box). `python -m tests.bench.model SOCKET` is that process.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from adapters.rehearsal import script
from adapters.rehearsal.server import Rehearsal

MARK = re.compile(rb"mark-([0-9a-f]{12})")
WORDS = '[[rule]]\nsay = "I am here."\n'
PATIENCE = 120.0


class Heard(Rehearsal):
    """A rehearsal that says on standard output which mark came when (monotonic seconds, the same clock for every process)."""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        at = time.monotonic()
        if request.method == "POST" and request.path == "/v1/messages":
            marks = MARK.findall(await request.read())
            sys.stdout.write(json.dumps({"at": at, "mark": marks[-1].decode() if marks else ""}) + "\n")
            sys.stdout.flush()
        return await super()._handle(request)

    async def listen_at(self, socket: Path) -> None:
        """Listen on a unix socket too, for anybody."""
        assert self._runner is not None
        await web.UnixSite(self._runner, str(socket)).start()
        await asyncio.to_thread(socket.chmod, 0o666)


class Model:
    """The process, seen from the bench. `base_url` and `socket` lead to it."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.base_url = ""
        self._arrivals: dict[str, float] = {}
        self._news = asyncio.Event()
        self._child: asyncio.subprocess.Process
        self._reading: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.model", str(self.socket),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._child.stdout is not None
        self.base_url = (await self._child.stdout.readline()).decode().strip()
        self._reading = asyncio.create_task(self._read(self._child.stdout))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.terminate()
        await self._child.wait()
        await self._reading

    async def heard(self, mark: str) -> float:
        """Return when the first request with a mark came, once it has. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while mark not in self._arrivals:
                self._news.clear()
                await self._news.wait()
        return self._arrivals[mark]

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            told = json.loads(line)
            self._arrivals.setdefault(told["mark"], told["at"])
            self._news.set()


def new_mark() -> str:
    """Return a word that a request can be known by."""
    return os.urandom(6).hex()


async def serve(socket: Path) -> None:
    """Answer until killed; the address is the first line on standard output."""
    async with Heard(script.parse(WORDS)) as model:
        await model.listen_at(socket)
        sys.stdout.write(model.base_url + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
