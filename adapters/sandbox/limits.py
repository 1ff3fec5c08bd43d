"""Bounds that no rlimit holds. Owns: Usage, usage, ceiling. Imports: the standard library. Effects: reads /proc.

`RLIMIT_DATA` bounds each process and `RLIMIT_NPROC` their number; the memory of a whole box is summed here. A process is
counted to a box by its ancestors, which always works: /proc/*/ns needs a privilege over processes that may not be dumped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a box uses now. Memory is what only stopping it would give back: pages of files do not count."""

    processes: int
    memory_bytes: int


def usage(inits: Iterable[int]) -> Mapping[int, Usage]:
    """Sum up each box, named by the host's pid of its first process. A box that is gone uses nothing."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (parent := _parent(name)) is not None:
            children.setdefault(parent, []).append(int(name))
    return {init: _sum(init, children) for init in inits}


def ceiling() -> int | None:
    """Return the memory in bytes that a cgroup (v2) grants to this process and all its boxes, or None for no bound."""
    own = next(
        (line[3:] for line in _read(Path("/proc/self/cgroup")).splitlines() if line.startswith("0::")), ""
    )
    folder = Path("/sys/fs/cgroup" + own)
    texts = [_read(place / "memory.max").strip() for place in (folder, *folder.parents)]
    return min((int(text) for text in texts if text.isdigit()), default=None)


def _sum(init: int, children: Mapping[int, list[int]]) -> Usage:
    members, frontier = [init], [init]
    while frontier:
        below = [child for pid in frontier for child in children.get(pid, ())]
        members += below
        frontier = below
    sizes = [size for pid in members if (size := _memory(pid)) is not None]
    return Usage(processes=len(sizes), memory_bytes=sum(sizes))


def _parent(pid: str) -> int | None:
    text = _read(Path("/proc", pid, "stat"))
    # The command's name may hold spaces and brackets: fields are counted after the last one.
    return int(text.rpartition(")")[2].split()[1]) if text else None


def _memory(pid: int) -> int | None:
    """Return the bytes a process keeps for itself, or None when it is gone or only a zombie."""
    fields = dict(line.split(":", 1) for line in _read(Path("/proc", str(pid), "status")).splitlines())
    if fields.get("State", "Z").split()[0] in "ZX":
        return None
    own = (fields.get(name, "0 kB") for name in ("RssAnon", "RssShmem", "VmSwap"))
    return sum(int(field.split()[0]) for field in own) * 1024


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""
