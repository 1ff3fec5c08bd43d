"""What people do. Owns: the events of the chat. Imports: core.ids. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.events.base import Author, FileRef, Happening
from core.ids import IdentityKey, LoopId, ThreadKey, Token

Room = Literal["", "open", "closed"]  # whether every member may enter a place; empty: that is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(Happening):
    """Somebody wrote in a thread. `addressed`: the bot was mentioned (and the mention taken out of `text`), or it is a DM."""

    message: str
    author: Author
    text: str
    addressed: bool = False
    mentions: tuple[IdentityKey, ...] = ()
    named: tuple[
        str, ...
    ] = ()  # what `mentions` are called in `text`, in their order, where the platform says
    reply_to: str = ""
    repeats: str = ""  # the message whose words these are, where somebody began a loop on it without writing
    files: tuple[FileRef, ...] = ()
    permalink: str = ""
    via: str = ""  # the thread it was written in, when that one follows the loop of this one
    room: Room = ""  # of the place it was written in
    kind: Literal["posted"] = "posted"

    @property
    def dedup(self) -> str:
        return f"posted:{self.lane}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(Happening):
    """Somebody changed a message of theirs; `text` is the whole new text."""

    message: str
    author: Author
    text: str
    kind: Literal["edited"] = "edited"

    @property
    def dedup(self) -> str:
        return f"edited:{self.lane}#{self.message}@{self.at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Happening):
    """A message was taken away."""

    message: str
    kind: Literal["deleted"] = "deleted"

    @property
    def dedup(self) -> str:
        return f"deleted:{self.lane}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(Happening):
    """Somebody pressed a button, or did what stands for it (a reaction, a typed number). `text` is the form's answer."""

    press: str  # the platform's id of this press
    card: str  # the platform's id of the message that holds the button
    token: Token
    author: Author
    text: str = ""
    via: str = ""  # as for Posted
    kind: Literal["pressed"] = "pressed"

    @property
    def dedup(self) -> str:
        return f"pressed:{self.lane}#{self.press}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Happening):
    """Somebody asked to follow (or, with `stop`, not to follow any more) this thread's loop from another thread."""

    loop: LoopId
    follower: ThreadKey
    author: Author
    message: str
    stop: bool = False
    kind: Literal["followed"] = "followed"

    @property
    def via(self) -> str:
        """Return the thread it was asked in."""
        return self.follower

    @property
    def dedup(self) -> str:
        return f"followed:{self.loop}:{self.follower}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRead(Happening):
    """The messages of a thread from before the bridge saw it, oldest first. `left_out` counts those past the bound."""

    loop: LoopId
    messages: tuple[Posted, ...]
    left_out: int = 0
    failed: str = ""
    kind: Literal["thread_read"] = "thread_read"

    @property
    def dedup(self) -> str:
        return f"read:{self.loop}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted(Happening):
    """The console let somebody in with a role (the chat has `/loop people` for it)."""

    identity: IdentityKey
    name: str
    role: Literal["admin", "member", "guest"]
    kind: Literal["admitted"] = "admitted"

    @property
    def dedup(self) -> str:
        return f"admitted:{self.identity}:{self.role}"
