"""What the room says on its socket, and what the bridge hears. Owns: reply, refusal, push, the shape of a record, deeds as events.

Imports: json, core. Effects: none. A line is one JSON object in UTF-8: an answer (`re`) or something that happened (`push`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from adapters.chat.local import encoding, mentions
from adapters.chat.local.records import Deed, Heading, Record, identity_of
from core.errors import LoopbridgeError
from core.events import Author, Deleted, Edited, FileRef, Posted, Pressed
from core.ids import Token, message_key

Push = Literal["message", "edited", "deleted", "reaction", "whisper", "notice"]


# ── what the room says ───────────────────────────────────────────────────────────────────────────────────────────────


def reply(request: int, value: Mapping[str, Any]) -> bytes:
    """Spell the answer to a request."""
    return _line({"re": request, "ok": True, "value": value})


def refusal(request: int, error: LoopbridgeError) -> bytes:
    """Spell why a request was not carried out."""
    return _line({"re": request, "ok": False, "error": str(error), "remedy": error.remedy})


def push(kind: Push, value: Mapping[str, Any]) -> bytes:
    """Spell something that happened in the room."""
    return _line({"push": kind, "value": value})


def _line(value: Mapping[str, Any]) -> bytes:
    return encoding.spell(value).encode() + b"\n"


def spell(record: Record) -> dict[str, Any]:
    """Return a record as plain JSON values."""
    raw = encoding.values(record)
    raw["body"] = encoding.encode(record.body) if record.body else None
    raw["at"] = record.at.isoformat()
    raw["edited_at"] = record.edited_at.isoformat() if record.edited_at else None
    raw["files"] = [encoding.values(file) for file in record.files]
    return raw


def unspell(raw: Mapping[str, Any]) -> Record:
    """Return the record that `spell` spelled."""
    given = dict(raw)
    given["body"] = encoding.decode(raw["body"]) if raw["body"] else None
    given["at"] = datetime.fromisoformat(raw["at"])
    given["edited_at"] = datetime.fromisoformat(raw["edited_at"]) if raw["edited_at"] else None
    given["files"] = tuple(FileRef(**file) for file in raw["files"])
    given["reactions"] = tuple((emoji, user) for emoji, user in raw["reactions"])
    return Record(**given)


def heading(thread: Heading) -> dict[str, Any]:
    """Return a line of the thread list as plain JSON values."""
    return {**encoding.values(thread), "last_at": thread.last_at.isoformat()}


def unheading(raw: Mapping[str, Any]) -> Heading:
    """Return the heading that `heading` spelled."""
    return Heading(**{**raw, "last_at": datetime.fromisoformat(raw["last_at"])})


# ── what the bridge hears ────────────────────────────────────────────────────────────────────────────────────────────


def event(deed: Deed, people: Mapping[str, str]) -> Posted | Edited | Deleted | Pressed:
    """Return a deed as the event it is."""
    author = Author(identity=identity_of(deed.user), name=deed.name, bot=deed.bot)
    lane, message = deed.record.thread, str(deed.record.id)
    match deed.kind:
        case "posted":
            return posted(deed.record, deed.text, author, people)
        case "edited":
            text = mentions.read(deed.text, people).text
            return Edited(lane=lane, at=deed.at, message=message, author=author, text=text)
        case "deleted":
            return Deleted(lane=lane, at=deed.at, message=message)
        case "pressed":
            return Pressed(
                lane=lane,
                at=deed.at,
                press=f"p{deed.id}",
                card=message,
                token=Token(deed.token),
                author=author,
                text=deed.text,
            )


def posted(record: Record, text: str, author: Author, people: Mapping[str, str]) -> Posted:
    """Return a message as the event of its posting, with `text` read for mentions."""
    reading = mentions.read(text, people)
    return Posted(
        lane=record.thread,
        at=record.at,
        message=str(record.id),
        author=author,
        text=reading.text,
        addressed=reading.addressed,
        mentions=tuple(identity_of(user) for user in reading.mentions),
        reply_to=str(record.reply_to) if record.reply_to else "",
        files=record.files,
        permalink=message_key(record.thread, str(record.id)),
        room="open",  # there is one hall, and everybody is in it
    )
