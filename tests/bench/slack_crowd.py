"""Many loops that report into one Slack at once. Owns: Crowd, Told, crowd. Imports: bridge.delivery, core. Effects: posts and edits.

Every loop has a thread; its card changes at the pace of a busy turn, at seeded moments it asks and it answers. What is to be said is
committed by the real store and carried out by the real delivery; what Slack was asked for, and when, says the far side.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from adapters.chat.slack import names
from adapters.store.store import SqlStore
from bridge.clock import SystemClock
from bridge.delivery import Delivery
from bridge.supervise import Supervisor
from core import effects, message
from core.desk import Outcome
from core.effects import Effect, Look, Priority
from core.events import Deleted
from core.ids import CardKey, ThreadKey, Token
from core.message import Button, Buttons, Checklist, Code, Item, Message, Text
from core.ports import ChatAdapter
from tests.far_sides.slack import Slack
from tests.far_sides.slack.office import Call

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
YOUNGER = 2.1  # seconds
WORDS = (
    "The session now expires at its lifetime, as the test asks. Two call sites had the same comparison.\n"
    * 12
)


@dataclass(slots=True, kw_only=True)
class Told:
    """One loop: its thread, and when each of its posts was ready (monotonic seconds, by key)."""

    lane: ThreadKey
    number: int
    ready: dict[str, float] = field(default_factory=dict)
    steps: int = 0

    @property
    def card(self) -> CardKey:
        return CardKey(f"card-{self.number}")

    def status(self, *, over: bool = False) -> Message:
        """Return the card after one more step."""
        self.steps += 1
        items = tuple(
            Item(text=f"Ran `pytest tests/unit -k session_{step}`", mark="done")
            for step in range(max(1, self.steps - 4), self.steps + 1)
        )
        line = Text(text=f"{'finished' if over else 'working'} · step {self.steps}")
        return Message(
            title=f"● fix number {self.number} · driver Maya", blocks=(line, Checklist(items=items), BUTTONS)
        )


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Loops in one workspace. Times are seconds; `every` is the pace of a loop's card."""

    slack: Slack
    store: SqlStore
    delivery: Delivery
    loops: Sequence[Told]
    began: float

    async def reports(self, *, seconds: float, every: float, seed: int) -> None:
        """Let every loop report for so long, and wait until all of it was told."""
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
        if what == CARDS:
            key = f"{CARDS}:{loop.number}:{loop.steps}"
            priority = Priority.STATUS if over or not loop.steps else priority
            effect: Effect = effects.Show(
                key=key, lane=loop.lane, priority=priority, card=loop.card, message=loop.status(over=over)
            )
        else:
            key = f"{what}:{loop.number}"
            words = (
                (Code(text="python3 tools/regenerate_fixtures.py"), CHOICES)
                if what == ASKS
                else (Text(text=WORDS),)
            )
            effect = effects.Say(key=key, lane=loop.lane, priority=priority, message=Message(blocks=words))
        event = Deleted(lane=loop.lane, at=datetime.now(UTC), message=key)
        [arrival] = await self.store.arrive([event])
        assert arrival is not None
        jobs = await self.store.settle(arrival, Outcome(effects=(effect,)))
        loop.ready[key] = time.monotonic()
        self.delivery.take(jobs)

    async def told(self, seconds: float) -> float:
        """Wait until nothing is left to tell; return how long that took. Raises TimeoutError."""
        began = time.monotonic()
        async with asyncio.timeout(seconds):
            while self.delivery.pending:  # noqa: ASYNC110 - looked at from outside
                await asyncio.sleep(0.05)
        return time.monotonic() - began

    # ── what Slack saw ───────────────────────────────────────────────────────────────────────────────────────────────

    def waits(self, what: str) -> list[float]:
        """Return how long each post of a kind took from being ready to being asked of Slack; one that is missing took for ever."""
        asked = {_key(call): call.at for call in self._posts()}
        return [
            asked.get(key, float("inf")) - at
            for loop in self.loops
            for key, at in loop.ready.items()
            if key.startswith(what) and what != CARDS
        ]

    @property
    def edits(self) -> int:
        return len(self.slack.called("chat.update"))

    def faults(self) -> list[str]:
        """Return what was lost, doubled, out of order, or left untrue."""
        found = []
        posts = [_key(call) for call in self._posts()]
        for loop in self.loops:
            keys = [f"{ASKS}:{loop.number}", f"{ANSWERS}:{loop.number}", f"card:{loop.card}"]
            found += [f"{key} was posted {posts.count(key)} times" for key in keys if posts.count(key) != 1]
            place = names.place(loop.lane)
            shown = self.slack.text(place.channel, place.root)
            if f"finished · step {loop.steps}" not in shown:
                found.append(f"card {loop.number} does not show its last step")
            said = sorted((at, key) for key, at in loop.ready.items() if not key.startswith(CARDS))
            there = [key for key in posts if key in loop.ready]
            if there != [key for _, key in said]:
                found.append(f"loop {loop.number} said {there} in the wrong order")
            if (steps := self._steps(loop)) != sorted(set(steps)):
                found.append(f"card {loop.number} went back: {steps}")
        return found

    def _posts(self) -> list[Call]:
        return [
            call for call in self.slack.called("chat.postMessage") if call.status == 200 and not call.error
        ]

    def _steps(self, loop: Told) -> list[int]:
        """Return the steps a card showed, in the order in which it did."""
        place = names.place(loop.lane)
        for shown in self.slack.team().channels[place.channel].messages.values():
            payload = (shown.metadata or {}).get("event_payload", {})
            if payload.get("key") == f"card:{loop.card}":
                return [_step(str(version.blocks)) for version in (*shown.was, shown)]
        return []


def _step(blocks: str) -> int:
    return int(blocks.partition("· step ")[2].partition("'")[0])


def _key(call: Call) -> str:
    metadata = call.args.get("metadata")
    decoded = json.loads(metadata) if isinstance(metadata, str) else metadata
    return str(decoded["event_payload"]["key"]) if decoded else ""


@asynccontextmanager
async def crowd(
    slack: Slack, chat: ChatAdapter, path: Path, *, loops: int, channels: int
) -> AsyncIterator[Crowd]:
    """Open threads, spread over channels, with a delivery behind them. `chat` is entered already; `path` is the database's."""
    clock = SystemClock()

    async def nothing(look: Look) -> Message:
        return message.text("")

    async with SqlStore(f"sqlite:///{path}", clock=clock) as store, Supervisor(clock) as supervisor:
        # In a steady state threads are younger than the process; an older one is read once before the first post into it.
        await asyncio.sleep(YOUNGER)
        threads = []
        for number in range(loops):
            root = await slack.user_posts("maya", f"team-{number % channels}", f"thread {number}")
            threads.append(Told(lane=names.thread_of(slack.team().id, root.channel, root.ts), number=number))
        delivery = Delivery(
            store=store, chats={"slack": chat}, clock=clock, answer=nothing, supervisor=supervisor
        )
        yield Crowd(slack=slack, store=store, delivery=delivery, loops=threads, began=time.monotonic())
