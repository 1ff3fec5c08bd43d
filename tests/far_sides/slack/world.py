"""What a Slack knows. Owns: World, Team, App, User, Channel, Message, File, View, Times. Imports: stdlib. Effects: none.

Ids look like Slack's; a timestamp (`ts`) is unique in the whole world, so a message is found by its `ts` alone.
"""

from __future__ import annotations

import copy
import itertools
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

BOT_SCOPES = (
    "app_mentions:read", "channels:history", "channels:join", "channels:read", "chat:write", "commands", "files:read",
    "files:write", "groups:history", "groups:read", "im:history", "im:read", "im:write", "mpim:history", "mpim:read",
    "mpim:write", "reactions:read", "reactions:write", "team:read", "users:read",
)  # fmt: skip
BOT_EVENTS = (
    "app_home_opened", "app_mention", "file_shared", "member_joined_channel", "message.channels", "message.groups",
    "message.im", "message.mpim", "reaction_added", "reaction_removed", "tokens_revoked", "app_uninstalled",
)  # fmt: skip


class ApiError(Exception):
    """A call that Slack answers with ok:false; `more` goes into the answer beside the error."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long Slack waits, in seconds. Retries come after 0, 1 and 5 `retry_unit`s; a rate's minute lasts `minute`."""

    ack: float = 3.0
    retry_unit: float = 4.0  # 60 at the real one
    trigger: float = 3.0
    response_url: float = 1800.0
    minute: float = 60.0

    @property
    def retries(self) -> tuple[float, float, float]:
        """Return the waits before the second, third and fourth delivery."""
        return 0.0, self.retry_unit, 5 * self.retry_unit


@dataclass(slots=True, kw_only=True, eq=False)
class App:
    """The app under test, as its owner configured it. With a `request_url` it hears over HTTP, else over Socket Mode."""

    id: str
    app_token: str
    signing_secret: str
    verification_token: str
    request_url: str = ""
    commands: set[str] = field(default_factory=lambda: {"/loop"})
    escapes: bool = True  # whether people and links in a command's words come in angle brackets
    events: set[str] = field(default_factory=lambda: set(BOT_EVENTS))
    revoked: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    """A member, a guest, a stranger from a connected workspace, or a bot."""

    id: str
    team: str
    handle: str
    name: str
    bot_id: str = ""
    app_id: str = ""
    guest: bool = False
    stranger: bool = False
    deleted: bool = False

    def payload(self) -> dict[str, Any]:
        """Return the user object of users.info."""
        profile = {"display_name": self.handle, "real_name": self.name, "team": self.team}
        if self.bot_id:
            profile |= {"bot_id": self.bot_id, "api_app_id": self.app_id}
        return {
            "id": self.id, "team_id": self.team, "name": self.handle, "real_name": self.name, "deleted": self.deleted,
            "profile": profile, "is_bot": bool(self.bot_id), "is_app_user": False, "is_admin": False, "is_owner": False,
            "is_restricted": self.guest, "is_ultra_restricted": False, "tz": "Europe/Berlin", "tz_offset": 3600,
            "updated": 1700000000,
        } | ({"is_stranger": True} if self.stranger else {})  # fmt: skip


@dataclass(slots=True, kw_only=True, eq=False)
class File:
    """A file and its bytes. `mode` is external for a file that only points elsewhere."""

    id: str
    team: str
    user: str
    name: str
    mime: str
    content: bytes
    url: str
    title: str = ""
    mode: str = "hosted"
    created: int = 0
    shares: list[dict[str, Any]] = field(default_factory=list)

    def payload(self) -> dict[str, Any]:
        """Return the file object of files.info and of messages."""
        shares: dict[str, Any] = {}
        for share in self.shares:
            kept = {key: value for key, value in share.items() if key != "channel"}
            shares.setdefault("public", {}).setdefault(share["channel"], []).append(kept)
        return {
            "id": self.id, "created": self.created, "timestamp": self.created, "name": self.name,
            "title": self.title or self.name, "mimetype": self.mime, "filetype": self.name.rpartition(".")[2],
            "user": self.user, "user_team": self.team, "size": len(self.content), "mode": self.mode,
            "is_external": self.mode == "external", "is_public": True, "url_private": self.url,
            "url_private_download": self.url if self.mode == "external" else f"{self.url}?download=1",
            "shares": shares, "channels": [share["channel"] for share in self.shares],
        }  # fmt: skip


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """One message. `was` keeps its earlier versions, oldest first; `to` names the one person who sees an ephemeral one."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str = ""
    bot_id: str = ""
    app_id: str = ""
    subtype: str = ""
    username: str = ""
    attachments: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | None = None
    files: list[File] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited: dict[str, str] | None = None
    client_msg_id: str = ""
    to: str = ""
    team: str = ""
    deleted: bool = False
    link_names: bool = False
    unfurl: bool = True
    was: list[Message] = field(default_factory=list)

    @property
    def root(self) -> str:
        """Return the ts of the thread it is in (its own, outside of one)."""
        return self.thread_ts or self.ts

    def remember(self) -> None:
        """Keep the present version before a change."""
        version = copy.copy(self)
        version.was = []
        version.reactions = {}
        self.was.append(version)


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """A conversation: `kind` is channel, group (private), im or mpim."""

    id: str
    team: str
    name: str
    kind: str = "channel"
    members: list[str] = field(default_factory=list)
    archived: bool = False
    ext_shared: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    ephemerals: list[Message] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class View:
    """A modal or a home tab as the app described it, and whom it is shown to."""

    id: str
    team: str
    user: str
    root: str
    body: dict[str, Any]
    hash: str
    previous: str = ""
    open: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Team:
    """A workspace with the app installed."""

    id: str
    name: str
    domain: str
    app: App
    bot_token: str
    bot: User
    scopes: set[str]
    users: dict[str, User] = field(default_factory=dict)  # by id
    channels: dict[str, Channel] = field(default_factory=dict)  # by id
    files: dict[str, File] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    emoji: set[str] = field(default_factory=set)  # names of custom ones
    revoked: bool = False
    agents: bool = False  # whether the app was declared an agent here


class World:
    """All workspaces of one far side."""

    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}
        self.apps: dict[str, App] = {}
        self._numbers = itertools.count(1)
        self._last = 0

    def number(self) -> int:
        """Return the next number for an id."""
        return next(self._numbers)

    def ts(self) -> str:
        """Return a timestamp later than every other."""
        self._last = max(self._last + 1, int(time.time() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def id(self, kind: str, hint: str = "") -> str:
        """Return a fresh id such as U0MAYA0007, with the letter of its kind."""
        letters = "".join(char for char in hint.upper() if char.isascii() and char.isalnum())[:8]
        return f"{kind}0{letters}{self.number():04d}".ljust(9, "0")

    def app(self) -> App:
        """Register another app."""
        app_id = self.id("A", "LOOP")
        token = f"xapp-1-{app_id}-{self.number()}-{secrets.token_hex(32)}"
        app = App(
            id=app_id,
            app_token=token,
            signing_secret=secrets.token_hex(16),
            verification_token=secrets.token_hex(12),
        )
        return self.apps.setdefault(app_id, app)

    def team(self, name: str, app: App) -> Team:
        """Open a workspace in which `app` is installed."""
        team_id = self.id("T", name)
        bot = User(
            id=self.id("U", "BOT"),
            team=team_id,
            handle="loop",
            name="Loop",
            bot_id=self.id("B", "LOOP"),
            app_id=app.id,
        )
        token = f"xoxb-{self.number():010d}-{self.number():010d}-{secrets.token_hex(12)}"
        team = Team(
            id=team_id,
            name=name,
            domain=name.lower(),
            app=app,
            bot_token=token,
            bot=bot,
            scopes=set(BOT_SCOPES),
        )
        team.users[bot.id] = bot
        return self.teams.setdefault(team_id, team)

    def team_of(self, channel: Channel) -> Team:
        """Return the workspace of a channel."""
        return self.teams[channel.team]

    def message(self, ts: str) -> tuple[Channel, Message]:
        """Return a message (an ephemeral one too) and its channel. Raises LookupError."""
        for team in self.teams.values():
            for channel in team.channels.values():
                if ts in channel.messages:
                    return channel, channel.messages[ts]
                for ephemeral in channel.ephemerals:
                    if ephemeral.ts == ts:
                        return channel, ephemeral
        raise LookupError(f"no message {ts}")
