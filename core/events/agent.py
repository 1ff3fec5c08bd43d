"""What happens in a session. Owns: the events of turns, legs and tool calls. Imports: core.ids. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.events.base import OfTurn
from core.ids import CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnQueued(OfTurn):
    """The leg waits for a place to start; `ahead` counts those before it."""

    ahead: int
    kind: Literal["turn_queued"] = "turn_queued"

    @property
    def dedup(self) -> str:
        return f"queued:{self.turn}:{self.leg}:{self.ahead}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted(OfTurn):
    """The agent has the prompt."""

    session: str
    kind: Literal["turn_started"] = "turn_started"

    @property
    def dedup(self) -> str:
        return f"started:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSaid(OfTurn):
    """Text the agent wrote between tool calls. `number` counts them within the leg."""

    number: int
    text: str
    kind: Literal["agent_said"] = "agent_said"

    @property
    def dedup(self) -> str:
        return f"said:{self.turn}:{self.leg}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(OfTurn):
    """The agent wants to use a tool and waits for a verdict. `input` is JSON; `digest` covers tool and input."""

    call: CallId
    tool: str
    input: str
    digest: str
    why: str = ""  # what the agent said just before
    kind: Literal["tool_called"] = "tool_called"

    @property
    def dedup(self) -> str:
        return f"called:{self.turn}:{self.leg}:{self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnded(OfTurn):
    """A tool call is over. `note` is a word about the result for the card ("1 failed"), from untrusted output."""

    call: CallId
    ok: bool
    note: str = ""
    kind: Literal["tool_ended"] = "tool_ended"

    @property
    def dedup(self) -> str:
        return f"ended:{self.turn}:{self.leg}:{self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult(OfTurn):
    """The leg came to its result. When `error` is set the model's side failed and the turn can be tried again."""

    text: str
    session: str
    error: str = ""
    remedy: str = ""
    kind: Literal["turn_result"] = "turn_result"

    @property
    def dedup(self) -> str:
        return f"result:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParked(OfTurn):
    """The session was put away at a call that waits for a person; `session` resumes at exactly that call."""

    call: CallId
    session: str
    kind: Literal["turn_parked"] = "turn_parked"

    @property
    def dedup(self) -> str:
        return f"parked:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBroke(OfTurn):
    """The agent's process ended without a result, or could not be started."""

    what: str
    remedy: str = ""
    stopped: bool = False  # a person asked for it
    lost: bool = False  # its session cannot be picked up again
    kind: Literal["turn_broke"] = "turn_broke"

    @property
    def dedup(self) -> str:
        return f"broke:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnInterrupted(OfTurn):
    """The bridge itself went away while the leg ran, and is back after `down_for` seconds."""

    down_for: float
    kind: Literal["turn_interrupted"] = "turn_interrupted"

    @property
    def dedup(self) -> str:
        return f"interrupted:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLost(OfTurn):
    """A verdict found no live session that holds its call."""

    call: CallId
    kind: Literal["verdict_lost"] = "verdict_lost"

    @property
    def dedup(self) -> str:
        return f"verdict_lost:{self.turn}:{self.leg}:{self.call}"
