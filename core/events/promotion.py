"""What becomes of work in a layer's clone. Owns: PromoteWanted to ProposalStuck. Imports: core.events.base, core.proposals. Effects: none.

`request` names one wish to promote; `files` are (path, added, removed); `via` is the thread somebody spoke in when it is another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.events.base import Author, Happening, OfLoop
from core.ids import TurnId
from core.proposals import Grounds

Files = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteWanted(OfLoop):
    """The agent called its promote tool."""

    request: str
    turn: TurnId
    layer: str
    summary: str
    kind: Literal["promote_wanted"] = "promote_wanted"

    @property
    def dedup(self) -> str:
        return f"promote_wanted:{self.request}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted(OfLoop):
    """Work landed on a layer's `main`: it went from `base` to `tip`. Of a personal layer nothing but the number of files is told."""

    request: str
    turn: TurnId | None
    layer: str
    summary: str
    base: str
    tip: str
    files: Files
    kind: Literal["promoted"] = "promoted"

    @property
    def dedup(self) -> str:
        return f"promoted:{self.request}:{self.layer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPromoted(OfLoop):
    """Nothing landed: nothing was new, others changed the same places (`files`), or a rule or the remote said no."""

    request: str
    turn: TurnId | None
    layer: str
    why: Literal["nothing", "conflict", "refused"]
    files: tuple[str, ...] = ()
    what: str = ""
    remedy: str = ""
    kind: Literal["not_promoted"] = "not_promoted"

    @property
    def dedup(self) -> str:
        return f"not_promoted:{self.request}:{self.layer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed(OfLoop):
    """Work for a gated layer lies on a branch: `proposal` is a new id, or that of the loop's open one, which this supersedes."""

    request: str
    turn: TurnId | None
    layer: str
    proposal: str
    title: str
    base: str
    tip: str
    digest: str
    files: Files
    protected: tuple[str, ...]
    diff: str
    unproven: tuple[str, ...] = ()  # lines about claims that rest on nothing the loop was given
    grounds: tuple[Grounds, ...] = ()  # of what its pages claim anew
    kind: Literal["proposed"] = "proposed"

    @property
    def dedup(self) -> str:
        return f"proposed:{self.request}:{self.layer}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalShaken(Happening):
    """A message (its node's key) that a waiting proposal rests on was edited or deleted."""

    proposal: str
    message: str
    how: Literal["edited", "deleted"]
    changed_at: datetime
    kind: Literal["proposal_shaken"] = "proposal_shaken"

    @property
    def dedup(self) -> str:
        return f"proposal_shaken:{self.proposal}:{self.message}:{self.how}@{self.changed_at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalWeighed(Happening):
    """A member said what is to become of a proposal, from whatever thread; the lane is the proposal's own."""

    proposal: str
    choice: Literal["merge", "reject", "edit"]
    words: str
    author: Author
    message: str
    via: str = ""
    kind: Literal["proposal_weighed"] = "proposal_weighed"

    @property
    def dedup(self) -> str:
        return f"weighed:{self.proposal}:{self.via}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalMerged(Happening):
    """What was reviewed is on `main`, by `commit`."""

    proposal: str
    round: int
    commit: str
    files: Files
    author: Author
    via: str = ""
    kind: Literal["proposal_merged"] = "proposal_merged"

    @property
    def dedup(self) -> str:
        return f"merged:{self.proposal}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRenewed(Happening):
    """`main` moved, so that the merge would hold something else than was reviewed: this."""

    proposal: str
    round: int  # the one that was reviewed
    base: str
    digest: str
    files: Files
    protected: tuple[str, ...]
    diff: str
    author: Author
    via: str = ""
    kind: Literal["proposal_renewed"] = "proposal_renewed"

    @property
    def dedup(self) -> str:
        return f"renewed:{self.proposal}:{self.round}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalStuck(Happening):
    """The merge did not happen: others changed the same places of `files`, or it could not be done (`what`, `remedy`)."""

    proposal: str
    round: int
    request: str
    files: tuple[str, ...] = ()
    what: str = ""
    remedy: str = ""
    author: Author
    via: str = ""
    kind: Literal["proposal_stuck"] = "proposal_stuck"

    @property
    def dedup(self) -> str:
        return f"proposal_stuck:{self.request}"
