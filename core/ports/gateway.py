"""The only ways out of a box. Owns: Gateway and its reports. Imports: core. Effects: none."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from core.ids import LoopId


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """One answered model request of a loop. Tokens are counts; `cost_usd` is dollars."""

    loop: LoopId
    request: str
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRefused:
    """A tool in the box tried to reach a host that is not on the allowlist."""

    loop: LoopId
    host: str
    port: int
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRefused:
    """The model's side answered with an error, or could not be reached (`status` 0)."""

    loop: LoopId
    status: int
    why: str
    at: datetime


GatewayReport = Metered | EgressRefused | ModelRefused


class Gateway(AbstractAsyncContextManager["Gateway"], Protocol):
    """The only ways out of a box: the model's socket and the egress socket, both per loop."""

    async def open(
        self, loop: LoopId, *, model_socket: Path, egress_socket: Path, budget_usd: float | None
    ) -> None:
        """Listen for this loop (idempotent). `budget_usd` is what it may still spend; None means no cap."""

    async def close(self, loop: LoopId) -> None:
        """Stop listening for this loop and remove its sockets (idempotent)."""
