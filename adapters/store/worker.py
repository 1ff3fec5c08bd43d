"""The store's threads. Owns: Worker. Imports: asyncio, threading, sqlalchemy. Effects: starts a thread, runs transactions.

A worker takes what is queued as one batch. A writing batch is one transaction (group commit); when one of its units fails, the
batch is rolled back and each unit is done again in a transaction of its own, so that a unit fails alone. What is in no hurry goes
along with what comes next.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from adapters.store import claim, faults, hand
from core import errors

T = TypeVar("T")
Unit = Callable[[hand.Hand], T]
BATCH = 256
LINGER = 0.2  # seconds that what is in no hurry waits for company
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Task:
    """A unit of work and what became of it."""

    unit: Unit[Any]
    future: asyncio.Future[Any]
    landed: Callable[[], None] | None = None
    result: object = None
    error: Exception | None = None


class Worker:
    """A thread with a connection of its own. `reserve` is given by the one that writes."""

    def __init__(
        self, name: str, tool: hand.Hand, path: Path, *, reserve: claim.Reserve | None = None
    ) -> None:
        self._tool = tool
        self._path = path
        self._reserve = reserve
        self._queue: queue.SimpleQueue[Sequence[Task] | None] = queue.SimpleQueue()
        self._leisurely: list[Task] = []
        self._timer: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._closed = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def do(self, unit: Unit[T], landed: Callable[[], None] | None = None) -> T:
        """Run a unit in the thread and return its result once it is durable.

        A unit may run twice (never to effect twice), so it keeps nothing but what it writes. `landed` is called on the event loop
        when the unit took effect, even if nobody waits for it any more.
        """
        if self._closed:
            raise _closed()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._hand_over(Task(unit, future, landed))
        return await future

    def soon(self, unit: Unit[T]) -> asyncio.Future[T]:
        """Run a unit together with the next one, or alone after LINGER seconds; return what tells that it is durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if self._closed:
            future.set_exception(_closed())
            return future
        self._leisurely.append(Task(unit, future))
        if self._timer is None:
            self._timer = loop.call_later(LINGER, self._hand_over)
        return future

    async def caught_up(self) -> None:
        """Wait until nothing waits for company any more."""
        if self._leisurely:
            await self.do(lambda hand: None)

    def _hand_over(self, *tasks: Task) -> None:
        """Give the thread what it is to do: what waited for company first."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        tasks, self._leisurely = (*self._leisurely, *tasks), []
        if tasks:
            self._queue.put(tasks)

    def refuse(self) -> None:
        """Take nothing more. To be called on the event loop, like `do`: nothing can slip in behind the end."""
        self._closed = True
        self._hand_over()
        self._queue.put(None)

    def join(self) -> None:
        """Wait until everything queued before `refuse` is done, and close the connection. Blocks."""
        self._thread.join()
        self._tool.connection.close()

    def _work(self) -> None:
        going = True
        while going:
            batch: list[Task] = []
            tasks = self._queue.get()
            while tasks is not None:
                batch += tasks
                if len(batch) >= BATCH or self._queue.empty():
                    break
                tasks = self._queue.get()
            going = tasks is not None
            if batch:
                if self._reserve is None:
                    self._read(batch)
                else:
                    self._write(batch, self._reserve)
                _tell(batch)

    def _read(self, batch: Sequence[Task]) -> None:
        # One snapshot serves the batch: whatever a caller has seen written was committed before its read was queued.
        try:
            with self._tool.transaction():
                for task in batch:
                    try:
                        task.result = task.unit(self._tool)
                    except Exception as exc:  # noqa: BLE001 - carried to whoever awaits it
                        task.error = self._reading(exc)
        except Exception as exc:  # noqa: BLE001 - carried to whoever awaits it
            for task in batch:
                task.error = self._reading(exc)

    def _write(self, batch: Sequence[Task], reserve: claim.Reserve) -> None:
        try:
            with self._tool.transaction():
                for task in batch:
                    task.result = task.unit(self._tool)
        except Exception as exc:  # noqa: BLE001 - carried to whoever awaits it
            error = self._writing(exc)
            freed = isinstance(error, errors.StorageFull) and reserve.release()
            if freed:
                log.warning("store.full: the reserve was given back")
            if len(batch) == 1 and not freed:
                batch[0].error = error
                return
            for task in batch:
                self._alone(task)
            return
        if not reserve.held:
            reserve.take()

    def _alone(self, task: Task) -> None:
        try:
            with self._tool.transaction():
                task.result = task.unit(self._tool)
        except Exception as exc:  # noqa: BLE001 - carried to whoever awaits it
            task.error = self._writing(exc)

    def _writing(self, exc: Exception) -> Exception:
        return _because(faults.translate(exc, self._path) or exc, exc)

    def _reading(self, exc: Exception) -> Exception:
        known = faults.translate(exc, self._path)
        if known is None and isinstance(exc, (ValueError, TypeError, KeyError, OverflowError)):
            # What a reader is given was checked before; a value of another shape came from the file.
            known = faults.damaged(self._path, type(exc).__name__)
        return _because(known or exc, exc)


def _closed() -> errors.Unavailable:
    return errors.Unavailable("The database is closed: the bridge is stopping.")


def _because(error: Exception, cause: Exception) -> Exception:
    if error is not cause:
        error.__cause__ = cause
    return error


def _tell(batch: Sequence[Task]) -> None:
    try:
        batch[0].future.get_loop().call_soon_threadsafe(_resolve, batch)
    except RuntimeError:
        # The event loop is gone and with it everybody who waited.
        log.debug("store.nobody_waits")


def _resolve(batch: Sequence[Task]) -> None:
    for task in batch:
        if task.error is None and task.landed is not None:
            task.landed()
        if task.future.done():
            continue
        if task.error is None:
            task.future.set_result(task.result)
        else:
            task.future.set_exception(task.error)
