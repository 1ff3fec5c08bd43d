"""What Slack does when something happens in it. Owns: Office, Call, Trigger, Response. Imports: the modules beside. Effects: delivers.

Both doors end here: calls of the Web API, and what people do in their clients.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.far_sides.slack import events, reach
from tests.far_sides.slack.delivery import Delivery
from tests.far_sides.slack.emoji import NAMES
from tests.far_sides.slack.faults import Faults
from tests.far_sides.slack.rates import Rates
from tests.far_sides.slack.world import ApiError, Channel, File, Message, Team, Times, User, View, World

RESPONSES = 5
MAX_STACK = 3
USLACKBOT = "USLACKBOT"


@dataclass(slots=True, kw_only=True)
class Call:
    """One request at the Web API, as it was answered. `at` is monotonic."""

    method: str
    args: dict[str, Any]
    at: float
    status: int = 0
    error: str = ""
    team: str = ""


@dataclass(slots=True, kw_only=True)
class Trigger:
    """What a person's deed entitles the app to, for three seconds and once."""

    user: str
    team: str
    at: float
    used: bool = False


@dataclass(slots=True, kw_only=True)
class Response:
    """Where a response_url leads."""

    team: str
    user: str
    channel: str
    message: str = ""
    at: float
    used: int = 0


@dataclass(slots=True, kw_only=True)
class Upload:
    """A file on its way in."""

    file: File
    length: int
    done: bool = False
    shared: bool = False


@dataclass(slots=True, kw_only=True)
class Office:
    """The state and the reactions of one far side."""

    world: World
    times: Times
    faults: Faults
    rates: Rates
    delivery: Delivery
    host: str = ""  # http://127.0.0.1:port
    calls: list[Call] = field(default_factory=list)
    most_shown: int = 1_000  # messages of a page; Slack may give fewer than it is asked for
    refused: Counter[str] = field(default_factory=Counter)  # 429s by method
    warnings: list[str] = field(default_factory=list)
    unfurled: list[tuple[str, str, str]] = field(default_factory=list)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)  # agent sessions by thread
    triggers: dict[str, Trigger] = field(default_factory=dict)
    responses: dict[str, Response] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def emit(self, team: Team, event: dict[str, Any], channel: Channel | None = None) -> None:
        """Deliver an event to the app if it subscribed, has the scope and is in the channel."""
        wanted = events.subscription(event, channel)
        if wanted not in team.app.events or team.revoked:
            return
        if wanted in events.NEEDS and events.NEEDS[wanted] not in team.scopes:
            return
        if channel is not None and team.bot.id not in channel.members:
            return
        self.delivery.event(team.app, events.callback(self.world, team, event, channel))

    def post(self, channel: Channel, message: Message) -> Message:
        """Put a message into a channel and tell the app."""
        team = self.world.team_of(channel)
        channel.messages[message.ts] = message
        self.unfurled += [(channel.id, message.ts, url) for url in reach.unfurling(message)]
        self.emit(team, events.posted(self.world, channel, message), channel)
        self._mention(team, channel, message)
        for file in message.files:
            share = {"ts": message.ts, "channel": channel.id}
            file.shares.append(share | ({"thread_ts": message.thread_ts} if message.thread_ts else {}))
            self.emit(team, events.file_shared(self.world, channel, file), channel)
        return message

    def _mention(self, team: Team, channel: Channel, message: Message) -> None:
        if f"<@{team.bot.id}>" in message.text and channel.kind != "im" and message.user != team.bot.id:
            self.emit(team, events.mentioned(self.world, channel, message), channel)

    def changed(self, channel: Channel, message: Message) -> None:
        """Tell the app that a message is no longer what its last remembered version was."""
        team = self.world.team_of(channel)
        self.emit(team, events.changed(self.world, channel, message, message.was[-1]), channel)
        if message.edited and message.edited != message.was[-1].edited:
            self._mention(team, channel, message)

    def remove(self, channel: Channel, message: Message) -> None:
        """Delete a message; the root of a thread with replies stays as a tombstone."""
        team = self.world.team_of(channel)
        if any(each.thread_ts == message.ts for each in channel.messages.values()):
            message.remember()
            message.subtype, message.text, message.user = "tombstone", "This message was deleted.", USLACKBOT
            message.blocks, message.files, message.attachments, message.bot_id = [], [], [], ""
            message.deleted = True
            self.changed(channel, message)
            return
        del channel.messages[message.ts]
        self.emit(team, events.removed(self.world, channel, message), channel)

    def react(self, channel: Channel, message: Message, user: str, name: str, *, added: bool) -> None:
        """Add or take away a reaction. Raises ApiError."""
        team = self.world.team_of(channel)
        if name.partition("::")[0] not in NAMES and name not in team.emoji:
            raise ApiError("invalid_name")
        users = message.reactions.get(name, [])
        if (user in users) is added:
            raise ApiError("already_reacted" if added else "no_reaction")
        message.reactions[name] = [*users, user] if added else [each for each in users if each != user]
        if not message.reactions[name]:
            del message.reactions[name]
        self.emit(team, events.reacted(self.world, channel, message, user, name, added=added), channel)

    # ── what a deed entitles to ──────────────────────────────────────────────────────────────────────────────────────

    def trigger(self, team: Team, user: User) -> str:
        """Return a trigger id for what this person just did."""
        trigger_id = f"{self.world.number()}.{self.world.number()}.{secrets.token_hex(16)}"
        self.triggers[trigger_id] = Trigger(user=user.id, team=team.id, at=time.monotonic())
        return trigger_id

    def exchange(self, trigger_id: str, team: Team) -> User:
        """Use a trigger up. Raises ApiError."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None or trigger.team != team.id:
            raise ApiError("invalid_trigger_id")
        if time.monotonic() - trigger.at > self.times.trigger:
            raise ApiError("expired_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        trigger.used = True
        return team.users[trigger.user]

    def response_url(self, team: Team, user: User, channel: Channel, message: str = "") -> str:
        """Return a URL that takes five answers within half an hour."""
        key = secrets.token_hex(12)
        self.responses[key] = Response(
            team=team.id, user=user.id, channel=channel.id, message=message, at=time.monotonic()
        )
        return f"{self.host}/actions/{team.id}/{key}"

    # ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def show(self, team: Team, user: User, body: dict[str, Any], *, on: View | None = None) -> View:
        """Open a modal, or push one on another. Raises ApiError."""
        depth = sum(view.root == on.root and view.open for view in team.views.values()) if on else 0
        if depth >= MAX_STACK:
            raise ApiError("push_limit_reached")
        view_id = self.world.id("V")
        view = View(
            id=view_id,
            team=team.id,
            user=user.id,
            root=on.root if on else view_id,
            previous=on.id if on else "",
            body=body,
            hash=self.world.ts(),
        )
        return team.views.setdefault(view_id, view)

    def count(self, method: str) -> int:
        """Return how often a method was called."""
        return sum(call.method == method for call in self.calls)
