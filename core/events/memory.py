"""What becomes of memory and focus. Owns: Remembered, Forgotten, RememberHeld, LearnedAlone, Jotted, NotDone. Imports: core.events.base. Effects: none.

Each has `via`, as a message has: the thread it was asked in, where that is another than the lane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.events.base import Author, Happening, OfLoop
from core.ids import TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered(Happening):
    """A fact stands in a layer. `author` is whose words it is told for; of what an agent promoted, the driver of its loop.

    `memo` is the fact's id, `known` whether it had been there before. `source` is the graph's key of what it rests on, `origin` that of
    the message or turn it came by; `card` names the message that was asked about, when somebody had to be.
    """

    layer: str
    memo: str
    handle: str
    path: str
    text: str
    author: Author
    origin: str
    source: str = ""
    permalink: str = ""
    known: bool = False
    turn: TurnId | None = None
    card: str = ""
    via: str = ""
    kind: Literal["remembered"] = "remembered"

    @property
    def dedup(self) -> str:
        return f"remembered:{self.layer}:{self.memo}:{self.origin}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Happening):
    """A fact was taken out of a layer. `twin` is another file of the same id that stays."""

    layer: str
    memo: str
    handle: str
    path: str
    text: str
    author: Author
    message: str
    via: str = ""
    twin: str = ""
    kind: Literal["forgotten"] = "forgotten"

    @property
    def dedup(self) -> str:
        return f"forgotten:{self.layer}:{self.memo}:{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberHeld(Happening):
    """A fact from a thread that not everybody may read waits for a word: into the team's memory, or the member's own? `held` names it."""

    held: str
    text: str
    author: Author
    via: str = ""
    kind: Literal["remember_held"] = "remember_held"

    @property
    def dedup(self) -> str:
        return f"remember_held:{self.held}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedAlone(OfLoop):
    """An agent put a fact into the memory of its loop's driver; what it says is not told here, where others read along."""

    turn: TurnId
    handle: str
    kind: Literal["learned_alone"] = "learned_alone"

    @property
    def dedup(self) -> str:
        return f"learned_alone:{self.turn}:{self.handle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jotted(Happening):
    """A line was pinned, taken off the pins, or put into the inbox."""

    what: Literal["pin", "unpin", "inbox"]
    line: str
    author: Author
    message: str
    via: str = ""
    kind: Literal["jotted"] = "jotted"

    @property
    def dedup(self) -> str:
        return f"jotted:{self.lane}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDone(Happening):
    """What somebody asked for was not done, and why; `candidates` are what it could have meant, with their handles."""

    author: Author
    message: str
    what: str
    remedy: str = ""
    candidates: tuple[str, ...] = ()
    via: str = ""
    kind: Literal["not_done"] = "not_done"

    @property
    def dedup(self) -> str:
        return f"not_done:{self.lane}#{self.message}"
