"""A bridge whose disk fills up. Owns: main, which runs in a mount namespace of its own with a small disk. Effects: fills that disk.

Started by its test: `python -m tests.scenarios.full_disk FOLDER`.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

from core.errors import LoopbridgeError
from tests.scenarios.house import House, Talk, house

ROOM = 400_000  # bytes that are left


def stuff(path: Path) -> None:
    """Fill the disk but for a little room."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size - ROOM)


async def talk_until_refused(talk: Talk) -> list[int]:
    """Write until nothing more is taken; return what was."""
    acked: list[int] = []
    for _ in range(20_000):
        try:
            acked.append(await talk.says("a note " + "x" * 8000))
        except LoopbridgeError:
            return acked
    raise AssertionError("the disk does not fill up")


def stored(home: House) -> set[str]:
    """Return the ids of the messages the bridge has taken in."""
    with closing(sqlite3.connect(f"file:{home.database}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT payload ->> 'message' FROM event WHERE kind = 'posted'").fetchall()
    return {str(row[0]) for row in rows}


async def main(folder: Path) -> None:
    """Play it through."""
    async with (
        house(root=folder) as home,
        home.daemon() as daemon,
        home.person() as maya,
        home.person("ravi") as ravi,
    ):
        talk = await maya.opens("/loop remember: kiwis")
        await talk.answered("kiwis")
        asking = await maya.opens("/loop run: echo ran")
        ask = await asking.asked("echo ran")
        stuffing = home.home / "stuffing"
        await asyncio.to_thread(stuff, stuffing)
        acked = await talk_until_refused(ravi.joins(talk))
        assert acked, "the little room let nothing through"
        pressed = True
        try:
            await asking.presses(ask, "Allow once")
        except LoopbridgeError:
            pressed = False
        assert (await daemon.health())["status"] in ("ok", "degraded")
        await asyncio.to_thread(stuffing.unlink)
        if not pressed:
            await asking.presses(ask, "Allow once")
        await asking.answered("[result Bash] ran")
        said = await talk.says("recall")
        await talk.answered("You said kiwis.", after=said)
        assert {str(number) for number in acked} <= stored(home)
        assert not daemon.complaints(), daemon.complaints()
        assert await daemon.stop() == 0
        assert home.boxed() == []


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
