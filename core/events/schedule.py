"""What the clock brings. Owns: Ticked and what jobs find. Imports: core.events.base, core.message. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.events.base import Happening, OfLoop, aware
from core.ids import IdentityKey, MessageKey
from core.message import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked(Happening):
    """A job is due: `due` is the instant it was due at, `since` the one before, None the first time."""

    job: str
    due: datetime
    since: datetime | None = None
    kind: Literal["ticked"] = "ticked"

    def __post_init__(self) -> None:
        aware(self.at)
        aware(self.due)

    @property
    def dedup(self) -> str:
        return f"tick:{self.job}:{self.due.timestamp():.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSaid(Happening):
    """A job has something to tell one thread."""

    job: str
    due: datetime
    message: Message
    kind: Literal["job_said"] = "job_said"

    @property
    def dedup(self) -> str:
        return f"job:{self.job}:{self.due.timestamp():.0f}:{self.lane}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WentIdle(OfLoop):
    """Nothing has happened in a loop since `since`, long enough for it to be put away."""

    since: datetime
    kind: Literal["went_idle"] = "went_idle"

    @property
    def dedup(self) -> str:
        return f"idle:{self.loop}:{self.since.timestamp():.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillDue(Happening):
    """There is something to distil, for a loop in this lane's thread.

    `sources` are the keys of message nodes, oldest first; `marks` say per thread up to when they go; `claims` are the flagged ones.
    """

    order: str  # the tick or the command that asked
    audience: str
    driver: IdentityKey
    sources: tuple[str, ...]
    marks: tuple[tuple[str, datetime], ...] = ()
    claims: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()  # sentences
    asked: str = ""  # the message that asked, empty when the clock did
    shared: bool = True  # every member could have read all of it
    round: int = 1
    kind: Literal["distill_due"] = "distill_due"

    @property
    def dedup(self) -> str:
        return f"distill:{self.order}:{self.audience}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRead:
    """A claim as a page makes it: `n` tells it from the others of its page, `sources` are keys of message nodes."""

    n: str
    text: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsRead(Happening):
    """What a page of a layer claims now, and which of its earlier claims (by node) it makes no more."""

    layer: str
    path: str
    tip: str
    claims: tuple[ClaimRead, ...] = ()
    gone: tuple[str, ...] = ()
    kind: Literal["claims_read"] = "claims_read"

    @property
    def dedup(self) -> str:
        return f"claims:{self.layer}:{self.path}:{self.tip}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChanged(Happening):
    """A message that claims and remembered facts rest on was edited or deleted.

    `marks` are decisions that were made of it, and whose words go with it.
    """

    message: MessageKey
    how: Literal["edited", "deleted"]
    changed_at: datetime
    claims: tuple[str, ...]
    marks: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    kind: Literal["source_changed"] = "source_changed"

    @property
    def dedup(self) -> str:
        return f"source:{self.message}:{self.how}:{self.changed_at.isoformat()}:{self.lane}"
