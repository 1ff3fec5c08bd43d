"""What the room keeps. Owns: Record, Deed, Heading. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core import ids
from core.events import FileRef
from core.ids import IdentityKey, ThreadKey
from core.message import Message

PLATFORM = "local"
WORKSPACE = "home"
BOT = "loop"  # the bridge's own user in the room

DeedKind = Literal["posted", "edited", "deleted", "pressed"]


def thread_of(channel: str, root: int) -> ThreadKey:
    """Spell the key of a thread by its channel and the id of its first message."""
    return ids.thread_key(PLATFORM, WORKSPACE, channel, str(root))


def identity_of(user: str) -> IdentityKey:
    """Spell the key of a user."""
    return ids.identity_key(PLATFORM, WORKSPACE, user)


def user_of(identity: IdentityKey) -> str:
    """Return the user's id out of an identity key."""
    return identity.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A message of the room. `text` is what a person wrote, `body` what the bridge said; `to` is set on a whisper."""

    id: int
    channel: str
    root: int
    author: str
    name: str
    at: datetime
    bot: bool = False
    text: str = ""
    body: Message | None = None
    to: str = ""
    reply_to: int = 0
    edited_at: datetime | None = None
    deleted: bool = False
    rev: int = 0  # counts the changes of this message
    files: tuple[FileRef, ...] = ()
    reactions: tuple[tuple[str, str], ...] = ()  # (emoji, user), oldest first

    @property
    def thread(self) -> ThreadKey:
        return thread_of(self.channel, self.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something a person did that the bridge is to hear of; it is told again until it is acked."""

    id: int
    kind: DeedKind
    record: Record  # the message as it is now
    user: str
    name: str
    bot: bool
    at: datetime
    text: str = ""  # as it was when the deed was done
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """A thread in a list: its first message, how many messages it has, when the last one came."""

    channel: str
    root: int
    name: str
    text: str
    count: int
    last_at: datetime
