"""What people do otherwise than by writing: commands, buttons, shortcuts, reactions. Owns: Slash, Press, Shortcut, repeated, team_of.

Imports: core. Effects: none. What cannot be read raises BadInput.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.chat.slack import names, reading, render, wire
from adapters.chat.slack.forms import Asked, Start
from adapters.chat.slack.names import Me, Place
from adapters.chat.slack.payload import Json, rows, table, text
from core import commands
from core.errors import BadInput
from core.events import Author, Posted, Pressed, Room
from core.ids import Token

REPEAT = "repeat"  # 🔁
PIN = "pushpin"  # 📌


@dataclass(frozen=True, slots=True, kw_only=True)
class Slash:
    """A slash command as somebody typed it in a channel; `trigger` is unique to it, `mentions` are user ids."""

    team: str
    channel: str
    user: str
    name: str
    words: str
    trigger: str
    response_url: str
    room: Room = ""
    mentions: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def starts(self) -> bool:
        """Whether it begins a loop, and so a thread."""
        try:
            command = commands.parse(self.words)
        except BadInput:
            return False
        return command.word == "start" and bool(command.rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A pressed button. With a `question` it has to be answered in a form before it counts."""

    place: Place
    card: str
    token: Token
    user: str
    name: str
    press: str
    trigger: str
    question: str = ""
    draft: str = ""

    @property
    def asked(self) -> Asked:
        return Asked(place=self.place, card=self.card, token=self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """The shortcut “Start a loop here”, used on a message."""

    place: Place
    message: str
    trigger: str


def team_of(body: Json) -> str:
    """Return the workspace in which the app is installed that a delivery is for, as far as it says."""
    authorized = rows(body, "authorizations")
    return (
        (text(authorized[0], "team_id") if authorized else "")
        or text(body, "view", "app_installed_team_id")
        or text(body, "message", "team")
        or text(body, "team_id")
        or text(body, "team", "id")
    )


def channel_of(body: Json) -> str:
    """Return the channel a delivery is about, empty when it is about none."""
    event = table(body, "event")
    return (
        text(event, "channel")
        or text(event, "item", "channel")
        or text(body, "channel_id")
        or text(body, "channel", "id")
        or text(body, "container", "channel_id")
    )


def slash(body: Json, me: Me) -> Slash:
    """Read a slash command."""
    said = reading.command(text(body, "text"), me)
    found = Slash(
        team=me.team,
        channel=text(body, "channel_id"),
        user=text(body, "user_id"),
        name=text(body, "user_name"),
        words=said.text,
        trigger=text(body, "trigger_id"),
        response_url=text(body, "response_url"),
        room=_room(text(body, "channel_name")),
        mentions=said.mentions,
        named=said.named,
    )
    if not (found.channel and found.user and found.trigger):
        raise BadInput("a command of Slack names no channel, no person or no trigger")
    return found


def _room(name: str) -> Room:
    """Return what a command's channel is: of one that not everybody may enter, Slack does not say the name."""
    if not name:
        return ""
    return "closed" if name in ("directmessage", "privategroup") or name.startswith("mpdm-") else "open"


def presses(body: Json, team: str) -> list[Press]:
    """Read the buttons somebody pressed on a message of the bridge."""
    container, message = table(body, "container"), table(body, "message")
    ts = text(container, "message_ts") or text(message, "ts")
    channel, user = text(body, "channel", "id") or text(container, "channel_id"), text(body, "user", "id")
    if container.get("type") == "view" or not (names.is_ts(ts) and channel and user):
        raise BadInput("a press in Slack names no message or no person")
    root = text(message, "thread_ts") or text(container, "thread_ts") or ts
    place = names.place(names.thread_of(team, channel, root))
    return [
        _press(action, body, place, ts)
        for action in rows(body, "actions")
        if text(action, "type") in ("button", "static_select")
    ]


def _press(action: Json, body: Json, place: Place, ts: str) -> Press:
    chosen = text(action, "selected_option", "value") or text(action, "value")
    token, _, draft = chosen.partition("\n")
    kind, _, rest = text(action, "action_id").partition(":")
    first = text(action, "block_id").partition("~")[0]
    user = text(body, "user", "id")
    return Press(
        place=place,
        card=first if names.is_ts(first) else ts,
        token=Token(token),
        user=user,
        name=text(body, "user", "name") or text(body, "user", "username") or user,
        press=f"{text(action, 'action_ts') or ts}.{user}",
        trigger=text(body, "trigger_id"),
        question=rest.partition(":")[2] if kind == render.FORM else "",
        draft=draft,
    )


def pressed(press: Press, name: str, *, at: datetime, answer: str = "", unique: str = "") -> Pressed:
    """Return a press as the event it is; `unique` stands for it where its form does."""
    return Pressed(
        lane=press.place.key,
        at=at,
        press=unique or press.press,
        card=press.card,
        token=press.token,
        author=Author(identity=names.identity_of(press.place.team, press.user), name=name),
        text=answer,
    )


def answered(asked: Asked, answer: str, body: Json) -> tuple[Press, str]:
    """Return the press that a button's form completes, and what makes it unique."""
    user, view = text(body, "user", "id"), text(body, "view", "id")
    if not (user and view):
        raise BadInput("a form of Slack names no person")
    press = Press(
        place=asked.place,
        card=asked.card,
        token=asked.token,
        user=user,
        name=text(body, "user", "name") or user,
        press=view,
        trigger="",
        draft=answer,
    )
    return press, f"{view}.{user}"


def shortcut(body: Json, team: str) -> Shortcut:
    """Read a message shortcut."""
    message = table(body, "message")
    ts = text(message, "ts") or text(body, "message_ts")
    channel = text(body, "channel", "id")
    if not (names.is_ts(ts) and channel):
        raise BadInput("a shortcut in Slack names no message")
    root = text(message, "thread_ts") or ts
    place = names.place(names.thread_of(team, channel, root))
    return Shortcut(place=place, message=ts, trigger=text(body, "trigger_id"))


def begun(start: Start, body: Json, name: str, *, at: datetime) -> Posted:
    """Return a filled start form as the command it stands for."""
    user, view = text(body, "user", "id"), text(body, "view", "id")
    if not (user and view):
        raise BadInput("a form of Slack names no person")
    return Posted(
        lane=start.place.key,
        at=at,
        message=names.derived(start.message, start.upto, view),
        author=Author(identity=names.identity_of(start.place.team, user), name=name),
        text=start.words,
    )


def stopped(event: Json, me: Me, called: Mapping[str, str]) -> Posted:
    """Return a press on an agent session's stop button as the command it stands for."""
    channel, user, root = text(event, "channel"), text(event, "user"), text(event, "thread_ts")
    at = text(event, "event_ts")
    if not (channel and user and names.is_ts(root) and names.is_ts(at)):
        raise BadInput("a stop in Slack names no thread or no person")
    return Posted(
        lane=names.thread_of(me.team, channel, root),
        at=names.moment(at),
        message=names.derived(root, root, f"stop.{at}.{user}"),
        author=Author(identity=names.identity_of(me.team, user), name=called.get(user) or user),
        text="!loop stop",
    )


def repeated(event: Json, message: Json, me: Me, called: Mapping[str, str]) -> Posted | None:
    """Return a 🔁 as the command it stands for: a loop on what that message says."""
    channel, user = text(event, "item", "channel"), text(event, "user")
    if not message or not user or wire.is_mine(message, me):
        return None
    said = reading.read(message, me, called).text
    spoken = commands.spoken(said)
    task = (said if spoken is None else spoken).strip()
    ts = text(message, "ts")
    if not task or not names.is_ts(text(event, "event_ts") or ts):
        return None
    files = (wire.file_ref(file, me) for file in rows(message, "files"))
    return Posted(
        lane=wire.lane_of(message, channel, me),
        at=names.moment(text(event, "event_ts") or ts),
        message=names.derived(ts, ts, f"{REPEAT}.{user}"),
        author=Author(identity=names.identity_of(me.team, user), name=called.get(user) or user),
        text=f"/loop start {task}",
        repeats=ts,
        files=tuple(file for file in files if file),
        permalink=names.permalink(me, channel, ts, text(message, "thread_ts") or ts),
    )


def marked(event: Json, message: Json, me: Me, called: Mapping[str, str]) -> Posted | None:
    """Return a 📌 as the command it stands for: what that message says is a decision."""
    channel, user, ts = text(event, "item", "channel"), text(event, "user"), text(message, "ts")
    if (
        not user
        or wire.is_mine(message, me)
        or not names.is_ts(ts)
        or not names.is_ts(text(event, "event_ts") or ts)
    ):
        return None
    return Posted(
        lane=wire.lane_of(message, channel, me),
        at=names.moment(text(event, "event_ts") or ts),
        message=names.derived(ts, ts, f"{PIN}.{user}"),
        author=Author(identity=names.identity_of(me.team, user), name=called.get(user) or user),
        text=f"/loop decide {ts}",
    )
