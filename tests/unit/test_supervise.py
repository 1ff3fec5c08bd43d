"""Tasks that a supervisor owns, and what it leaves when it is left."""

from __future__ import annotations

import asyncio
import gc
import warnings

from bridge.clock import SystemClock
from bridge.supervise import Supervisor


async def test_work_that_had_no_time_to_begin_is_left_without_a_word() -> None:
    begun: list[str] = []

    async def work() -> None:
        begun.append("work")

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        async with Supervisor(SystemClock()) as supervisor:
            supervisor.once("work", work)
            supervisor.keep("work again", work)
        gc.collect()
    assert not begun
    assert [str(each.message) for each in said] == []


async def test_work_is_run_to_its_end() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        begun.set()

    async with Supervisor(SystemClock()) as supervisor:
        await supervisor.once("work", work)
    assert begun.is_set()
