"""A child of the crash tests: stores what it is told to and says what is durable. Owns: nothing. Imports: adapters.store. Effects: writes a database."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from adapters.store.store import SqlStore
from core import errors
from core.desk import Outcome
from core.ports import Store
from core.testing import store_rig
from core.testing.fakes import FakeClock


def tell(line: str) -> None:
    """Tell the parent a line in one write: with two (what `print` does unbuffered), a kill between them leaves half a line."""
    os.write(1, f"{line}\n".encode())


async def storm(store: Store, start: int) -> None:
    """Store and settle events from many lanes until killed; each number printed is durable."""

    async def lane(number: int) -> None:
        at = start + number
        while True:
            (arrival,) = await store.arrive([store_rig.posted(at)])
            tell(f"event {at}")
            assert arrival is not None
            outcome = Outcome(facts=store_rig.heard(at), effects=(store_rig.say(f"say{at}"),))
            await store.settle(arrival, outcome)
            tell(f"settled {at}")
            at += 8

    await asyncio.gather(*(lane(number) for number in range(8)))


async def fill(store: Store, folder: Path) -> None:
    """Fill the disk, see that reads go on and that writing recovers once there is room."""
    filler = folder / "filler"
    await store.keep("before", "1")
    stored = 0
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            pass
    reserve = folder / "b.db.reserve"
    assert reserve.exists()
    try:
        while True:
            await store.arrive([store_rig.posted(stored, "x" * 20_000)])
            stored += 1
    except errors.StorageFull as full:
        remedy = full.remedy
    assert remedy
    assert not reserve.exists()
    assert stored > 0, "the reserve let something through"
    assert len(await store.waiting()) == stored
    assert await store.kept("before") == "1"
    filler.unlink()
    await store.arrive([store_rig.posted(stored, "x" * 20_000)])
    assert reserve.exists()
    assert len(await store.waiting()) == stored + 1
    tell(f"stored {stored + 1}")


def nursery(path: Path) -> None:
    """For each number on standard input: fork a child that storms from there, and tell when it is gone. Forking saves the imports."""
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            tell(f"pid {os.getpid()}")
            asyncio.run(main("storm", path, int(line)))
        _, status = os.waitpid(pid, 0)
        tell(f"gone {status}")


async def main(mode: str, path: Path, start: int) -> None:
    """Open the store and do one of the above."""
    async with SqlStore(f"sqlite:///{path}", clock=FakeClock(), reserve_bytes=1 << 20) as store:
        if mode == "storm":
            await storm(store, start)
        elif mode == "fill":
            await fill(store, path.parent)
        else:
            tell("open")
            await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "nursery":
        nursery(Path(sys.argv[2]))
    else:
        asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
