"""This machine, as far as boxes depend on it. Owns: ServiceUser, look. Imports: core, .spec. Effects: reads /proc, users."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from adapters.sandbox import spec
from core import errors

# What tells about the host's hardware, other users or addresses in the kernel, and what a program has no use for.
_FILES = (
    "key-users",
    "keys",
    "kcore",
    "kallsyms",
    "timer_list",
    "config.gz",
    "kmsg",
    "modules",
    "diskstats",
    "partitions",
    "cmdline",
    "vmallocinfo",
    "slabinfo",
    "pagetypeinfo",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "iomem",
    "ioports",
    "interrupts",
    "softirqs",
    "schedstat",
    "sched_debug",
    "swaps",
    "locks",
    "latency_stats",
    "sysrq-trigger",
)
_FOLDERS = ("acpi", "scsi", "fs", "driver", "tty", "pressure", "irq", "bus")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUser:
    """The unprivileged user that boxes belong to when the bridge runs as root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def named(cls, name: str) -> ServiceUser:
        """Look a user up. Raises Refused when there is none, or when it is root under another name."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError as exc:
            raise errors.Refused(
                f"the bridge runs as root, and there is no user {name!r} for its sandboxes",
                remedy="run scripts/bootstrap",
            ) from exc
        if entry.pw_uid == 0 or entry.pw_gid == 0:
            raise errors.Refused(
                f"the user {name!r} is root: a sandbox would be, too", remedy="run scripts/bootstrap"
            )
        return cls(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def look(*, staged: bool) -> spec.Host:
    """Find out what a plan must know."""
    return spec.Host(
        machine=os.uname().machine,
        covered_files=tuple(f"/proc/{name}" for name in _FILES if Path("/proc", name).is_file()),
        covered_folders=tuple(f"/proc/{name}" for name in _FOLDERS if Path("/proc", name).is_dir()),
        staged=staged,
    )
