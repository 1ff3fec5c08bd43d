"""Boxes that outlived the bridge that made them. Owns: find. Imports: .process. Effects: reads /proc.

bwrap asks the kernel to be killed with its parent, but there are moments in its start before it has asked, or when its child
has not: a bridge that is killed just then leaves a box that runs on, or one that waits for ever to be made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from adapters.sandbox import process

_ESCAPED = re.compile(r"\\([0-7]{3})")


class _Mount(NamedTuple):
    """A line of a mountinfo: `root` is what is mounted, as a path from its file system's own root; `at` is where."""

    device: str
    root: Path
    at: Path


def find(home: Path) -> list[process.Life]:
    """Take hold of every box that has something of a home bound into it. A process that may not be looked at is left out."""
    home = home.resolve()
    around = [mount for mount in _mounts("self") if home.is_relative_to(mount.at)]
    if not around:
        return []
    over = max(around, key=lambda mount: len(mount.at.parts))
    place = over.root / home.relative_to(over.at)
    found = []
    for pid in _first_processes():
        life = process.Life.of(process.Report(init=pid, namespace=_namespace(pid)))
        if life is None:
            continue
        # Looked at only once it is held: its number cannot become another's any more.
        if any(one.device == over.device and one.root.is_relative_to(place) for one in _mounts(str(pid))):
            found.append(life)
        else:
            life.close()
    return found


def _first_processes() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        line = next((line for line in _lines(Path("/proc", name, "status")) if line.startswith("NSpid:")), "")
        numbers = line.split()[1:]
        if len(numbers) > 1 and numbers[-1] == "1":
            yield int(name)


def _namespace(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}/ns/pid").stat().st_ino
    except OSError:
        return None


def _mounts(pid: str) -> Iterator[_Mount]:
    for line in _lines(Path("/proc", pid, "mountinfo")):
        fields = [_ESCAPED.sub(lambda match: chr(int(match[1], 8)), field) for field in line.split(" ")[:5]]
        yield _Mount(device=fields[2], root=Path(fields[3]), at=Path(fields[4]))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:  # it ended meanwhile, or may not be looked at
        return []
