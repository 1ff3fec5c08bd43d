"""Programs that boxes may run but not read. Owns: execute_only_copy. Imports: the standard library. Effects: copies a file."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path

from core import errors

_PIECE = 1 << 30
_NO_CLONING = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def execute_only_copy(source: Path, dest: Path) -> None:
    """Make `dest` a copy of the program `source` that has no read bit. Does nothing when it already is one.

    A process of such a program cannot be dumped or traced, nor its memory and descriptors opened, by others of its user.
    Raises StorageFull when there is no room, Rejected when the source cannot be read.
    """
    try:
        wanted = source.stat()
        if _is_copy(wanted, dest):
            return
        dest.parent.mkdir(parents=True, exist_ok=True)
        draft = dest.with_name(f".{dest.name}.{secrets.token_hex(4)}")
        try:
            _copy(source, draft)
            os.utime(draft, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))
            draft.replace(dest)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.StorageFull(
                f"there is no room for a copy of {source.name}",
                remedy=f"free some space under {dest.parent}",
            ) from exc
        raise errors.Rejected(
            f"{source} cannot be copied to {dest}: {exc.strerror}",
            remedy="check the installation and the owner of the home directory",
        ) from exc


def _is_copy(wanted: os.stat_result, dest: Path) -> bool:
    try:
        found = dest.stat()
    except FileNotFoundError:
        return False
    same = (found.st_size, found.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns)
    return same and found.st_mode & 0o777 == 0o111


def _copy(source: Path, draft: Path) -> None:
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o111)
    with source.open("rb") as whole, os.fdopen(fd, "wb") as file:
        try:
            while os.copy_file_range(whole.fileno(), file.fileno(), _PIECE):
                pass
        except OSError as exc:
            if exc.errno not in _NO_CLONING:
                raise
            whole.seek(0)
            file.seek(0)
            shutil.copyfileobj(whole, file, 1 << 20)
        os.fchmod(file.fileno(), 0o111)  # whatever the umask took away
        file.flush()
        os.fsync(file.fileno())
