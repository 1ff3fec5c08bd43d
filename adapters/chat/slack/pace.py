"""How fast one workspace may be called. Owns: Pace. Imports: asyncio, core. Effects: waits.

Slack counts calls per method and minute, and posts per channel and second. Calls wait here for their turn in the order they came, so
that Slack has nothing to refuse. Edits do not wait: a card whose turn is far off is told when it comes, keeps its place, and comes back
with whatever is true by then.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Mapping

from core.errors import RateLimited
from core.ports import Clock

MINUTE = 60.0
# What Slack's tiers allow, less a tenth: its minute and ours do not begin together.
TIERS: Mapping[str, int] = {
    "apps.connections.open": 18, "chat.update": 45, "chat.delete": 45, "chat.postMessage": 300, "chat.postEphemeral": 90,
    "conversations.history": 45, "conversations.replies": 45, "conversations.info": 45, "conversations.open": 45,
    "files.info": 90, "files.getUploadURLExternal": 90, "files.completeUploadExternal": 90, "reactions.add": 45,
    "users.info": 90, "users.conversations": 18, "views.open": 90, "views.publish": 90, "auth.test": 300,
}  # fmt: skip
USUAL = 45
PATIENCE = 0.5  # seconds an edit may wait within its call
FORGOTTEN = 15.0  # seconds after which a turn that was not taken lapses


class Meter:
    """So many at once, then one every `interval` seconds. Times are monotonic."""

    def __init__(self, interval: float, burst: int) -> None:
        self._interval = interval
        self._slack = interval * (burst - 1)
        self._next = float("-inf")

    def take(self, now: float) -> float:
        """Take the next turn and return when it is, now at the earliest."""
        turn = max(now, self._next - self._slack)
        self._next = max(now, self._next) + self._interval
        return turn


class Pace:
    """The meters of one workspace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[str, deque[float]] = defaultdict(deque)
        self._blocked: dict[str, float] = {}
        self._posts: dict[str, Meter] = defaultdict(lambda: Meter(1.0, 3))  # by channel
        # Thirty edits a minute are for progress; the rest of the tier is for decisions, which do not stand in this line.
        self._progress = Meter(2.0, 5)
        self._turns: dict[str, float] = {}  # by card: when its edit may go
        self._queues: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def turn(self, method: str, channel: str = "") -> None:
        """Wait until the method may be called (for a post: on this channel), and count the call."""
        if method == "chat.postMessage" and channel:
            now = self._clock.monotonic()
            await self._wait(self._posts[channel].take(now) - now)
        async with self._queues[method]:
            while (wait := self._wait_for(method)) > 0:
                await self._clock.sleep(wait)
            self._calls[method].append(self._clock.monotonic())

    async def edit(self, card: str, *, urgent: bool) -> None:
        """Take a turn to edit a card, waiting a moment at most. Raises RateLimited with how long the card's turn is off."""
        now = self._clock.monotonic()
        self._turns = {each: at for each, at in self._turns.items() if at > now - FORGOTTEN}
        mine = now if urgent else self._turns[card] if card in self._turns else self._progress.take(now)
        mine = max(mine, now + self._wait_for("chat.update"))
        if mine - now > PATIENCE:
            if not urgent:
                self._turns[card] = mine
            raise RateLimited("too many cards change at once", retry_after=mine - now)
        self._turns.pop(card, None)
        self._calls["chat.update"].append(mine)
        await self._wait(mine - now)

    def block(self, method: str, seconds: float) -> None:
        """Let the method rest: Slack refused it."""
        self._blocked[method] = max(self._blocked.get(method, 0.0), self._clock.monotonic() + seconds)

    def _wait_for(self, method: str) -> float:
        now, limit, calls = self._clock.monotonic(), TIERS.get(method, USUAL), self._calls[method]
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        wait = max(0.0, self._blocked.get(method, 0.0) - now)
        return max(wait, calls[len(calls) - limit] + MINUTE - now) if len(calls) >= limit else wait

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)
