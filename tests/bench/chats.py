"""Discord and Matrix told something: how soon the bridge has it, and how soon it shows. Owns: the lines discord-… and matrix-….

The floor is a short script with the bare library before a side of its own, of the same kind and in the same run; both take turns. Imports:
bridge, core, tests. Effects: far sides on loopback, databases in a folder, for the sign a whole bridge with boxes and the real CLI.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from adapters.store.store import SqlStore
from bridge.app import Bridge
from bridge.clock import SystemClock
from bridge.dispatch import Dispatcher
from bridge.reading import Reading
from bridge.wanted import Memory
from core import effects, events, policy
from core.desk import House
from core.ports import ChatAdapter, Clock, Job
from tests.bench import chat_discord, chat_matrix
from tests.bench.report import Line
from tests.scenarios import house as houses

ROUNDS, EACH, SIGNS, READS = 9, 10, 9, 8
PATIENCE = 60.0
SCRIPT = '[[rule]]\nsay = "I am here."\n'
WORDS = "the session test fails again on CI, third time this week"


class Side(Protocol):
    """A platform with Maya on it."""

    name: str
    floor: str

    @property
    def environ(self) -> dict[str, str]: ...
    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter: ...
    async def ready(self) -> None: ...
    async def says(self, text: str, *, thread: int | None = None) -> Any: ...
    async def signed(self, said: Any) -> None: ...
    async def fill(self, threads: int, messages: int) -> None: ...


class Bare(Protocol):
    """The script that is the floor. `heard` tells when it was handed what Maya wrote."""

    heard: asyncio.Queue[float]

    async def read(self, thread: int) -> int: ...


@dataclass(slots=True, kw_only=True)
class Ours:
    """The real adapter before the real dispatcher and store; effects are gathered instead of carried out."""

    chat: ChatAdapter
    dispatcher: Dispatcher
    heard: asyncio.Queue[float] = field(default_factory=asyncio.Queue)
    jobs: list[Job] = field(default_factory=list)

    async def emit(self, event: events.Event) -> None:
        """Store an event, and note when that was done."""
        await self.dispatcher.emit(event)
        if isinstance(event, events.Posted):
            self.heard.put_nowait(time.perf_counter())


@asynccontextmanager
async def ours(side: Side, path: Path) -> AsyncIterator[Ours]:
    """Run the adapter with a dispatcher over a store in a new database; whoever writes is an admin."""
    clock = SystemClock()
    house = House(
        policy=policy.Policy(rules=()), secret="s" * 32, repos=("demo",), model="m", claim_code="ABCD-2345"
    )
    async with SqlStore(f"sqlite:///{path}", clock=clock) as store:
        memory = Memory(store=store, chat=side.name)
        jobs: list[Job] = []
        dispatcher = Dispatcher(store=store, house=house, clock=clock, take=jobs.extend)
        async with side.adapter(clock, remember=memory.remember, recall=memory.recall) as chat:
            made = Ours(chat=chat, dispatcher=dispatcher, jobs=jobs)
            listening = asyncio.create_task(chat.listen(made.emit))
            try:
                await side.ready()
                await side.says("!loop claim ABCD-2345")
                await asyncio.wait_for(made.heard.get(), PATIENCE)
                await dispatcher.idle()
                yield made
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await dispatcher.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two sides of a kind: the floor's, and ours. `bare` runs the script."""

    floor: Side
    ours: Side
    bare: Callable[[Any], AbstractAsyncContextManager[Bare]]


@asynccontextmanager
async def on_discord(root: Path) -> AsyncIterator[Pair]:
    """Have two Discords."""
    async with chat_discord.at() as floor, chat_discord.at() as mine:
        yield Pair(floor=floor, ours=mine, bare=chat_discord.bare)


@asynccontextmanager
async def on_matrix(root: Path) -> AsyncIterator[Pair]:
    """Have two rooms on one homeserver, each with a bot of its own."""
    async with chat_matrix.at(root, sides=2) as (floor, mine):
        yield Pair(floor=floor, ours=mine, bare=chat_matrix.bare)


@asynccontextmanager
async def in_one_room(root: Path) -> AsyncIterator[Pair]:
    """Have two bots in one room of a homeserver, which takes its time to be filled."""
    async with chat_matrix.at(root, sides=2, shared=True) as (floor, mine):
        yield Pair(floor=floor, ours=mine, bare=chat_matrix.bare)


Stage = Callable[[Path], AbstractAsyncContextManager[Pair]]


async def hear(root: Path, stage: Stage) -> Sequence[Line]:
    """From the writing of a message until it is stored; the floor's is handed to its callback and dropped."""
    mine, its = [], []
    async with (
        stage(root) as pair,
        pair.bare(pair.floor) as bare,
        ours(pair.ours, root / "hear.db") as bridge,
    ):
        for turn in range(ROUNDS + 1):
            floor = [await _heard(pair.floor, bare.heard) for _ in range(EACH)]
            told = []
            for _ in range(EACH):
                told.append(await _heard(pair.ours, bridge.heard))
                await bridge.dispatcher.idle()
            if turn:  # the first warms both up
                its.append(sorted(floor)[EACH // 2])
                mine.append(sorted(told)[EACH // 2])
        name, library = pair.ours.name, pair.ours.floor
    what = f"{name.capitalize()} event → durable insert"
    against = f"a bare {library} callback that stores nothing"
    note = f"each run is the median of {EACH}"
    return [Line(name=f"{name}-ack", what=what, ours=mine, floor=its, goal=4.0, against=against, note=note)]


async def _heard(side: Side, heard: asyncio.Queue[float]) -> float:
    began = time.perf_counter()
    await side.says(WORDS)
    return await asyncio.wait_for(heard.get(), PATIENCE) - began


async def sign(root: Path, stage: Stage) -> Sequence[Line]:
    """From a mention until there is a reaction on it; each loop comes to its answer before the next one begins."""
    mine, its = [], []
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(stage(root))
        await stack.enter_async_context(pair.bare(pair.floor))
        house = await stack.enter_async_context(houses.house(SCRIPT, root=root))
        house.environ |= pair.ours.environ
        bridge = await stack.enter_async_context(house.bridge())
        await pair.ours.ready()
        if bridge.claim_code:
            await pair.ours.says(f"!loop claim {bridge.claim_code}")
        await bridge.warm_up()
        for turn in range(SIGNS):
            floor = await _signed(pair.floor)
            await asyncio.sleep(0.3)
            took = await _signed(pair.ours)
            await _at_rest(bridge)
            if turn:
                its.append(floor)
                mine.append(took)
        name, library = pair.ours.name, pair.ours.floor
    what = f"{name.capitalize()}: a mention → the first visible sign"
    against = f"a bare {library} script that puts a reaction on the same event"
    note = "the mention and what follows from it are durable before the sign"
    return [Line(name=f"{name}-sign", what=what, ours=mine, floor=its, goal=4.0, against=against, note=note)]


async def _signed(side: Side) -> float:
    began = time.perf_counter()
    said = await side.says("@loop fix the failing test")
    await asyncio.wait_for(side.signed(said), PATIENCE)
    return time.perf_counter() - began


async def _at_rest(bridge: Bridge) -> None:
    """Wait until every loop came to its answer and all of it was said."""
    async with asyncio.timeout(PATIENCE):
        while bridge.delivery.pending or any(loop.status != "idle" for loop in await bridge.store.loops()):  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)


async def thread(root: Path, stage: Stage, *, messages: int) -> Sequence[Line]:
    """A thread from before the bridge heard it: read, handed on as an event, noted in the graph, durable."""
    mine, its = [], []
    async with stage(root) as pair:
        await pair.floor.fill(READS, messages)
        await pair.ours.fill(READS, messages)
        async with pair.bare(pair.floor) as bare, ours(pair.ours, root / "thread.db") as bridge:
            reading = Reading(
                chats={pair.ours.name: bridge.chat}, clock=SystemClock(), emit=bridge.dispatcher.insist
            )
            for turn in range(READS):
                gc.collect()
                began = time.perf_counter()
                if (served := await bare.read(turn)) < messages:
                    raise RuntimeError(f"{served} messages were served")
                floor = time.perf_counter() - began
                took = await _ingested(pair.ours, bridge, reading, turn)
                if turn:
                    its.append(floor)
                    mine.append(took)
        name, library = pair.ours.name, pair.ours.floor
    what = f"{messages:,} messages of a {name.capitalize()} thread: read and in the graph"
    note = f"{messages / sorted(mine)[len(mine) // 2]:.0f} messages/s"
    return [
        Line(name=f"{name}-thread", what=what, ours=mine, floor=its, goal=0.3, against=f"bare {library} pages through it", at_least=True, note=note)
    ]  # fmt: skip


async def _ingested(side: Side, bridge: Ours, reading: Reading, number: int) -> float:
    bridge.jobs.clear()
    while not bridge.heard.empty():
        bridge.heard.get_nowait()
    await side.says("@loop fix the failing test", thread=number)
    await asyncio.wait_for(bridge.heard.get(), PATIENCE)
    await bridge.dispatcher.idle()
    [read] = [job.effect for job in bridge.jobs if isinstance(job.effect, effects.ReadThread)]
    began = time.perf_counter()
    await reading(read)
    await bridge.dispatcher.idle()
    return time.perf_counter() - began
