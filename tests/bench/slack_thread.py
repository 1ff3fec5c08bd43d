"""A long thread read for a loop. Owns: thread. Imports: adapters, bridge, slack_sdk, tests.bench.slack_line. Effects: as there."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bridge.clock import SystemClock
from bridge.daemon import settle_heap
from bridge.reading import Reading
from core import effects
from tests.bench import slack_line
from tests.bench.report import Line
from tests.far_sides.slack import Slack
from tests.far_sides.slack.world import Channel, Message

READS, LONG = 11, 1_000
PAGE = 500  # messages; as the adapter asks for


async def thread(root: Path) -> Sequence[Line]:
    """A thread from before the bridge saw it: read, handed on as an event, noted in the graph, durable."""
    mine, its = [], []
    settle_heap()  # as the daemon has it
    async with slack_line.ours_at(root / "thread.db") as ours:
        slack = ours.slack
        reading = Reading(chats={"slack": ours.chat}, clock=SystemClock(), emit=ours.dispatcher.insist)
        web = AsyncWebClient(slack.bot_token, base_url=slack.base_url)
        for turn in range(READS):
            channel, first = await _long(slack, turn)
            ours.jobs.clear()
            last = await slack.user_posts("maya", channel, "@loop fix the failing test", thread=first)
            await slack.settled()
            await ours.dispatcher.idle()
            [read] = [job.effect for job in ours.jobs if isinstance(job.effect, effects.ReadThread)]
            gc.collect()
            gc.freeze()  # what the far side remembers is no part of either
            began = time.perf_counter()
            await _served(web, channel, first, last)
            floor = time.perf_counter() - began
            began = time.perf_counter()
            await reading(read)
            await ours.dispatcher.idle()
            took = time.perf_counter() - began
            if turn:
                its.append(floor)
                mine.append(took)
    gc.unfreeze()
    rate = LONG / sorted(mine)[len(mine) // 2]
    against = f"the bare SDK pages through it, up to the same message, {PAGE} a page"
    what = f"{LONG:,} messages of a thread: read and in the graph"
    note = f"{rate:.0f} messages/s"
    return [
        Line(name="slack-thread", what=what, ours=mine, floor=its, goal=0.3, at_least=True, against=against, note=note)
    ]  # fmt: skip


async def _long(slack: Slack, turn: int) -> tuple[Channel, Message]:
    """Make a long thread, one message short, in a channel that the bridge is invited to afterwards."""
    channel = slack.channel(f"old-{turn}", bot=False)
    first = await slack.user_posts("maya", channel, "the session test fails again on CI")
    for number in range(LONG - 2):
        words = f"reply {number}: a token is over when its lifetime has *passed*, see https://ci.example.com/{number}"
        await slack.user_posts(("maya", "ravi")[number % 2], channel, words, thread=first)
    channel.members.append(slack.team().bot.id)
    return channel, first


async def _served(web: AsyncWebClient, channel: Channel, first: Message, last: Message) -> None:
    """Page through a thread, asking for just what the adapter asks for."""
    window: dict[str, Any] = {
        "ts": first.ts,
        "latest": last.ts,
        "inclusive": True,
        "include_all_metadata": True,
    }
    cursor, count = None, 0
    while True:
        page = await web.conversations_replies(channel=channel.id, limit=PAGE, cursor=cursor, **window)
        count += len(page["messages"])
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    if count != LONG:
        raise RuntimeError(f"{count} messages were served")
