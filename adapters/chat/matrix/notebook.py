"""What the adapter must still know after a restart. Owns: Notebook and its rows. Imports: sqlite3, core. Effects: one file, `state.db`.

It lies beside the crypto store and belongs to the same device: how far the sync came, which thread an event belongs to, what was posted
under which key, which buttons a message shows, and what could not be read yet. Every method blocks; each write is durable on return.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from core.errors import Damaged, StorageFull, Unavailable

KEPT = 180 * 86_400.0  # seconds after which a thread's places and buttons are forgotten
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
_TABLES = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS room (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (event TEXT PRIMARY KEY, room TEXT NOT NULL, root TEXT NOT NULL, sender TEXT NOT NULL,
  at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS place_root ON place (room, root, at);
CREATE TABLE IF NOT EXISTS sent (key TEXT, part INTEGER, room TEXT NOT NULL, event TEXT, at REAL NOT NULL,
  gone INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (key, part)) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS sent_event ON sent (event);
CREATE TABLE IF NOT EXISTS button (event TEXT, sign TEXT, token TEXT NOT NULL, card TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (event, sign)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS poll (event TEXT PRIMARY KEY, card TEXT NOT NULL, ended INTEGER NOT NULL DEFAULT 0, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sealed (event TEXT PRIMARY KEY, room TEXT NOT NULL, session TEXT NOT NULL, raw TEXT NOT NULL,
  at REAL NOT NULL, told INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
"""


class Seat(NamedTuple):
    """Where an event belongs and who sent it."""

    room: str
    root: str
    sender: str


class Posting(NamedTuple):
    """A part of a post: `event` is empty until the server took it, `at` is when it was first tried, `gone` that it was redacted."""

    key: str
    part: int
    room: str
    event: str
    at: float
    gone: bool


class Notebook:
    """The adapter's own file. Enter it to open, in the thread that uses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file, making it (0600) when there is none. Raises Damaged when it is no such file."""
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        with _errors(self._path):
            db = sqlite3.connect(self._path, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(_TABLES)
            self._db = db

    def close(self) -> None:
        """Close the file (idempotent)."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _run(self, sql: str, *values: object) -> sqlite3.Cursor:
        if self._db is None:
            raise Unavailable("the Matrix adapter is closed")
        with _errors(self._path):
            return self._db.execute(sql, values)

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(self._run(sql, *values)) as cursor, _errors(self._path):
            return cursor.fetchall()

    def forget(self, now: float) -> None:
        """Drop what is older than anybody will need."""
        for table in ("place", "button", "poll", "sealed", "sent"):
            self._run(f"DELETE FROM {table} WHERE at < ?", now - KEPT)  # noqa: S608 - constants

    # ── single facts ─────────────────────────────────────────────────────────────────────────────────────────────────

    def fact(self, name: str) -> str:
        """Return a remembered value, "" when there is none."""
        rows = self._rows("SELECT value FROM fact WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def remember(self, name: str, value: str) -> None:
        """Remember a value under a name."""
        self._run(
            "INSERT INTO fact VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, value
        )

    def rooms(self) -> frozenset[str]:
        """Return the rooms that were joined when the sync last came to an end."""
        return frozenset(row[0] for row in self._rows("SELECT id FROM room"))

    def enter(self, room: str) -> None:
        """Note that a room is joined."""
        self._run("INSERT OR IGNORE INTO room VALUES (?)", room)

    def leave(self, room: str) -> None:
        """Note that a room was left."""
        self._run("DELETE FROM room WHERE id = ?", room)

    # ── where events belong ──────────────────────────────────────────────────────────────────────────────────────────

    def seat(self, event: str) -> Seat | None:
        """Return where an event belongs, or None when it was never seen."""
        rows = self._rows("SELECT room, root, sender FROM place WHERE event = ?", event)
        return Seat(*rows[0]) if rows else None

    def sit(self, event: str, seat: Seat, at: float) -> None:
        """Note where an event belongs; the first word counts."""
        self._run("INSERT OR IGNORE INTO place VALUES (?, ?, ?, ?, ?)", event, *seat, at)

    def company(self, room: str, root: str) -> Sequence[str]:
        """Return the events known to belong to a thread, oldest first."""
        rows = self._rows("SELECT event FROM place WHERE room = ? AND root = ? ORDER BY at", room, root)
        return [row[0] for row in rows]

    def latest(self, room: str, root: str, sender: str = "") -> str:
        """Return the newest event of a thread, of one sender if named; "" when none is known."""
        rows = self._rows(
            "SELECT event FROM place WHERE room = ? AND root = ? AND (? = '' OR sender = ?) ORDER BY at DESC LIMIT 1",
            room, root, sender, sender,
        )  # fmt: skip
        return str(rows[0][0]) if rows else ""

    # ── what was posted ──────────────────────────────────────────────────────────────────────────────────────────────

    def posting(self, key: str, part: int) -> Posting | None:
        """Return a part of a post."""
        return self._posting("key = ? AND part = ?", key, part)

    def posted(self, event: str) -> Posting | None:
        """Return the part of a post that an event is."""
        return self._posting("event = ?", event)

    def _posting(self, where: str, *values: object) -> Posting | None:
        rows = self._rows(f"SELECT key, part, room, event, at, gone FROM sent WHERE {where}", *values)  # noqa: S608
        return (
            Posting(rows[0][0], rows[0][1], rows[0][2], rows[0][3] or "", rows[0][4], bool(rows[0][5]))
            if rows
            else None
        )

    def parts(self, key: str) -> Sequence[Posting]:
        """Return the parts of a post that the server took, in order."""
        rows = self._rows("SELECT part FROM sent WHERE key = ? AND event IS NOT NULL ORDER BY part", key)
        return [found for row in rows if (found := self.posting(key, row[0]))]

    def intend(self, key: str, part: int, room: str, at: float) -> None:
        """Note that a part is about to be sent."""
        self._run("INSERT OR IGNORE INTO sent (key, part, room, at) VALUES (?, ?, ?, ?)", key, part, room, at)

    def took(self, key: str, part: int, event: str) -> None:
        """Note that the server took a part."""
        self._run("UPDATE sent SET event = ? WHERE key = ? AND part = ?", event, key, part)

    def gone(self, event: str) -> None:
        """Note that a message of ours was taken away."""
        self._run("UPDATE sent SET gone = 1 WHERE event = ?", event)

    # ── buttons ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def show(self, event: str, card: str, tokens: Mapping[str, str], at: float) -> None:
        """Note which sign on a message stands for which token. Signs that an edit no longer shows keep theirs."""
        for sign, token in tokens.items():
            self._run("INSERT OR REPLACE INTO button VALUES (?, ?, ?, ?, ?)", event, sign, token, card, at)

    def pressed(self, event: str, sign: str) -> tuple[str, str] | None:
        """Return the (token, card) a sign on a message stands for."""
        rows = self._rows("SELECT token, card FROM button WHERE event = ? AND sign = ?", event, sign)
        return (rows[0][0], rows[0][1]) if rows else None

    def ask(self, event: str, card: str, at: float) -> None:
        """Note that a poll belongs to a card."""
        self._run("INSERT OR IGNORE INTO poll VALUES (?, ?, 0, ?)", event, card, at)

    def polls(self, card: str) -> Mapping[str, bool]:
        """Return the polls of a card, and whether each is still open."""
        return {
            row[0]: not row[1] for row in self._rows("SELECT event, ended FROM poll WHERE card = ?", card)
        }

    def ended(self, event: str) -> None:
        """Note that a poll is over."""
        self._run("UPDATE poll SET ended = 1 WHERE event = ?", event)

    # ── what could not be read ───────────────────────────────────────────────────────────────────────────────────────

    def seal(self, event: str, room: str, session: str, raw: Mapping[str, Any], at: float) -> None:
        """Keep an event whose key is missing."""
        told = json.dumps(raw, separators=(",", ":"))
        self._run("INSERT OR IGNORE INTO sealed VALUES (?, ?, ?, ?, ?, 0)", event, room, session, told, at)

    def sealed(self, session: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Return (event, room, raw event) of what is still unread, of one session if named, oldest first."""
        for event, room, raw in self._rows(
            "SELECT event, room, raw FROM sealed WHERE ? = '' OR session = ? ORDER BY at", session, session
        ):
            yield event, room, json.loads(raw)

    def untold(self, before: float) -> Sequence[tuple[str, str, dict[str, Any]]]:
        """Return (event, room, raw event) of what has been unread since before an instant without anybody being told."""
        rows = self._rows("SELECT event, room, raw FROM sealed WHERE told = 0 AND at < ? ORDER BY at", before)
        return [(event, room, json.loads(raw)) for event, room, raw in rows]

    def told(self, event: str) -> None:
        """Note that the room was told of an event that cannot be read."""
        self._run("UPDATE sealed SET told = 1 WHERE event = ?", event)

    def unseal(self, event: str) -> None:
        """Forget an event that was read after all."""
        self._run("DELETE FROM sealed WHERE event = ?", event)


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as exc:
        code = (getattr(exc, "sqlite_errorcode", 0) or 0) & 0xFF
        if code in _FULL:
            raise StorageFull(f"{path} cannot grow: the disk is full") from exc
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Unavailable(f"{path} is locked by another process") from exc
        raise Damaged(
            f"{path} cannot be read ({exc})",
            remedy="Put a backup of it in its place, or see docs/matrix.md on a new device.",
        ) from exc
