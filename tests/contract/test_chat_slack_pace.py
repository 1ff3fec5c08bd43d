"""Many loops report into one workspace at once: within Slack's limits, in order, and nothing people wait for stands in a queue.

Slack's minute lasts six seconds here, and so does the adapter's. Effects: a far side on loopback, a database.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from adapters import cancelling
from adapters.chat.slack import pace
from adapters.chat.slack.adapter import CAPS
from core.errors import RateLimited
from core.ids import ThreadKey
from core.message import Message
from core.ports import ChatAdapter, Clock
from tests.bench.crowd import ANSWERS, ASKS, crowd
from tests.bench.grounds import OnSlack
from tests.far_sides.slack import Slack, Times
from tests.patience import PATIENCE

FASTER = 10.0


class QuickClock:
    """A clock that runs faster."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() * FASTER

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / FASTER)


class Quick:
    """The adapter, seen by a delivery whose own clock is the true one."""

    platform = "slack"
    caps = replace(CAPS, edit_every=CAPS.edit_every / FASTER)

    def __init__(self, chat: ChatAdapter) -> None:
        self._chat = chat

    async def __aenter__(self) -> Self:
        await self._chat.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._chat.__aexit__(kind, error, trace)

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        return await self._chat.post(thread, message, key=key)

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        try:
            await self._chat.edit(thread, posted, message)
        except RateLimited as exc:
            raise RateLimited(str(exc), retry_after=exc.retry_after / FASTER) from exc


class QuickSlack(OnSlack):
    """A workspace whose adapter lives by the quick clock."""

    channels = 3

    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter:
        return cast("ChatAdapter", Quick(super().adapter(QuickClock(), **memory)))


async def test_ten_loops_report_at_once(tmp_path: Path) -> None:
    async with Slack(times=Times(minute=pace.MINUTE / FASTER)) as slack:
        async with crowd(QuickSlack(slack), tmp_path / "b.db", loops=10) as loops, Stillness() as still:
            await loops.reports(seconds=3.0, every=0.05, seed=3)
            edits = loops.edits
            await loops.told(PATIENCE)
            faults = await loops.faults()
        assert slack.refusals == 0
        assert faults == []
        assert edits > len(loops.loops), "the cards were hardly ever changed"
        # A card waits for its turn; what people wait for does not wait with it.
        assert max(loops.waits(ANSWERS) + loops.waits(ASKS)) - still.seconds < _longest_gap(slack)


class Stillness:
    """For how many seconds nothing at all went on here: what a busy machine takes is nobody's waiting in a queue."""

    LOOK = 0.02

    def __init__(self) -> None:
        self.seconds = 0.0

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await cancelling.ended(self._looking)

    async def _look(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(self.LOOK)
            self.seconds += max(0.0, time.monotonic() - began - 2 * self.LOOK)


def _longest_gap(slack: Slack) -> float:
    """Return the longest time between two edits of one card."""
    edits: dict[str, list[float]] = {}
    for call in slack.called("chat.update"):
        edits.setdefault(call.args["ts"], []).append(call.at)
    return max(later - at for times in edits.values() for at, later in pairwise(times))
