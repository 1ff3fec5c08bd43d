"""Sessions of the agent, and the tools we give it. Owns: Leg, Verdict, AgentRunner, ToolHand. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from core.ids import CallId, LoopId, ThreadKey, TurnId
from core.ports.base import Emit


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One uninterrupted stretch of a turn: from a prompt (or a resume) to a result, a parking or an end."""

    loop: LoopId
    thread: ThreadKey
    turn: TurnId
    number: int
    launcher: Path
    cwd: str
    session: str  # a UUID of our own choosing
    resume: bool
    prompt: str  # empty when `resume` is to carry on at a deferred call
    system: str
    model: str
    budget_usd: float | None = None
    park_after: float = 120.0  # seconds a call is held open before the session is parked
    plan: bool = False  # it looks and plans, until its plan is approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a tool call. `updated_input` is the whole input that is to run, when it was edited."""

    decision: Literal["allow", "deny"]
    reason: str = ""
    updated_input: str | None = None  # JSON


class AgentRunner(AbstractAsyncContextManager["AgentRunner"], Protocol):
    """Runs Claude sessions. What happens in them comes out as events through `emit`, each awaited until durable."""

    async def run(self, leg: Leg, emit: Emit) -> None:
        """Run a leg to its end. Exactly one of TurnResult, TurnParked or TurnBroke is emitted last."""

    async def prewarm(self, leg: Leg) -> None:
        """Start the session's process before its prompt is ready (best effort)."""

    def answer(self, loop: LoopId, call: CallId, verdict: Verdict) -> bool:
        """Hand a decision to a call that is held open; False when no live session holds it."""

    async def interrupt(self, loop: LoopId) -> bool:
        """Ask the running turn to stop; False when none runs."""

    async def close(self, loop: LoopId) -> None:
        """End the loop's process, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool of ours as the agent sees it; `schema` is the JSON Schema of its input."""

    name: str  # [a-z_]; the agent calls it mcp__loop__<name>
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """A call of one of our tools. `input` fits the schema and is hostile all the same; whose call it is the session says, never the input."""

    loop: LoopId
    thread: ThreadKey
    turn: TurnId
    leg: int
    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """What the agent reads; with `failed` it reads it as an error."""

    text: str
    failed: bool = False


class ToolHand(Protocol):
    """Carries out one tool of ours. A crash can cut a call and the agent can repeat it: doing it twice must be harmless."""

    @property
    def spec(self) -> ToolSpec:
        """Return how the tool is offered."""

    async def __call__(self, use: ToolUse) -> ToolAnswer:
        """Do it. Raises LoopbridgeError when it cannot be done: the agent is told the error and its remedy."""
