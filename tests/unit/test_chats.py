"""Several chats at once. Owns: that one in trouble disturbs no other, is tried again at its pace, and says what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import structlog.testing

from bridge import chats as module
from bridge.chats import CONNECTED, CONNECTING, REFUSED, Chats
from bridge.clock import SystemClock
from bridge.supervise import Supervisor
from bridge.wanted import Build
from config.settings import Settings
from core.errors import RateLimited, Rejected, Unavailable
from core.events import Event
from core.ports import ChatAdapter, Emit
from tests.patience import PATIENCE


class PausedClock(SystemClock):
    """Notes what it is asked to sleep, and sleeps until told that the time has passed."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._over.clear()
        await self._over.wait()

    def wake(self) -> None:
        self._over.set()

    async def sleeps(self, times: int) -> None:
        """Return once it was asked to sleep so many times."""
        await until(lambda: len(self.slept) == times)


class Chat:
    """Fails on entering or listening as its list says (None: all is well), then listens for ever."""

    platform = "x"

    def __init__(
        self, entering: Sequence[Exception | None] = (), listening: Sequence[Exception] = ()
    ) -> None:
        self.entering, self.listening = list(entering), list(listening)
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = self.left = 0

    async def build(self) -> ChatAdapter:
        return cast("ChatAdapter", self)

    async def __aenter__(self) -> Self:
        await self.gate.wait()
        self.entered += 1
        if self.entering and (trouble := self.entering.pop(0)) is not None:
            raise trouble
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left += 1

    async def listen(self, emit: Emit) -> None:
        if self.listening:
            raise self.listening.pop(0)
        await asyncio.Event().wait()


async def emit(event: Event) -> None:
    raise AssertionError("nothing is said here")


@asynccontextmanager
async def chats(clock: SystemClock | None = None, **wanted: Chat) -> AsyncIterator[Chats]:
    builders: dict[str, Build] = {name: chat.build for name, chat in wanted.items()}
    clock = clock or SystemClock()
    async with Supervisor(clock) as supervisor:
        settings = Settings(home=Path("/nonexistent"))
        async with Chats(settings=settings, clock=clock, supervisor=supervisor, builders=builders) as made:
            yield made


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(0.001)


async def test_all_are_connected_when_the_start_is_over() -> None:
    async with chats(local=Chat(), slack=Chat()) as made:
        await made.start(emit)
        assert made.states() == {"local": CONNECTED, "slack": CONNECTED}
        assert set(made.connected) == {"local", "slack"}


async def test_a_slow_platform_holds_nobody_up(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "FIRST_TRY", 0.01)
    slow = Chat()
    slow.gate.clear()
    async with chats(local=Chat(), slack=slow, discord=Chat()) as made:
        await made.start(emit)
        assert made.states() == {"local": CONNECTED, "slack": CONNECTING, "discord": CONNECTED}
        slow.gate.set()
        await until(lambda: "slack" in made.connected)


async def test_what_cannot_be_reached_is_tried_again_later_each_time() -> None:
    clock = PausedClock()
    chat = Chat(entering=[Unavailable("no answer")] * 9 + [None])
    async with chats(clock, local=Chat(), slack=chat) as made:
        await made.start(emit)
        assert made.states() == {"local": CONNECTED, "slack": "no answer"}
        for tries in range(1, 10):
            await clock.sleeps(tries)
            clock.wake()
        await until(lambda: made.states()["slack"] == CONNECTED)
    assert clock.slept == sorted(clock.slept)
    assert max(clock.slept) <= 60


async def test_a_platform_that_asks_for_a_pause_gets_it() -> None:
    clock = PausedClock()
    async with chats(clock, slack=Chat(entering=[RateLimited("slowly", retry_after=123.0)])) as made:
        await made.start(emit)
        await until(lambda: clock.slept)
    assert clock.slept == [123.0]


async def test_a_refusal_is_said_once_and_tried_again_seldom() -> None:
    clock = PausedClock()
    chat = Chat(entering=[Rejected("the token was revoked", remedy="Paste a new one.")] * 3)
    with structlog.testing.capture_logs() as said:
        async with chats(clock, local=Chat(), slack=chat) as made:
            await made.start(emit)
            for tries in range(1, 4):
                await clock.sleeps(tries)
                assert made.states()["slack"] == "the token was revoked → Paste a new one."
                clock.wake()
            await until(lambda: "slack" in made.connected)
    assert clock.slept == [REFUSED] * 3
    told = [line["log_level"] for line in said if line["event"] == "chat.failed"]
    assert told == ["warning", "info", "info"]


async def test_a_chat_that_breaks_off_is_left_and_entered_again() -> None:
    clock = PausedClock()
    chat = Chat(listening=[Unavailable("the line broke")])
    async with chats(clock, local=Chat(), slack=chat) as made:
        await made.start(emit)
        await until(lambda: clock.slept)
        assert (set(made.connected), chat.left) == ({"local"}, 1)
        clock.wake()
        await until(lambda: "slack" in made.connected)
    assert (chat.entered, chat.left, made.connected) == (2, 2, {})


async def test_what_nobody_foresaw_ends_no_chat() -> None:
    clock = PausedClock()
    with structlog.testing.capture_logs() as said:
        async with chats(clock, local=Chat(), slack=Chat(entering=[KeyError("x")])) as made:
            await made.start(emit)
            assert made.states() == {"local": CONNECTED, "slack": CONNECTING}
            await until(lambda: clock.slept)
            clock.wake()
            await until(lambda: "slack" in made.connected)
    assert [line["task"] for line in said if line["event"] == "task.died"] == ["chat slack"]


async def test_a_chat_that_reconnects_says_so_after_some_seconds() -> None:
    class Lasting(Chat):
        away_for = 0.0

    slack = Lasting()
    async with chats(local=Chat(), slack=slack) as made:
        await made.start(emit)
        slack.away_for = module.AWAY - 1
        assert made.states() == {"local": CONNECTED, "slack": CONNECTED}
        slack.away_for = 75.0
        assert made.states() == {"local": CONNECTED, "slack": "reconnecting for 1 m 15 s"}
        slack.away_for = 0.0
        assert made.states()["slack"] == CONNECTED
