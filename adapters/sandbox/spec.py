"""What a box is made of. Owns: Host, Slot, Plan, plan. Imports: core, .seccomp. Effects: none.

The order of the options matters to bwrap: what comes later lies on top. No destination ever lies under another one
(but for the fresh tmpfs of /tmp and of the home): bwrap would create it *through* a folder that the boxed program may
have filled with symbolic links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from adapters.sandbox import seccomp
from core import errors, ports

HOME = "/home/loop"
UID = GID = 1000
PRLIMIT = "/usr/bin/prlimit"

_SHM_BYTES = 64 << 20
_SENDABLE_SIGNALS = 4096
_QUEUE_BYTES = 819200
_LOCKED_BYTES = 64 << 10
_TMP = "/tmp"  # noqa: S108 - the tmpfs inside, not the host's folder

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_LINKS = {"/lib": "usr/lib", "/lib64": "usr/lib64", "/bin": "usr/bin", "/sbin": "usr/sbin"}
_HOST_ETC = (
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/services",
    "/etc/protocols",
    "/etc/mime.types",
)
_ENV = {
    "HOME": HOME,
    "USER": "loop",
    "LOGNAME": "loop",
    "SHELL": "/bin/bash",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "TMPDIR": _TMP,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What the plan must know of this machine: its processor, which files and folders of /proc to cover, and
    whether binds are staged (copied by a privileged launcher to a place the service user can reach)."""

    machine: str
    covered_files: tuple[str, ...]
    covered_folders: tuple[str, ...]
    staged: bool


@dataclass(frozen=True, slots=True)
class Slot:
    """A word that only the launcher can fill in: the descriptor or path of `binds[index]` or `data[index]`."""

    kind: Literal["bind", "data"]
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """bwrap's options, the things they refer to by slot, and the command that starts the program with its limits."""

    options: tuple[str | Slot, ...]
    binds: tuple[ports.Bind, ...]
    data: tuple[bytes, ...]
    command: tuple[str, ...]


def plan(box: ports.Box, program: Sequence[str], host: Host) -> Plan:
    """Turn a box and the program that runs in it into a plan. Raises BadInput for a box that cannot be built."""
    _check_words(box, program)
    home_is_fresh = all(bind.dest != HOME for bind in box.binds)
    files = {**_standard_files(box.name), **box.files}
    fresh = frozenset({_TMP, HOME} if home_is_fresh else {_TMP})
    _check_destinations([*(bind.dest for bind in box.binds), *files], fresh)
    data = [*files.values(), seccomp.program(host.machine)]
    options: list[str | Slot] = [
        *_namespaces(box.name),
        *_system(host),
        *_scratch(box.limits, home_is_fresh=home_is_fresh),
        *_folders([*(bind.dest for bind in box.binds), *files], box.cwd),
        *_binds(box.binds, staged=host.staged),
    ]
    for index, dest in enumerate(files):
        options += ["--perms", "0444", "--ro-bind-data", Slot("data", index), dest]
    options += ["--remount-ro", "/", "--chdir", box.cwd]
    for name, value in {**_ENV, **box.env}.items():
        options += ["--setenv", name, value]
    options += ["--seccomp", Slot("data", len(files))]
    command = (*_limits(box.limits), *program)
    return Plan(options=tuple(options), binds=box.binds, data=tuple(data), command=command)


def _check_words(box: ports.Box, program: Sequence[str]) -> None:
    if not _NAME.fullmatch(box.name):
        raise errors.BadInput(
            f"a box cannot be named {box.name!r}", remedy="use a-z, 0-9 and '-', 63 at most"
        )
    if not program or not program[0]:
        raise errors.BadInput("a box needs a program to run")
    for name in box.env:
        if not _VARIABLE.fullmatch(name):
            raise errors.BadInput(f"{name!r} cannot be the name of an environment variable")
    if any("\0" in word for word in (*program, *box.env.values())):
        raise errors.BadInput("a NUL byte cannot be part of an argument or an environment variable")
    for path in (box.cwd, *(bind.dest for bind in box.binds), *box.files):
        _check_path(path)


def _check_path(path: str) -> None:
    parts = path.split("/")
    if path != "/" and (parts[0] != "" or any(part in ("", ".", "..") for part in parts[1:])):
        raise errors.BadInput(f"{path!r} is not an absolute, plain path inside a box")
    if "\0" in path or "\n" in path:
        raise errors.BadInput(f"{path!r} holds a character that a path inside a box cannot have")


def _check_destinations(wanted: Sequence[str], fresh: frozenset[str]) -> None:
    """Refuse equal and nested destinations; below a fresh tmpfs anything may be put, as nobody wrote there yet."""
    system = frozenset({"/usr", "/proc", "/dev", *_LINKS, *_HOST_ETC})
    seen: set[str] = set()
    for dest in wanted:
        if dest == "/" or dest in seen | system | fresh:
            raise errors.BadInput(f"{dest} inside a box is already taken")
        seen.add(dest)
    for dest in wanted:
        above = {str(parent) for parent in PurePosixPath(dest).parents}
        if under := above & (seen | system):
            raise errors.BadInput(
                f"{dest} would lie under {max(under)}, and nothing may be put there",
                remedy="choose a destination beside it",
            )
        if covered := [other for other in sorted(system | fresh) if other.startswith(dest + "/")]:
            raise errors.BadInput(f"{dest} would cover {covered[0]}")


def _namespaces(name: str) -> list[str | Slot]:
    unshare = ["--unshare-" + kind for kind in ("user", "ipc", "pid", "net", "uts", "cgroup-try")]
    closed = ["--disable-userns", "--assert-userns-disabled", "--cap-drop", "ALL"]
    identity = ["--uid", str(UID), "--gid", str(GID), "--hostname", name]
    return [*unshare, *closed, *identity, "--die-with-parent", "--new-session", "--clearenv"]


def _system(host: Host) -> list[str | Slot]:
    """The host's programs read-only, and a /proc and /dev that say little about the host."""
    options: list[str | Slot] = ["--ro-bind", "/usr", "/usr"]
    for link, target in _LINKS.items():
        options += ["--symlink", target, link]
    options += ["--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/etc/ssl"]
    for path in _HOST_ETC:
        options += ["--ro-bind-try", path, path]
    options += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    for path in host.covered_files:
        options += ["--ro-bind", "/dev/null", path]
    for path in host.covered_folders:
        options += ["--size", "4096", "--perms", "0555", "--tmpfs", path, "--remount-ro", path]
    options += ["--dev", "/dev", "--size", str(_SHM_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm"]  # noqa: S108
    return [*options, "--remount-ro", "/dev"]


def _scratch(limits: ports.Limits, *, home_is_fresh: bool) -> list[str | Slot]:
    size = str(limits.tmp_bytes)
    options: list[str | Slot] = ["--size", size, "--perms", "1777", "--tmpfs", _TMP]
    options += ["--perms", "0755", "--dir", str(PurePosixPath(HOME).parent)]
    return [*options, "--size", size, "--perms", "0700", "--tmpfs", HOME] if home_is_fresh else options


def _folders(destinations: Iterable[str], cwd: str) -> list[str | Slot]:
    """Make every parent by hand: bwrap's own would be closed to the program when the launcher's umask is strict."""
    parents = {str(parent) for dest in destinations for parent in PurePosixPath(dest).parents}
    made = set(destinations) | {"/usr", _TMP, HOME, "/etc", "/home", "/"}
    if not made & {cwd, *(str(parent) for parent in PurePosixPath(cwd).parents if str(parent) != "/")}:
        parents |= {cwd, *(str(parent) for parent in PurePosixPath(cwd).parents)}
    options: list[str | Slot] = []
    for folder in sorted(parents - made):
        options += ["--perms", "0755", "--dir", folder]
    return options


def _binds(binds: Sequence[ports.Bind], *, staged: bool) -> list[str | Slot]:
    options: list[str | Slot] = []
    for index, bind in enumerate(binds):
        option = "--bind" if bind.writable else "--ro-bind"
        options += [option if staged else option + "-fd", Slot("bind", index), bind.dest]
    return options


def _limits(limits: ports.Limits) -> tuple[str, ...]:
    """Set inside the box: counts of processes, signals and queues are then the box's own, not shared by a host user."""
    bounds = {
        "core": 0,
        "data": limits.data_bytes,
        "fsize": limits.file_bytes,
        "memlock": _LOCKED_BYTES,
        "msgqueue": _QUEUE_BYTES,
        "nofile": limits.open_files,
        "nproc": limits.processes,
        "sigpending": _SENDABLE_SIGNALS,
    }
    return (PRLIMIT, *(f"--{name}={value}:{value}" for name, value in bounds.items()), "--")


def _standard_files(name: str) -> dict[str, bytes]:
    nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    return {
        "/etc/passwd": f"loop:x:{UID}:{GID}:loop:{HOME}:/bin/bash\n{nobody}".encode(),
        "/etc/group": f"loop:x:{GID}:\nnogroup:x:65534:\n".encode(),
        "/etc/hosts": f"127.0.0.1 localhost {name}\n::1 localhost\n".encode(),
        "/etc/hostname": f"{name}\n".encode(),
        "/etc/resolv.conf": b"",
        "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
    }
