"""How long tests wait for one thing to happen. Owns: PATIENCE, until. Imports: asyncio. Effects: none.

Every wait ends as soon as what it waits for is there: a long one costs nothing, but on a machine that is slow or busy.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

PATIENCE = float(os.environ.get("SCENARIO_PATIENCE", "90"))  # seconds


async def until(
    holds: Callable[[], object],
    *,
    patience: float = PATIENCE,
    every: float = 0.02,
    told: Callable[[], object] = str,
) -> None:
    """Wait for something that tells no one of its coming (a file, a row, a far side's state); fail with what `told` says."""
    try:
        async with asyncio.timeout(patience):
            while not holds():  # noqa: ASYNC110 - a file and a process tell no one
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(str(told()) or "it did not come") from None
