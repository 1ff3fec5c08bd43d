"""How the daemon learns that a process ended. Owns: that no thread waits for it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator

import pytest

from bridge import daemon


@pytest.fixture
def as_it_was() -> Iterator[None]:
    yield
    if sys.version_info < (3, 12):
        asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())


@pytest.mark.usefixtures("as_it_was")
async def test_no_thread_waits_for_a_process() -> None:
    daemon._watch_children()
    before = {thread.name for thread in threading.enumerate()}
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", "read line; exit 3", stdin=asyncio.subprocess.PIPE
    )
    assert child.stdin is not None
    assert {thread.name for thread in threading.enumerate()} <= before
    child.stdin.close()
    assert await child.wait() == 3
