"""A `loopbridge run` as a process of its own. Owns: Daemon. Imports: aiohttp. Effects: starts, stops and kills that process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from tests.patience import PATIENCE, until
from tests.scenarios.forked import Forked

PROGRAM = Path(sys.executable).with_name("loopbridge")
LINE = 1 << 24  # bytes


class Place(Protocol):
    """Where a daemon runs: its home, and what its environment has besides the test's own."""

    environ: dict[str, str]

    @property
    def home(self) -> Path: ...


class Daemon:
    """A `loopbridge run`. `log` holds its log lines, oldest first; `port` is where /healthz answers."""

    def __init__(self, house: Place) -> None:
        self._house = house
        self._child: asyncio.subprocess.Process | Forked | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self.log: list[dict[str, Any]] = []
        self.said: list[str] = []
        self.port = 0

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    async def start(self) -> None:
        """Start it and wait until /healthz says ok."""
        self.log.clear()
        self._child = await Forked.start(["run"], self._environ(), limit=LINE)
        self._reader = asyncio.create_task(self._read(self._child))
        ready = await self.logged("bridge.ready")
        self.port = int(ready["http"].rpartition(":")[2])
        async with self._patience("it is not well"):
            while (health := await self.health())["status"] != "ok":
                await asyncio.sleep(0.2)
                self.said.append(f"(health: {health})")

    async def launch(self) -> None:
        """Start the program itself, and wait for nothing."""
        self.log.clear()
        self._child = await asyncio.create_subprocess_exec(
            PROGRAM,
            "run",
            env=self._environ(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE,
        )
        self._reader = asyncio.create_task(self._read(self._child))

    def _environ(self) -> dict[str, str]:
        home = {"LOOPBRIDGE_HOME": str(self._house.home), "NO_COLOR": "1"}
        return {**os.environ, **home, **self._house.environ}

    async def _read(self, child: asyncio.subprocess.Process | Forked) -> None:
        assert child.stdout is not None
        async for line in child.stdout:
            words = line.decode(errors="replace").rstrip()
            self.said.append(words)
            if words.startswith("{"):
                self.log.append(json.loads(words))
            self._news.set()

    async def logged(self, event: str) -> dict[str, Any]:
        """Return the first line about `event` since the last start, once it is there."""
        async with self._patience(f"it never logged {event}"):
            while not (found := [line for line in self.log if line.get("event") == event]):
                if self._reader is not None and self._reader.done():
                    raise AssertionError("the daemon ended:\n" + "\n".join(self.said[-30:]))
                self._news.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.5)
        return found[0]

    async def printed(self, words: str) -> str:
        """Return the newest line with these words since the first start, once it is there."""
        await until(lambda: any(words in line for line in self.said), told=lambda: "\n".join(self.said[-30:]))
        return next(line for line in reversed(self.said) if words in line)

    async def health(self) -> dict[str, Any]:
        """Ask /healthz."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.port}/healthz") as answer,
        ):
            told: dict[str, Any] = await answer.json()
            return told

    async def kill(self) -> None:
        """End it by SIGKILL (idempotent)."""
        await self._end(signal.SIGKILL)

    async def ended(self) -> int:
        """Wait until it ends by itself; return its exit code."""
        assert self._child is not None
        assert self._reader is not None
        async with self._patience("it does not end"):
            await self._reader
            return await self._child.wait()

    async def stop(self) -> int:
        """End it by SIGTERM; return its exit code."""
        return await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> int:
        child = self._child
        if child is None:
            return 0
        with suppress(ProcessLookupError):
            child.send_signal(how)
        async with self._patience(f"it does not end by {how.name}"):
            code = await child.wait()
            if self._reader is not None:
                await self._reader
        return code

    @asynccontextmanager
    async def _patience(self, otherwise: str) -> AsyncIterator[None]:
        """Bound a wait; what it said last is told when that was in vain."""
        try:
            async with asyncio.timeout(PATIENCE):
                yield
        except TimeoutError:
            raise AssertionError("\n".join([f"{otherwise}:", *self.said[-30:]])) from None

    def complaints(self) -> list[dict[str, Any]]:
        """Return what it logged as an error: something it had not foreseen."""
        return [line for line in self.log if line.get("level") in ("error", "critical")]
