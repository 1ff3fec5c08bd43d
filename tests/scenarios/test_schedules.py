"""Loops that begin by the clock, with the real CLI. Owns: nothing. Effects: a home, the CLI."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from bridge.app import Bridge
from core import events
from core.schedules import Schedule
from tests.scenarios.house import PATIENCE, house


async def tick(bridge: Bridge, schedule: Schedule, days: int) -> None:
    """Tell the bridge that a schedule is due, as its scheduler does."""
    due = schedule.created_at + timedelta(days=days)
    await bridge.dispatcher.emit(
        events.Ticked(lane=schedule.thread, at=datetime.now(UTC), job=schedule.id, due=due)
    )


async def goes_idle(bridge: Bridge, schedule: Schedule) -> None:
    """Tell the bridge that nothing happened in the loop for long; what it last spent may still be on its way, and counts as happening."""
    loop = (await bridge.store.desk(schedule.thread)).loop
    assert loop is not None
    await bridge.dispatcher.emit(
        events.WentIdle(lane=loop.thread, at=datetime.now(UTC), loop=loop.id, since=loop.updated_at)
    )


async def test_a_schedule_begins_loops_and_outlives_a_restart() -> None:
    async with house() as made:
        async with made.bridge() as bridge, made.person() as maya:
            talk = await maya.opens("what do we eat?")
            await talk.says('/loop schedule "every weekday at 9:00" remember: plum')
            await talk.sees("Scheduled as")
            (schedule,) = await bridge.store.schedules()
            await tick(bridge, schedule, 1)
            first = await talk.answered("I will remember plum.")
            await tick(bridge, schedule, 1)  # told twice, it is one run
            await tick(bridge, schedule, 2)
            await talk.answered("I will remember plum.", after=first.id)
            assert talk.count("I will remember plum.") == 2
            assert talk.count("was left out") == 0
            async with asyncio.timeout(PATIENCE):
                while not talk.count("was archived after"):
                    await goes_idle(bridge, schedule)
                    await asyncio.sleep(0.1)
            put_away = await talk.sees("was archived after")
            await talk.says("recall")
            await talk.answered("You said plum.", after=put_away.id)
            assert await bridge.store.kept("ran:reminders") is not None  # its scheduler looks
        async with made.bridge() as bridge, made.person() as maya:
            again = maya.joins(talk)
            await again.says(f"/loop schedule pause {schedule.handle}")
            await again.sees("was paused by Maya")
            asked = await again.says("/loop schedule list")
            listed = await again.sees(schedule.handle, after=asked)
            assert "paused: by Maya" in again.text(listed)
            assert not await bridge.store.schedules()
