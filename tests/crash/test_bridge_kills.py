"""`kill -9` in the middle of the demo's turn. Owns: that one right end follows wherever the bridge was killed.

CRASH_KILLS and CRASH_SEED make the random part longer and different: `make soak` does.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from tests.crash.kills import trial

SEED, KILLS = int(os.environ.get("CRASH_SEED", "1")), int(os.environ.get("CRASH_KILLS", "1"))
STORIES = [
    ("prepared", "waiting", "taking"),
    ("decided", "edited", "answered"),
]
MORE = [
    ("stored", "starting", "asked"),
    ("cloning", "called", "result"),
    ("pressed", "running", "landed"),
]


@pytest.mark.parametrize(
    "points",
    [
        *(pytest.param(points, id="-".join(points)) for points in STORIES),
        *(pytest.param(points, id="-".join(points), marks=pytest.mark.slow) for points in MORE),
    ],
)
async def test_a_killed_bridge_comes_to_the_same_end(points: tuple[str, ...]) -> None:
    async with trial() as story:
        await story.begin()
        for point in points:
            await story.run_to(point)
            await story.strike()
        await story.check()


async def test_a_bridge_killed_at_random_moments_comes_to_the_same_end() -> None:
    chance = random.Random(SEED)  # noqa: S311 - a test that can be repeated
    async with trial() as story:
        await story.begin()
        for _ in range(KILLS):
            try:
                await story.run_to("settled", seconds=chance.uniform(0.0, 4.0))
            except TimeoutError:
                await asyncio.shield(story.strike())
        await story.check()
