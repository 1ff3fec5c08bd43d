"""Fifty loops that report into one chat for a minute. Owns: fifty. Imports: tests.bench. Effects: a far side on loopback.

The platform's limits and its time are the real ones. Fifty threads in ten channels; each card changes twice a second, each loop asks once
and answers once, at seeded moments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from tests.bench.crowd import ANSWERS, ASKS, Ground, crowd
from tests.bench.grounds import CHANNELS
from tests.bench.report import CALLS, Line

LOOPS = 50
SECONDS, EVERY, SEED = 60.0, 0.5, 7
DRAIN = 180.0


async def fifty(root: Path, stage: Callable[[Path], AbstractAsyncContextManager[Ground]]) -> Sequence[Line]:
    """Count refusals, and how long answers and asks took from being ready until the platform was asked to post them."""
    async with stage(root) as ground, crowd(ground, root / "fifty.db", loops=LOOPS) as loops:
        await loops.reports(seconds=SECONDS, every=EVERY, seed=SEED)
        edits = loops.edits
        drained = await loops.told(DRAIN)
        if faults := await loops.faults():
            raise RuntimeError("\n".join(faults))
        answers, asks = loops.waits(ANSWERS), loops.waits(ASKS)
        refused = float(ground.refusals)
    note = (
        f"{LOOPS} loops in {CHANNELS} channels, a card's change every {EVERY:g} s: {edits} edits in the minute; "
        f"slowest ask {max(asks):.2f} s; nothing lost or out of order; the last card was true {drained:.0f} s after the minute"
    )
    name, what = f"{ground.name}-fifty", f"{ground.name.capitalize()}: {LOOPS} loops report for a minute → "
    asked = f"{what}an answer is ready → it is asked for, the slowest"
    return [
        Line(name=name, what=f"{what}refusals (429)", ours=[refused], goal=0, unit=CALLS, note=note),
        Line(name=name, what=asked, ours=[max(answers)], goal=2.0),
    ]
