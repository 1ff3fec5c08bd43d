"""What the gateway and the clock report. Owns: Spent, EgressDenied, ModelFailed, AskDue, Pulsed. Imports: core.ids. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.events.base import OfLoop
from core.ids import AskId


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent(OfLoop):
    """One model request was answered and metered."""

    request: str
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: float
    kind: Literal["spent"] = "spent"

    @property
    def dedup(self) -> str:
        return f"spent:{self.loop}:{self.request}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressDenied(OfLoop):
    """A tool tried to reach a host that is not on the allowlist."""

    host: str
    port: int
    why: str
    kind: Literal["egress_denied"] = "egress_denied"

    @property
    def dedup(self) -> str:
        return f"egress:{self.loop}:{self.host}:{self.port}:{self.at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed(OfLoop):
    """The model's side answered with an error (`status` 0: could not be reached)."""

    status: int
    why: str
    kind: Literal["model_failed"] = "model_failed"

    @property
    def dedup(self) -> str:
        return f"model_failed:{self.loop}:{self.at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDue(OfLoop):
    """An ask's next moment came: a reminder or its expiry."""

    ask: AskId
    stage: Literal["remind", "expire"]
    kind: Literal["ask_due"] = "ask_due"

    @property
    def dedup(self) -> str:
        return f"due:{self.ask}:{self.stage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulsed(OfLoop):
    """Time passes while a turn runs: the card's clock may need a new reading."""

    kind: Literal["pulsed"] = "pulsed"

    @property
    def dedup(self) -> str:
        return f"pulse:{self.loop}:{self.at.isoformat()}"
