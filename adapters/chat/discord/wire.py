"""What Discord sends → events. Owns: posted, edited, deleted, remembered, Asked and how it is read. Imports: core. Effects: none.

What is malformed raises BadInput; what is none of the bridge's business is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.chat.discord import names
from adapters.chat.discord.names import Me, Room
from adapters.chat.discord.payload import Json, flag, number, rows, snowflake, some_id, table, text
from core import events
from core.errors import BadInput
from core.events import Author, Deleted, Edited, FileRef, Posted

SPOKEN = frozenset({0, 19, 20, 23})  # message types that hold words of somebody
STARTER = 21  # stands at the top of a thread for the message it was opened from
HAS_THREAD, EPHEMERAL = 1 << 5, 1 << 6
_USER = re.compile(r"<@!?(\d{1,20})>")
_ROLE = re.compile(r"<@&(\d{1,20})>")
_CHANNEL = re.compile(r"<#(\d{1,20})>")
_EMOJI = re.compile(r"<a?(:\w{2,32}:)\d{1,20}>")
_MINE = "\x00"  # stands for a mention of the bridge until the text is whole
_CALL = re.compile(rf"{_MINE}[,:]?[ \t]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text as the bridge gets it: without the mention of itself; `mentions` are user ids, in order, and `named` what they are called."""

    text: str
    addressed: bool = False
    mentions: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


def read(
    content: str, me: Me, people: Mapping[str, str], channels: Mapping[str, str] | None = None
) -> Reading:
    """Read what somebody wrote; `people` and `channels` are names by id."""
    if "<" not in content and _MINE not in content:
        return Reading(text=content)
    found: dict[str, None] = {}

    def user(match: re.Match[str]) -> str:
        if match[1] == me.user:
            return _MINE
        found[match[1]] = None
        return f"@{people.get(match[1], match[1])}"

    whole = _USER.sub(user, content.replace(_MINE, ""))
    whole = _ROLE.sub(lambda match: _MINE if match[1] in me.roles else "@role", whole)
    whole = _CHANNEL.sub(lambda match: f"#{(channels or {}).get(match[1], match[1])}", whole)
    whole = _EMOJI.sub(r"\1", whole)
    addressed = _MINE in whole
    return Reading(
        text=_CALL.sub("", whole).strip() if addressed else whole,
        addressed=addressed,
        mentions=tuple(found),
        named=tuple(people.get(user, "") for user in found),
    )


def posted(raw: Json, room: Room, me: Me, *, open_to: events.Room = "") -> Posted | None:
    """Read a new message in a room that `open_to` says who may enter. None for the bridge's own, for what Discord itself says, and for what cannot be read without the intent."""
    if number(raw, "type") not in SPOKEN or number(raw, "flags") & EPHEMERAL:
        return None
    author = author_of(raw)
    if author.identity == names.identity(me.user):
        return None
    event = _event(raw, room, me, author)
    return replace(event, room=open_to) if event else None


def remembered(raw: Json, room: Room, me: Me) -> Posted | None:
    """Read a message of the past, the bridge's own included."""
    if number(raw, "type") not in SPOKEN or number(raw, "flags") & EPHEMERAL:
        return None
    return _event(raw, room, me, author_of(raw))


def _event(raw: Json, room: Room, me: Me, author: Author) -> Posted | None:
    message = snowflake(raw, "id")
    reading = _reading(raw, me)
    files = tuple(_files(raw, some_id(raw, "channel_id") or room.id, message))
    if not reading.text.strip() and not files and not reading.addressed:
        return None
    place = room.place(root_of(raw, me))
    return Posted(
        lane=place.key,
        at=names.when(message),
        message=message,
        author=author,
        text=reading.text,
        addressed=reading.addressed or place.direct,
        mentions=tuple(names.identity(user) for user in reading.mentions),
        named=reading.named,
        reply_to=some_id(table(raw, "message_reference"), "message_id"),
        files=files,
        permalink=names.permalink(room.guild, room.id, message),
    )


def edited(raw: Json, room: Room, me: Me) -> Edited | None:
    """Read a change of a message; None when it was not its author who changed it."""
    changed = text(raw, "edited_timestamp")
    if not changed or number(raw, "type") not in SPOKEN:
        return None
    author = author_of(raw)
    if author.identity == names.identity(me.user):
        return None
    return Edited(
        lane=room.place(root_of(raw, me)).key,
        at=_instant(changed),
        message=snowflake(raw, "id"),
        author=author,
        text=_reading(raw, me).text,
    )


def deleted(message: str, room: Room, root: str, at: datetime) -> Deleted:
    """Return the event of a message's end."""
    return Deleted(lane=room.place(root).key, at=at, message=message)


def root_of(raw: Json, me: Me) -> str:
    """Return the message that a message outside any thread belongs to.

    A plain reply to the bridge, or to a message that has a thread, belongs to that; any other message begins something of its own.
    """
    answered = table(raw, "referenced_message")
    same = some_id(answered, "channel_id") == some_id(raw, "channel_id")
    ours = some_id(table(answered, "author"), "id") == me.user or number(answered, "flags") & HAS_THREAD
    if number(raw, "type") == 19 and same and ours:
        return snowflake(answered, "id")
    return snowflake(raw, "id")


def author_of(raw: Json) -> Author:
    """Return who wrote a message; a webhook counts as a bot."""
    user, member = table(raw, "author"), table(raw, "member")
    bot = flag(user, "bot") or bool(some_id(raw, "webhook_id"))
    return Author(identity=names.identity(snowflake(user, "id")), name=called(user, member), bot=bot)


def called(user: Json, member: Json) -> str:
    """Return the name somebody goes by: here, on Discord, or their account's."""
    return (
        text(member, "nick") or text(user, "global_name") or text(user, "username") or snowflake(user, "id")
    )


def _reading(raw: Json, me: Me) -> Reading:
    people = {
        some_id(user, "id"): called(user, table(user, "member"))
        for user in rows(raw, "mentions")
        if some_id(user, "id")
    }
    channels = {some_id(each, "id"): text(each, "name") for each in rows(raw, "mention_channels")}
    content = text(raw, "content")
    extra = [*_forwarded(raw)]
    if flag(table(raw, "author"), "bot") or some_id(raw, "webhook_id"):
        extra += [*_cards(raw), *_displays(rows(raw, "components"), 0)]
    reading = read(content, me, people, channels)
    if not extra:
        return reading
    # Whom an alert's card or a forwarded message names is not called by whoever posted it.
    quoted = [read(each, me, people, channels).text for each in extra]
    return Reading(
        text="\n".join(part for part in (reading.text, *quoted) if part),
        addressed=reading.addressed,
        mentions=reading.mentions,
        named=reading.named,
    )


def _forwarded(raw: Json) -> Iterator[str]:
    for snapshot in rows(raw, "message_snapshots"):
        if words := text(table(snapshot, "message"), "content"):
            yield "\n".join(f"> {line}" for line in words.split("\n"))


def _cards(raw: Json) -> Iterator[str]:
    """Return the words of a bot's embeds: alerts and builds have no others."""
    for embed in rows(raw, "embeds"):
        yield from (words for name in ("title", "description") if (words := text(embed, name)))
        for pair in rows(embed, "fields"):
            yield f"{text(pair, 'name')}: {text(pair, 'value')}"


def _displays(components: tuple[Json, ...], depth: int) -> Iterator[str]:
    for part in components:
        if number(part, "type") == 10:
            yield text(part, "content")
        elif depth < 4:
            yield from _displays(rows(part, "components"), depth + 1)


def _files(raw: Json, channel: str, message: str) -> Iterator[FileRef]:
    for file in rows(raw, "attachments"):
        key = f"{channel}/{message}/{snowflake(file, 'id')}"
        mime = text(file, "content_type").partition(";")[0]
        yield FileRef(id=key, name=text(file, "filename") or "file", size=number(file, "size"), mime=mime)


def _instant(spelled: str) -> datetime:
    try:
        instant = datetime.fromisoformat(spelled)
    except ValueError as exc:
        raise BadInput(f"{spelled[:40]!r} is no time") from exc
    if instant.tzinfo is None:
        raise BadInput(f"{spelled[:40]!r} has no time zone")
    return instant


# ── interactions ─────────────────────────────────────────────────────────────────────────────────────────────────────

COMMAND, COMPONENT, COMPLETING, FORM = 2, 3, 4, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An interaction: what somebody asked of the bridge by a command, a button or a form."""

    id: str
    token: str
    type: int
    room: Room
    user: str
    author: Author
    data: Json
    may: int  # the bridge's permissions there
    message: str = ""  # the message whose button was pressed

    @property
    def place_key(self) -> str:
        """Return the lane of where it was asked; in a plain channel the one of the message."""
        return self.room.place(self.message or self.id).key


def asked(raw: Json) -> Asked:
    """Read an interaction. Raises BadInput."""
    member = table(raw, "member")
    user = table(member, "user") or table(raw, "user")
    room = names.room(table(raw, "channel"), some_id(raw, "guild_id"))
    token = text(raw, "token")
    if not token:
        raise BadInput("an interaction without a token")
    return Asked(
        id=snowflake(raw, "id"),
        token=token,
        type=number(raw, "type"),
        room=room,
        user=snowflake(user, "id"),
        author=Author(
            identity=names.identity(snowflake(user, "id")), name=called(user, member), bot=flag(user, "bot")
        ),
        data=table(raw, "data"),
        may=number(raw, "app_permissions"),
        message=some_id(table(raw, "message"), "id"),
    )
