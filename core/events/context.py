"""What a loop is given, and what people pointed at. Owns: Source, Referred, CapsuleMade, ContextFound. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.events.base import Author, Happening, OfLoop, OfTurn, aware
from core.ids import IdentityKey

Wants = Literal["exclude", "add", "give", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A node that somebody pointed at, as it reads now. `readers` are accounts known to read its source; `digest` covers the text."""

    key: str
    kind: str
    audience: str
    title: str  # how it is called where its words have no place
    text: str
    author: str = ""
    permalink: str = ""
    said_at: datetime
    digest: str
    readers: tuple[IdentityKey, ...] = ()

    def __post_init__(self) -> None:
        aware(self.said_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred(Happening):
    """What somebody pointed at was looked up. When nothing was `found`, `what` and `remedy` say why, for whoever asked."""

    wants: Wants
    author: Author
    message: str
    via: str = ""
    words: str = ""  # what else was said with it
    found: Source | None = None
    what: str = ""
    remedy: str = ""
    kind: Literal["referred"] = "referred"

    @property
    def dedup(self) -> str:
        return f"referred:{self.lane}#{self.message}:{self.wants}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CapsuleMade(OfLoop):
    """A loop's capsule was written anew. `made` tells the makings of one loop apart; the rest is as in Prepared."""

    made: str
    digest: str
    messages: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    people: int = 0
    pages: int = 0
    loops: int = 0
    decisions: int = 0
    linked: int = 0
    left_out: tuple[str, ...] = ()
    kind: Literal["capsule_made"] = "capsule_made"

    @property
    def dedup(self) -> str:
        return f"capsule:{self.loop}:{self.made}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFound(OfTurn):
    """The agent looked for more and was shown these nodes."""

    asked: str  # a digest of what it looked for
    keys: tuple[str, ...]
    kind: Literal["context_found"] = "context_found"

    @property
    def dedup(self) -> str:
        return f"found:{self.turn}:{self.asked}"
