"""Slack told something: how soon it hears back. Owns: ack, sign, ours_at. Imports: adapters, bridge, slack_bolt, slack_sdk, tests.

Lines slack-ack and slack-sign. Each floor is a short script with the bare SDK before a far side of its own, of the same
kind and in the same process, so that what the far side itself costs is in both; floor and bridge take turns. Effects: far sides on
loopback, databases in a folder, for slack-sign a whole bridge with boxes and the real CLI.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.slack import names, plugin
from adapters.chat.slack.adapter import SlackChat
from adapters.store.store import SqlStore
from bridge.app import Bridge
from bridge.clock import SystemClock
from bridge.dispatch import Dispatcher
from bridge.wanted import Memory
from core import events, ids, policy
from core.desk import House
from core.ports import Job
from tests.bench.report import Line
from tests.far_sides.slack import Slack
from tests.far_sides.slack.world import Message
from tests.scenarios import house as houses

ROUNDS, ACKS = 9, 30
SIGNS = 11
PATIENCE = 60.0
SCRIPT = '[[rule]]\nsay = "I am here."\n'


@dataclass(slots=True, kw_only=True)
class Ours:
    """The real adapter before the real dispatcher and store; effects are gathered instead of carried out."""

    slack: Slack
    chat: SlackChat
    dispatcher: Dispatcher
    jobs: list[Job] = field(default_factory=list)

    @property
    def admission(self) -> events.Admitted:
        """Return what lets maya in."""
        identity = names.identity_of(self.slack.team().id, self.slack.user("maya").id)
        lane = ids.thread_key("local", "home", "console", "0")
        return events.Admitted(
            lane=lane, at=SystemClock().now(), identity=identity, name="Maya", role="admin"
        )


@asynccontextmanager
async def ours_at(path: Path) -> AsyncIterator[Ours]:
    """Run the adapter with a dispatcher over a store in a new database."""
    clock = SystemClock()
    house = House(policy=policy.Policy(rules=()), secret="s" * 32, repos=("demo",), model="m")
    jobs: list[Job] = []
    async with Slack() as slack, SqlStore(f"sqlite:///{path}", clock=clock) as store:
        slack.user("maya")
        memory = Memory(store=store, chat="slack")
        chat = plugin.build(
            clock=clock, bot_tokens=[slack.bot_token], app_token=slack.app_token, api_url=slack.base_url,
            remember=memory.remember, recall=memory.recall,
        )  # fmt: skip
        assert isinstance(chat, SlackChat)
        dispatcher = Dispatcher(store=store, house=house, clock=clock, take=jobs.extend)
        ours = Ours(slack=slack, chat=chat, dispatcher=dispatcher, jobs=jobs)
        await dispatcher.emit(ours.admission)
        async with chat:
            listening = asyncio.create_task(chat.listen(dispatcher.emit))
            try:
                await asyncio.wait_for(chat.listening.wait(), PATIENCE)
                yield ours
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await dispatcher.close()


class Disk:
    """One row and one durable commit by the bare driver: what keeping anything costs on this disk under its present load."""

    def __init__(self, path: Path) -> None:
        self._bare = sqlite3.connect(path, isolation_level=None)
        self._bare.execute("PRAGMA journal_mode = WAL")
        self._bare.execute("PRAGMA synchronous = FULL")
        self._bare.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, payload TEXT)")
        self.took: list[float] = []

    def commit(self) -> None:
        """Measure one."""
        began = time.perf_counter()
        self._bare.execute("INSERT INTO event (payload) VALUES (?)", ("x" * 300,))
        self.took.append(time.perf_counter() - began)

    def close(self) -> None:
        self._bare.close()

    def __str__(self) -> str:
        return f"one durable commit by the bare driver took {median(self.took) * 1e3:.2f} ms meanwhile"


# ── slack-ack ────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _bolt() -> AsyncIterator[Slack]:
    """Run an app as Bolt's own guide has it: it acks by itself and stores nothing."""
    async with Slack() as slack:
        slack.user("maya")
        app = AsyncApp(token=slack.bot_token, client=AsyncWebClient(slack.bot_token, base_url=slack.base_url))

        @app.event("message")
        async def heard(event: dict[str, Any]) -> None:
            pass

        handler = AsyncSocketModeHandler(app, slack.app_token, web_client=app.client)
        await handler.connect_async()  # type: ignore[no-untyped-call]
        try:
            yield slack
        finally:
            await handler.close_async()  # type: ignore[no-untyped-call]


async def ack(root: Path) -> Sequence[Line]:
    """From the sending of an envelope until Slack has its ack; ours comes after the durable insert."""
    mine, its = [], []
    async with _bolt() as bare, ours_at(root / "ack.db") as ours:
        disk = Disk(root / "floor.db")
        for turn in range(ROUNDS + 1):
            floor = [await _acked(bare) for _ in range(ACKS)]
            bridge = []
            for _ in range(ACKS):
                bridge.append(await _acked(ours.slack))
                await ours.dispatcher.idle()
                disk.commit()
            if turn:  # the first warms both up
                mine.append(sorted(bridge)[ACKS // 2])
                its.append(sorted(floor)[ACKS // 2])
        if ours.slack.unacked or bare.unacked:
            raise RuntimeError("something was not acked")
    against = "a bare Bolt handler that acks by default and stores nothing"
    disk.close()
    note = f"each run is the median of {ACKS}; {disk}"
    what = "Slack event → ack, after the durable insert"
    return [Line(name="slack-ack", what=what, ours=mine, floor=its, goal=4.0, against=against, note=note)]


async def _acked(slack: Slack) -> float:
    began = time.perf_counter()
    await slack.user_posts("maya", "general", "the session test fails again on CI, third time this week")
    await slack.settled()
    return time.perf_counter() - began


# ── slack-sign ───────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def _nodding() -> AsyncIterator[Slack]:
    """Run a script that puts 👀 on every mention, with the SDK alone."""
    async with Slack() as slack:
        slack.user("maya")
        web = AsyncWebClient(slack.bot_token, base_url=slack.base_url)
        client = SocketModeClient(
            slack.app_token, web_client=AsyncWebClient(slack.app_token, base_url=slack.base_url)
        )

        async def heard(on: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
            await on.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
            event = request.payload["event"]
            if event["type"] == "app_mention":
                await web.reactions_add(channel=event["channel"], timestamp=event["ts"], name="eyes")

        client.socket_mode_request_listeners.append(heard)
        await client.connect()  # type: ignore[no-untyped-call]
        try:
            yield slack
        finally:
            await client.close()  # type: ignore[no-untyped-call]


async def sign(root: Path) -> Sequence[Line]:
    """From a mention in a thread until Slack has the reaction; each loop is put away before the next one begins."""
    mine, its = [], []
    async with AsyncExitStack() as stack:
        bare = await stack.enter_async_context(_nodding())
        slack = await stack.enter_async_context(Slack())
        slack.user("maya")
        house = await stack.enter_async_context(houses.house(SCRIPT, root=root))
        house.environ |= {
            "LOOPBRIDGE_SLACK__BOT_TOKEN": slack.bot_token,
            "LOOPBRIDGE_SLACK__APP_TOKEN": slack.app_token,
            "LOOPBRIDGE_SLACK__API_URL": slack.base_url,
        }
        bridge = await stack.enter_async_context(house.bridge())
        code = bridge.claim_code
        if code:
            await slack.user_posts("maya", "general", f"!loop claim {code}")
        await bridge.warm_up()
        disk = stack.enter_context(closing(Disk(root / "floor.db")))
        for turn in range(SIGNS):
            thread = await _thread(bare)
            floor = await _seen(bare, thread)
            thread = await _thread(slack)
            await asyncio.sleep(0.3)
            disk.commit()
            took = await _seen(slack, thread)
            await _put_away(slack, bridge, thread)
            if turn:
                its.append(floor)
                mine.append(took)
    what = "a mention in a thread → the first visible sign there"
    against = "a bare script that calls reactions.add on the same event"
    note = f"the mention and what follows from it are durable before the sign; {disk}"
    return [Line(name="slack-sign", what=what, ours=mine, floor=its, goal=4.0, against=against, note=note)]


async def _thread(slack: Slack) -> Message:
    return await slack.user_posts("maya", "general", "the session test fails again on CI")


async def _seen(slack: Slack, thread: Message) -> float:
    await slack.settled()
    began = time.perf_counter()
    told = await slack.user_posts("maya", "general", "@loop fix the failing test", thread=thread)
    await _until(lambda: told.reactions, every=0.0005)
    return time.perf_counter() - began


async def _put_away(slack: Slack, bridge: Bridge, thread: Message) -> None:
    """Wait for the loop's answer, end the loop, and let its process go."""
    await _until(lambda: "I am here." in _says(slack, thread))
    await slack.user_posts("maya", "general", "@loop done", thread=thread)
    async with asyncio.timeout(PATIENCE):
        while await bridge.store.loops() or bridge.delivery.pending:  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


def _says(slack: Slack, thread: Message) -> str:
    lines = slack.transcript("general", thread)
    return "\n".join(line.text for line in lines if line.bot)


async def _until(holds: Callable[[], object], *, every: float = 0.02) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(every)
