"""What the sandbox checks work with. Owns: Rig. Imports: core. Effects: makes folders, runs programs boxed in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import ports

PYTHON = "/usr/bin/python3"
WORKDIR = "/loop/workdir"

# What every probing script may use: `attempt` prints the name of the error a call ends with, or "done".
PRELUDE = """
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(what, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        print(what, errno.errorcode.get(error.errno, error.errno))
    else:
        print(what, "done")
def syscall(number, *arguments):
    if libc.syscall(number, *arguments) == -1:
        raise OSError(ctypes.get_errno(), "")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A sandbox under check and a folder of the host, closed to everybody else, to work in."""

    sandbox: ports.Sandbox
    scratch: Path

    def folder(self, name: str) -> Path:
        """Make a folder that boxes may write to."""
        path = self.scratch / name
        path.mkdir(mode=0o700, exist_ok=True)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Make `path` belong to whom boxes run as."""
        if (owner := self.sandbox.owner()) is not None:
            os.chown(path, *owner, follow_symlinks=False)

    def box(self, *binds: ports.Bind, **changes: Any) -> ports.Box:
        """Return a box with a writable workdir."""
        workdir = ports.Bind(source=self.folder("workdir"), dest=WORKDIR, writable=True)
        return ports.Box(**{"name": "check", "cwd": WORKDIR, "binds": (workdir, *binds), **changes})

    async def python(self, code: str, box: ports.Box | None = None, **options: Any) -> ports.Finished:
        """Run Python code inside, with `attempt` and `syscall` at hand."""
        argv = [PYTHON, "-ISc", PRELUDE + code]
        return await self.sandbox.run(box or self.box(), argv, **options)

    async def answers(self, code: str, box: ports.Box | None = None) -> Mapping[str, str]:
        """Run code that prints lines of a word and its answer; return them."""
        done = await self.python(code, box)
        assert done.code == 0, done.stderr.decode(errors="replace")
        lines = done.stdout.decode().splitlines()
        return {key: value for key, _, value in (line.partition(" ") for line in lines)}

    async def launcher(self, program: Sequence[str], at: Path) -> None:
        """Write a launcher for the plain box."""
        await asyncio.to_thread(self.sandbox.write_launcher, self.box(), program, at)
