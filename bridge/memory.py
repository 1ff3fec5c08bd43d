"""What becomes of a box that took too much memory. Owns: MemoryGuard. Imports: adapters.sandbox, core. Effects: kills boxes, by the watchdog."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import structlog

from adapters.sandbox.watchdog import Overrun, Watchdog
from core import events
from core.ports import Emit

log = structlog.get_logger(__name__)


class MemoryGuard:
    """Watches the boxes of running legs, and gives a broken leg its reason."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._over: dict[Path, Overrun] = {}
        self.watchdog = Watchdog(self._note)

    async def _note(self, overrun: Overrun) -> None:
        log.warning(
            "box.too_large", launcher=str(overrun.launcher), held=overrun.held, allowed=overrun.allowed
        )
        self._over[overrun.launcher] = overrun

    def watch(self, launcher: Path) -> None:
        """Look after the box of a leg that begins."""
        self._over.pop(launcher, None)
        self.watchdog.watch(launcher, self._allowed)

    def forget(self, launcher: Path) -> None:
        """Look no longer after the box of a loop that is over (idempotent)."""
        self._over.pop(launcher, None)
        self.watchdog.forget(launcher)

    def explaining(self, launcher: Path, emit: Emit) -> Emit:
        """Return an `emit` that says of a killed box why it ended."""

        async def emit_with_reason(event: events.Event) -> None:
            overrun = self._over.get(launcher)
            if isinstance(event, events.TurnBroke) and overrun is not None and not event.stopped:
                event = replace(
                    event,
                    what=f"The sandbox held {overrun.held >> 20:,} MB of memory and may hold {overrun.allowed >> 20:,} MB, so it was ended.",
                    remedy="Tell the loop to work in smaller pieces and press Retry, or have an admin raise sandbox.memory.",
                )
            await emit(event)

        return emit_with_reason
