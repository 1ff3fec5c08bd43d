"""How any sandbox is bounded, and how it ends. Owns: CHECKS. Imports: core. Effects: runs boxes, kills its own children."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core import errors, ports
from core.testing.sandbox_contract import Check
from core.testing.sandbox_rig import PYTHON, WORKDIR, Rig

# Writes the time into a file again and again, until it is killed; so do its children.
_SCRIBBLE = f"""
import os, time
os.fork() or os.setsid()
os.fork()
while True:
    open("{WORKDIR}/alive", "a").write("x")
    time.sleep(0.001)
"""
_SETTLES = 20.0  # seconds a death that nobody waited for may take
_STILL = 5  # looks, a tenth of a second apart: what lives is not always given the time to show it
_LONG = 60.0  # seconds that nothing here takes


async def check_processes_are_counted_per_box(rig: Rig) -> None:
    """A fork bomb stops at its box's own limit, and another box of the same host user does not feel it."""
    bomb = """
import time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
except BlockingIOError:
    print("forked", count)
open("/loop/workdir/full", "w").close()
while not os.path.exists("/loop/workdir/go-on"):
    time.sleep(0.01)
"""
    small = ports.Limits(processes=60)
    first = asyncio.create_task(rig.python(bomb, rig.box(limits=small)))
    workdir = rig.scratch / "workdir"
    try:
        await _until((workdir / "full").exists)
        other = await rig.python(
            "print([os.waitpid(os.fork() or os._exit(0), 0)[1] for _ in range(20)])", rig.box(limits=small)
        )
        assert other.code == 0, other.stderr
    finally:
        (workdir / "go-on").touch()
    forked = int((await first).stdout.split()[1])
    assert 40 <= forked < 60


async def check_sizes_are_bounded(rig: Rig) -> None:
    """A file, a process's memory, the open files, /tmp, /dev/shm and the root: each ends somewhere."""
    limits = ports.Limits(file_bytes=2 << 20, data_bytes=256 << 20, tmp_bytes=4 << 20, open_files=128)
    code = """
import resource, signal
print("score", open("/proc/self/oom_score_adj").read().strip())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def fill(path, most):
    with open(path, "wb", buffering=0) as file:
        for _ in range(most >> 16):
            file.write(bytes(1 << 16))
def pile(folder, most):
    for number in range(most >> 20):
        fill(f"{folder}/{number}", 1 << 20)
def hold():
    files = []
    try:
        while len(files) < 1000:
            files.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for fd in files:
            os.close(fd)
attempt("file", fill, "/loop/workdir/large", 4 << 20)
attempt("tmp", pile, "/tmp", 8 << 20)
attempt("shm", pile, "/dev/shm", 128 << 20)
attempt("files", hold)
attempt("sparse", os.truncate, "/loop/workdir/large", 1 << 40)
try:
    bytearray(512 << 20)
except MemoryError:
    print("memory refused")
for name in ("DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC"):
    kind = getattr(resource, "RLIMIT_" + name)
    hard = resource.getrlimit(kind)[1]
    try:
        resource.setrlimit(kind, (hard, hard + 4096))
    except ValueError:
        print("raise-" + name, "refused")
print("core", resource.getrlimit(resource.RLIMIT_CORE))
"""
    seen = dict(await rig.answers(code, rig.box(limits=limits)))
    assert seen["file"] == "EFBIG"
    assert seen["sparse"] == "EFBIG"
    assert (seen["tmp"], seen["shm"], seen["files"]) == ("ENOSPC", "ENOSPC", "EMFILE")
    assert (seen["memory"], seen["core"]) == ("refused", "(0, 0)")
    assert [key for key, answer in seen.items() if key.startswith("raise-") and answer == "refused"] == [
        f"raise-{name}" for name in ("DATA", "FSIZE", "MEMLOCK", "NOFILE", "NPROC")
    ]
    assert int(seen["score"]) >= 500


async def check_memory_of_the_whole_box_is_bounded(rig: Rig) -> None:
    """Many processes, each of a modest size: together too large, so the box ends."""
    code = """
import time
for _ in range(3):
    if os.fork() == 0:
        break
held = bytearray(b"x" * (40 << 20))
time.sleep(60)
"""
    try:
        await rig.python(code, rig.box(limits=ports.Limits(memory_bytes=100 << 20)), timeout=_LONG)
    except errors.Rejected as error:
        assert "memory" in str(error)  # noqa: PT017 - these checks do without pytest
    else:
        raise AssertionError("160 MiB were held in a box of 100 MiB")


async def check_time_is_bounded(rig: Rig) -> None:
    """A command that takes too long is gone, with all its children, when the error arrives."""
    try:
        await rig.python(_SCRIBBLE, timeout=0.5)
    except errors.Unavailable as error:
        assert "0.5 seconds" in str(error)  # noqa: PT017
    else:
        raise AssertionError("it went on")
    await _assert_silence(rig)


async def check_an_early_end_leaves_nothing(rig: Rig) -> None:
    """Whatever moment of the start it falls into."""
    for moment in range(0, 120, 8):
        try:
            await rig.python(_SCRIBBLE, timeout=moment / 1000)
        except errors.Unavailable:
            continue
        raise AssertionError("it ended by itself")
    await _assert_silence(rig)


async def check_cancellation_leaves_nothing(rig: Rig) -> None:
    task = asyncio.create_task(rig.python(_SCRIBBLE))
    await _until(lambda: _size(rig) > 0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await _assert_silence(rig)


async def check_what_never_falls_silent_is_stopped(rig: Rig) -> None:
    """Whatever it says that nobody reads any more."""
    for _ in range(3):
        try:
            async with asyncio.timeout(_LONG):
                await rig.python("while True: os.write(1, bytes(1 << 16))", timeout=1)
        except errors.Unavailable:
            continue
        raise AssertionError("it ended by itself")


async def check_nothing_stays_behind_a_command(rig: Rig) -> None:
    """A command's children do not outlive it, even in a session of their own."""
    done = await rig.python(
        "import subprocess, time\n"
        f"subprocess.Popen([sys.executable, '-c', {_SCRIBBLE!r}], start_new_session=True, stdout=-3, stderr=-3)\nwhile not os.path.exists('alive'): time.sleep(0.01)"
    )
    assert done.code == 0, done.stderr
    await _assert_silence(rig)


async def check_a_launcher_becomes_the_box(rig: Rig) -> None:
    """It execs: arguments are appended, stdio is the caller's, and killing that one process ends everything."""
    at = rig.scratch / "launch"
    await rig.launcher([PYTHON, "-ISuc", "import sys; print(sys.argv[1:]); print(sys.stdin.read())"], at)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(at, "a b", "--c", stdin=pipe, stdout=pipe, stderr=pipe)
    out, err = await child.communicate(b"typed")
    assert (child.returncode, out, err) == (0, b"['a b', '--c']\ntyped\n", b"")

    await rig.launcher([PYTHON, "-ISc", _SCRIBBLE], at)
    child = await asyncio.create_subprocess_exec(at, stdin=pipe, stdout=pipe)
    await _until(lambda: _size(rig) > 0)
    assert _program(child.pid) == "bwrap"
    child.send_signal(signal.SIGKILL)
    await asyncio.wait_for(child.wait(), _LONG)
    await _assert_silence(rig, grace=True)


async def check_a_box_ends_with_its_spawner(rig: Rig) -> None:
    """The bridge is killed with -9: what it had started behind a launcher ends at once."""
    at = rig.scratch / "launch"
    await rig.launcher([PYTHON, "-ISc", _SCRIBBLE], at)
    spawner = (
        "import subprocess, sys, time; subprocess.Popen([sys.argv[1]], stdin=-1, stdout=-1); time.sleep(60)"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-ISc", spawner, at)
    await _until(lambda: _size(rig) > 0)
    child.kill()
    await asyncio.wait_for(child.wait(), _LONG)
    await _assert_silence(rig, grace=True)


async def check_stdio_of_the_host_cannot_be_opened_anew(rig: Rig) -> None:
    """Started with its output in a file of the host, a launcher lets the box have neither that file nor its content."""
    log = rig.scratch / "log"
    log.write_text("precious\n")
    rig.give(log)
    code = f"""
import os
seen = b""
for fd in (0, 1, 2):
    try:
        seen += os.read(os.open(f"/proc/self/fd/{{fd}}", os.O_RDONLY | os.O_NONBLOCK), 100)
        os.truncate(f"/proc/self/fd/{{fd}}", 0)
    except OSError:
        pass
open("{WORKDIR}/seen", "wb").write(seen)
"""
    at = rig.scratch / "launch"
    await rig.launcher([PYTHON, "-ISc", code], at)
    with log.open("r+b") as file:
        child = await asyncio.create_subprocess_exec(at, stdin=file, stdout=file, stderr=file)
        assert await asyncio.wait_for(child.wait(), _LONG) == 0
    assert (rig.scratch / "workdir" / "seen").read_bytes() == b""
    assert log.read_text() == "precious\n"


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONG
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.01)


def _program(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _size(rig: Rig) -> int:
    path = rig.scratch / "workdir" / "alive"
    return path.stat().st_size if path.exists() else 0


async def _assert_silence(rig: Rig, *, grace: bool = False) -> None:
    """Nothing writes any more; `grace` is for deaths that nobody waited for."""
    if grace:
        before, still = -1, 0
        deadline = time.monotonic() + _SETTLES
        while still < _STILL and time.monotonic() < deadline:
            still = still + 1 if before == _size(rig) else 0
            before = _size(rig)
            await asyncio.sleep(0.1)
    before = _size(rig)
    await asyncio.sleep(0.2)
    assert _size(rig) == before


CHECKS: tuple[Check, ...] = (
    check_processes_are_counted_per_box,
    check_sizes_are_bounded,
    check_memory_of_the_whole_box_is_bounded,
    check_time_is_bounded,
    check_an_early_end_leaves_nothing,
    check_cancellation_leaves_nothing,
    check_what_never_falls_silent_is_stopped,
    check_nothing_stays_behind_a_command,
    check_a_launcher_becomes_the_box,
    check_a_box_ends_with_its_spawner,
    check_stdio_of_the_host_cannot_be_opened_anew,
)
