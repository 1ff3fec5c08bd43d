"""From a message to the model: lines (b), (c) and (d). Owns: cold, warm, many. Imports: tests.bench. Effects: daemons, boxes, the real CLI.

The bridge is a daemon of its own with a person at its chat; the clock starts before the person's message is sent, and stops when
the request reaches the model, which is a third process. Floor and bridge take turns.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from adapters.chat.local.client import Client
from adapters.sandbox.bwrap import Bubblewrap
from bridge import edge
from bridge.cli_copy import cli_copy
from config import settings as configuration
from tests.bench.floor import Bare
from tests.bench.model import Model, new_mark
from tests.bench.place import PATIENCE, Daemon, Place, answered
from tests.bench.report import Line

RUNS = 9
AT_ONCE = 20
FLOOR = "the bare SDK in the same box before the same model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that plays: the floor's clients, the daemon and the person at its chat."""

    bare: Bare
    model: Model
    daemon: Daemon
    person: Client
    starts: int
    idle: int
    origin: Path

    async def opens(self, words: str) -> tuple[int, float]:
        """Begin a thread with a new loop; return its root and the seconds until its first model request."""
        mark = new_mark()
        began = time.monotonic()
        root = await self.person.post(f"/loop {words} take a note of mark-{mark}")
        return root, await self.model.heard(mark) - began

    async def says(self, root: int) -> tuple[float, float]:
        """Write into a thread whose session lives and wait for the answer.

        Return the seconds until the model request, and those of CPU that the daemon used until the answer was posted.
        """
        mark = new_mark()
        spent, began = self.daemon.cpu, time.monotonic()
        message = await self.person.post(f"mark-{mark}", thread=root)
        took = await self.model.heard(mark) - began
        await answered(self.person, root, after=message)
        return took, self.daemon.cpu - spent

    async def ends(self, root: int) -> None:
        """Wait for a thread's answer and put its loop away, process and all."""
        await answered(self.person, root, after=root)
        await self.person.post("/loop done", thread=root)
        async with asyncio.timeout(PATIENCE):
            while self.daemon.children:  # noqa: ASYNC110 - a process that ends tells its parent alone
                await asyncio.sleep(0.05)


@asynccontextmanager
async def staged(root: Path) -> AsyncIterator[Stage]:
    """Set the stage, and play one loop of each kind that does not count."""
    place = Place(root)
    await asyncio.to_thread(place.furnish)
    await asyncio.to_thread(place.seed)
    settings = configuration.load(place.home, {})
    sandbox = Bubblewrap(user=edge._service_user(settings), state=root)
    cli, _ = await asyncio.to_thread(cli_copy, place.home)
    async with Model(root / "model.sock") as model:
        environ = {"LOOPBRIDGE_MODEL__BASE_URL": model.base_url, "LOOPBRIDGE_MODEL__API_KEY": "bench"}
        async with place.daemon(environ) as daemon, place.client() as person:
            bare = Bare(root / "floor", sandbox, cli, model)
            stage = Stage(
                bare=bare,
                model=model,
                daemon=daemon,
                person=person,
                starts=settings.agent.starts,
                idle=settings.agent.max_idle,
                origin=place.origin,
            )
            thread, _ = await stage.opens("--repo thousand")
            await stage.ends(thread)
            await bare.cold(bare.box())
            yield stage


async def cold(root: Path) -> Sequence[Line]:
    """(b): a new loop on a clone of a thousand files."""
    ours, floor = [], []
    async with staged(root) as stage:
        for _ in range(RUNS):
            await _rest(stage.daemon)  # what the bridge does after a loop must not slow the floor down
            floor.append(await stage.bare.cold(stage.bare.box()))
            thread, took = await stage.opens("--repo thousand")
            ours.append(took)
            await stage.ends(thread)
    what = "new thread → first model request, cold, with a clone of 1,000 files"
    return [Line(name="b", what=what, ours=ours, floor=floor, goal=1.4, against=f"{FLOOR}, without a clone")]


async def warm(root: Path) -> Sequence[Line]:
    """(c): a follow-up in a thread whose session lives, and what a turn costs the daemon."""
    ours, floor, spent, whole, paces = [], [], [], [], []
    async with staged(root) as stage, stage.bare.client(stage.bare.box()) as client:
        thread, _ = await stage.opens("--repo thousand")
        await answered(stage.person, thread, after=thread)
        for turn in range(2 * RUNS + 1):
            its = await stage.bare.warm(client)
            before = await _rest(stage.daemon)
            mine, share = await stage.says(thread)
            after = await _rest(stage.daemon)
            if turn:
                floor.append(its)
                ours.append(mine)
                spent.append(share)
                whole.append(after - before)
                paces.append(_pace())
    note = (
        "all of the daemon's threads from the message to the posted answer, the gateway's too; the loop has only talked so far, so nothing"
        " is brought out of its clone;"
        f" {1e3 * median(whole):.0f} ms until it rests again, with the card and the journal;"
        f" a fixed loop took {1e3 * median(paces):.0f} ms of CPU in between, {1e3 * min(paces):.0f} ms at its best"
    )
    return [
        Line(
            name="c",
            what="same thread, session alive → model request",
            ours=ours,
            floor=floor,
            goal=1.6,
            against=FLOOR,
        ),
        Line(
            name="c",
            what="the bridge's own share of a turn that only talks, CPU",
            ours=spent,
            goal=0.030,
            note=note,
        ),
    ]


async def many(root: Path) -> Sequence[Line]:
    """(d): twenty new threads at once; every one must be answered."""
    ours, floor = [], []
    async with staged(root) as stage:
        for _ in range(RUNS - 2):
            await _rest(stage.daemon)
            floor.append(await _bare_at_once(stage))
            ours.append(await _at_once(stage))
    what = f"{AT_ONCE} new threads on 1,000 files at once → the last first model request, none lost"
    against = f"{AT_ONCE} bare clients with a clone of it each, {stage.starts} started at a time, {stage.idle} kept idle"
    return [Line(name="d", what=what, ours=ours, floor=floor, goal=1.2, against=against)]


async def _at_once(stage: Stage) -> float:
    began = time.monotonic()
    opened = await asyncio.gather(*(stage.opens("--repo thousand") for _ in range(AT_ONCE)))
    took = time.monotonic() - began
    await asyncio.gather(*(stage.ends(thread) for thread, _ in opened))
    return took


async def _bare_at_once(stage: Stage) -> float:
    places = asyncio.Semaphore(stage.starts)
    launchers = [stage.bare.box() for _ in range(AT_ONCE)]

    heard: list[float] = []
    idle: deque[asyncio.Event] = deque()

    async def one(launcher: Path) -> None:
        over = asyncio.Event()
        async with AsyncExitStack() as stack:
            async with places:
                await stage.bare.clone(stage.origin, launcher)
                client = await stack.enter_async_context(stage.bare.client(launcher))
            heard.append(await stage.bare.turn(client))
            idle.append(over)
            while len(idle) > (stage.idle if len(heard) < AT_ONCE else 0):  # as many stay as the bridge keeps
                idle.popleft().set()
            await over.wait()

    began = time.monotonic()
    async with asyncio.TaskGroup() as clients:
        for launcher in launchers:
            clients.create_task(one(launcher))
    return max(heard) - began


async def _rest(daemon: Daemon) -> float:
    """Wait until the daemon has nothing to do; return the seconds of a core that it has used."""
    before = daemon.cpu
    while True:
        await asyncio.sleep(0.25)
        if (now := daemon.cpu) - before < 0.002:
            return now
        before = now


def _pace() -> float:
    """Return the seconds of CPU that a fixed loop takes now: where cores are shared it is not the same twice."""
    began = time.thread_time()
    sum(number * number for number in range(100_000))
    return time.thread_time() - began
