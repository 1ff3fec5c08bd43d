"""The room's file. Owns: its schema, how it is opened, its errors, rows as records. Imports: sqlite3, core. Effects: opens a database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from adapters.chat.local import encoding
from adapters.chat.local.records import Deed, Record
from core.errors import Damaged, PortError, StorageFull, Unavailable
from core.events import FileRef

SCHEMA = """
CREATE TABLE IF NOT EXISTS person (user TEXT PRIMARY KEY, name TEXT NOT NULL, bot INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, root INTEGER NOT NULL, author TEXT NOT NULL,
    name TEXT NOT NULL, bot INTEGER NOT NULL, text TEXT NOT NULL, body TEXT, whisper_to TEXT NOT NULL DEFAULT '',
    reply_to INTEGER NOT NULL DEFAULT 0, at TEXT NOT NULL, edited_at TEXT, deleted INTEGER NOT NULL DEFAULT 0,
    rev INTEGER NOT NULL DEFAULT 0, key TEXT UNIQUE);
CREATE INDEX IF NOT EXISTS message_thread ON message (root, id);
CREATE TABLE IF NOT EXISTS reaction (
    message INTEGER NOT NULL, emoji TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (message, emoji, user)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, mime TEXT NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL,
    owner TEXT NOT NULL, message INTEGER);
CREATE INDEX IF NOT EXISTS file_message ON file (message);
CREATE TABLE IF NOT EXISTS deed (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, message INTEGER NOT NULL, user TEXT NOT NULL,
    name TEXT NOT NULL, bot INTEGER NOT NULL, text TEXT NOT NULL, token TEXT NOT NULL DEFAULT '', at TEXT NOT NULL,
    key TEXT UNIQUE, acked INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS deed_waiting ON deed (id) WHERE acked = 0;
"""

RECORD = """m.*,
    (SELECT json_group_array(json_array(r.emoji, r.user)) FROM reaction r WHERE r.message = m.id) AS reactions,
    (SELECT json_group_array(json_array(f.id, f.name, f.size, f.mime)) FROM file f WHERE f.message = m.id) AS files"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the room's file, making it when it is new. To be used from one thread at a time.

    Raises Damaged when the file is no room, Unavailable when it cannot be opened.
    """
    with room_errors():
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(SCHEMA)
        except sqlite3.Error:
            connection.close()
            raise
        path.chmod(0o600)
        return connection


@contextmanager
def room_errors() -> Iterator[None]:
    """Turn what SQLite says into the error tree."""
    try:
        yield
    except sqlite3.Error as exc:
        raise _translated(exc) from exc


def _translated(exc: sqlite3.Error) -> PortError | Damaged:
    name = getattr(exc, "sqlite_errorname", "") or ""
    if name == "SQLITE_FULL":
        return StorageFull(
            "not taken: the disk is full; what was said before is kept",
            remedy="Make room on the disk and send it again.",
        )
    if name in {"SQLITE_NOTADB", "SQLITE_SCHEMA"} or name.startswith("SQLITE_CORRUPT"):
        return Damaged(
            "the file of the local chat (chat.db) cannot be read; it was left as it is",
            remedy="Move chat.db away, or put a backup in its place, and start again.",
        )
    return Unavailable(f"the file of the local chat cannot be used now: {exc}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction: all of it is durable afterwards, or none."""
    with room_errors():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # A full disk may have rolled back by itself already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def record(row: sqlite3.Row) -> Record:
    """Return a row of `SELECT RECORD FROM message m` as a record."""
    return Record(
        id=row["id"],
        channel=row["channel"],
        root=row["root"],
        author=row["author"],
        name=row["name"],
        bot=bool(row["bot"]),
        text=row["text"],
        body=encoding.decode(row["body"]) if row["body"] else None,
        to=row["whisper_to"],
        reply_to=row["reply_to"],
        at=datetime.fromisoformat(row["at"]),
        edited_at=datetime.fromisoformat(row["edited_at"]) if row["edited_at"] else None,
        deleted=bool(row["deleted"]),
        rev=row["rev"],
        files=tuple(
            FileRef(id=file, name=name, size=size, mime=mime)
            for file, name, size, mime in json.loads(row["files"])
        ),
        reactions=tuple((emoji, user) for emoji, user in json.loads(row["reactions"])),
    )


def deed(row: sqlite3.Row, about: Record) -> Deed:
    """Return a row of the deed table as a deed."""
    return Deed(
        id=row["id"],
        kind=row["kind"],
        record=about,
        user=row["user"],
        name=row["name"],
        bot=bool(row["bot"]),
        at=datetime.fromisoformat(row["at"]),
        text=row["text"],
        token=row["token"],
    )
