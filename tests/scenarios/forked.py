"""The program in a process that is forked from one that imported it before. Owns: Forked. Imports: multiprocessing. Effects: starts processes.

Most of what a start costs is importing, and these tests start the bridge over a hundred times. What a start is from the first
line on is for `Daemon.launch` and the tests of the command line, which run the program itself.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Self

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["bridge.cli", "bridge.daemon", "bridge.app", "adapters.agent.session", "claude_agent_sdk"]
)


class Forked:
    """A running `loopbridge`, as `asyncio.subprocess.Process` has it: `pid`, `stdout`, `send_signal`, `wait`."""

    def __init__(self, process: multiprocessing.process.BaseProcess, stdout: asyncio.StreamReader) -> None:
        self._process = process
        self.stdout = stdout
        self._gone = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(process.sentinel, self._over)

    @classmethod
    async def start(cls, arguments: Sequence[str], environ: Mapping[str, str], *, limit: int) -> Self:
        """Start `loopbridge` with these arguments and this environment; its output and errors come as one stream."""
        ours, theirs = _FORKS.Pipe(duplex=False)
        process = _FORKS.Process(target=_main, args=(tuple(arguments), dict(environ), theirs), daemon=True)
        await asyncio.to_thread(process.start)
        theirs.close()
        stdout = asyncio.StreamReader(limit=limit)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(os.dup(ours.fileno()), "rb", 0)
        )
        ours.close()
        return cls(process, stdout)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def send_signal(self, signal: int) -> None:
        """Send a signal. Raises ProcessLookupError once it is gone."""
        if self._gone.done():
            raise ProcessLookupError
        os.kill(self.pid, signal)

    async def wait(self) -> int:
        """Wait for its end; return its exit code, negative for a signal."""
        await asyncio.shield(self._gone)
        await asyncio.to_thread(self._process.join)
        assert self._process.exitcode is not None
        return self._process.exitcode

    def _over(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        with suppress(asyncio.InvalidStateError):
            self._gone.set_result(None)


def _main(arguments: Sequence[str], environ: Mapping[str, str], out: Connection) -> None:
    os.environ.clear()
    os.environ.update(environ)
    for fd in (1, 2):
        os.dup2(out.fileno(), fd)
    out.close()
    sys.argv = ["loopbridge", *arguments]
    from bridge import cli

    cli.main()
