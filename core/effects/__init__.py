"""Everything that can be asked of the edge. Owns: the Effect union and priorities. Imports: core. Effects: none (it names them).

An effect is carried out at least once, under its `key`: the key is what makes doing it twice harmless. `priority` orders what
waits for one thread: lower goes first.
"""

from __future__ import annotations

from core.effects.base import Doing, Priority
from core.effects.chat import Follow, Look, React, Relay, Say, Show, Whisper
from core.effects.context import (
    Assemble,
    DropDraft,
    Forget,
    Jot,
    MergeProposal,
    Promote,
    Refer,
    Reindex,
    Remember,
    Share,
    Weigh,
)
from core.effects.loop import (
    Chore,
    CloseLoop,
    Distil,
    Interrupt,
    LandWork,
    Prepare,
    ReadClaims,
    ReadThread,
    Retrace,
    Rule,
    RunLeg,
    TakeWork,
)

Effect = (
    Say
    | Show
    | Whisper
    | React
    | Look
    | Relay
    | Follow
    | Refer
    | Assemble
    | Remember
    | Share
    | Forget
    | Reindex
    | Jot
    | Promote
    | Weigh
    | MergeProposal
    | DropDraft
    | ReadThread
    | Prepare
    | RunLeg
    | Rule
    | Chore
    | Distil
    | ReadClaims
    | Retrace
    | Interrupt
    | TakeWork
    | LandWork
    | CloseLoop
)
CHAT = (Say, Show, Whisper, React, Look)

__all__ = [
    "CHAT",
    "Assemble",
    "Chore",
    "CloseLoop",
    "Distil",
    "Doing",
    "DropDraft",
    "Effect",
    "Follow",
    "Forget",
    "Interrupt",
    "Jot",
    "LandWork",
    "Look",
    "MergeProposal",
    "Prepare",
    "Priority",
    "Promote",
    "React",
    "ReadClaims",
    "ReadThread",
    "Refer",
    "Reindex",
    "Relay",
    "Remember",
    "Retrace",
    "Rule",
    "RunLeg",
    "Say",
    "Share",
    "Show",
    "TakeWork",
    "Weigh",
    "Whisper",
]
