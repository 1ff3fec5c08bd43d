"""What the world holds. Owns: User, Role, Member, Guild, Channel, Attachment, Message. Imports: nothing. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

TEXT, DM, VOICE, NEWS, PUBLIC_THREAD, PRIVATE_THREAD, FORUM = 0, 1, 2, 5, 11, 12, 15
NEWS_THREAD = 10
EPHEMERAL, SUPPRESS_EMBEDS, HAS_THREAD = 1 << 6, 1 << 2, 1 << 5


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    id: int
    name: str
    shown: str = ""
    bot: bool = False
    takes_dms: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Role:
    id: int
    name: str
    permissions: int = 0
    bot: int = 0  # whose own role it is


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    user: User
    nick: str = ""
    roles: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Guild:
    id: int
    name: str
    owner: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Attachment:
    id: int
    name: str
    content: bytes
    mime: str = "application/octet-stream"


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message as it is now. `to` alone sees it when it is not 0; `first_components` are what people saw first."""

    id: int
    channel: Channel = field(repr=False)
    author: User
    at: datetime
    content: str = ""
    type: int = 0
    flags: int = 0
    to: int = 0
    nonce: str = ""
    edited_at: datetime | None = None
    components: list[dict[str, Any]] = field(default_factory=list)
    first_components: list[dict[str, Any]] = field(default_factory=list)
    embeds: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reactions: dict[str, list[int]] = field(default_factory=dict)
    allowed: dict[str, Any] | None = None
    pings: list[int] = field(default_factory=list)
    reference: Message | None = field(default=None, repr=False)
    asked_by: User | None = None

    @property
    def unfurled(self) -> bool:
        """Whether Discord would fetch the links in it to show what is behind them."""
        return "http" in self.content and not self.flags & SUPPRESS_EMBEDS


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    id: int
    type: int
    name: str = ""
    guild: Guild | None = field(default=None, repr=False)
    parent: Channel | None = field(default=None, repr=False)
    owner: int = 0
    archived: bool = False
    locked: bool = False
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict)
    recipients: list[int] = field(default_factory=list)
    messages: dict[int, Message] = field(default_factory=dict, repr=False)

    @property
    def is_thread(self) -> bool:
        return self.type in (NEWS_THREAD, PUBLIC_THREAD, PRIVATE_THREAD)
