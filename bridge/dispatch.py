"""The one way in: event → stored → rule → committed. Owns: Dispatcher. Imports: core, bridge.lanes. Effects: through the store.

`emit` returns once the event is durable, so that whoever brought it may ack it. Handling follows in the thread's lane: load the desk,
ask the rule, commit {event handled, state, facts, effects} in one transaction, hand the new effects on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from bridge.lanes import Lanes
from core import cards
from core.desk import House, Outcome
from core.effects import Whisper
from core.errors import Damaged, PortError, Unavailable
from core.events import Event, Posted, Pressed
from core.ids import derived
from core.ports import Arrival, Clock, Job, Store
from core.step import step

log = structlog.get_logger(__name__)
FIRST_WAIT, LONGEST_WAIT = 0.2, 15.0


class Dispatcher:
    """Takes events in and turns each into one transaction."""

    def __init__(
        self,
        *,
        store: Store,
        house: House,
        clock: Clock,
        take: Callable[[Sequence[Job]], None],
        seen: Sequence[Callable[[Event, Outcome], None]] = (),
    ) -> None:
        self._store = store
        self._house = house
        self._clock = clock
        self._take = take
        self._seen = seen
        self._lanes: Lanes[Arrival] = Lanes(self._handle)

    async def emit(self, event: Event) -> None:
        """Store an event and queue it in its lane; a duplicate changes nothing. Raises Unavailable when it can't be stored."""
        for arrival in await self._store.arrive([event]):
            if arrival is not None:
                self._lanes.put(arrival.event.lane, arrival)

    async def insist(self, event: Event) -> None:
        """Store an event of the bridge's own side, however long that takes: nobody would tell it a second time."""
        wait = FIRST_WAIT
        while True:
            try:
                return await self.emit(event)
            except Unavailable as exc:
                log.warning("event.not_stored", why=str(exc), remedy=exc.remedy, seconds=wait)
                await self._clock.sleep(wait)
                wait = min(LONGEST_WAIT, wait * 2)

    async def recover(self) -> int:
        """Queue what was stored and not handled before a crash; return how many events that were."""
        waiting = await self._store.waiting()
        for arrival in waiting:
            self._lanes.put(arrival.event.lane, arrival)
        return len(waiting)

    @property
    def pending(self) -> int:
        return self._lanes.pending

    async def idle(self) -> None:
        """Wait until every event taken in so far is handled."""
        await self._lanes.idle()

    async def close(self) -> None:
        await self._lanes.close()

    async def _handle(self, lane: str, arrival: Arrival) -> None:
        with structlog.contextvars.bound_contextvars(thread=lane, event=arrival.event.kind):
            wait = FIRST_WAIT
            while True:
                try:
                    await self._settle(arrival)
                except (Unavailable, Damaged) as exc:
                    log.warning("event.put_off", why=str(exc), remedy=exc.remedy, seconds=wait)
                    await self._clock.sleep(wait)
                    wait = min(LONGEST_WAIT, wait * 2)
                else:
                    return

    async def _settle(self, arrival: Arrival) -> None:
        event = arrival.event
        desk = await self._store.desk(event.lane)
        try:
            outcome = step(desk, event, self._house)
        except PortError:
            raise
        except Exception:
            # A rule that breaks must not stop its thread for ever: the event is kept as handled, and whoever spoke hears of it.
            log.exception("event.rule_failed", dedup=event.dedup)
            outcome = self._apology(event)
        jobs = await self._store.settle(arrival, outcome)
        for look in self._seen:
            look(event, outcome)
        self._take(jobs)

    def _apology(self, event: Event) -> Outcome:
        if not isinstance(event, Posted | Pressed):
            return Outcome()
        words = cards.error(
            "The bridge could not act on this: one of its rules failed.",
            "Say it in other words, or ask an admin to look at the log.",
            "Your words are kept.",
        )
        key = f"apology:{derived(event.dedup)[:16]}"
        return Outcome(effects=(Whisper(key=key, lane=event.lane, to=event.author.identity, message=words),))
