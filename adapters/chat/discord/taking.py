"""Handing events to the bridge until it has them. Owns: take_in. Imports: core. Effects: waits."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from core.errors import StorageFull, Unavailable
from core.events import Event
from core.ports import Clock, Emit

log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0  # seconds between two tries
FULL = "Not taken yet: the bridge's disk is full. What you did is kept, and taken when there is room; you need not do it again."
LATER = "Not taken yet: the bridge cannot store it now. What you did is kept and tried again; you need not do it again."


async def take_in(
    emit: Emit, event: Event, clock: Clock, complain: Callable[[str], Awaitable[None]] | None = None
) -> None:
    """Emit an event, again and again until it is stored; `complain` is told once when it takes longer."""
    wait = FIRST_WAIT
    while True:
        try:
            await emit(event)
        except Unavailable as exc:
            log.warning("chat.discord.not_stored", extra={"dedup": event.dedup, "why": str(exc)})
            if complain is not None and wait == FIRST_WAIT:
                await complain(FULL if isinstance(exc, StorageFull) else LATER)
        else:
            return
        await clock.sleep(wait)
        wait = min(LONGEST_WAIT, wait * 2)
