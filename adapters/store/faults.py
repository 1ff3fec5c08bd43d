"""The database's errors in the bridge's words. Owns: translate. Imports: sqlalchemy, core.errors. Effects: asks the disk for its free space."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from core import errors

LITTLE_ROOM = 256 << 10
BUSY = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT}
)
UNREACHABLE = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
)
REJECTED = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}
)


def damaged(path: Path, detail: object) -> errors.Damaged:
    """Return what is raised when the file cannot be read as our database."""
    return errors.Damaged(
        f"The database {path} is damaged ({detail}). It was left as it is.",
        remedy=f"Stop the bridge and move {path} and the files beside it away; then put a backup in their place, "
        "or make it anew from the journal: `loopbridge rebuild`.",
    )


def full(path: Path) -> errors.StorageFull:
    """Return what is raised when nothing more can be written."""
    return errors.StorageFull(
        f"The disk that holds {path} is full. Everything acknowledged so far is kept.",
        remedy="Free some space; the bridge carries on by itself.",
    )


def translate(exc: Exception, path: Path) -> errors.LoopbridgeError | None:
    """Return the error of the bridge's tree that stands for `exc`, or None when it is not the database's."""
    if isinstance(exc, errors.LoopbridgeError):
        return exc
    if isinstance(exc, UnicodeDecodeError):
        # SQLite quotes what it cannot read, and the driver cannot read that either.
        return damaged(path, "text that is not text")
    cause = exc.orig if isinstance(exc, sa.exc.DBAPIError) else exc
    if not isinstance(cause, (sqlite3.Error, sa.exc.SQLAlchemyError)) or isinstance(
        cause, sqlite3.ProgrammingError
    ):
        return None
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _little_room(path)):
        return full(path)
    if code in BUSY:
        return errors.Unavailable(f"The database {path} is busy.", remedy="Try again in a moment.")
    if code in UNREACHABLE:
        return errors.Unavailable(
            f"The database {path} cannot be opened or written ({cause}). It was left as it is.",
            remedy="Check that the file and its folder belong to the bridge's user and that the disk is not read-only.",
        )
    if code == sqlite3.SQLITE_IOERR:
        return errors.Unavailable(
            f"The disk under {path} answered with an error ({cause}).",
            remedy="Check the disk; see the system's log.",
        )
    if code in REJECTED:
        return errors.Rejected(f"The database refused a write ({cause}).")
    # What is left (not a database, malformed, a table or column that is gone, text that is not text) is damage: our statements are fixed.
    return damaged(path, cause)


def _little_room(path: Path) -> bool:
    try:
        disk = os.statvfs(path.parent)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < LITTLE_ROOM
