"""Making a loop's folder. Owns: Preparing. Imports: core, bridge. Effects: mirror, clone, capsule, lock, launcher, sockets.

Idempotent: a crash in the middle leaves what the next try completes. The session's process starts while the clone is made.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bridge.boxes import Boxes
from bridge.capsules import Capsules
from bridge.fetching import Fetching
from bridge.folders import LoopFolder
from bridge.pulling import Start, pull
from core import events, layers, lock
from core.assemble import Capsule
from core.effects import Prepare
from core.errors import LoopbridgeError
from core.loop import Loop
from core.ports import AgentRunner, Clock, Emit, Gateway, Git, Layers, Leg, Sandbox, Store

log = structlog.get_logger(__name__)
AT_ONCE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What the lock says of the bridge itself."""

    doctrine: str
    policy: str
    cli: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparing:
    """Carries out Prepare. `places` bounds how many folders are made at once."""

    loops: Path
    store: Store
    git: Git
    layers: Layers
    sandbox: Sandbox
    gateway: Gateway
    runner: AgentRunner
    boxes: Boxes
    clock: Clock
    emit: Emit
    versions: Versions
    fetch: Fetching
    capsules: Capsules
    first_leg: Callable[[Loop, LoopFolder], Leg]
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def __call__(self, effect: Prepare) -> None:
        """Make the folder and say Prepared, or say PrepareFailed with what to do."""
        loop = await self.store.loop(effect.loop)
        if loop is None or loop.prepared:
            return
        try:
            await self._make(loop, effect)
        except (LoopbridgeError, OSError) as exc:
            log.warning("loop.prepare_failed", loop=loop.handle, why=str(exc))
            remedy = (
                getattr(exc, "remedy", "")
                or "Press Retry; if it fails again, an admin can run `loopbridge doctor`."
            )
            await self.emit(
                events.PrepareFailed(
                    lane=loop.thread,
                    at=self.clock.now(),
                    loop=loop.id,
                    what=f"The workdir could not be made: {str(exc).rstrip('.')}.",
                    remedy=remedy,
                    attempt=effect.attempt,
                )
            )

    async def _make(self, loop: Loop, effect: Prepare) -> None:
        folder = LoopFolder.of(self.loops, loop.id)
        await asyncio.to_thread(folder.make, self.sandbox.owner())
        # Before its turn comes: loops that wait together share one look at each origin.
        start = await pull(loop, self.git, self.layers)
        async with self.places:
            now = await self.store.loop(loop.id)
            if now is None or now.prepared:
                return
            if now.personal != loop.personal:  # somebody else drives it by now
                start = await pull(now, self.git, self.layers)
            await self._fill(now, folder, start, effect.attempt)

    async def _fill(self, loop: Loop, folder: LoopFolder, start: Start, attempt: int) -> None:
        if loop.personal is None:
            await asyncio.to_thread(folder.drop_personal)
        await open_gateway(self.gateway, loop, folder)
        await asyncio.to_thread(self.boxes.write_launcher, loop, folder)
        warming = asyncio.create_task(self.runner.prewarm(self.first_leg(loop, folder)))
        try:
            await self._furnish(loop, folder, start, attempt)
        except BaseException:
            warming.cancel()
            raise
        finally:
            await asyncio.gather(warming, return_exceptions=True)

    async def _furnish(self, loop: Loop, folder: LoopFolder, start: Start, attempt: int) -> None:
        """Give the loop its capsule, its files and its clones, and tell what it was made from."""
        try:
            async with asyncio.TaskGroup() as group:
                given = group.create_task(self.capsules.make(loop))
                fetched = group.create_task(self.fetch(loop, folder))
                also = start.checkouts(loop, self.layers)
                box = self.boxes.clones(loop, folder)
                group.create_task(self.git.clone(loop.repo, start.base, loop.work_branch, box, also=also))
        except* LoopbridgeError as group_error:
            raise group_error.exceptions[0] from None
        capsule = given.result()
        await asyncio.to_thread(folder.write, folder.lock, self._lock(loop, start, capsule).to_json())
        await self.emit(
            events.Prepared(
                lane=loop.thread,
                at=self.clock.now(),
                loop=loop.id,
                base=start.base,
                layers=start.layers,
                private=start.private,
                branch=loop.work_branch if loop.repo else "",
                digest=capsule.digest,
                attempt=attempt,
                messages=capsule.keys,
                others=capsule.others,
                people=capsule.people,
                pages=capsule.pages,
                loops=capsule.loops,
                decisions=capsule.decisions,
                linked=capsule.linked,
                files=len(loop.files) - len(fetched.result()),
                left_out=(*capsule.left_out, *fetched.result(), *start.left_out),
            )
        )

    def _lock(self, loop: Loop, start: Start, capsule: Capsule) -> lock.Lock:
        return lock.Lock(
            loop=loop.id,
            repo=loop.repo,
            base=start.base,
            branch=loop.work_branch,
            layers={layers.folder(name): commit for name, commit in start.layers},
            capsule=capsule.digest,
            doctrine=self.versions.doctrine,
            policy=self.versions.policy,
            cli=self.versions.cli,
            sandbox=self.sandbox.name,
            model=loop.model,
        )


async def open_gateway(gateway: Gateway, loop: Loop, folder: LoopFolder) -> None:
    """Open the loop's two sockets with what its budget still allows."""
    left = None if loop.budget_usd is None else max(0.0, loop.budget_usd - loop.spent_usd)
    await gateway.open(
        loop.id, model_socket=folder.model_socket, egress_socket=folder.egress_socket, budget_usd=left
    )


def sha256(text: str) -> str:
    """Return the SHA-256 (hex) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
