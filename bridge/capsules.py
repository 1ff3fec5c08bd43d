"""The capsule in a loop's folder. Owns: Capsules. Imports: core, bridge. Effects: reads the store, writes the capsule's file."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bridge.distilling import Distilling
from bridge.folders import LoopFolder
from bridge.gathering import Gathering
from core import assemble, events
from core.assemble import Capsule
from core.effects import Assemble
from core.loop import Loop
from core.ports import Clock, Emit, Store

CAPSULE_TOKENS = 24_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Capsules:
    """Makes capsules: for a new loop, when somebody changes what a loop is given, and for a session that begins afresh."""

    loops: Path
    store: Store
    clock: Clock
    emit: Emit

    async def make(self, loop: Loop) -> Capsule:
        """Write a loop's capsule and return it."""
        capsule = await self._assembled(loop)
        folder = LoopFolder.of(self.loops, loop.id)
        await asyncio.to_thread(folder.write, folder.thread, capsule.text)
        return capsule

    async def _assembled(self, loop: Loop) -> Capsule:
        if loop.condenses is not None:
            return await Distilling(store=self.store, clock=self.clock, emit=self.emit).capsule(loop)
        material = await Gathering(store=self.store)(loop)
        return await asyncio.to_thread(assemble.assemble, material, budget_tokens=CAPSULE_TOKENS)

    async def __call__(self, effect: Assemble) -> None:
        """Carry out Assemble."""
        loop = await self.store.loop(effect.loop)
        if loop is not None and loop.prepared:
            await self.anew(loop, effect.key)

    async def anew(self, loop: Loop, made: str) -> None:
        """Write a capsule anew and say what it holds now: what was deleted, excluded or added since counts."""
        capsule = await self.make(loop)
        await self.emit(
            events.CapsuleMade(
                lane=loop.thread, at=self.clock.now(), loop=loop.id, made=made, digest=capsule.digest, messages=capsule.keys,
                others=capsule.others, people=capsule.people, pages=capsule.pages, loops=capsule.loops, decisions=capsule.decisions,
                linked=capsule.linked, left_out=capsule.left_out,
            )
        )  # fmt: skip
