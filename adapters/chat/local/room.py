"""The platform itself: what was said, by whom, and what the bridge has not heard of yet. Owns: Room. Imports: core.

Effects: reads and writes `chat.db`. Every method blocks and belongs in one worker thread (see `hall.py`). A method that changes
something has made it durable when it returns. Raises `Rejected` for what the room refuses, `StorageFull` and `Unavailable` for
what may pass later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.chat.local import encoding, tables
from adapters.chat.local.records import BOT, Deed, Record
from adapters.chat.local.shelf import Shelf
from core import ids
from core.errors import Rejected
from core.events import FileRef
from core.message import Message


class Room(Shelf):
    """The durable log of one home's chat."""

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def enter(self, user: str, name: str, *, bot: bool = False) -> None:
        """Remember a user and the name they go by now."""
        with tables.transaction(self._db) as db:
            db.execute(
                "INSERT INTO person VALUES (?, ?, ?) ON CONFLICT (user) DO UPDATE SET name = excluded.name, bot = excluded.bot",
                (user, name, bot),
            )

    # ── what people do ───────────────────────────────────────────────────────────────────────────────────────────────

    def say(
        self,
        user: str,
        channel: str,
        root: int,
        text: str,
        *,
        at: datetime,
        key: str = "",
        files: Sequence[str] = (),
        reply_to: int = 0,
    ) -> tuple[Record, bool]:
        """Write as a person; `root` 0 opens a thread. Return the message and whether it is new (a key counts once)."""
        with tables.transaction(self._db) as db:
            name, bot = self._person(user)
            known = self._by_key(f"user:{user}:{key}") if key else None
            if known:
                return known, False
            if root:
                self._need_thread(channel, root)
            message = db.execute(
                "INSERT INTO message (channel, root, author, name, bot, text, reply_to, at, key)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    channel,
                    root,
                    user,
                    name,
                    bot,
                    text,
                    reply_to,
                    _iso(at),
                    f"user:{user}:{key}" if key else None,
                ),
            ).lastrowid
            if not root:
                db.execute("UPDATE message SET root = id WHERE id = ?", (message,))
            self._attach(int(message or 0), user, files)
            self._queue("posted", int(message or 0), user, at, text=text)
            return self._record(int(message or 0)), True

    def change(self, user: str, message: int, text: str, *, at: datetime) -> Record:
        """Let a person edit a message of theirs."""
        with tables.transaction(self._db) as db:
            old = self._own(user, message)
            if old.text == text:
                return old
            # Two edits are two happenings even on a clock that stands still.
            at = max(at, (old.edited_at or old.at) + timedelta(microseconds=1))
            db.execute(
                "UPDATE message SET text = ?, edited_at = ?, rev = rev + 1 WHERE id = ?",
                (text, _iso(at), message),
            )
            self._queue("edited", message, user, at, text=text)
            return self._record(message)

    def take_back(self, user: str, message: int, *, at: datetime) -> Record:
        """Let a person delete a message of theirs; its place in the thread stays. Again changes nothing."""
        with tables.transaction(self._db) as db:
            old = self._record(message)
            if old.author == user and old.deleted:
                return old
            self._own(user, message)
            db.execute("UPDATE message SET deleted = 1, text = '', rev = rev + 1 WHERE id = ?", (message,))
            self._queue("deleted", message, user, at)
            return self._record(message)

    def press(
        self, user: str, message: int, token: str, *, at: datetime, text: str = "", key: str = ""
    ) -> None:
        """Note that a person pressed a button. Whether it still counts is for the bridge to say, also on an old card."""
        with tables.transaction(self._db):
            card = self._record(message)
            if card.body is None or card.deleted or card.to not in {"", user}:
                raise Rejected(f"message {message} has no buttons")
            self._queue(
                "pressed",
                message,
                user,
                at,
                text=text,
                token=token,
                key=f"press:{user}:{key}" if key else None,
            )

    def react(self, user: str, message: int, emoji: str) -> tuple[Record, bool]:
        """Put an emoji on a message; again changes nothing."""
        with tables.transaction(self._db) as db:
            self._record(message)
            added = db.execute(
                "INSERT OR IGNORE INTO reaction VALUES (?, ?, ?)", (message, emoji, user)
            ).rowcount
            if added:
                db.execute("UPDATE message SET rev = rev + 1 WHERE id = ?", (message,))
            return self._record(message), bool(added)

    def upload(self, user: str, name: str, mime: str, content: bytes) -> FileRef:
        """Take a file in, to be sent with the next message."""
        file = FileRef(id=ids.new_id(), name=name, size=len(content), mime=mime)
        with tables.transaction(self._db) as db:
            db.execute(
                "INSERT INTO file (id, name, mime, size, content, owner) VALUES (?, ?, ?, ?, ?, ?)",
                (file.id, name, mime, len(content), content, user),
            )
        return file

    # ── what the bridge does ─────────────────────────────────────────────────────────────────────────────────────────

    def post(
        self, channel: str, root: int, body: Message, *, key: str, at: datetime, to: str = ""
    ) -> tuple[Record, bool]:
        """Say something as the bridge, to one user alone when `to` is set. Return it and whether it is new."""
        with tables.transaction(self._db) as db:
            known = self._by_key(f"bot:{key}")
            if known:
                return known, False
            self._need_thread(channel, root)
            message = db.execute(
                "INSERT INTO message (channel, root, author, name, bot, text, body, whisper_to, at, key)"
                " VALUES (?, ?, ?, ?, 1, '', ?, ?, ?, ?)",
                (channel, root, BOT, BOT, encoding.encode(body), to, _iso(at), f"bot:{key}"),
            ).lastrowid
            said = Record(
                id=int(message or 0),
                channel=channel,
                root=root,
                author=BOT,
                name=BOT,
                at=at,
                bot=True,
                body=body,
                to=to,
            )
            return said, True

    def repost(
        self, channel: str, root: int, message: int, body: Message, *, at: datetime
    ) -> tuple[Record, bool]:
        """Replace what a post of the bridge shows; the same again changes nothing."""
        with tables.transaction(self._db) as db:
            old = self._record(message)
            if old.author != BOT or (old.channel, old.root) != (channel, root):
                raise Rejected(f"message {message} is not the bridge's own in this thread")
            if old.body == body:
                return old, False
            db.execute(
                "UPDATE message SET body = ?, edited_at = ?, rev = rev + 1 WHERE id = ?",
                (encoding.encode(body), _iso(at), message),
            )
            return replace(old, body=body, edited_at=at, rev=old.rev + 1), True

    def next(self, taken: int) -> tuple[Sequence[Deed], Mapping[str, str]]:
        """Note that the bridge has taken the deeds up to this one; return the oldest that it has not, and everybody's names."""
        if taken:
            with tables.transaction(self._db) as db:
                db.execute("UPDATE deed SET acked = 1 WHERE acked = 0 AND id <= ?", (taken,))
        deeds = self.waiting()
        return deeds, self.people() if deeds else {}

    # ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _queue(
        self,
        kind: str,
        message: int,
        user: str,
        at: datetime,
        *,
        text: str = "",
        token: str = "",
        key: str | None = None,
    ) -> None:
        name, bot = self._person(user)
        self._db.execute(
            "INSERT OR IGNORE INTO deed (kind, message, user, name, bot, text, token, at, key)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (kind, message, user, name, bot, text, token, _iso(at), key),
        )

    def _attach(self, message: int, user: str, files: Sequence[str]) -> None:
        for file in files:
            taken = self._db.execute(
                "UPDATE file SET message = ? WHERE id = ? AND owner = ? AND message IS NULL",
                (message, file, user),
            )
            if taken.rowcount != 1:
                raise Rejected(f"no uploaded file {file!r} of yours is waiting to be sent")


def _iso(at: datetime) -> str:
    return at.isoformat()
