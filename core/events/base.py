"""What every event has. Owns: Happening, OfLoop, OfTurn, Author, FileRef. Imports: core.ids. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.ids import IdentityKey, LoopId, ThreadKey, TurnId


def aware(at: datetime) -> datetime:
    """Return `at`, or raise ValueError when it has no time zone."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote or pressed, as the platform says. `name` is untrusted text."""

    identity: IdentityKey
    name: str
    bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file in the chat: the platform's id of it, its name, its size in bytes."""

    id: str
    name: str
    size: int = 0
    mime: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What every event has."""

    lane: ThreadKey
    at: datetime

    def __post_init__(self) -> None:
        aware(self.at)

    @property
    def dedup(self) -> str:
        """Return the natural key of this happening."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class OfLoop(Happening):
    """What every event of a loop has."""

    loop: LoopId


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTurn(OfLoop):
    """What every event of a turn has. `leg` counts the stretches of a turn from 1."""

    turn: TurnId
    leg: int
