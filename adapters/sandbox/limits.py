"""Bounds that no rlimit holds. Owns: Usage, usage, children, parent, state, ceiling. Imports: the standard library. Effects: reads /proc.

`RLIMIT_DATA` bounds each process and `RLIMIT_NPROC` their number; the memory of a whole box is summed here. A process is
counted to a box by its ancestors, which always works: /proc/*/ns needs a privilege over processes that may not be dumped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_MOST = 1 << 16  # bytes; the kernel gives out such a file at one reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a box uses now. Memory is what only stopping it would give back: pages of files do not count."""

    processes: int
    memory_bytes: int


def usage(inits: Iterable[int]) -> Mapping[int, Usage]:
    """Sum up each box, named by the host's pid of its first process. A box that is gone uses nothing."""
    below = _families()
    return {init: _sum(init, below) for init in inits}


def children(pid: int) -> list[int]:
    """Return the processes that `pid` has started and that have not been collected."""
    return _families().get(pid, [])


def parent(pid: int) -> int | None:
    """Return who started a process, or None when it is gone."""
    text = _read(f"/proc/{pid}/stat")
    # The command's name may hold spaces and brackets: fields are counted after the last one.
    return int(text.rpartition(")")[2].split()[1]) if text else None


def state(pid: int) -> str:
    """Return the letter of a process's state as in ps, X when it is gone."""
    text = _read(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()[0] if text else "X"


def _families() -> dict[int, list[int]]:
    families: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (above := parent(int(name))) is not None:
            families.setdefault(above, []).append(int(name))
    return families


def ceiling() -> int | None:
    """Return the memory in bytes that a cgroup (v2) grants to this process and all its boxes, or None for no bound."""
    own = next((line[3:] for line in _read("/proc/self/cgroup").splitlines() if line.startswith("0::")), "")
    folder = Path("/sys/fs/cgroup" + own)
    texts = [_read(str(place / "memory.max")).strip() for place in (folder, *folder.parents)]
    return min((int(text) for text in texts if text.isdigit()), default=None)


def _sum(init: int, families: Mapping[int, list[int]]) -> Usage:
    members, frontier = [init], [init]
    while frontier:
        below = [child for pid in frontier for child in families.get(pid, ())]
        members += below
        frontier = below
    sizes = [size for pid in members if (size := _memory(pid)) is not None]
    return Usage(processes=len(sizes), memory_bytes=sum(sizes))


def _memory(pid: int) -> int | None:
    """Return the bytes a process keeps for itself, or None when it is gone or only a zombie."""
    fields = dict(line.split(":", 1) for line in _read(f"/proc/{pid}/status").splitlines())
    if fields.get("State", "Z").split()[0] in "ZX":
        return None
    own = (fields.get(name, "0 kB") for name in ("RssAnon", "RssShmem", "VmSwap"))
    return sum(int(field.split()[0]) for field in own) * 1024


def _read(path: str) -> str:
    """Return a small file whole: every process of the machine is read in a row, and `open` takes four times as long."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, _MOST).decode(errors="replace")
        finally:
            os.close(fd)
    except OSError:  # it ended meanwhile
        return ""
