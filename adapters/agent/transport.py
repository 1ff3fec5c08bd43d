"""The CLI as a process. Owns: Pipes. Imports: asyncio, claude_agent_sdk. Effects: runs a process.

Takes the place of the SDK's own transport, which hands the bridge's environment on and cannot end a process at once. What comes
out of the pipes is hostile: lines are bounded, and nothing of the process or its pipes is left behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import claude_agent_sdk as sdk

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
STDERR_KEPT = 8192  # bytes
BIG = 256 << 10  # bytes of a line that are not parsed on the event loop
LEAVES_WITHIN = 2.0  # seconds from the end of its input
HEARD_WITHIN = 1.0  # seconds for the last words of a process that ended
DIES_WITHIN = 5.0  # seconds from SIGKILL
WRITES_WITHIN = 30.0  # seconds for a process to take what is written to it


class Pipes(sdk.Transport):
    """A process that speaks JSON lines. `max_line` is in bytes."""

    def __init__(self, argv: Sequence[str], *, cwd: Path, max_line: int) -> None:
        self._argv = tuple(argv)
        self._cwd = cwd
        self._max_line = max_line
        self._process: Process | None = None
        self._stderr = b""
        self._listening: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    @property
    def last_words(self) -> str:
        """Return the last line the process wrote to its standard error."""
        lines = self._stderr.decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    async def connect(self) -> None:
        """Start the process. Raises CLINotFoundError when the program is missing, CLIConnectionError when it cannot be run."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                cwd=self._cwd,
                env=ENVIRONMENT,
                limit=self._max_line,
                start_new_session=True,
            )
        except FileNotFoundError as exc:
            raise sdk.CLINotFoundError("The program is missing", self._argv[0]) from exc
        except OSError as exc:
            raise sdk.CLIConnectionError(f"{self._argv[0]}: {exc.strerror or exc}") from exc
        self._listening = asyncio.create_task(self._listen(self._process), name="agent.stderr")

    def is_ready(self) -> bool:
        """Whether the process takes input."""
        return self._process is not None and self._process.returncode is None

    async def write(self, data: str) -> None:
        """Write to the process. Raises CLIConnectionError when it takes nothing any more, ProcessError when it failed."""
        process = self._process
        if process is None or process.stdin is None:
            raise sdk.CLIConnectionError("The process was not started")
        if process.returncode is not None:
            raise await self._deaf(process)
        try:
            async with self._writing, asyncio.timeout(WRITES_WITHIN):
                process.stdin.write(data.encode(errors="replace"))
                await process.stdin.drain()
        except (OSError, RuntimeError) as exc:
            raise await self._deaf(process) from exc

    async def end_input(self) -> None:
        """Close the process's input."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the process says. Raises ValueError or RecursionError for what is no message, ProcessError for a bad end."""
        if self._process is None or self._process.stdout is None:
            raise sdk.CLIConnectionError("The process was not started")
        while line := await self._process.stdout.readline():
            if not line.startswith(b"{"):
                continue
            message = await asyncio.to_thread(json.loads, line) if len(line) > BIG else json.loads(line)
            if isinstance(message, dict):
                yield message
        code = await self._process.wait()
        await self._heard_out()
        if code:
            raise sdk.ProcessError("The process failed", exit_code=code)

    async def close(self) -> None:
        """End the process: kindly by the end of its input, else by SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        ends: set[asyncio.Task[Any]] = {
            asyncio.create_task(_drain(process.stdout), name="agent.drain"),
            asyncio.create_task(process.wait(), name="agent.wait"),
        }
        if self._listening is not None:
            ends.add(self._listening)
        _, left = await asyncio.wait(ends, timeout=LEAVES_WITHIN)
        if left:
            _kill(process)
            _, left = await asyncio.wait(left, timeout=DIES_WITHIN)
        for task in left:
            task.cancel()

    async def _deaf(self, process: Process) -> sdk.ClaudeSDKError:
        """Return why the process takes nothing any more: how it ended, where it has; what it said last is there by then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVES_WITHIN):
                await process.wait()
        await self._heard_out()
        if process.returncode:
            return sdk.ProcessError("The process failed", exit_code=process.returncode)
        return sdk.CLIConnectionError("The process takes no input any more")

    async def _heard_out(self) -> None:
        if self._listening is not None:
            await asyncio.wait({self._listening}, timeout=HEARD_WITHIN)

    async def _listen(self, process: Process) -> None:
        """Keep the tail of what the process writes to its standard error."""
        if process.stderr is None:
            return
        while chunk := await process.stderr.read(STDERR_KEPT):
            self._stderr = (self._stderr + chunk)[-STDERR_KEPT:]


async def _drain(stream: asyncio.StreamReader | None) -> int:
    """Read to the end: a pipe that holds something unread would never be closed. Return the bytes."""
    count = 0
    while stream is not None and (chunk := await stream.read(BIG)):
        count += len(chunk)
    return count


def _kill(process: Process) -> None:
    """Kill the process and whatever it started in its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        process.kill()
