"""Many loops that report into one chat at once. Owns: Crowd, Told, Asked, Ground, crowd. Imports: bridge.delivery, core. Effects: posts and edits.

Every loop has a thread; its card changes at the pace of a busy turn, at seeded moments it asks and it answers. What is to be said is
committed by the real store and carried out by the real delivery; what the platform was asked for, and when, says its far side.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from adapters.store.store import SqlStore
from bridge.clock import SystemClock
from bridge.delivery import Delivery
from bridge.supervise import Supervisor
from bridge.wanted import Memory
from core import effects, message
from core.desk import Outcome
from core.effects import Effect, Look, Priority
from core.events import Deleted
from core.ids import CardKey, ThreadKey, Token
from core.message import Button, Buttons, Checklist, Code, Item, Message, Text
from core.ports import ChatAdapter, Clock

ASKS, ANSWERS, CARDS = "ask", "answer", "card"
BUTTONS = Buttons(
    buttons=(Button(label="Stop", token=Token("stop")), Button(label="Context", token=Token("context")))
)
CHOICES = Buttons(
    buttons=(
        Button(label="Allow once", token=Token("yes"), style="primary"),
        Button(label="Deny", token=Token("no")),
    )
)
WORDS = (
    "The session now expires at its lifetime, as the test asks. Two call sites had the same comparison.\n"
    * 12
)
# Each thing that is said names what it is and whose, so that it is known again in whatever a platform makes of it.
NAMED = re.compile(rf"({ASKS}|{ANSWERS}|{CARDS}) number (\d+)")
STEP = re.compile(r"at step (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A post or an edit that a platform was asked for (at `at`, monotonic seconds) and granted; `text` is whatever holds its words."""

    at: float
    text: str
    edit: bool


class Ground(Protocol):
    """A platform with people on it, and a bot that can be told to speak."""

    name: str

    @property
    def refusals(self) -> int: ...
    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter: ...
    async def thread(self, number: int) -> ThreadKey: ...
    def asked(self) -> Sequence[Asked]: ...
    async def shown(self, thread: ThreadKey) -> str: ...


@dataclass(slots=True, kw_only=True)
class Told:
    """One loop: its thread, and when its ask and its answer were ready (monotonic seconds)."""

    lane: ThreadKey
    number: int
    ready: dict[str, float] = field(default_factory=dict)
    steps: int = 0

    @property
    def card(self) -> CardKey:
        return CardKey(f"card-{self.number}")

    def says(self, what: str, *, over: bool = False) -> Message:
        """Return what the loop says next; a card is one step on."""
        name = f"{what} number {self.number}"
        if what == ASKS:
            return Message(blocks=(Text(text=name), Code(text="python3 tools/regenerate.py"), CHOICES))
        if what == ANSWERS:
            return Message(blocks=(Text(text=f"{name}\n{WORDS}"),))
        self.steps += 1
        items = tuple(
            Item(text=f"Ran `pytest tests/unit -k session_{step}`", mark="done")
            for step in range(max(1, self.steps - 4), self.steps + 1)
        )
        line = Text(text=f"{'finished' if over else 'working'} at step {self.steps}")
        return Message(title=f"● {name} · driver Maya", blocks=(line, Checklist(items=items), BUTTONS))


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Loops on one platform. Times are seconds; `every` is the pace of a loop's card."""

    ground: Ground
    store: SqlStore
    delivery: Delivery
    loops: Sequence[Told]

    async def reports(self, *, seconds: float, every: float, seed: int) -> None:
        """Let every loop report for so long."""
        chance = random.Random(seed)  # noqa: S311 - a simulation
        plans = [
            (chance.uniform(0.0, 0.1), chance.uniform(0.1, 0.9), chance.uniform(0.2, 1.0)) for _ in self.loops
        ]
        await asyncio.gather(
            *(self._turn(loop, plan, seconds, every) for loop, plan in zip(self.loops, plans, strict=True))
        )

    async def _turn(self, loop: Told, plan: tuple[float, float, float], seconds: float, every: float) -> None:
        start, ask, answer = (part * seconds for part in plan)
        moments = {ask: ASKS, answer: ANSWERS}
        at = start
        while at < seconds:
            moments.setdefault(at, CARDS)
            at += every
        began = time.monotonic()
        for moment, what in sorted(moments.items()):
            await asyncio.sleep(began + moment - time.monotonic())
            await self._say(loop, what)
        await self._say(loop, CARDS, over=True)

    async def _say(self, loop: Told, what: str, *, over: bool = False) -> None:
        priority = {ASKS: Priority.ASK, ANSWERS: Priority.ANSWER}.get(what, Priority.PROGRESS)
        key = f"{what}:{loop.number}"
        if what == CARDS:
            priority = Priority.STATUS if over or not loop.steps else priority
            said = loop.says(what, over=over)
            effect: Effect = effects.Show(
                key=f"{key}:{loop.steps}", lane=loop.lane, priority=priority, card=loop.card, message=said
            )
        else:
            effect = effects.Say(key=key, lane=loop.lane, priority=priority, message=loop.says(what))
        event = Deleted(lane=loop.lane, at=datetime.now(UTC), message=effect.key)
        [arrival] = await self.store.arrive([event])
        assert arrival is not None
        jobs = await self.store.settle(arrival, Outcome(effects=(effect,)))
        if what != CARDS:
            loop.ready[what] = time.monotonic()
        self.delivery.take(jobs)

    async def told(self, seconds: float) -> float:
        """Wait until nothing is left to tell; return how long that took. Raises TimeoutError."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while self.delivery.pending:  # noqa: ASYNC110 - looked at from outside
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    # ── what the platform saw ────────────────────────────────────────────────────────────────────────────────────────

    def waits(self, what: str) -> list[float]:
        """Return how long each post of a kind took from being ready to being asked for; one that is missing took for ever."""
        asked = {named: each.at for each in self.ground.asked() if not each.edit and (named := _named(each))}
        return [asked.get((what, loop.number), float("inf")) - loop.ready[what] for loop in self.loops]

    @property
    def edits(self) -> int:
        return sum(each.edit for each in self.ground.asked())

    async def faults(self) -> list[str]:
        """Return what was lost, doubled, out of order, or left untrue."""
        by_loop: dict[int, list[tuple[str, Asked]]] = {loop.number: [] for loop in self.loops}
        for each in self.ground.asked():
            what, number = _named(each)
            by_loop[number].append((what, each))
        return [fault for loop in self.loops for fault in await self._faults(loop, by_loop[loop.number])]

    async def _faults(self, loop: Told, asked: Sequence[tuple[str, Asked]]) -> list[str]:
        posts = [what for what, each in asked if not each.edit]
        found = [
            f"{what} {loop.number} was posted {posts.count(what)} times"
            for what in (ASKS, ANSWERS, CARDS)
            if posts.count(what) != 1
        ]
        if found:
            return found
        # An ask may overtake an answer that waits; an answer overtakes no ask.
        if posts.index(ANSWERS) < posts.index(ASKS) and loop.ready[ASKS] < loop.ready[ANSWERS]:
            found.append(f"loop {loop.number} answered before it asked")
        steps = [int(STEP.findall(each.text)[0]) for what, each in asked if what == CARDS]
        if steps != sorted(set(steps)):
            found.append(f"card {loop.number} went back: {steps}")
        shown = await self.ground.shown(loop.lane)
        wanted = (f"finished at step {loop.steps}", *(f"{what} number {loop.number}" for what in loop.ready))
        return found + [f"“{each}” is not in its thread" for each in wanted if each not in shown]


def _named(asked: Asked) -> tuple[str, int]:
    """Return what was asked for, and whose it is."""
    what, number = NAMED.findall(asked.text)[0]
    return str(what), int(number)


@asynccontextmanager
async def crowd(ground: Ground, path: Path, *, loops: int) -> AsyncIterator[Crowd]:
    """Open threads, with an adapter and a delivery behind them. `path` is the database's."""
    clock = SystemClock()

    async def nothing(look: Look) -> Message:
        return message.text("")

    async with SqlStore(f"sqlite:///{path}", clock=clock) as store:
        memory = Memory(store=store, chat=ground.name)
        async with (
            ground.adapter(clock, remember=memory.remember, recall=memory.recall) as chat,
            Supervisor(clock) as supervisor,
        ):
            threads = [Told(lane=await ground.thread(number), number=number) for number in range(loops)]
            chats = {ground.name: chat}
            delivery = Delivery(store=store, chats=chats, clock=clock, answer=nothing, supervisor=supervisor)
            yield Crowd(ground=ground, store=store, delivery=delivery, loops=threads)
