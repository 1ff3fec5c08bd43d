"""A homeserver is not asked more often than it was found to allow. Effects: none."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat.matrix.pace import BELIEVED, WIDTH, Limit, Pace, Rank
from core.errors import RateLimited
from core.testing.fakes import FakeClock
from tests.patience import PATIENCE


class Bucket:
    """A server that drains `rate` events a second and holds `most`, as Synapse does."""

    def __init__(self, rate: float, most: int) -> None:
        self.rate, self.most = rate, most
        self.taken = self.refused = 0
        self._level, self._at = 0.0, 0.0

    def ask(self, now: float) -> float:
        """Return 0.0 when an event is taken, else the pause that is asked for."""
        self._level = max(0.0, self._level - (now - self._at) * self.rate)
        self._at = now
        if self._level + 1 > self.most:
            self.refused += 1
            return (self._level + 1 - self.most) / self.rate
        self._level += 1
        self.taken += 1
        return 0.0

    def takes(self, now: float) -> None:
        """Take an event. Raises RateLimited."""
        if pause := self.ask(now):
            raise RateLimited("too fast", retry_after=pause)


@settings(max_examples=30, deadline=None)
@given(rate=st.floats(0.15, 20.0), most=st.integers(1, 50), gap=st.floats(0.0, 0.3))
def test_a_limit_is_learnt_from_few_refusals_and_used_well(rate: float, most: int, gap: float) -> None:
    limit, server = Limit(), Bucket(rate, most)
    now, end = 0.0, 150.0 / rate
    for _ in range(20_000):
        if now >= end:
            break
        if wait := limit.wait(now):
            now += wait
            continue
        limit.sent(now)
        if pause := server.ask(now):
            limit.refused(now, now, pause)
        now += gap + 1e-3
    assert server.refused <= 10
    assert server.taken >= 0.8 * min(150.0, end / (gap + 1e-3))


def test_a_server_that_refuses_nothing_is_asked_at_once() -> None:
    limit = Limit()
    for number in range(1_000):
        assert limit.wait(number / 1_000) == 0.0
        limit.sent(number / 1_000)


def test_a_limit_that_was_lifted_is_forgotten() -> None:
    limit = Limit()
    for _ in range(3):
        limit.sent(100.0)
    limit.refused(100.0, 100.0, 5.0)
    limit.sent(105.0)
    assert limit.wait(105.0) > 0.0
    later = 105.0 + BELIEVED
    for _ in range(20):
        limit.sent(later)
        assert limit.wait(later) == 0.0


def test_a_refusal_after_a_long_silence_does_not_silence_for_longer() -> None:
    limit = Limit()
    limit.sent(0.0)
    limit.sent(900.0)
    limit.refused(900.0, 900.0, 1.0)
    assert limit.wait(900.0) <= 2.5


async def test_few_are_under_way_and_what_people_wait_for_goes_first() -> None:
    pace = Pace(FakeClock())
    began: list[str] = []
    gate = asyncio.Event()

    async def say(name: str, rank: Rank) -> None:
        async with pace.turn(rank):
            began.append(name)
            await gate.wait()

    said = [asyncio.create_task(say(f"edit {number}", Rank.EDIT)) for number in range(2 * WIDTH)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(began) == WIDTH
    gone = asyncio.create_task(say("gone", Rank.POST))
    said += [asyncio.create_task(say("sign", Rank.SIGN)), asyncio.create_task(say("answer", Rank.POST))]
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    await asyncio.gather(*said)
    with suppress(asyncio.CancelledError):
        await gone
    assert began[WIDTH : WIDTH + 2] == ["answer", "sign"]
    assert "gone" not in began
    assert len(began) == 2 * WIDTH + 2


async def test_an_edit_that_others_pass_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.chat.matrix.pace.PATIENCE", 0.01)
    pace = Pace(FakeClock())
    async with AsyncExitStack() as held:
        for _ in range(WIDTH):
            await held.enter_async_context(pace.turn(Rank.POST))
        with pytest.raises(RateLimited):
            await held.enter_async_context(pace.turn(Rank.EDIT))
    async with asyncio.timeout(PATIENCE), pace.turn(Rank.EDIT):
        pass


async def test_cards_take_turns_where_a_limit_is_known() -> None:
    clock = FakeClock()
    pace, server = Pace(clock), Bucket(0.2, 10)
    edits: dict[str, int] = {}
    ready = {f"card {number}": 0.0 for number in range(8)}
    posted = 0
    for second in range(1_000):
        if second % 60 == 0:
            before = clock.monotonic()
            async with pace.turn(Rank.POST):
                posted += not server.ask(clock.monotonic())
            assert second < 60 or clock.monotonic() - before < 1.0, "an answer waited behind edits"
        for card in [each for each, at in ready.items() if at <= clock.monotonic()]:
            try:
                pace.edit(card)
                async with pace.turn(Rank.EDIT):
                    server.takes(clock.monotonic())
                edits[card] = edits.get(card, 0) + 1
                ready[card] = clock.monotonic() + 2.0
            except RateLimited as exc:
                ready[card] = clock.monotonic() + exc.retry_after
        clock.advance(1.0)
    assert server.refused <= 6
    assert posted >= 16
    assert max(edits.values()) - min(edits.values()) <= 4
    assert sum(edits.values()) > 50


async def test_a_card_far_from_its_turn_is_told_when_it_comes() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    pace.limit.interval, pace.limit.burst = 5.0, 10
    pace.edit("one")
    with pytest.raises(RateLimited) as caught:
        pace.edit("two")
    assert caught.value.retry_after == 10.0
    clock.advance(10.0)
    pace.edit("two")
