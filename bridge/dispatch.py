"""The one way in: event → stored → rule → committed. Owns: Dispatcher. Imports: core, bridge.lanes. Effects: through the store.

`emit` returns once the event is durable, so that whoever brought it may ack it. Handling follows in the thread's lane: load the desk,
ask the rule, commit {event handled, state, facts, effects} in one transaction, hand the new effects on. What the bridge's own side
tells nobody acks: it is stored in that same transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """An event in its lane. `seq` is 0 while it is not stored; then `told` says whether it was stored with what followed from it."""

    event: Event
    seq: int = 0
    told: asyncio.Future[bool] | None = None


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
        self._lanes: Lanes[Piece] = Lanes(self._handle)
        self._untold: set[asyncio.Future[bool]] = set()

    async def emit(self, event: Event) -> None:
        """Store an event and queue it in its lane; a duplicate changes nothing. Raises Unavailable when it can't be stored."""
        for arrival in await self._store.arrive([event]):
            if arrival is not None:
                self._put(arrival)

    async def insist(self, event: Event) -> None:
        """Store an event of the bridge's own side, however long that takes: nobody would tell it a second time."""
        if await self._told(event):
            return
        wait = FIRST_WAIT
        while True:
            try:
                return await self.emit(event)
            except Unavailable as exc:
                log.warning("event.not_stored", why=str(exc), remedy=exc.remedy, seconds=wait)
                await self._clock.sleep(wait)
                wait = min(LONGEST_WAIT, wait * 2)

    async def _told(self, event: Event) -> bool:
        """Handle an event in its turn and store it with what follows from it; False when that could not be and it is not stored."""
        if self._lanes.closed:
            return False
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._untold.add(told)
        told.add_done_callback(self._untold.discard)
        self._lanes.put(event.lane, Piece(event, told=told))
        return await told

    async def recover(self) -> int:
        """Queue what was stored and not handled before a crash; return how many events that were."""
        waiting = await self._store.waiting()
        for arrival in waiting:
            self._put(arrival)
        return len(waiting)

    def _put(self, arrival: Arrival) -> None:
        self._lanes.put(arrival.event.lane, Piece(arrival.event, arrival.seq))

    @property
    def pending(self) -> int:
        return self._lanes.pending

    async def idle(self) -> None:
        """Wait until every event taken in so far is handled."""
        await self._lanes.idle()

    async def close(self) -> None:
        """Stop where it stands; what was brought and not handled stays in the store."""
        await self._lanes.close()
        for told in tuple(self._untold):
            _tell(told, stored=False)

    async def _handle(self, lane: str, piece: Piece) -> None:
        with structlog.contextvars.bound_contextvars(thread=lane, event=piece.event.kind):
            try:
                await self._try(piece)
            finally:
                _tell(piece.told, stored=False)

    async def _try(self, piece: Piece) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                await self._settle(piece)
            except (Unavailable, Damaged) as exc:
                log.warning("event.put_off", why=str(exc), remedy=exc.remedy, seconds=wait)
                piece = await self._kept(piece)
                await self._clock.sleep(wait)
                wait = min(LONGEST_WAIT, wait * 2)
            else:
                return _tell(piece.told, stored=True)

    async def _kept(self, piece: Piece) -> Piece:
        """Have an event that cannot be handled now wait in the store, if that is possible."""
        if piece.told is None:
            return piece
        try:
            [arrival] = await self._store.arrive([piece.event])
        except (Unavailable, Damaged):
            return piece
        if arrival is None:
            return piece  # it was told before: nothing will be changed
        _tell(piece.told, stored=True)
        return Piece(piece.event, arrival.seq)

    async def _settle(self, piece: Piece) -> None:
        event = piece.event
        desk = await self._store.desk(event.lane)
        try:
            outcome = step(desk, event, self._house)
        except PortError:
            raise
        except Exception:
            # A rule that breaks must not stop its thread for ever: the event is kept as handled, and whoever spoke hears of it.
            log.exception("event.rule_failed", dedup=event.dedup)
            outcome = self._apology(event)
        if piece.told is None:
            jobs: Sequence[Job] | None = await self._store.settle(
                Arrival(seq=piece.seq, event=event), outcome
            )
        else:
            jobs = await self._store.tell(event, outcome)
        if jobs is None:
            return  # it was told before
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


def _tell(told: asyncio.Future[bool] | None, *, stored: bool) -> None:
    if told is not None and not told.done():
        told.set_result(stored)
