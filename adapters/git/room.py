"""How much a layer may hold on the host. Owns: check. Imports: core. Effects: none: reads sizes.

Every pack that comes out of a box is bounded; without a bound of their sum an agent could fill the disk one promote at a time. What was
drafted and rejected counts too, as long as git keeps it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from adapters.git import judge, layer, safe
from core import errors, layers

_COUNTED = ("size", "size-pack", "size-garbage")  # in KiB


async def check(git: safe.SafeGit, one: layer.Layer, objects: Path, most: int) -> None:
    """Make sure that a layer with the judged objects in `objects` stays within `most` bytes.

    What was moved in already, before something was cut short, is not asked about again. Raises Refused.
    """
    new = await asyncio.to_thread(_size, objects / "pack")
    if not new:
        return
    told = dict(line.split(": ", 1) for line in (await git.ask(one.path, "count-objects", "-v")).splitlines())
    after = new + sum(int(told[word]) << 10 for word in _COUNTED)
    if after > most:
        name = layers.folder(one.name)
        raise errors.Refused(
            f"With it, {name} would take {judge.mega(after)} on the bridge's disk (the limit is {judge.mega(most)}).",
            remedy="Nothing was changed, and the work is kept in the loop's clone. Leave out what is large (a new commit does not take it out of the history), "
            "or have an admin raise `context.most` in config.toml and start the bridge again; then promote again.",
        )


def _size(packs: Path) -> int:
    return sum(path.stat().st_size for path in packs.glob("pack-*"))
