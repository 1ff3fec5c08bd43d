"""Everything that can happen. Owns: the Event union. Imports: core.ids. Effects: none.

An event names its `lane` (the thread it belongs to: events of one lane are handled one after another) and its `dedup` (a natural
key: the same happening told twice has the same one). Instants are aware; money is US dollars; `digest` is a SHA-256 in hex.
"""

from __future__ import annotations

from core.events.agent import (
    AgentSaid,
    ToolCalled,
    ToolEnded,
    TurnBroke,
    TurnInterrupted,
    TurnParked,
    TurnQueued,
    TurnResult,
    TurnStarted,
    VerdictLost,
)
from core.events.base import Author, FileRef, Happening, OfLoop, OfTurn, aware
from core.events.chat import Admitted, Deleted, Edited, Followed, Posted, Pressed, Room, ThreadRead
from core.events.context import CapsuleMade, ContextFound, Referred, Source
from core.events.layers import LayerMoved, Page, Rests
from core.events.memory import Forgotten, Jotted, LearnedAlone, NotDone, Remembered, RememberHeld
from core.events.meters import AskDue, EgressDenied, ModelFailed, Pulsed, Spent
from core.events.promotion import (
    NotPromoted,
    Promoted,
    PromoteWanted,
    ProposalMerged,
    ProposalRenewed,
    ProposalShaken,
    ProposalStuck,
    ProposalWeighed,
    Proposed,
)
from core.events.schedule import (
    ClaimRead,
    ClaimsRead,
    DistillDue,
    JobSaid,
    SourceChanged,
    Ticked,
    WentIdle,
)
from core.events.work import (
    CommitTaken,
    DelicatePath,
    Prepared,
    PrepareFailed,
    WorkLanded,
    WorkStuck,
    WorkTaken,
)

Event = (
    Posted | Edited | Deleted | Pressed | Followed | ThreadRead | Admitted
    | Prepared | PrepareFailed
    | TurnQueued | TurnStarted | AgentSaid | ToolCalled | ToolEnded | TurnResult | TurnParked | TurnBroke | TurnInterrupted
    | VerdictLost | WorkTaken | WorkStuck | WorkLanded | Spent | EgressDenied | ModelFailed | AskDue | Pulsed
    | Referred | CapsuleMade | ContextFound
    | LayerMoved | Remembered | RememberHeld | Forgotten | LearnedAlone | Jotted | NotDone
    | Ticked | JobSaid | WentIdle | DistillDue | ClaimsRead | SourceChanged
    | PromoteWanted | Promoted | NotPromoted | Proposed | ProposalWeighed | ProposalMerged | ProposalRenewed | ProposalShaken | ProposalStuck
)  # fmt: skip

__all__ = [
    "Admitted",
    "AgentSaid",
    "AskDue",
    "Author",
    "CapsuleMade",
    "ClaimRead",
    "ClaimsRead",
    "CommitTaken",
    "ContextFound",
    "Deleted",
    "DelicatePath",
    "DistillDue",
    "Edited",
    "EgressDenied",
    "Event",
    "FileRef",
    "Followed",
    "Forgotten",
    "Happening",
    "JobSaid",
    "Jotted",
    "LayerMoved",
    "LearnedAlone",
    "ModelFailed",
    "NotDone",
    "NotPromoted",
    "OfLoop",
    "OfTurn",
    "Page",
    "Posted",
    "PrepareFailed",
    "Prepared",
    "Pressed",
    "PromoteWanted",
    "Promoted",
    "ProposalMerged",
    "ProposalRenewed",
    "ProposalShaken",
    "ProposalStuck",
    "ProposalWeighed",
    "Proposed",
    "Pulsed",
    "Referred",
    "RememberHeld",
    "Remembered",
    "Rests",
    "Room",
    "Source",
    "SourceChanged",
    "Spent",
    "ThreadRead",
    "Ticked",
    "ToolCalled",
    "ToolEnded",
    "TurnBroke",
    "TurnInterrupted",
    "TurnParked",
    "TurnQueued",
    "TurnResult",
    "TurnStarted",
    "VerdictLost",
    "WentIdle",
    "WorkLanded",
    "WorkStuck",
    "WorkTaken",
    "aware",
]
