"""Unix sockets that only their owner can open. Owns: Bound, bind, stands, remove. Imports: os, socket, core.errors. Effects: files.

The functions block for a moment (file system): call them in a thread.
"""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from core import errors

MAX_PATH = 107
MODE = 0o600
_BACKLOG = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A listening socket and the file it is known by."""

    sock: socket.socket
    path: Path
    inode: int


def bind(path: Path, owner: tuple[int, int] | None) -> Bound:
    """Listen at `path` with mode 0600, given to `owner` (uid, gid). The socket of a crashed run is replaced.

    A missing folder is made, for the owner alone. Raises BadInput when something else lies there or the name is too long,
    Unavailable when the file system refuses.
    """
    try:
        return _bind(path, owner)
    except OSError as exc:
        raise errors.Unavailable(
            f"The gateway cannot listen at {path}: {exc.strerror or exc}",
            remedy="Check that the bridge's user may write there and that the disk has room.",
        ) from exc


def stands(bound: Bound) -> bool:
    """Say whether the socket's file is still the one that was bound."""
    try:
        return bound.path.lstat().st_ino == bound.inode
    except OSError:
        return False


def remove(bound: Bound) -> None:
    """Delete the socket's file if it is still the one that was bound. Does not raise when it is gone."""
    if stands(bound):
        bound.path.unlink(missing_ok=True)


def _bind(path: Path, owner: tuple[int, int] | None) -> Bound:
    _make_folder(path.parent, owner)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        # The file takes the socket's own mode, less the umask: nobody can slip in between bind and chmod.
        os.fchmod(sock.fileno(), MODE)
        sock.bind(_short(path, folder))
        os.chmod(path.name, MODE, dir_fd=folder)
        if owner is not None:
            os.chown(path.name, *owner, dir_fd=folder, follow_symlinks=False)
        inode = os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_ino
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    finally:
        os.close(folder)
    return Bound(sock=sock, path=path, inode=inode)


def _short(path: Path, folder: int) -> str:
    """Return an address that fits: the kernel takes 107 bytes, and the folder's descriptor stands for any longer path."""
    if len(os.fsencode(path)) <= MAX_PATH:
        return str(path)
    address = f"/proc/self/fd/{folder}/{path.name}"
    if len(os.fsencode(address)) > MAX_PATH:
        raise errors.BadInput(
            f"The socket name {path.name} is too long", remedy="Use a name of at most 80 bytes."
        )
    return address


def _make_folder(folder: Path, owner: tuple[int, int] | None) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True)
    if owner is not None:
        os.chown(folder, *owner)


def _clear(path: Path) -> None:
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise errors.BadInput(
            f"{path} exists and is no socket; it is left as it is",
            remedy="Move that file away, then open the loop again.",
        )
    path.unlink()
