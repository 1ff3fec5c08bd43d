"""What becomes of a loop's folder and its commits. Owns: Prepared, WorkTaken and their like. Imports: core.ids, core.events.base. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.events.base import OfLoop, OfTurn
from core.ids import AskId


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(OfLoop):
    """The loop's folder stands: clone at `base` on `branch`, capsule with `digest`. Counts say what the capsule holds."""

    base: str
    branch: str
    digest: str
    attempt: int
    messages: tuple[str, ...] = ()  # node keys of the thread's messages that were ingested
    others: tuple[
        str, ...
    ] = ()  # node keys of all else that was: pages, earlier loops, decisions, messages from elsewhere
    people: int = 0
    files: int = 0
    pages: int = 0
    loops: int = 0
    decisions: int = 0
    linked: int = 0  # messages from elsewhere
    left_out: tuple[str, ...] = ()  # sentences
    layers: tuple[tuple[str, str], ...] = ()  # the layers of context it began with, each with its commit
    private: bool = False  # whether the personal one holds pages
    kind: Literal["prepared"] = "prepared"

    @property
    def dedup(self) -> str:
        return f"prepared:{self.loop}:{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareFailed(OfLoop):
    """The loop's folder could not be made."""

    what: str
    remedy: str
    attempt: int
    kind: Literal["prepare_failed"] = "prepare_failed"

    @property
    def dedup(self) -> str:
        return f"prepare_failed:{self.loop}:{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTaken:
    """A commit that left the box; `files` are (path, added, removed)."""

    sha: str
    parents: tuple[str, ...]
    subject: str
    at: datetime
    files: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DelicatePath:
    """A path that may land only with a person's consent, and why it matters."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTaken(OfTurn):
    """The turn's commits were judged; unless there are objections they landed at `where`. `dirty` paths hold no commit yet.

    `delicate` is what a person may allow so that the commits from `base` to `tip` land in spite of the objections, `shown` the whole
    diff of these paths: untrusted text.
    """

    repo: str
    branch: str
    commits: tuple[CommitTaken, ...] = ()
    dirty: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    where: str = ""
    base: str = ""
    tip: str = ""
    delicate: tuple[DelicatePath, ...] = ()
    shown: str = ""
    kind: Literal["work_taken"] = "work_taken"

    @property
    def dedup(self) -> str:
        return f"taken:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStuck(OfTurn):
    """The turn's commits could not be brought out; they are still in the box."""

    what: str
    remedy: str
    kind: Literal["work_stuck"] = "work_stuck"

    @property
    def dedup(self) -> str:
        return f"stuck:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkLanded(OfLoop):
    """What an ask allowed to land is at `where`; or it is not, because of `what`."""

    ask: AskId
    where: str = ""
    what: str = ""
    remedy: str = ""
    kind: Literal["work_landed"] = "work_landed"

    @property
    def dedup(self) -> str:
        return f"work_landed:{self.ask}"
