"""Reading the room. Owns: Shelf. Imports: sqlite3, core. Effects: opens and reads `chat.db`; every method blocks."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from adapters.chat.local import tables
from adapters.chat.local.records import Deed, Heading, Record
from core.errors import Rejected


class Shelf:
    """What was said, to be looked up."""

    def __init__(self, path: Path) -> None:
        self._db = tables.connect(path)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def people(self) -> Mapping[str, str]:
        """Return everybody's name by user id."""
        with tables.room_errors():
            return {row["user"]: row["name"] for row in self._db.execute("SELECT user, name FROM person")}

    def waiting(self, limit: int = 100) -> Sequence[Deed]:
        """Return the oldest deeds that were not acked."""
        with tables.room_errors():
            rows = self._db.execute(
                "SELECT * FROM deed WHERE acked = 0 ORDER BY id LIMIT ?", (limit,)
            ).fetchall()
            return [tables.deed(row, self._record(row["message"])) for row in rows]

    def thread(
        self, channel: str, root: int, *, upto: int = 0, limit: int, viewer: str = ""
    ) -> tuple[Sequence[Record], int]:
        """Return a thread's first message and its newest `limit`, oldest first, and how many there are in all.

        `upto` (0: the end) is the last message wanted. Whispers are left out but those to `viewer`; so are deleted messages.
        """
        scope = (
            "FROM message m WHERE m.root = ? AND m.channel = ? AND (? = 0 OR m.id <= ?) AND m.deleted = 0"
            " AND m.whisper_to IN ('', ?)"
        )
        given = (root, channel, upto, upto, viewer)
        with tables.room_errors():
            total = self._db.execute(f"SELECT count(*) {scope}", given).fetchone()[0]
            rows = self._db.execute(
                f"SELECT {tables.RECORD} {scope} ORDER BY m.id DESC LIMIT ?",
                (*given, limit),
            ).fetchall()
            first = self._db.execute(
                f"SELECT {tables.RECORD} {scope} AND m.id = ?",
                (*given, root),
            ).fetchall()
        newest = [tables.record(row) for row in reversed(rows)]
        missing = [tables.record(row) for row in first if all(kept.id != root for kept in newest)]
        return missing + newest, total

    def newest(self, limit: int, viewer: str) -> Sequence[Record]:
        """Return the room's newest messages that `viewer` may see, oldest first, deleted ones included."""
        with tables.room_errors():
            rows = self._db.execute(
                f"SELECT {tables.RECORD} FROM message m WHERE m.whisper_to IN ('', ?) ORDER BY m.id DESC LIMIT ?",  # noqa: S608
                (viewer, limit),
            ).fetchall()
        return [tables.record(row) for row in reversed(rows)]

    def headings(self, limit: int) -> Sequence[Heading]:
        """Return the threads, the last active first."""
        with tables.room_errors():
            rows = self._db.execute(
                "SELECT r.channel, r.root, r.name, r.text, t.n, t.last_at FROM message r JOIN"
                " (SELECT root, count(*) AS n, max(id) AS last, max(at) AS last_at FROM message"
                "  WHERE deleted = 0 AND whisper_to = '' GROUP BY root ORDER BY last DESC LIMIT ?) t"
                " ON r.id = t.root ORDER BY t.last DESC",
                (limit,),
            ).fetchall()
        return [
            Heading(
                channel=row["channel"],
                root=row["root"],
                name=row["name"],
                text=row["text"],
                count=row["n"],
                last_at=datetime.fromisoformat(row["last_at"]),
            )
            for row in rows
        ]

    def content(self, file: str) -> bytes | None:
        """Return an uploaded file's bytes, or None when there is none by this id."""
        with tables.room_errors():
            row = self._db.execute("SELECT content FROM file WHERE id = ?", (file,)).fetchone()
        return bytes(row["content"]) if row else None

    def sound(self) -> bool:
        """Whether the file holds together."""
        with tables.room_errors():
            return bool(self._db.execute("PRAGMA quick_check").fetchone()[0] == "ok")

    def _person(self, user: str) -> tuple[str, bool]:
        row = self._db.execute("SELECT name, bot FROM person WHERE user = ?", (user,)).fetchone()
        return (row["name"], bool(row["bot"])) if row else (user, False)

    def _rows(self, where: str, value: object) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self._db.execute(
            f"SELECT {tables.RECORD} FROM message m WHERE {where} = ?",  # noqa: S608 - constants
            (value,),
        ).fetchone()
        return found

    def _record(self, message: int) -> Record:
        row = self._rows("m.id", message)
        if row is None:
            raise Rejected(f"there is no message {message} here")
        return tables.record(row)

    def _by_key(self, key: str) -> Record | None:
        row = self._rows("m.key", key)
        return tables.record(row) if row else None

    def _own(self, user: str, message: int) -> Record:
        found = self._record(message)
        if found.author != user or found.deleted:
            raise Rejected(f"message {message} is not yours to change")
        return found

    def _need_thread(self, channel: str, root: int) -> None:
        row = self._db.execute(
            "SELECT 1 FROM message WHERE id = ? AND root = id AND channel = ?", (root, channel)
        )
        if row.fetchone() is None:
            raise Rejected(f"there is no thread {root} in channel {channel}")
