"""What is asked of memory, focus and the context. Owns: Remember to DropDraft. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.effects.base import Doing
from core.events import Author
from core.events.context import Wants
from core.ids import LoopId, TurnId
from core.references import Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember(Doing):
    """Keep a fact: `text`, or where that is empty or a link, the message it leads to; answered by Remembered, RememberHeld or NotDone."""

    text: str
    author: Author
    message: str
    reply_to: str = ""
    personal: bool = False
    via: str = ""
    kind: Literal["remember"] = "remember"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Doing):
    """Keep what was held: for the team with `share`, else in the layer of whoever asked; answered by Remembered or NotDone."""

    held: str
    share: bool
    author: Author
    press: str
    via: str = ""
    kind: Literal["share"] = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget(Doing):
    """Take the one fact that words stand for out of a layer; answered by Forgotten or NotDone."""

    words: str
    author: Author
    message: str
    personal: bool = False
    via: str = ""
    kind: Literal["forget"] = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindex(Doing):
    """Bring a layer's index of facts up to its files."""

    layer: str
    kind: Literal["reindex"] = "reindex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jot(Doing):
    """Pin a line, take pin number `words` off, or put a line into the inbox; answered by Jotted or NotDone."""

    what: Literal["pin", "unpin", "inbox"]
    words: str
    author: Author
    message: str
    via: str = ""
    kind: Literal["jot"] = "jot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refer(Doing):
    """Look up what somebody pointed at; answered by Referred. An empty loop: the thread has none."""

    wants: Wants
    reference: Reference
    author: Author
    message: str
    via: str = ""
    words: str = ""
    loop: LoopId = LoopId("")
    kind: Literal["refer"] = "refer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assemble(Doing):
    """Write the loop's capsule anew, if its folder stands; answered by CapsuleMade."""

    loop: LoopId
    kind: Literal["assemble"] = "assemble"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(Doing):
    """Bring the loop's work in some layers to everybody; answered for each by Promoted, Proposed or NotPromoted."""

    loop: LoopId
    turn: TurnId | None
    request: str
    layers: tuple[str, ...]
    summary: str
    kind: Literal["promote"] = "promote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weigh(Doing):
    """Find the open proposal whose id begins with `prefix` and take somebody's word to its own lane, as ProposalWeighed."""

    prefix: str
    choice: Literal["merge", "reject", "edit"]
    words: str
    author: Author
    message: str
    kind: Literal["weigh"] = "weigh"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeProposal(Doing):
    """Merge what was reviewed in a round; answered by ProposalMerged, ProposalRenewed or ProposalStuck."""

    proposal: str
    round: int
    reviewer: str
    author: Author
    via: str = ""
    kind: Literal["merge_proposal"] = "merge_proposal"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropDraft(Doing):
    """Take the branch of a draft away that nobody will merge, unless it is at another commit than `tip`."""

    layer: str
    branch: str
    tip: str
    kind: Literal["drop_draft"] = "drop_draft"
