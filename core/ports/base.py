"""Time, and what a check found. Owns: Clock, Finding, Emit. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.events import Event

Emit = Callable[[Event], Awaitable[None]]  # returns once the event is durable


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `doctor`: what was tried, whether it worked, what to do if not."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


class Clock(Protocol):
    """Time, passed in: `now` is aware (UTC), `monotonic` is seconds."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...
