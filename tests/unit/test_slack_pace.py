"""Slack is never asked more often than it allows. Effects: none."""

from __future__ import annotations

import asyncio

import pytest

from adapters.chat.slack.lines import Lines
from adapters.chat.slack.names import NOWHERE, Place
from adapters.chat.slack.pace import Meter, Pace
from adapters.chat.slack.seen import Seen
from core.errors import RateLimited
from core.testing.fakes import FakeClock

GENERAL = Place(team="T0ACME", channel="C0GEN", root="1716000000.000100")


def test_a_meter_lets_a_burst_pass_and_then_one_at_a_time() -> None:
    meter = Meter(1.0, 3)
    assert [meter.take(100.0) for _ in range(5)] == [100.0, 100.0, 100.0, 101.0, 102.0]
    assert [meter.take(200.0) for _ in range(4)] == [200.0, 200.0, 200.0, 201.0]


async def test_no_minute_holds_more_calls_than_the_tier() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    times = []
    for _ in range(200):
        await pace.turn("conversations.replies")
        times.append(clock.monotonic())
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[45:], strict=False))


async def test_edits_take_turns_and_decisions_pass() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    made: list[tuple[float, str]] = []
    waits: dict[str, float] = {}
    for second in range(300):
        for number in range(50):
            card = f"card {number}"
            if clock.monotonic() < waits.get(card, 0.0):
                continue
            try:
                await pace.edit(card, urgent=False)
                made.append((clock.monotonic(), card))
                waits[card] = clock.monotonic() + 3
            except RateLimited as exc:
                waits[card] = clock.monotonic() + exc.retry_after
        if second % 10 == 0:
            await pace.edit("ask", urgent=True)
            made.append((clock.monotonic(), "ask"))
        clock.advance(1.0)
    moments = sorted(at for at, _ in made)
    assert all(later - earlier >= 60 for earlier, later in zip(moments, moments[50:], strict=False))
    counts = [sum(card == f"card {number}" for _, card in made) for number in range(50)]
    assert max(counts) - min(counts) <= 2
    assert sum(counts) > 130


async def test_a_refused_method_rests() -> None:
    clock = FakeClock()
    pace = Pace(clock)
    pace.block("chat.update", 7.0)
    with pytest.raises(RateLimited) as told:
        await pace.edit("card", urgent=True)
    assert told.value.retry_after == pytest.approx(7.0)


async def test_a_line_keeps_its_order_and_leaves_nothing() -> None:
    lines, order = Lines(), []

    async def stand(number: int, key: str) -> None:
        async with lines.of(key):
            await asyncio.sleep(0)
            order.append((key, number))

    await asyncio.gather(*(stand(number, "a" if number % 2 else "b") for number in range(20)))
    assert [number for key, number in order if key == "a"] == list(range(1, 20, 2))
    assert not lines._locks


async def test_marks_move_on_and_come_back() -> None:
    kept: dict[str, str] = {}

    async def remember(key: str, value: str) -> None:
        kept[key] = value

    async def recall(key: str) -> str | None:
        return kept.get(key)

    seen = Seen("T0ACME", remember=remember, recall=recall)
    channel = Place(team="T0ACME", channel="C0GEN", root=NOWHERE)
    seen.heard(GENERAL, GENERAL.root)
    seen.hold(GENERAL, "1716000002.000000")
    seen.heard(GENERAL, "1716000001.000000")
    seen.heard(GENERAL, "1716000003.000000")
    assert dict(seen.places()) == {GENERAL: "1716000001.000000", channel: GENERAL.root}
    seen.heard(GENERAL, "1716000002.000000")
    seen.heard(GENERAL, "1716000004.000000")
    await seen.write()
    again = Seen("T0ACME", remember=remember, recall=recall)
    await again.load()
    assert dict(again.places()) == {GENERAL: "1716000004.000000", channel: GENERAL.root}
    kept["slack:seen:T0ACME"] = "not json"
    await Seen("T0ACME", remember=remember, recall=recall).load()
