"""A running box. Owns: Report, Life, life_of, freeze. Imports: core, .limits. Effects: signals and waits for the processes of a box.

A box lives as long as its first process: the kernel lets that one end only after every other process of the namespace
has ended. So one pidfd says when nothing can write to a workdir any more.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from adapters.sandbox import limits
from core import errors

_END_WITHIN = 10.0  # seconds
_STOPS_WITHIN = 5.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What bwrap said: the host's pid of the box's first process, its pid namespace, and how the command ended."""

    init: int | None = None
    namespace: int | None = None
    exit_code: int | None = None


def parse(reported: str) -> Report:
    """Read bwrap's JSON lines; a line that was cut is left out."""
    facts: dict[str, int] = {}
    for line in reported.splitlines():
        try:
            facts |= json.loads(line)
        except ValueError:
            continue
    return Report(
        init=facts.get("child-pid"), namespace=facts.get("pid-namespace"), exit_code=facts.get("exit-code")
    )


class Life:
    """A hold on a box's first process, safe from pids that are used again. Close it when done."""

    def __init__(self, pidfd: int, init: int) -> None:
        self._pidfd = pidfd
        self.init = init

    @classmethod
    def of(cls, report: Report) -> Life | None:
        """Take hold of the box of a report; None when it has ended."""
        if report.init is None:
            return None
        try:
            pidfd = os.pidfd_open(report.init)
        except ProcessLookupError:
            return None
        if not _leads(report.init, report.namespace):
            os.close(pidfd)
            return None
        return cls(pidfd, report.init)

    def kill(self) -> None:
        """Kill every process of the box, at once."""
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return

    async def ended(self, within: float = _END_WITHIN) -> None:
        """Return once no process of the box lives. Raises Unavailable when it does not end `within` seconds."""
        loop = asyncio.get_running_loop()
        over = loop.create_future()
        loop.add_reader(self._pidfd, _settle, over)
        try:
            async with asyncio.timeout(within):
                await over
        except TimeoutError as exc:
            raise errors.Unavailable(
                f"a sandbox did not end within {within:g} seconds",
                remedy="a process in it hangs in the kernel; look at the disk, then restart the bridge",
            ) from exc
        finally:
            loop.remove_reader(self._pidfd)

    def close(self) -> None:
        """Let go of the process; the box lives on."""
        os.close(self._pidfd)


def freeze(launcher: int) -> list[Life]:
    """Stop a launcher's process wherever its start has come to, and take hold of what it has started.

    A bwrap that is killed between making a box's first process and reporting it would leave that process behind, waiting
    for ever: so it is stopped, asked, and killed only after its child.
    """
    if limits.parent(launcher) != os.getpid():  # it has ended, and its number may be another's now
        return []
    os.kill(launcher, signal.SIGSTOP)
    deadline = time.monotonic() + _STOPS_WITHIN
    while limits.state(launcher) not in "TZX" and time.monotonic() < deadline:
        time.sleep(0.001)
    return [Life(os.pidfd_open(child), child) for child in limits.children(launcher)]


def status_file(launcher: Path) -> Path:
    """Return where the box of a launcher is reported."""
    return launcher.with_name(launcher.name + ".status")


def life_of(launcher: Path) -> Life | None:
    """Take hold of the box that a launcher started last; None when none runs."""
    try:
        reported = status_file(launcher).read_text()
    except FileNotFoundError:
        return None
    return Life.of(parse(reported))


def _settle(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _leads(pid: int, namespace: int | None) -> bool:
    """Tell whether `pid` is still the first process of that namespace, and not a later one that got its number."""
    try:
        return Path(f"/proc/{pid}/ns/pid").stat().st_ino == namespace
    except PermissionError:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        inner = next((line.split()[1:] for line in lines if line.startswith("NSpid:")), [])
        return len(inner) > 1 and inner[-1] == "1"
    except FileNotFoundError:
        return False
