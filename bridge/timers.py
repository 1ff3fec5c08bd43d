"""What happens by the clock. Owns: Timers. Imports: core. Effects: emits events, keeps the sign of life."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from core import events
from core.effects import RunLeg
from core.ports import Clock, Emit, Store

ALIVE = "alive_at"
ASKS_EVERY, PULSE_EVERY, ALIVE_EVERY = 1.0, 15.0, 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """Looks at the asks, moves the cards' clocks, and notes that the bridge lives."""

    store: Store
    clock: Clock
    emit: Emit
    running: Callable[[], Iterable[RunLeg]]

    async def asks(self) -> None:
        """Remind and expire, for ever."""
        while True:
            now = self.clock.now()
            for ask, stage in await self.store.asks_due(now):
                due: events.AskDue = events.AskDue(
                    lane=ask.thread,
                    at=now,
                    loop=ask.loop,
                    ask=ask.id,
                    stage="remind" if stage == "remind" else "expire",
                )
                await self.emit(due)
            await self.clock.sleep(ASKS_EVERY)

    async def pulses(self) -> None:
        """Move the clocks of running cards, for ever."""
        while True:
            await self.clock.sleep(PULSE_EVERY)
            now = self.clock.now()
            for leg in list(self.running()):
                await self.emit(events.Pulsed(lane=leg.lane, at=now, loop=leg.loop))

    async def sign_of_life(self) -> None:
        """Note the time, for ever: after a crash it tells how long the bridge was away."""
        while True:
            await self.store.keep(ALIVE, self.clock.now().isoformat())
            await self.clock.sleep(ALIVE_EVERY)


async def last_alive(store: Store) -> datetime | None:
    """Return when the bridge was last known to live."""
    kept = await store.kept(ALIVE)
    return datetime.fromisoformat(kept) if kept else None
