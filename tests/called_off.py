"""Work that is called off at each of its steps. Owns: leavings. Imports: asyncio. Effects: collects garbage.

What a cancellation leaves open shows much later, at a test that has nothing to do with it. Here it is looked for where it happens.
"""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from tests.patience import until

MOST = 400  # steps


class _Cut(Coroutine[Any, Any, object]):
    """A coroutine that is cancelled at its step number `at`."""

    def __init__(self, work: Coroutine[Any, Any, object], at: int) -> None:
        self._work = work
        self._at = at
        self.steps = 0

    def send(self, value: Any) -> Any:
        self.steps += 1
        return (
            self._work.throw(asyncio.CancelledError()) if self.steps == self._at else self._work.send(value)
        )

    def throw(self, *error: Any) -> Any:
        self.steps += 1
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Any:
        return self._work.__await__()


async def leavings(work: Callable[[], Coroutine[Any, Any, object]]) -> list[str]:
    """Call `work` off at its first step, its second … until it comes to its end; return what is left open, or warned of.

    Raises AssertionError for tasks and descriptors that are still there when nothing more can be expected.
    """
    said: list[str] = []
    gc.collect()  # what others left is not this work's
    for at in range(1, MOST):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            steps = await _called_off(work, at)
            gc.collect()
        said += [f"step {at}: {each.message}" for each in caught]
        if steps < at:
            return said
    raise AssertionError(f"it has more than {MOST} steps")


async def _called_off(work: Callable[[], Coroutine[Any, Any, object]], at: int) -> int:
    """Return how many steps there were."""
    tasks, files = asyncio.all_tasks(), _open()
    cut = _Cut(work(), at)
    task = asyncio.create_task(cut)
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
    await until(
        lambda: asyncio.all_tasks() <= tasks and _open() <= files,
        told=lambda: f"left at step {at}: {asyncio.all_tasks() - tasks} {_open() - files}",
    )
    return cut.steps


def _open() -> set[tuple[str, str]]:
    """Return the open descriptors, each with what it stands for."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((name, os.readlink(f"/proc/self/fd/{name}")))
        except OSError:  # the descriptor that listed the others
            continue
    return found
