"""What a cancellation must not tear in two. Owns: opened, unbroken, ended. Imports: asyncio. Effects: runs work in threads and tasks.

A thread cannot be called back: what it opens for a task that is gone by then has no owner. What takes several steps to put away is
left half put away by a cancellation between two of them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def opened(make: Callable[[], T], undo: Callable[[T], object]) -> T:
    """Return what `make` makes, in a thread. When this is cancelled, `undo` takes it back, in a thread too."""
    lock = threading.Lock()
    made: list[T] = []
    left = False

    def work() -> None:
        thing = make()
        with lock:
            if not left:
                made.append(thing)
                return
        undo(thing)

    try:
        await asyncio.to_thread(work)
    except asyncio.CancelledError:
        with lock:
            left = True
        if made:
            asyncio.get_running_loop().run_in_executor(None, undo, made.pop())
        raise
    return made.pop()


async def unbroken(work: Callable[[], Awaitable[T]]) -> T:
    """Return what `work` returns, and raise what it raises. A cancellation meanwhile waits for its end, and is raised then."""

    async def whole() -> T:
        return await work()

    task = asyncio.create_task(whole())
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled is None:
        return task.result()
    raise cancelled from (None if task.cancelled() else task.exception())


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; raise what it died of. Cancelled itself, this is not taken for the task's own end."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
