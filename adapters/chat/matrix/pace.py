"""How fast one account speaks. Owns: Pace, Limit, Rank. Imports: asyncio, core. Effects: waits.

A homeserver does not say how many events it takes before it refuses one, and some take as many as come. So few are under way at a time,
what people wait for first; a limit is learnt from what the server refuses, and kept from then on. Edits do not wait: a card whose turn is
far off is told when it comes, and comes back with whatever is true by then.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum
from itertools import count

from core.errors import RateLimited
from core.ports import Clock

WIDTH = 4  # events under way at a time: more only wait at the server, where nothing overtakes
PATIENCE = 0.5  # seconds an edit may be early for its turn, and may stand in line: what its thread says next waits for it
FORGOTTEN = 15.0  # seconds after which a turn that was not taken lapses
SHARE = 1.5  # an edit's turn is so many times as long as an event takes: the rest is for what people wait for
CAUTION = 1.05  # the server's clock and ours do not run together
LONGEST = 10.0  # seconds between two events that are believed; Synapse by default wants five
BELIEVED = 1_800.0  # seconds without a refusal after which the server is tried again
INSTANT = 1e-3  # seconds that are not waited for
REMEMBERED = 200  # events from which a limit is learnt


class Rank(IntEnum):
    """Who goes first."""

    POST = 0
    SIGN = 1
    EDIT = 2


class Limit:
    """What a server that drains a bucket would refuse: so many at once, then one every `interval` seconds (0: no limit is known).

    Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self.interval = 0.0
        self.burst = 1
        self._sent: deque[float] = deque(maxlen=REMEMBERED)
        self._rest = float("-inf")  # until when the server wants to hear nothing
        self._until = float("-inf")  # until when the limit is believed

    def wait(self, now: float) -> float:
        """Return the seconds until an event may be sent."""
        if now > self._until:
            self.interval = 0.0
        over = self._level(now) + 1 - self.burst if self.interval else 0.0
        wait = max(self._rest - now, over * self.interval)
        return wait if wait > INSTANT else 0.0

    def sent(self, now: float) -> None:
        """Count an event that is sent now."""
        self._sent.append(now)

    def refused(self, sent: float, now: float, pause: float) -> None:
        """Learn from a refusal of what was `sent` then: the server has room for one again in `pause` seconds."""
        if sent in self._sent:
            self._sent.remove(sent)
        last = self._sent[-1] if self._sent else sent
        # After the last event that it took its bucket was full, or nearly: this is how long one takes to drain, or less. Had there been
        # room since, others have filled it: then its pause alone tells something.
        drains = min(now + pause - last, max(self.interval + pause, 2 * pause), LONGEST)
        self.interval = max(self.interval, CAUTION * drains, INSTANT)
        self.burst = max(1, math.ceil(self._level(now)) - 1)
        self._rest = max(self._rest, now + pause)
        self._until = now + BELIEVED

    def _level(self, now: float) -> float:
        """Return how many events are in a bucket that drains as this limit does."""
        level, before = 0.0, now
        for at in self._sent:
            level = max(0.0, level - (at - before) / self.interval) + 1 if level else 1.0
            before = at
        return max(0.0, level - (now - before) / self.interval)


class Pace:
    """The one line in which everything stands that the account says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.limit = Limit()
        self._line: list[tuple[Rank, int]] = []
        self._numbers = count()
        self._under_way = 0
        self._moved = asyncio.Event()
        self._took = 0.0  # seconds an event takes, of late
        self._edits = float("-inf")  # when the next edit may go
        self._turns: dict[str, float] = {}  # by card: when its edit may go

    @asynccontextmanager
    async def turn(self, rank: Rank) -> AsyncIterator[None]:
        """Wait until an event of this rank may be sent, and hold the turn while it is. Raises RateLimited when an edit's is not soon."""
        try:
            async with asyncio.timeout(PATIENCE if rank is Rank.EDIT else None):
                await self._stand(rank)
        except TimeoutError:
            pause = max(PATIENCE, self.limit.wait(self._clock.monotonic()))
            raise RateLimited("other messages go first", retry_after=pause) from None
        sent = self._clock.monotonic()
        self.limit.sent(sent)
        try:
            yield
        except RateLimited as exc:
            self.limit.refused(sent, self._clock.monotonic(), exc.retry_after)
            raise
        else:
            self._took += (self._clock.monotonic() - sent - self._took) / 8
        finally:
            self._under_way -= 1
            self._stir()

    def edit(self, card: str) -> None:
        """Take a turn to edit a card. Raises RateLimited with how long it is off, when that is more than a moment."""
        now = self._clock.monotonic()
        self._turns = {each: at for each, at in self._turns.items() if at > now - FORGOTTEN}
        if card not in self._turns:
            self._turns[card] = max(now, self._edits)
            self._edits = self._turns[card] + max(SHARE * self._took / WIDTH, 2 * self.limit.interval)
        if (off := self._turns[card] - now) > PATIENCE:
            raise RateLimited("too many cards change at once", retry_after=off)
        del self._turns[card]

    async def _stand(self, rank: Rank) -> None:
        mine = (rank, next(self._numbers))
        heapq.heappush(self._line, mine)
        try:
            while True:
                moved = self._moved
                if self._line[0] != mine or self._under_way >= WIDTH:
                    await moved.wait()
                elif (wait := self.limit.wait(self._clock.monotonic())) > 0:
                    await self._clock.sleep(wait)
                else:
                    self._under_way += 1
                    return
        finally:
            self._line.remove(mine)
            heapq.heapify(self._line)
            self._stir()

    def _stir(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
