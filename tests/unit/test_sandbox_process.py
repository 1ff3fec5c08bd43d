"""Boxes seen from outside: their reports, their memory, their end. Effects: starts processes and boxes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.sandbox import bwrap, executable, host, limits, process, watchdog
from core import errors, ports
from tests.patience import PATIENCE

HOLD = "import sys, time; held = bytearray(b'x' * (80 << 20)); print('held', flush=True); time.sleep(60)"


@pytest.fixture
def sandbox(home: Path, service_user: str) -> bwrap.Bubblewrap:
    user = host.ServiceUser.named(service_user) if os.geteuid() == 0 else None
    return bwrap.Bubblewrap(user=user, state=home)


@pytest.fixture
async def session(sandbox: bwrap.Bubblewrap, home: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a long-lived box that holds 80 MiB, by the launcher `launch` in the home."""
    box = ports.Box(name="b", cwd="/tmp")
    at = home / "launch"
    await asyncio.to_thread(sandbox.write_launcher, box, ["/usr/bin/python3", "-ISc", HOLD], at)
    child = await asyncio.create_subprocess_exec(at, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"held\n"
    yield child
    if child.returncode is None:
        child.kill()
    await child.communicate()


def test_a_report_is_read_line_by_line_and_a_cut_line_is_left_out() -> None:
    whole = '{ "child-pid": 7, "pid-namespace": 8 }\n{ "exit-code": 3 }\n'
    assert process.parse(whole) == process.Report(init=7, namespace=8, exit_code=3)
    assert process.parse(whole[:-4]) == process.Report(init=7, namespace=8)
    assert process.parse("") == process.Report()


def test_a_pid_that_went_to_another_process_is_not_taken_for_the_box() -> None:
    own = os.stat("/proc/self/ns/pid").st_ino
    assert process.Life.of(process.Report(init=os.getpid(), namespace=own + 1)) is None
    assert process.Life.of(process.Report(init=2**22 + 1, namespace=own)) is None


def test_usage_counts_descendants_and_their_own_memory_only() -> None:
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"
    child = subprocess.Popen([sys.executable, "-c", nested], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        used = limits.usage((child.pid, 2**22 + 1))
        assert used[child.pid].processes == 2
        assert 80 << 20 <= used[child.pid].memory_bytes < 160 << 20
        assert used[2**22 + 1] == limits.Usage(processes=0, memory_bytes=0)
    finally:
        grandchildren = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        for pid in grandchildren:
            os.kill(int(pid), 9)
        child.communicate()


async def test_end_kills_a_session_and_returns_when_it_is_gone(
    sandbox: bwrap.Bubblewrap, session: asyncio.subprocess.Process, home: Path
) -> None:
    init = process.parse((home / "launch.status").read_text()).init
    assert init is not None
    await sandbox.end(home / "launch")
    assert (await asyncio.to_thread(limits.usage, (init,)))[init].processes == 0
    await session.wait()
    await sandbox.end(home / "launch")
    await sandbox.end(home / "never")


async def test_the_watchdog_kills_what_holds_too_much_and_nothing_else(
    session: asyncio.subprocess.Process, home: Path
) -> None:
    overruns: asyncio.Queue[watchdog.Overrun] = asyncio.Queue()
    dog = watchdog.Watchdog(overruns.put, every=0.05)
    dog.watch(home / "launch", 200 << 20)
    dog.watch(home / "never", 1)
    task = asyncio.create_task(dog.run())
    try:
        await asyncio.sleep(0.3)
        assert overruns.empty()
        assert session.returncode is None
        dog.watch(home / "launch", 50 << 20)
        seen = await asyncio.wait_for(overruns.get(), PATIENCE)
        await session.wait()
    finally:
        task.cancel()
    assert (seen.launcher, seen.allowed) == (home / "launch", 50 << 20)
    assert seen.held >= 80 << 20


async def test_the_watchdog_of_no_box_reads_no_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def usage(inits: list[int]) -> dict[int, limits.Usage]:
        looked.append(len(inits))
        return {}

    monkeypatch.setattr(limits, "usage", usage)
    dog = watchdog.Watchdog(lambda overrun: asyncio.sleep(0), every=0.01)
    dog.watch(home / "never", 1)
    task = asyncio.create_task(dog.run())
    await asyncio.sleep(0.2)
    task.cancel()
    assert looked == []


def test_root_needs_a_service_user(home: Path) -> None:
    if os.geteuid() == 0:
        with pytest.raises(errors.Refused) as caught:
            bwrap.Bubblewrap(user=None, state=home)
        assert "bootstrap" in caught.value.remedy
    else:
        with pytest.raises(errors.Refused):
            bwrap.Bubblewrap(user=host.ServiceUser(name="x", uid=os.geteuid() + 1, gid=1), state=home)
    with pytest.raises(errors.Refused):
        host.ServiceUser.named("root")
    with pytest.raises(errors.Refused):
        host.ServiceUser.named("no-such-user-here")


def test_an_execute_only_copy_is_made_once_and_renewed(home: Path) -> None:
    source, dest = home / "tool", home / "cli" / "1" / "tool"
    source.write_bytes(b"#!" + bytes(100_000))
    source.chmod(0o755)
    executable.execute_only_copy(source, dest)
    first = dest.stat()
    assert (first.st_mode & 0o7777, first.st_size) == (0o111, 100_002)
    executable.execute_only_copy(source, dest)
    assert dest.stat().st_ino == first.st_ino
    source.write_bytes(b"new")
    executable.execute_only_copy(source, dest)
    dest.chmod(0o444)
    assert dest.read_bytes() == b"new"
    executable.execute_only_copy(source, dest)
    assert dest.stat().st_mode & 0o7777 == 0o111
    assert [path.name for path in dest.parent.iterdir()] == ["tool"]


def test_a_copy_of_nothing_is_told(home: Path) -> None:
    with pytest.raises(errors.Rejected, match="tool"):
        executable.execute_only_copy(home / "tool", home / "copy")


async def test_doctor_finds_all_well(sandbox: bwrap.Bubblewrap) -> None:
    found = await sandbox.probe()
    assert [finding for finding in found if not finding.ok] == []
    assert {finding.name for finding in found} >= {
        "bubblewrap",
        "a box starts",
        "no network in a box",
        "limits of a box",
    }
