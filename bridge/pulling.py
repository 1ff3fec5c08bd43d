"""What a new loop begins with of the layers and the code. Owns: Start, pull. Imports: core. Effects: fetches, through the git ports."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from core import layers
from core.errors import BadInput, Damaged, Refused, Unavailable
from core.loop import Loop
from core.ports import Checkout, Git, Layers

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The commits a loop is pinned to: `base` of the code (empty without a repository), each layer's. `left_out` are sentences."""

    base: str
    layers: tuple[tuple[str, str], ...]
    private: bool
    left_out: tuple[str, ...]

    def checkouts(self, loop: Loop, port: Layers) -> Sequence[Checkout]:
        """Return how the layers are cloned, in the driver's name."""
        return [
            port.checkout(name, commit, loop.work_branch, author=loop.driver_name)
            for name, commit in self.layers
        ]


async def pull(loop: Loop, git: Git, port: Layers) -> Start:
    """Bring mirrors up to their origins (unless the loop wants what they hold), all at the same time; say what it is to begin with.

    A layer whose remote cannot be followed is taken as the mirror has it, and said so. Raises LoopbridgeError for the code alone.
    """
    names = layers.of(loop.personal)
    code = asyncio.create_task(_code(loop, git))
    try:
        found = await asyncio.gather(*(_layer(name, port, fetch=not loop.cached) for name in names))
        private = False
        if loop.personal:
            private = set(await port.texts(layers.personal(loop.personal))) > {"README.md"}
        base = await code
    finally:
        # What failed elsewhere, or is not wanted any more, must not leave it to fail with nobody to hear of it.
        code.cancel()
        await asyncio.gather(code, return_exceptions=True)
    return Start(
        base=base,
        layers=tuple((name, commit) for name, (commit, _) in zip(names, found, strict=True)),
        private=private,
        left_out=tuple(words for _, words in found if words),
    )


async def _code(loop: Loop, git: Git) -> str:
    if not loop.repo:
        return ""
    base = await git.sync(loop.repo, fetch=not loop.cached)
    if not loop.branch_from:
        return base
    try:
        return await git.resolve(loop.repo, loop.branch_from)
    except BadInput as exc:
        # The loop keeps the name it was given: trying again would fail again.
        remedy = f"{exc.remedy} End this loop with `/loop done`, then begin again: `/loop --branch NAME …`."
        raise BadInput(str(exc), remedy=remedy) from exc


async def _layer(name: str, port: Layers, *, fetch: bool) -> tuple[str, str]:
    try:
        return await port.sync(name, fetch=fetch), ""
    except (BadInput, Refused, Unavailable, Damaged) as exc:
        log.warning("layer.not_synced", layer=name, why=str(exc), remedy=exc.remedy)
        commit = await port.sync(name, fetch=False)
        return commit, f"the newest {layers.folder(name)} ({str(exc).rstrip('.')})"
