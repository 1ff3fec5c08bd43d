"""Running a leg of a turn, and handing verdicts to it. Owns: Legs. Imports: core, bridge. Effects: through the agent and gateway ports."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from bridge.boxes import Boxes
from bridge.capsules import Capsules
from bridge.fetching import Fetching
from bridge.folders import LoopFolder
from bridge.memory import MemoryGuard
from bridge.preparing import open_gateway
from core import events
from core.effects import Interrupt, Rule, RunLeg
from core.errors import LoopbridgeError
from core.ids import TurnId, session_id, turn_id
from core.loop import Loop
from core.ports import AgentRunner, Clock, Emit, Gateway, Leg, Store, Verdict

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Legs:
    """Carries out RunLeg, Rule and Interrupt."""

    loops: Path
    store: Store
    gateway: Gateway
    runner: AgentRunner
    clock: Clock
    emit: Emit
    doctrine: str
    distilling: str  # the doctrine of distill loops
    model: str
    park_after: float
    guard: MemoryGuard
    fetch: Fetching
    boxes: Boxes
    capsules: Capsules

    async def run(self, effect: RunLeg) -> None:
        """Run a leg to its end; an old one, whose turn has gone on, is left alone."""
        loop = await self.store.loop(effect.loop)
        if (
            loop is None
            or loop.turn is None
            or (loop.turn.id, loop.turn.leg) != (effect.turn, effect.leg)
            or loop.turn.state == "ended"
        ):
            return
        folder = LoopFolder.of(self.loops, loop.id)
        try:
            await open_gateway(self.gateway, loop, folder)
        except (LoopbridgeError, OSError) as exc:
            await self._broke(loop, effect, f"The loop's way to the model could not be opened: {exc}.")
            return
        await self._without_notes(loop, folder)
        await self.fetch(loop, folder)
        prompt = effect.prompt
        if prompt and not effect.resume:
            if (loop.turn.number, effect.leg) != (1, 1):
                # What was deleted since, or taken out, must not come back with a session that begins afresh.
                await self.capsules.anew(loop, f"{effect.turn}:{effect.leg}")
            prompt = await asyncio.to_thread(_with_capsule, folder, prompt)
        leg = self._leg(
            loop,
            folder,
            turn=effect.turn,
            number=effect.leg,
            session=effect.session,
            resume=effect.resume,
            prompt=prompt,
            plan=effect.plan,
        )
        self.guard.watch(folder.launcher)
        await self.runner.run(leg, self.guard.explaining(folder.launcher, self.emit))

    async def _without_notes(self, loop: Loop, folder: LoopFolder) -> None:
        """Take its starter's own layer out of the box of a loop that somebody else drives now."""
        if loop.personal is not None or not await asyncio.to_thread(folder.holds_personal):
            return
        await self.runner.close(loop.id)
        await asyncio.to_thread(self.boxes.write_launcher, loop, folder)
        if not loop.session:
            # What a session had read of it stands in the transcripts of its home.
            await asyncio.to_thread(folder.remove_home)
            await asyncio.to_thread(folder.make, self.boxes.sandbox.owner())
        await asyncio.to_thread(folder.drop_personal)  # last: a crash before it begins anew

    async def interrupted(self, effect: RunLeg, alive_at: datetime | None) -> None:
        """Say that the bridge went away while a leg ran."""
        now = self.clock.now()
        down = (now - alive_at).total_seconds() if alive_at else 0.0
        await self.emit(
            events.TurnInterrupted(
                lane=effect.lane,
                at=now,
                loop=effect.loop,
                turn=effect.turn,
                leg=effect.leg,
                down_for=max(0.0, down),
            )
        )

    async def rule(self, effect: Rule) -> None:
        """Hand a verdict to a call that waits."""
        verdict = Verdict(
            decision=effect.decision, reason=effect.reason, updated_input=effect.updated_input or None
        )
        if not self.runner.answer(effect.loop, effect.call, verdict):
            await self.emit(
                events.VerdictLost(
                    lane=effect.lane,
                    at=self.clock.now(),
                    loop=effect.loop,
                    turn=effect.turn,
                    leg=effect.leg,
                    call=effect.call,
                )
            )

    async def interrupt(self, effect: Interrupt) -> None:
        """Stop a running turn; one that has no session is over all the same."""
        if await self.runner.interrupt(effect.loop):
            return
        loop = await self.store.loop(effect.loop)
        if loop is not None and loop.turn is not None and loop.turn.state in ("starting", "running"):
            await self.emit(
                events.TurnBroke(
                    lane=loop.thread,
                    at=self.clock.now(),
                    loop=loop.id,
                    turn=loop.turn.id,
                    leg=loop.turn.leg,
                    what="It was stopped.",
                    stopped=True,
                )
            )

    def first(self, loop: Loop, folder: LoopFolder) -> Leg:
        """Return the leg a new loop will begin with, so that its process can start before its prompt is ready."""
        turn = turn_id(loop.id, 1)
        return self._leg(
            loop,
            folder,
            turn=turn,
            number=1,
            session=session_id(turn, 1),
            resume=False,
            prompt="",
            plan=loop.planning,
        )

    def _leg(
        self,
        loop: Loop,
        folder: LoopFolder,
        *,
        turn: TurnId,
        number: int,
        session: str,
        resume: bool,
        prompt: str,
        plan: bool,
    ) -> Leg:
        return Leg(
            loop=loop.id,
            thread=loop.thread,
            turn=turn,
            number=number,
            launcher=folder.launcher,
            cwd="/loop/workdir",
            session=session,
            resume=resume,
            prompt=prompt,
            system=self.doctrine if loop.condenses is None else self.distilling,
            model=loop.model or self.model,
            park_after=self.park_after,
            plan=plan,
        )

    async def _broke(self, loop: Loop, effect: RunLeg, what: str) -> None:
        await self.emit(
            events.TurnBroke(
                lane=effect.lane,
                at=self.clock.now(),
                loop=loop.id,
                turn=effect.turn,
                leg=effect.leg,
                what=what,
            )
        )


def _with_capsule(folder: LoopFolder, prompt: str) -> str:
    """Return a fresh session's prompt: what the thread said, then what is to be done."""
    try:
        capsule = folder.thread.read_text(encoding="utf-8")
    except FileNotFoundError:
        log.warning("loop.capsule_missing", folder=str(folder.root))
        capsule = ""
    return "\n\n".join(part for part in (capsule, prompt) if part)
