"""Facts as files of layers. Owns: Facts. Imports: core. Effects: reads and writes layers, one change of each at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from core import memory, wording
from core.memory import Memo
from core.ports import Layers


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Puts facts into layers and takes them out; their index follows. Methods raise Unavailable and BadInput."""

    layers: Layers
    _turns: dict[str, asyncio.Lock] = field(default_factory=dict)

    def turn(self, layer: str) -> AbstractAsyncContextManager[None]:
        """Return what whoever looks and then changes a layer holds meanwhile."""
        return self._turns.setdefault(layer, asyncio.Lock())

    async def texts(self, layer: str) -> dict[str, str]:
        """Return the files of a layer's facts as they are at its remote by now, path → text."""
        await self.layers.sync(layer)
        return dict(await self.layers.texts(layer, memory.FOLDER))

    async def put(self, layer: str, memo: Memo, *, by: str) -> tuple[Memo | None, Sequence[Memo]]:
        """Write a fact, unless it is there; return what was there, and all the layer's facts after that."""
        async with self.turn(layer):
            there = await self.texts(layer)
            old = next((each for each in memory.known(there) if each.id == memo.id), None)
            if old is None:
                files = {memo.path: memory.spell(memo)}
                files |= memory.index(layer, {**there, **files})
                await self.layers.write(
                    layer, f"memory: remember {wording.line(memo.text, 60)}", files, by=by
                )
            return old, memory.known(await self._index(layer))

    async def take(self, layer: str, memo: Memo, there: Mapping[str, str], *, by: str) -> None:
        """Take a fact out of the files of a layer; the caller holds its turn."""
        left = {name: text for name, text in there.items() if name != memo.path}
        subject = f"memory: forget {wording.line(memo.text, 60)}"
        await self.layers.write(layer, subject, memory.index(layer, left), gone=[memo.path], by=by)

    async def reindex(self, layer: str) -> None:
        """Bring a layer's index up to its files."""
        async with self.turn(layer):
            await self._index(layer)

    async def _index(self, layer: str) -> dict[str, str]:
        """Write the layer's index if it does not say what its files do; return the files."""
        there = dict(await self.layers.texts(layer, memory.FOLDER))
        stale = memory.index(layer, there)
        if stale:
            await self.layers.write(layer, "memory: index", stale, by="Loopbridge")
        return there | stale
