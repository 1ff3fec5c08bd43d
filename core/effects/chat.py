"""What is asked of the chat. Owns: Say to Follow. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.effects.base import Doing
from core.events import Author, Posted, Pressed
from core.ids import CardKey, IdentityKey, LoopId
from core.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Doing):
    """Post a message. With `card`, the message can be found again by that name and replaced by `Show`."""

    message: Message
    card: CardKey = CardKey("")
    kind: Literal["say"] = "say"


@dataclass(frozen=True, slots=True, kw_only=True)
class Show(Doing):
    """Make the card show this: edit its message, or post it if there is none yet. A newer Show of a card supersedes a waiting one."""

    card: CardKey
    message: Message
    kind: Literal["show"] = "show"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisper(Doing):
    """Say something to one person alone where the platform can, else in the thread."""

    to: IdentityKey
    message: Message
    kind: Literal["whisper"] = "whisper"


@dataclass(frozen=True, slots=True, kw_only=True)
class React(Doing):
    """Put an emoji (its Unicode form) on a message."""

    message: str
    emoji: str
    kind: Literal["react"] = "react"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Doing):
    """Read something and post it for whoever asked: `why`, `log`, `diff`, `files`, `list`, `context`, `usage`."""

    what: Literal[
        "proposals",
        "proposal",
        "why",
        "log",
        "diff",
        "files",
        "list",
        "context",
        "usage",
        "people",
        "details",
        "focus",
        "memory",
        "decisions",
    ]
    argument: str
    to: IdentityKey
    loop: LoopId = LoopId("")
    kind: Literal["look"] = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay(Doing):
    """Take an event to the thread it is meant for."""

    event: Posted | Pressed
    kind: Literal["relay"] = "relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow(Doing):
    """Find the loop whose id begins with `prefix` and have this thread follow it; an empty prefix ends that."""

    prefix: str
    author: Author
    message: str
    kind: Literal["follow"] = "follow"
