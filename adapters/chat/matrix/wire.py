"""Events of the server, read. Owns: Relation, Said, Changed, Reacted, Voted, Gone, read. Imports: core. Effects: none.

What a server or a client sent is untrusted to the last field: anything that does not have the shape it should is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from adapters.chat.matrix import mentions, names, polls
from core.events import Author, FileRef, Posted, Room
from core.ids import ThreadKey

NOTICE: Final = "m.notice"
FILES: Final = frozenset({"m.file", "m.image", "m.audio", "m.video"})
LATEST: Final = datetime(9999, 1, 1, tzinfo=UTC).timestamp() * 1000
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What an event refers to: a thread's root, the event it replaces, reacts or plainly replies to; "" for nothing."""

    kind: Literal["thread", "replace", "annotation", "reply", ""] = ""
    event: str = ""
    reply_to: str = ""  # a real reply, not the stand-in for clients without threads
    sign: str = ""  # of a reaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Somebody wrote. `bot`: a notice, which no bot may act upon."""

    event: str
    sender: str
    at: datetime
    relation: Relation
    reading: mentions.Reading
    file: FileRef | None
    bot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Somebody changed what they wrote in event `target`."""

    event: str
    sender: str
    at: datetime
    target: str
    reading: mentions.Reading
    bot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted:
    """Somebody put a sign on event `target`."""

    event: str
    sender: str
    at: datetime
    target: str
    sign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """Somebody answered poll `target`; the answers are those they stand by now, none when they took theirs back."""

    event: str
    sender: str
    at: datetime
    target: str
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Event `target` was taken away."""

    event: str
    sender: str
    at: datetime
    target: str


Heard = Said | Changed | Reacted | Voted | Gone


def read(raw: Raw, room: str, me: mentions.Me, now: datetime) -> Heard | None:
    """Read an event in clear; None when it is nothing the bridge hears."""
    event, sender, content = words(raw, "event_id"), words(raw, "sender"), fields(raw, "content")
    if not event.startswith("$") or not sender.startswith("@") or "state_key" in raw:
        return None
    at, relation = instant(raw, now), relation_of(content)
    match raw.get("type"):
        case "m.room.redaction":
            target = words(raw, "redacts") or words(content, "redacts")
            return Gone(event=event, sender=sender, at=at, target=target) if target else None
        case "m.reaction" if relation.kind == "annotation":
            return Reacted(event=event, sender=sender, at=at, target=relation.event, sign=relation.sign)
        case kind if kind in polls.RESPONSES:
            target, answers = polls.answers(content)
            return (
                Voted(event=event, sender=sender, at=at, target=target, answers=answers) if target else None
            )
        case "m.room.message" if relation.kind == "replace":
            new = fields(content, "m.new_content")
            if not isinstance(new.get("body"), str):
                return None
            bot = new.get("msgtype") == NOTICE
            reading = mentions.read(new, me, reply=False)
            return Changed(event=event, sender=sender, at=at, target=relation.event, reading=reading, bot=bot)
        case "m.room.message" if isinstance(content.get("body"), str):
            return said(event, sender, at, relation, content, room, me)
    return None


def said(
    event: str, sender: str, at: datetime, relation: Relation, content: Raw, room: str, me: mentions.Me
) -> Said | None:
    """Read the content of a message."""
    kind = content.get("msgtype")
    if not isinstance(kind, str) or kind.startswith("m.key.verification."):
        return None
    file = _file(content, room, event) if kind in FILES else None
    if kind in FILES and file is None:
        return None
    told = dict(content)
    if file is not None and words(content, "filename") in ("", content["body"]):
        told["body"] = ""  # the body is the file's name, not a word about it
    reading = mentions.read(told, me, reply=bool(relation.reply_to))
    return Said(
        event=event, sender=sender, at=at, relation=relation, reading=reading, file=file, bot=kind == NOTICE
    )


def _file(content: Raw, room: str, event: str) -> FileRef | None:
    if not address(content):
        return None
    info = fields(content, "info")
    size = info.get("size")
    return FileRef(
        id=names.file_id(room, event),
        name=(words(content, "filename") or words(content, "body")).rpartition("/")[2][:200] or "file",
        size=size if isinstance(size, int) and 0 <= size < 1 << 50 else 0,
        mime=words(info, "mimetype")[:100],
    )


def address(content: Raw) -> str:
    """Return where the file of a message lies, "" when it has none."""
    return words(fields(content, "file"), "url") or words(content, "url")


def relation_of(content: Raw) -> Relation:
    """Read what a content refers to."""
    told = fields(content, "m.relates_to")
    kind, event = words(told, "rel_type"), words(told, "event_id")
    replied = words(fields(told, "m.in_reply_to"), "event_id")
    if kind == "m.thread" and event:
        real = replied if told.get("is_falling_back") is not True and replied != event else ""
        return Relation(kind="thread", event=event, reply_to=real)
    if kind == "m.replace" and event:
        return Relation(kind="replace", event=event)
    if kind == "m.annotation" and event:
        return Relation(kind="annotation", event=event, sign=words(told, "key"))
    if replied:
        return Relation(kind="reply", event=replied, reply_to=replied)
    return Relation()


def posted(
    heard: Said,
    lane: ThreadKey,
    room: str,
    name: str,
    *,
    server: str,
    direct: bool,
    bot: bool,
    open_to: Room = "",
) -> Posted:
    """Return what somebody wrote as the event it is; `bot`: whoever wrote it is known for a bot."""
    reading = heard.reading
    return Posted(
        lane=lane,
        at=heard.at,
        message=heard.event,
        author=Author(identity=names.identity_of(server, heard.sender), name=name, bot=bot or heard.bot),
        text=reading.text,
        addressed=reading.addressed or direct,
        mentions=tuple(names.identity_of(server, user) for user in reading.mentions),
        reply_to=heard.relation.reply_to,
        files=(heard.file,) if heard.file else (),
        permalink=names.link(room, heard.event, server),
        room=open_to,
    )


def edition(raw: Raw) -> Raw | None:
    """Return the newest edit that the server bundles with an event, as the server has it."""
    edit = fields(fields(fields(raw, "unsigned"), "m.relations"), "m.replace")
    return edit if edit.get("sender") == raw.get("sender") and edit.get("content") else None


def edited(clear: Raw, edit: Raw) -> dict[str, Any]:
    """Return an event with the content an edit (in clear) gives it; its place in the thread stays."""
    new = fields(fields(edit, "content"), "m.new_content")
    if not isinstance(new.get("body"), str):
        return dict(clear)
    kept = {key: clear["content"][key] for key in ("m.relates_to",) if key in clear["content"]}
    return {**clear, "content": {**new, **kept}}


def instant(raw: Raw, now: datetime) -> datetime:
    """Return when an event happened by its server's clock, `now` when it says nothing that can be."""
    told = raw.get("origin_server_ts")
    if not isinstance(told, int) or not 0 < told < LATEST:
        return now
    return datetime.fromtimestamp(told / 1000, UTC)


def joins(raw: Raw, user: str) -> bool:
    """Whether an event is that this user came into the room (not that they changed their name in it)."""
    if raw.get("type") != "m.room.member" or raw.get("state_key") != user:
        return False
    before = fields(fields(raw, "unsigned"), "prev_content").get("membership")
    return fields(raw, "content").get("membership") == "join" and before != "join"


def inviter(state: Sequence[Raw], user: str) -> str:
    """Return who invites this user, out of the stripped state of an invitation."""
    for raw in state:
        if isinstance(raw, Mapping) and raw.get("type") == "m.room.member" and raw.get("state_key") == user:
            return words(raw, "sender")
    return ""


def fields(told: Raw, name: str) -> Raw:
    """Return an object's field that is an object, else an empty one."""
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def words(told: Raw, name: str) -> str:
    """Return an object's field that is a string, else ""."""
    value = told.get(name)
    return value if isinstance(value, str) else ""
