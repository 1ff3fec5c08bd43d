"""A bridge that is killed while it promotes. Run as: python -m tests.contract.git_crash HOME USER BASE POINT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adapters.git import promote, quarantine
from tests.contract.git_rig import Rig

# Where it dies: right after this function of that place returned.
POINTS: dict[str, tuple[Any, str]] = {
    "the pack is indexed": (quarantine.Quarantine, "_index"),
    "the pack is judged": (quarantine.Quarantine, "judge"),
    "half of the objects are moved": (os, "replace"),
    "the objects are moved": (promote, "move"),
    "the ref is moved": (promote.Promotion, "_update"),
    "the origin has it": (promote.Promotion, "_push"),
    "the quarantine is gone": (promote, "remove"),
}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fatal(place: Any, name: str) -> None:
    real: Callable[..., Any] = getattr(place, name)

    if asyncio.iscoroutinefunction(real):

        async def last(*args: Any, **kwargs: Any) -> None:
            await real(*args, **kwargs)
            _die()

        setattr(place, name, last)
        return

    def last_call(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        _die()

    setattr(place, name, last_call)


async def _promote(home: Path, user: str, base: str, point: str) -> None:
    rig = Rig(home, user)
    place, name = POINTS[point]
    _fatal(place, name)
    judged = await rig.host.take_in("demo", "loop/x", base, rig.box("one"))
    await rig.host.land("demo", "loop/x", judged)


if __name__ == "__main__":
    asyncio.run(_promote(Path(sys.argv[1]), *sys.argv[2:5]))
