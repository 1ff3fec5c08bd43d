"""The way into a box. Owns: enter. Imports: the standard library, and little of it. Effects: becomes bwrap.

This file is never imported by the bridge: its text is the body of every launcher, where BOX says what to build. It runs
before every session, so it imports no more than it must. It never forks: the process that was started *is* bwrap in the
end, and ends with whoever started it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself costs as much time as all the rest
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

BWRAP = "/usr/bin/bwrap"
STAGE = "/tmp"  # noqa: S108 - covered by a tmpfs of this process's own; bwrap needs the folder anyway
NEW_MOUNTS = 0x00020000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
OOM_SCORE, NICENESS = "500", 5
CANNOT_ENTER = 125


def enter(box: dict[str, Any], arguments: list[str]) -> NoReturn:
    """Become bwrap for `box`, running its command with `arguments` appended. Exits 125 with a sentence if it cannot."""
    complaints = os.dup(2)
    try:
        os.umask(0o022)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        for number in range(1, _signal.NSIG):
            # What is ignored stays so: by Python (SIGPIPE, SIGXFSZ), or by a shell that started the bridge in its background.
            if _signal.getsignal(number) == _signal.SIG_IGN:
                _signal.signal(number, _signal.SIG_DFL)
        _tame_stdio(box["user"])
        status = _status(box["status"])  # before staging covers a folder that it may lie in
        places, keep = _places(box["binds"], staged=box["user"] is not None)
        contents = [_memory(content) for content in box["data"]]
        slots = {"bind": places, "data": [str(fd) for fd in contents]}
        options = [("--json-status-fd", str(status)), *box["options"]]
        words = [w if isinstance(w, str) else slots[w[0]][w[1]] for option in options for w in option]
        listing = _memory("".join(word + "\0" for word in words).encode())
        _leave_open({*keep, *contents, status, listing})
        _lower(box["user"])
        os.execve(BWRAP, ["bwrap", "--args", str(listing), "--", *box["command"], *arguments], {})  # noqa: S606
    except OSError as error:
        os.write(complaints, f"loopbridge: the sandbox cannot be entered: {error}\n".encode())
        os._exit(CANNOT_ENTER)


def _tame_stdio(user: tuple[int, int] | None) -> None:
    """Let only pipes and sockets through: a file or terminal of the host could be opened anew from inside."""
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            mode = 0
        if stat.S_ISFIFO(mode) and user:
            os.fchown(fd, *user)  # so that /dev/stderr can be opened inside
        elif not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            os.dup2(null, fd)


def _places(binds: list[tuple[str, str]], *, staged: bool) -> tuple[list[str], set[int]]:
    """Open every source and return how bwrap can name each, and the descriptors it needs for that."""
    if not staged:
        found = [_source(base, rest) for base, rest in binds]
        return [str(fd) for fd in found], set(found)
    # The service user cannot walk to the bridge's folders, so each source is bound where it can. The descriptors
    # must come from the new mount namespace, and before its /tmp is covered.
    libc = _Libc()
    libc.call("unshare", NEW_MOUNTS)
    libc.call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    found = [_source(base, rest) for base, rest in binds]
    libc.call("mount", b"tmpfs", STAGE.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=0755,size=1m")
    places = []
    for index, fd in enumerate(found):
        place = f"{STAGE}/{index}"
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.mkdir(place)
        else:
            os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        libc.call("mount", f"/proc/self/fd/{fd}".encode(), place.encode(), None, MS_BIND | MS_REC, None)
        places.append(place)
    return places, set()


class _Libc:
    """The two calls that Python's `os` lacks, on what `ctypes` is made of: importing `ctypes` itself takes 8 ms."""

    def __init__(self) -> None:
        import _ctypes  # only a privileged launcher pays for it

        number = type("Int", (_ctypes._SimpleCData,), {"_type_": "i"})
        flags = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
        self._call = type("Call", (_ctypes.CFuncPtr,), {"_flags_": flags, "_restype_": number})
        self._handle = _ctypes.dlopen(None, 0)  # type: ignore[arg-type] # this program and its libc
        self._address = _ctypes.dlsym
        self._errno = _ctypes.get_errno

    def call(self, name: str, *arguments: int | bytes | None) -> None:
        if self._call(self._address(self._handle, name))(*arguments) != 0:
            code = self._errno()
            raise OSError(code, os.strerror(code), name)


def _source(base: str, rest: str) -> int:
    """Open `rest` below the trusted `base` without following any link that lies on the way or at its end."""
    fd = os.open(base, os.O_PATH)
    for part in filter(None, rest.split("/")):
        below = os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=fd)
        os.close(fd)
        fd = below
        if stat.S_ISLNK(os.fstat(fd).st_mode):
            raise OSError(40, "a symbolic link lies on the way", f"{base}/{rest}")
    return fd


def _memory(content: bytes) -> int:
    fd = os.memfd_create("box", os.MFD_ALLOW_SEALING)
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _status(target: str | int) -> int:
    """Open what bwrap reports its child and exit code to: a file beside the launcher, or a pipe handed down."""
    if isinstance(target, int):
        return target
    return os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)


def _leave_open(keep: set[int]) -> None:
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
        if fd in keep:
            os.set_inheritable(fd, True)
        elif fd > 2:
            try:
                os.set_inheritable(fd, False)
            except OSError:
                continue  # the descriptor that listed the folder is closed already


def _lower(user: tuple[int, int] | None) -> None:
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write(OOM_SCORE)
    os.nice(NICENESS)
    os.chdir("/")
    if user:
        uid, gid = user
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


if __name__ == "__main__":
    enter(BOX, sys.argv[1:])  # type: ignore[name-defined]  # noqa: F821 - the launcher says it above
