"""One command in a box, from start to end. Owns: Capped, ToFile, carry_out. Imports: core, .process, .limits, .launcher.
Effects: starts a process, feeds it, kills its box when it must."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from adapters import cancelling
from adapters.sandbox import launcher, limits, process
from core import errors, ports

_CHUNK = 1 << 16
_PIPE_HOLDS = 1 << 16
_LOOK_EVERY = 0.5  # seconds between two looks at a box's memory
# bwrap passes a death by signal on as 128 + signal; other codes above 128 are a program's own (git's usage error: 129).
_DEATHS = {128 + number: -number for number in (4, 6, 7, 8, 9, 11, 13, 15, 24, 25, 31)}


class Sink(Protocol):
    """Takes output piece by piece."""

    async def take(self, chunk: bytes) -> None: ...


class Capped:
    """Keeps the first `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = bytearray()
        self.cut = False

    async def take(self, chunk: bytes) -> None:
        room = self._most - len(self._kept)
        self.cut = self.cut or len(chunk) > room
        self._kept += chunk[: max(room, 0)]

    def value(self) -> bytes:
        """Return what was kept."""
        return bytes(self._kept)


class ToFile:
    """Writes the first `most` bytes to a file that it creates or empties, and that it never finds behind a link."""

    def __init__(self, path: Path, most: int) -> None:
        self._room = most
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self.cut = False

    async def take(self, chunk: bytes) -> None:
        self.cut = self.cut or len(chunk) > self._room
        chunk = chunk[: self._room]
        self._room -= len(chunk)
        if chunk:
            # Until the thread has written, the descriptor must not be closed: it would be another file's.
            await cancelling.unbroken(partial(asyncio.to_thread, _write_all, self._fd, chunk))

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to carry out: `script` renders the launcher for a status descriptor; times in seconds."""

    script: Callable[[int], str]
    stdin: bytes
    timeout: float
    memory_bytes: int


async def carry_out(order: Order, out: Sink, err: Capped) -> int:
    """Run an order to its end and return its exit code, negative for a signal.

    Raises Unavailable when it takes too long, Rejected when the box cannot be entered or needs too much memory.
    """
    guard, run = _Guard(order.memory_bytes), _Run(order)
    try:
        await cancelling.unbroken(run.start)
        async with asyncio.timeout(order.timeout):
            reported = await run.follow(guard, out, err)
    except TimeoutError as exc:
        raise errors.Unavailable(
            f"a command in the sandbox took longer than {order.timeout:g} seconds and was stopped",
            remedy="give it more time, or less to do",
        ) from exc
    finally:
        await cancelling.unbroken(run.end)
    if guard.tripped:
        raise errors.Rejected(
            f"a command in the sandbox needed more than {order.memory_bytes >> 20} MiB of memory and was stopped",
            remedy="raise the sandbox's memory limit, or give it less to do",
        )
    return _outcome(process.parse(reported), run.code, err.value())


def _outcome(report: process.Report, code: int, stderr: bytes) -> int:
    if report.exit_code is not None:
        return _DEATHS.get(report.exit_code, report.exit_code)
    if code < 0:  # bwrap itself was killed: the kernel's OOM killer, or a person
        return code
    why = stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"bwrap ended with {code}"
    raise errors.Rejected(f"the sandbox could not be built: {why}", remedy="run `loopbridge doctor`")


class _Run:
    """An order's process, its box, and the pipes between it and here. `start` and `end` are not to be broken off."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._status = asyncio.StreamReader()
        self._reading: asyncio.ReadTransport | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._child: asyncio.subprocess.Process | None = None
        self._life: process.Life | None = None

    @property
    def code(self) -> int:
        """Return how the launcher's process ended."""
        return (self._child and self._child.returncode) or 0

    async def start(self) -> None:
        """Start the launcher from the event loop's own thread: the box ends with the thread that started it."""
        stdin, feed = os.pipe()
        report, status = os.pipe()
        script = os.memfd_create("launcher", 0)
        try:
            self._feeding = asyncio.create_task(_feed(feed, self._order.stdin))
            self._reading, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(self._status), os.fdopen(report, "rb", buffering=0)
            )
            await asyncio.to_thread(_write_script, script, self._order.script, status)
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                launcher.PYTHON_OPTIONS,
                f"/proc/self/fd/{script}",
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={},
                pass_fds=(script, status),
            )
        finally:
            for fd in (stdin, status, script):
                os.close(fd)

    async def follow(self, guard: _Guard, out: Sink, err: Sink) -> str:
        """Take the output until the command has ended; return what bwrap reported of it."""
        if self._child is None:
            raise AssertionError("it is started before it is followed")
        first = (await self._status.readline()).decode()
        await cancelling.unbroken(partial(self._meet, process.parse(first)))
        await _follow(self._child, self._life, guard, out, err)
        return first + (await self._status.read()).decode()

    async def _meet(self, report: process.Report) -> None:
        self._life = await asyncio.to_thread(process.Life.of, report)

    async def end(self) -> None:
        """Leave nothing behind: when this returns, nothing of the box can write anywhere."""
        try:
            if (child := self._child) is not None:
                await _end(
                    child, [self._life] if self._life else await asyncio.to_thread(process.freeze, child.pid)
                )
        finally:
            if self._feeding is not None:
                await self._feeding
            if self._reading is not None:
                self._reading.close()


async def _feed(fd: int, content: bytes) -> None:
    """Write and close. A box that ends without reading everything is no error."""
    if len(content) <= _PIPE_HOLDS:
        _write_and_close(fd, content)
    else:
        await asyncio.to_thread(_write_and_close, fd, content)


def _write_and_close(fd: int, content: bytes) -> None:
    try:
        with contextlib.suppress(BrokenPipeError):
            _write_all(fd, content)
    finally:
        os.close(fd)


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _write_script(fd: int, render: Callable[[int], str], status: int) -> None:
    _write_all(fd, render(status).encode())
    os.lseek(fd, 0, os.SEEK_SET)


class _Guard:
    """Looks at a box's memory until it is cancelled, and kills the box when it holds too much."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.tripped = False

    async def watch(self, life: process.Life) -> None:
        while not self.tripped:
            await asyncio.sleep(_LOOK_EVERY)
            held = await asyncio.to_thread(limits.usage, (life.init,))
            if held[life.init].memory_bytes > self._most:
                self.tripped = True
                life.kill()


async def _follow(
    child: asyncio.subprocess.Process, life: process.Life | None, guard: _Guard, out: Sink, err: Sink
) -> None:
    if child.stdout is None or child.stderr is None:
        raise AssertionError("both were asked for as pipes")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_pump(child.stdout, out))
        tasks.create_task(_pump(child.stderr, err))
        watch = tasks.create_task(guard.watch(life)) if life else None
        await child.wait()
        if watch:
            watch.cancel()


async def _pump(source: asyncio.StreamReader, sink: Sink) -> None:
    while chunk := await source.read(_CHUNK):
        await sink.take(chunk)


async def _end(child: asyncio.subprocess.Process, lives: Sequence[process.Life]) -> None:
    try:
        for life in lives:
            life.kill()
            await life.ended()
    finally:
        for life in lives:
            life.close()
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
    for stream in (child.stdout, child.stderr):
        # A pipe that holds more than its reader takes is never closed, and until it is, nobody hears of the process's end.
        while stream is not None and await stream.read(_CHUNK):
            pass
    await child.wait()


def finished(code: int, out: bytes, err: Capped, *, cut: bool) -> ports.Finished:
    """Put together what a caller gets."""
    return ports.Finished(code=code, stdout=out, stderr=err.value(), cut=cut or err.cut)
