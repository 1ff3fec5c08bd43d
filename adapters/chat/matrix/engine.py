"""The thread in which Matrix happens. Owns: Engine. Imports: asyncio, threading. Effects: one thread with an event loop of its own.

Encryption computes and writes its store, both without awaiting; here that holds up Matrix alone. What runs here may block.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Engine:
    """Runs coroutines in its own thread. Enter it to start; leaving it cancels what still runs there."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=run, args=(self._loop,), name=self._name, daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        asyncio.run_coroutine_threadsafe(_clear(), loop).add_done_callback(
            lambda _: loop.call_soon_threadsafe(loop.stop)
        )
        await asyncio.to_thread(thread.join)

    @property
    def running(self) -> bool:
        """Whether it was entered and not left."""
        return self._loop is not None

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in the engine's thread and return what it returns; cancelling this cancels it."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the engine is not running")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


def run(loop: asyncio.AbstractEventLoop) -> None:
    """Run `loop` until it is stopped, then close it: the whole life of the thread."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _clear() -> None:
    """Cancel every other task and wait for its end."""
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
