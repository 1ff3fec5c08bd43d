"""Putting a loop away. Owns: Closing. Imports: core, bridge.folders. Effects: ends its process, closes its sockets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bridge.folders import LoopFolder
from bridge.memory import MemoryGuard
from core.effects import CloseLoop
from core.ports import AgentRunner, Gateway, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """Carries out CloseLoop. The clone, the capsule and the lock stay; an archived loop's own home goes."""

    loops: Path
    runner: AgentRunner
    gateway: Gateway
    guard: MemoryGuard
    store: Store

    async def __call__(self, effect: CloseLoop) -> None:
        """End what lives of the loop, unless somebody has woken it since."""
        if await self._lives(effect):
            return
        await self.runner.close(effect.loop)
        if await self._lives(effect):
            return
        await self.gateway.close(effect.loop)
        self.guard.forget(LoopFolder.of(self.loops, effect.loop).launcher)
        if effect.archive:
            await asyncio.to_thread(LoopFolder.of(self.loops, effect.loop).remove_home)

    async def _lives(self, effect: CloseLoop) -> bool:
        loop = await self.store.loop(effect.loop)
        return loop is not None and loop.live
