"""Work that a cancellation does not tear in two."""

from __future__ import annotations

import asyncio
import threading

import pytest

from adapters.cancelling import opened, unbroken
from tests.patience import PATIENCE, until


async def test_what_a_thread_opened_is_handed_over() -> None:
    undone: list[str] = []
    assert await opened(lambda: "it", undone.append) == "it"
    with pytest.raises(OSError, match="no room"):
        await opened(_fails, undone.append)
    assert not undone


async def test_what_a_thread_opens_too_late_is_taken_back() -> None:
    going, go, undone = threading.Event(), threading.Event(), list[str]()

    def make() -> str:
        going.set()
        assert go.wait(PATIENCE)
        return "it"

    opening = asyncio.create_task(opened(make, undone.append))
    await until(going.is_set)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not undone
    go.set()
    await until(lambda: undone == ["it"])


async def test_what_was_opened_and_not_handed_over_is_taken_back() -> None:
    """The thread is done, and its task is cancelled before it hears of that."""
    made, undone = threading.Event(), list[str]()

    def make() -> str:
        made.set()
        return "it"

    opening = asyncio.create_task(opened(make, undone.append))
    await asyncio.sleep(0)
    assert made.wait(PATIENCE)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await until(lambda: undone == ["it"])


async def test_cancelled_twice_it_is_carried_out_once() -> None:
    go, done = asyncio.Event(), list[str]()

    async def work() -> None:
        await go.wait()
        done.append("it")

    waiting = asyncio.create_task(unbroken(work))
    for _ in range(2):
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["it"]


async def test_what_it_returns_and_what_it_raises_reach_whom_they_concern() -> None:
    async def works() -> str:
        await asyncio.sleep(0)
        return "it"

    async def fails() -> str:
        await asyncio.sleep(0)
        return _fails()

    assert await unbroken(works) == "it"
    with pytest.raises(OSError, match="no room"):
        await unbroken(fails)


def _fails() -> str:
    raise OSError("no room")
