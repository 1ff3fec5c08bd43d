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


Option = tuple[str | Slot, ...]  # one option of bwrap with its values


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """bwrap's options, the things they refer to by slot, and the command that starts the program with its limits."""

    options: tuple[Option, ...]
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
    options: list[Option] = [
        *_namespaces(box.name),
        *_system(host),
        *_scratch(box.limits, home_is_fresh=home_is_fresh),
        *_folders([*(bind.dest for bind in box.binds), *files], box.cwd),
        *_binds(box.binds, staged=host.staged),
        *_contents(files),
        ("--remount-ro", "/"),
        ("--chdir", box.cwd),
        *(("--setenv", name, value) for name, value in {**_ENV, **box.env}.items()),
        ("--seccomp", Slot("data", len(files))),
    ]
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


def _namespaces(name: str) -> list[Option]:
    return [
        *(("--unshare-" + kind,) for kind in ("user", "ipc", "pid", "net", "uts", "cgroup-try")),
        ("--disable-userns",),
        ("--assert-userns-disabled",),
        ("--cap-drop", "ALL"),
        ("--uid", str(UID)),
        ("--gid", str(GID)),
        ("--hostname", name),
        ("--die-with-parent",),
        ("--new-session",),
        ("--clearenv",),
    ]


def _system(host: Host) -> list[Option]:
    """The host's programs read-only, and a /proc and /dev that say little about the host."""
    return [
        ("--ro-bind", "/usr", "/usr"),
        *(("--symlink", target, link) for link, target in _LINKS.items()),
        *_folder("/etc"),
        *_folder("/etc/ssl"),
        *(("--ro-bind-try", path, path) for path in _HOST_ETC),
        ("--proc", "/proc"),
        ("--ro-bind", "/proc/sys", "/proc/sys"),
        *(("--ro-bind", "/dev/null", path) for path in host.covered_files),
        *(option for path in host.covered_folders for option in _empty(path)),
        ("--dev", "/dev"),
        *_tmpfs("/dev/shm", _SHM_BYTES, "1777"),  # noqa: S108 - the box's own
        ("--remount-ro", "/dev"),
    ]


def _scratch(limits: ports.Limits, *, home_is_fresh: bool) -> list[Option]:
    home = _tmpfs(HOME, limits.tmp_bytes, "0700") if home_is_fresh else []
    return [*_tmpfs(_TMP, limits.tmp_bytes, "1777"), *_folder(str(PurePosixPath(HOME).parent)), *home]


def _folders(destinations: Iterable[str], cwd: str) -> list[Option]:
    """Make every parent by hand, and the place to start in when nothing else provides it."""
    made = {*destinations, "/usr", _TMP, HOME, "/etc", "/etc/ssl", "/home", "/"}
    above = {str(parent) for dest in destinations for parent in PurePosixPath(dest).parents}
    way = {cwd, *(str(parent) for parent in PurePosixPath(cwd).parents)}
    shown = made - {"/", "/etc", "/etc/ssl", "/home"} | {"/proc", "/dev", *_LINKS}
    wanted = above if way & shown else above | way
    return [option for folder in sorted(wanted - made) for option in _folder(folder)]


def _binds(binds: Sequence[ports.Bind], *, staged: bool) -> list[Option]:
    suffix = "" if staged else "-fd"
    return [
        (("--bind" if bind.writable else "--ro-bind") + suffix, Slot("bind", index), bind.dest)
        for index, bind in enumerate(binds)
    ]


def _contents(files: Iterable[str]) -> list[Option]:
    return [
        option
        for index, dest in enumerate(files)
        for option in (("--perms", "0444"), ("--ro-bind-data", Slot("data", index), dest))
    ]


def _folder(path: str) -> list[Option]:
    return [("--perms", "0755"), ("--dir", path)]


def _tmpfs(path: str, size: int, perms: str) -> list[Option]:
    return [("--size", str(size)), ("--perms", perms), ("--tmpfs", path)]


def _empty(path: str) -> list[Option]:
    return [*_tmpfs(path, 4096, "0555"), ("--remount-ro", path)]


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
