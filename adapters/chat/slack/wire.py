"""Slack's payloads as events. Owns: event, past, lane_of. Imports: core. Effects: none.

A post is one event however often and in whatever form Slack tells of it (`message`, `app_mention`, a retry, the thread's history): its
key is its `ts`, and whether it addresses the bridge is read from its text. What is not for the bridge gives None; what cannot be read
raises BadInput.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from adapters.chat.slack import names, reading
from adapters.chat.slack.names import Me
from adapters.chat.slack.payload import Json, number, rows, table, text
from core.errors import BadInput
from core.events import Author, Deleted, Edited, FileRef, Posted, Room
from core.ids import ThreadKey

# What carries words; every other subtype (somebody joined, a topic changed, …) is the platform talking.
SPOKEN = frozenset({"", "bot_message", "file_share", "thread_broadcast", "me_message"})
ROOMS: Mapping[str, Room] = {"channel": "open", "group": "closed", "im": "closed", "mpim": "closed"}
STARTED = "loopbridge_start"  # the metadata of a root message that the bridge posted for somebody's /loop
POSTED = "loopbridge_post"  # the metadata of everything else the bridge posts


def event(raw: Json, me: Me, called: Mapping[str, str]) -> Posted | Edited | Deleted | None:
    """Return what the inner event of an Events API delivery says happened; `called` maps user ids to names."""
    if raw.get("type") == "app_mention":
        # Slack fires it again for an edit that keeps the mention.
        return None if raw.get("edited") else _posted(raw, text(raw, "channel"), me, called)
    match text(raw, "subtype"):
        case "message_changed":
            return _changed(raw, me, called)
        case "message_deleted":
            return _deleted(raw, me)
        case spoken if spoken in SPOKEN:
            return _posted(raw, text(raw, "channel"), me, called, direct=is_direct(raw))
        case _:
            return None


def past(raw: Json, channel: str, me: Me, called: Mapping[str, str]) -> Posted | None:
    """Return a message of a thread's history, the bridge's own as context."""
    if text(raw, "subtype") not in SPOKEN:
        return None
    asked = table(raw, "metadata")
    if asked.get("event_type") == STARTED and is_mine(raw, me):
        return _asked(raw, channel, me, table(asked, "event_payload"))
    return _posted(raw, channel, me, called, own=True)


def is_mine(message: Json, me: Me) -> bool:
    """Whether the bridge itself wrote a message."""
    return text(message, "bot_id") == me.bot or text(message, "user") == me.user


def is_direct(raw: Json) -> bool:
    """Whether a message was written to the bridge alone."""
    return text(raw, "channel_type") == "im" or text(raw, "channel").startswith("D")


def subject(raw: Json) -> Json:
    """Return the message an event is about, with the people it names."""
    return table(raw, "message") if text(raw, "subtype") == "message_changed" else raw


def lane_of(message: Json, channel: str, me: Me) -> ThreadKey:
    """Return the thread of a message: its own when it is in none yet. Raises BadInput when it says neither."""
    return _lane(me.team, channel, text(message, "thread_ts") or text(message, "ts"))


@lru_cache(maxsize=256)  # a long thread has one
def _lane(team: str, channel: str, root: str) -> ThreadKey:
    if not channel or not names.is_ts(root):
        raise BadInput("a Slack message names no channel or no time")
    return names.thread_of(team, channel, root)


def _posted(
    raw: Json, channel: str, me: Me, called: Mapping[str, str], *, direct: bool = False, own: bool = False
) -> Posted | None:
    if not own and is_mine(raw, me):
        return None
    lane, ts = lane_of(raw, channel, me), text(raw, "ts")
    said = reading.read(raw, me, called)
    files = tuple(ref for file in rows(raw, "files") if (ref := file_ref(file, me)))
    if not said.text.strip() and not files and not said.addressed:
        return None
    return Posted(
        lane=lane,
        at=_moment(ts),
        message=ts,
        author=author(raw, me, called),
        text=said.text,
        addressed=said.addressed or direct,
        mentions=tuple(names.identity_of(me.team, user) for user in said.mentions),
        named=said.named,
        files=files,
        permalink=names.permalink(me, channel, ts, text(raw, "thread_ts") or ts),
        room=ROOMS.get(text(raw, "channel_type"), ""),
    )


def _asked(raw: Json, channel: str, me: Me, payload: Json) -> Posted:
    """Return the root of a loop begun by a slash command as what it stands for: the person's own words."""
    ts, user = text(raw, "ts"), text(payload, "user")
    return Posted(
        lane=lane_of(raw, channel, me),
        at=_moment(ts),
        message=ts,
        author=Author(
            identity=names.identity_of(me.team, user or me.user), name=text(payload, "name") or user
        ),
        text=text(payload, "words"),
        permalink=names.permalink(me, channel, ts, ts),
    )


def _changed(raw: Json, me: Me, called: Mapping[str, str]) -> Edited | Deleted | None:
    now, channel = table(raw, "message"), text(raw, "channel")
    if is_mine(now, me) or is_mine(table(raw, "previous_message"), me):
        return None
    lane, ts = lane_of(now, channel, me), text(now, "ts")
    if text(now, "subtype") == "tombstone":
        return Deleted(lane=lane, at=_moment(text(raw, "event_ts") or ts), message=ts)
    if text(now, "subtype") not in SPOKEN:
        return None
    words = reading.read(now, me, called).text
    before = table(raw, "previous_message")
    if before and reading.read(before, me, called).text == words:
        return None  # a preview was added, a thread got a reply: the words are the same
    at = text(now, "edited", "ts") or text(raw, "event_ts") or ts
    return Edited(lane=lane, at=_moment(at), message=ts, author=author(now, me, called), text=words)


def _deleted(raw: Json, me: Me) -> Deleted | None:
    before, ts = table(raw, "previous_message"), text(raw, "deleted_ts")
    if is_mine(before, me):
        return None
    lane = lane_of({"thread_ts": text(before, "thread_ts"), "ts": ts}, text(raw, "channel"), me)
    return Deleted(lane=lane, at=_moment(text(raw, "event_ts") or ts), message=ts)


def author(message: Json, me: Me, called: Mapping[str, str]) -> Author:
    """Return who wrote a message; a bot without a user goes by its bot id."""
    user, bot = text(message, "user"), text(message, "bot_id")
    known = called.get(user)
    if bot or not known:
        shown = text(message, "username") or text(message, "bot_profile", "name")
        known = (shown if bot else "") or known or shown or user or bot or "somebody"
    return _author(me.team, user or bot or "nobody", known, bool(bot))


@lru_cache(maxsize=256)  # the same few people write a long thread
def _author(team: str, user: str, name: str, bot: bool) -> Author:
    return Author(identity=names.identity_of(team, user), name=name, bot=bot)


def file_ref(file: Json, me: Me) -> FileRef | None:
    """Return a file of a message; in a shared channel Slack gives its id alone."""
    identifier = text(file, "id")
    if not identifier or file.get("mode") == "tombstone":
        return None
    name = text(file, "name") or text(file, "title") or identifier
    return FileRef(
        id=f"{me.team}/{identifier}", name=name, size=number(file, "size"), mime=text(file, "mimetype")
    )


def _moment(ts: str) -> datetime:
    try:
        return names.moment(ts)
    except (ValueError, OverflowError, OSError) as exc:
        raise BadInput("a Slack message names no time") from exc
