"""The ports: what the bridge needs of the outside, said by the side that needs it. Imports: core only. Effects: none.

Every method raises from `core.errors`: `Unavailable` (and its branches) when the same call may pass later, `Rejected` when it
will not, `Damaged` when stored state cannot be read.
"""

from __future__ import annotations

from core.ports.agent import AgentRunner, Leg, ToolAnswer, ToolHand, ToolSpec, ToolUse, Verdict
from core.ports.base import Clock, Emit, Finding
from core.ports.chat import ChatAdapter, History
from core.ports.gateway import EgressRefused, Gateway, GatewayReport, Metered, ModelRefused
from core.ports.git import Checkout, Commit, Delicate, Git, Judged, WorkTree
from core.ports.journal import Journal, Ledger
from core.ports.layers import Changes, Layers
from core.ports.promotion import Conflict, Drafted, Landed, Promotions
from core.ports.sandbox import Bind, Box, Finished, Limits, Sandbox
from core.ports.schedule import Scheduler, Timetable
from core.ports.store import Arrival, Job, Store, Walk

__all__ = [
    "AgentRunner",
    "Arrival",
    "Bind",
    "Box",
    "Changes",
    "ChatAdapter",
    "Checkout",
    "Clock",
    "Commit",
    "Conflict",
    "Delicate",
    "Drafted",
    "EgressRefused",
    "Emit",
    "Finding",
    "Finished",
    "Gateway",
    "GatewayReport",
    "Git",
    "History",
    "Job",
    "Journal",
    "Judged",
    "Landed",
    "Layers",
    "Ledger",
    "Leg",
    "Limits",
    "Metered",
    "ModelRefused",
    "Promotions",
    "Sandbox",
    "Scheduler",
    "Store",
    "Timetable",
    "ToolAnswer",
    "ToolHand",
    "ToolSpec",
    "ToolUse",
    "Verdict",
    "Walk",
    "WorkTree",
]
