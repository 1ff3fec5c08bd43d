"""Who may open a database file. Owns: Claim (a lock file), held, and Reserve (room kept for a full disk). Imports: core.errors. Effects: files beside the database."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from core import errors


class Claim:
    """The lock on `<database>.lock`: one bridge per database. The kernel lets go of it however the process ends."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._path = database.with_name(database.name + ".lock")
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock. Raises Refused naming the process that has it, Unavailable when the folder cannot be written."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise errors.Unavailable(
                f"The folder {self._path.parent} cannot be used for the database ({exc.strerror}).",
                remedy="Make the folder, and see that it belongs to the bridge's user.",
            ) from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = os.pread(self._file, 32, 0).decode("ascii", "replace").strip() or "unknown"
            self._close()
            raise errors.Refused(
                f"Another bridge (process {holder}) has the database {self._database} open; this one leaves it alone.",
                remedy=f"Stop process {holder} first, or give this bridge a database of its own (database.url).",
            ) from exc
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            # On a full disk the lock itself still holds; only the number in it is missing.
            return

    def release(self) -> None:
        """Let go (idempotent). The file stays: taking it away would let two processes hold two locks."""
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def held(database: Path) -> bool:
    """Whether somebody has the lock of a database now."""
    try:
        file = os.open(database.with_name(database.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


class Reserve:
    """Disk space set aside in `<database>.reserve`, given back when the disk is full so that the database can still work."""

    def __init__(self, database: Path, size: int) -> None:
        self._path = database.with_name(database.name + ".reserve")
        self._size = size
        self.held = False

    def take(self) -> None:
        """Set the space aside unless that would leave less than as much again; without room nothing happens."""
        try:
            known = self._path.stat().st_size if self._path.exists() else 0
            if known == self._size:
                self.held = True
                return
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * self._size:
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError:
            self._path.unlink(missing_ok=True)
            return
        self.held = True

    def release(self) -> bool:
        """Give the space back; False when there was none to give."""
        was = self._path.exists()
        self._path.unlink(missing_ok=True)
        self.held = False
        return was
