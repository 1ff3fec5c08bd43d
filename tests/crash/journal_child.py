"""A child of the journal's crash tests: tells a story without end and journals it, until killed. Owns: nothing. Effects: a home."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from adapters.git.journal import GitJournal
from tests.unit import journal_rig


async def main(root: Path, start: int, stop: str) -> None:
    """Talk in several threads and drain all the while; `stop` names the step at which the process ends itself by SIGKILL."""
    rig = await asyncio.to_thread(journal_rig.Rig, root=root)
    async with rig.telling() as telling:
        ready = asyncio.Event()

        async def talk() -> None:
            for number in range(start, start + 10_000):
                await telling.says(journal_rig.lane(number % 5), "maya", f"word {number} \u2028 ä")
                if number == start + 20:
                    ready.set()

        async def drain() -> None:
            await ready.wait()
            _trap(telling, stop)
            while True:
                await telling.journalling.drain(commits=1)
                print("drained", flush=True)  # noqa: T201 - what the parent reads

        telling.numbers.update({journal_rig.lane(number): start for number in range(5)})
        await asyncio.gather(talk(), drain())


def _trap(telling: journal_rig.Telling, stop: str) -> None:
    """Put a SIGKILL behind (or before) a step of the journalling."""

    def killing(step: Callable[..., Awaitable[Any]], *, after: bool) -> Callable[..., Awaitable[Any]]:
        async def trapped(*args: Any, **more: Any) -> Any:
            if after:
                await step(*args, **more)
            os.kill(os.getpid(), signal.SIGKILL)

        return trapped

    journalling: Any = telling.journalling
    journal: Any = GitJournal
    match stop:
        case "before the commit":
            journal._commit = killing(journal._commit, after=False)
        case "after the commit":
            journal._commit = killing(journal._commit, after=True)
        case "after letting go":
            journalling._ledger.written = killing(journalling._ledger.written, after=True)
        case _:
            pass


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
