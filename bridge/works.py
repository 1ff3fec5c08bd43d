"""Bringing a turn's commits out of the box, and landing what a person allowed. Owns: Works. Imports: core, bridge. Effects: through the git port."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog

from bridge import aftermath
from bridge.boxes import Boxes
from bridge.folders import LoopFolder
from core import events
from core.effects import LandWork, TakeWork
from core.errors import LoopbridgeError
from core.loop import Loop
from core.ports import Clock, Emit, Git, Judged, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """Carries out TakeWork and LandWork, and reads diffs for people."""

    loops: Path
    store: Store
    git: Git
    boxes: Boxes
    clock: Clock
    emit: Emit

    async def __call__(self, effect: TakeWork) -> None:
        """Take the new commits in, have them judged, land them on the loop's branch; say WorkTaken or WorkStuck."""
        loop = await self.store.loop(effect.loop)
        if (
            loop is None
            or loop.turn is None
            or (loop.turn.id, loop.turn.leg) != (effect.turn, effect.leg)
            or loop.turn.state != "taking"
        ):
            return
        try:
            event: events.Event = await self._take(loop, effect)
        except (LoopbridgeError, OSError) as exc:
            log.warning("work.stuck", loop=loop.handle, why=str(exc))
            event = events.WorkStuck(
                lane=loop.thread, at=self.clock.now(), loop=loop.id, turn=effect.turn, leg=effect.leg,
                what=f"The commits could not be brought out: {exc}.", remedy=getattr(exc, "remedy", "") or "The next turn tries again.",
            )  # fmt: skip
        await self.emit(event)

    async def _take(self, loop: Loop, effect: TakeWork) -> events.WorkTaken:
        box = self.boxes.clone(loop, LoopFolder.of(self.loops, loop.id))
        tree = await self.git.status(box)
        judged = Judged(tip=loop.base, commits=())
        if (tree.tip, tree.tips) != (loop.base, (loop.base,)):
            judged = await self.git.take_in(loop.repo, loop.branch, loop.base, box)
        where = ""
        if judged.commits and not judged.objections:
            where = await self.git.land(loop.repo, loop.branch, judged)
        return events.WorkTaken(
            lane=loop.thread,
            at=self.clock.now(),
            loop=loop.id,
            turn=effect.turn,
            leg=effect.leg,
            repo=loop.repo,
            branch=loop.branch,
            commits=tuple(
                events.CommitTaken(
                    sha=commit.sha,
                    parents=commit.parents,
                    subject=commit.subject,
                    at=commit.at,
                    files=commit.files,
                )
                for commit in judged.commits
            ),
            dirty=tree.dirty[:200],
            objections=judged.objections,
            where=where,
            base=loop.base,
            tip=judged.tip,
            delicate=tuple(events.DelicatePath(path=one.path, why=one.why) for one in judged.delicate),
            shown=judged.shown,
        )

    async def land(self, effect: LandWork) -> None:
        """Land exactly what was judged and allowed, the objections lifted by a person; say WorkLanded."""
        where, what, remedy = "", "", ""
        try:
            where = await self.git.land(effect.repo, effect.branch, Judged(tip=effect.tip, commits=()))
        except (LoopbridgeError, OSError) as exc:
            log.warning("work.not_landed", branch=effect.branch, tip=effect.tip, why=str(exc))
            what = f"{exc}.".replace("..", ".")
            remedy = aftermath.AGAIN
        await self.emit(
            events.WorkLanded(
                lane=effect.lane, at=self.clock.now(), loop=effect.loop, ask=effect.ask, where=where, what=what, remedy=remedy
            )
        )  # fmt: skip

    async def diff(self, loop: Loop) -> str:
        """Return what the loop changed since it began: untrusted text. Raises LoopbridgeError."""
        if not loop.repo or not loop.prepared:
            return ""
        return await self.git.diff(
            self.boxes.clone(loop, LoopFolder.of(self.loops, loop.id)), loop.first_base
        )
