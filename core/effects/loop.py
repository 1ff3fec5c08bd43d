"""What is asked of a loop. Owns: ReadThread to CloseLoop. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.effects.base import Doing
from core.events import Author, Page
from core.ids import AskId, CallId, LoopId, MessageKey, TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadThread(Doing):
    """Fetch what the thread held before; answered by ThreadRead."""

    loop: LoopId
    upto: str  # the message that started the loop
    kind: Literal["read_thread"] = "read_thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare(Doing):
    """Make the loop's folder: mirror, clone, capsule, lock, launcher; answered by Prepared or PrepareFailed."""

    loop: LoopId
    attempt: int
    kind: Literal["prepare"] = "prepare"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLeg(Doing):
    """Run one leg of a turn; answered by TurnResult, TurnParked, TurnBroke or, after a crash of the bridge, TurnInterrupted."""

    loop: LoopId
    turn: TurnId
    leg: int
    session: str
    resume: bool
    prompt: str
    plan: bool = False  # the session looks and plans, and changes nothing
    kind: Literal["run_leg"] = "run_leg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Doing):
    """Hand a verdict to a call that waits; answered by VerdictLost when nothing waits for it."""

    loop: LoopId
    turn: TurnId
    leg: int
    call: CallId
    decision: Literal["allow", "deny"]
    reason: str = ""
    updated_input: str = ""
    kind: Literal["rule"] = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore(Doing):
    """Do one of the bridge's own jobs: `due` is the instant it was due at, `since` the one before."""

    job: str
    due: datetime
    since: datetime | None = None
    round: int = 1  # a job that goes on at once after it found nothing counts
    kind: Literal["chore"] = "chore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distil(Doing):
    """Look for what is to be distilled of this thread, or since an instant of its channel; answered by DistillDue."""

    what: Literal["new", "thread", "loop", "since"]
    author: Author
    message: str
    via: str = ""
    since: datetime | None = None
    kind: Literal["distil"] = "distil"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadClaims(Doing):
    """Find what pages of a layer claim, and on which messages; answered by ClaimsRead."""

    layer: str
    tip: str
    pages: tuple[Page, ...]
    gone: tuple[str, ...] = ()
    kind: Literal["read_claims"] = "read_claims"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrace(Doing):
    """Find what was distilled from a message that changed; answered by SourceChanged."""

    message: MessageKey
    how: Literal["edited", "deleted"]
    at: datetime
    kind: Literal["retrace"] = "retrace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(Doing):
    """Stop the running turn."""

    loop: LoopId
    kind: Literal["interrupt"] = "interrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeWork(Doing):
    """Bring the turn's commits out of the box and land them on the loop's branch; answered by WorkTaken or WorkStuck."""

    loop: LoopId
    turn: TurnId
    leg: int
    kind: Literal["take_work"] = "take_work"


@dataclass(frozen=True, slots=True, kw_only=True)
class LandWork(Doing):
    """Land judged commits that a person allowed, exactly up to `tip`; answered by WorkLanded."""

    loop: LoopId
    ask: AskId
    repo: str
    branch: str
    tip: str
    kind: Literal["land_work"] = "land_work"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLoop(Doing):
    """End the loop's process and sockets; with `archive`, its folder may be packed away."""

    loop: LoopId
    archive: bool = False
    kind: Literal["close_loop"] = "close_loop"
