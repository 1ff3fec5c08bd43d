"""Boxes and what runs in them. Owns: Box, Sandbox. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.ports.base import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A host file, folder or socket shown inside at `dest` (absolute)."""

    source: Path
    dest: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one box. `memory_bytes` counts the whole box, `data_bytes` each process."""

    processes: int = 512
    open_files: int = 4096
    file_bytes: int = 2 << 30
    data_bytes: int = 4 << 30
    memory_bytes: int = 6 << 30
    tmp_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Everything one sandbox is: what it sees, where it starts, what it may use up. No network, ever."""

    name: str  # the hostname inside, [a-z0-9-]
    cwd: str
    binds: tuple[Bind, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)  # read-only contents by absolute path inside
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command in a box ended. `code` is negative for a signal; output past the cap is dropped and `cut` is set."""

    code: int
    stdout: bytes
    stderr: bytes
    cut: bool = False


class Sandbox(Protocol):
    """A backend that runs programs boxed in. Its checks are in `core.testing.sandbox_contract`."""

    name: str

    def owner(self) -> tuple[int, int] | None:
        """Return the (uid, gid) that writable binds and sockets must belong to, or None for the bridge's own."""

    def write_launcher(self, box: Box, program: Sequence[str], at: Path) -> None:
        """Write an executable at `at` that enters the box and execs `program` followed by its own arguments."""

    async def run(
        self,
        box: Box,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 60.0,
        max_output: int = 1 << 20,
    ) -> Finished:
        """Run one command in the box to its end. A command that outlives `timeout` seconds is killed: `Unavailable`."""

    async def run_to_file(
        self, box: Box, argv: Sequence[str], out: Path, *, timeout: float = 60.0, max_output: int = 512 << 20
    ) -> Finished:
        """Like `run`, but standard output goes through a pipe into the host file `out`, `max_output` bytes at most."""

    async def probe(self) -> Sequence[Finding]:
        """Start a box and say what holds here."""
