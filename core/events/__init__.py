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
from core.events.chat import Admitted, Deleted, Edited, Followed, Posted, Pressed, ThreadRead
from core.events.layers import LayerMoved, Page
from core.events.meters import AskDue, EgressDenied, ModelFailed, Pulsed, Spent
from core.events.work import CommitTaken, Prepared, PrepareFailed, WorkStuck, WorkTaken

Event = (
    Posted | Edited | Deleted | Pressed | Followed | ThreadRead | Admitted
    | Prepared | PrepareFailed
    | TurnQueued | TurnStarted | AgentSaid | ToolCalled | ToolEnded | TurnResult | TurnParked | TurnBroke | TurnInterrupted
    | VerdictLost | WorkTaken | WorkStuck | Spent | EgressDenied | ModelFailed | AskDue | Pulsed
    | LayerMoved
)  # fmt: skip

__all__ = [
    "Admitted",
    "AgentSaid",
    "AskDue",
    "Author",
    "CommitTaken",
    "Deleted",
    "Edited",
    "EgressDenied",
    "Event",
    "FileRef",
    "Followed",
    "Happening",
    "LayerMoved",
    "ModelFailed",
    "OfLoop",
    "OfTurn",
    "Page",
    "Posted",
    "PrepareFailed",
    "Prepared",
    "Pressed",
    "Pulsed",
    "Spent",
    "ThreadRead",
    "ToolCalled",
    "ToolEnded",
    "TurnBroke",
    "TurnInterrupted",
    "TurnParked",
    "TurnQueued",
    "TurnResult",
    "TurnStarted",
    "VerdictLost",
    "WorkStuck",
    "WorkTaken",
    "aware",
]
