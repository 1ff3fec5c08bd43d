"""Work in layers' clones, brought to everybody. Owns: Promoting. Imports: core, bridge. Effects: through the ports of layers and promotions.

The agent's tool and people's words come to the same effect, so that a crash ends neither: what was cut short is done again, lands
once and is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog

from bridge.boxes import Boxes
from bridge.folders import LoopFolder
from core import events, layers, proposals, wording
from core.effects import DropDraft, MergeProposal, Promote, Weigh
from core.errors import BadInput, LoopbridgeError, Refused
from core.loop import Loop
from core.ports import (
    Clock,
    Conflict,
    Drafted,
    Emit,
    Judged,
    Layers,
    Promotions,
    Store,
)

log = structlog.get_logger(__name__)
PATIENCE = 240.0  # seconds the agent waits for its promote; what takes longer is told in the thread
Why = Literal["nothing", "conflict", "refused"]
Outcome = events.Promoted | events.Proposed | events.NotPromoted


@dataclass(slots=True, kw_only=True)
class Promoting:
    """Carries out Promote, Weigh, MergeProposal and DropDraft."""

    loops: Path
    store: Store
    layers: Layers
    promotions: Promotions
    boxes: Boxes
    clock: Clock
    emit: Emit
    prove: Callable[
        [Loop, Mapping[str, str]], Awaitable[tuple[str, ...]]
    ]  # lines about claims without a source
    ground: Callable[[Loop, str, Mapping[str, str]], Awaitable[tuple[proposals.Grounds, ...]]]
    _clones: dict[tuple[str, str], asyncio.Lock] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Future[Outcome]] = field(default_factory=dict)

    async def promote(self, effect: Promote) -> None:
        """Promote each of the layers; of several that hold nothing new, say so once, and only if none holds anything."""
        loop = await self.store.loop(effect.loop)
        if loop is None:
            return
        outcomes = [await self._one(loop, layer, effect) for layer in effect.layers]
        news = [event for event in outcomes if not _is_nothing(event)]
        if not news and len(outcomes) > 1:
            news = [self._not(effect, "", "nothing")]
        for event in news or outcomes:
            await self.emit(event)
            await self._told(effect.request, event)

    async def hear(self, request: str, wanted: events.PromoteWanted) -> Outcome | None:
        """Put a wish through the front door and wait for what comes of it; None when that takes too long."""
        future = self._waiting.setdefault(request, asyncio.get_running_loop().create_future())
        try:
            await self.emit(wanted)
            async with asyncio.timeout(PATIENCE):
                return await future
        except TimeoutError:
            return None
        finally:
            self._waiting.pop(request, None)

    async def weigh(self, effect: Weigh) -> None:
        """Take somebody's word to the proposal they mean, in its own lane; say so when there is none, or more than one."""
        known = await self.store.find_proposal(effect.prefix)
        found = [one for one in known if one.open] or known
        if len(found) == 1:
            await self.emit(
                events.ProposalWeighed(
                    lane=found[0].thread, at=self.clock.now(), proposal=found[0].id, choice=effect.choice, words=effect.words,
                    author=effect.author, message=effect.message, via=effect.lane,
                )
            )  # fmt: skip
            return
        what = (
            f"There is no proposal {wording.code(effect.prefix, 40)}."
            if not found
            else f"{len(found)} proposals have an id like that."
        )
        await self.emit(
            events.NotDone(
                lane=effect.lane, at=self.clock.now(), author=effect.author, message=effect.message, what=what,
                remedy="`/loop proposals` shows those that wait.",
            )
        )  # fmt: skip

    async def merge(self, effect: MergeProposal) -> None:
        """Merge what was reviewed, or say why not; a round that is over is left alone."""
        proposal = next(iter(await self.store.find_proposal(effect.proposal)), None)
        if proposal is None or (proposal.state, proposal.round) != ("merging", effect.round):
            return
        reviewed = Drafted(
            base=proposal.base, tip=proposal.tip, digest=proposal.digest, files=proposal.files, protected=proposal.protected, diff=""
        )  # fmt: skip
        now = self.clock.now()
        event: events.Event
        try:
            made = await self.promotions.merge(
                proposal.layer, reviewed, request=effect.key, branch=proposal.branch, subject=proposal.title, author=proposal.by_name,
                reviewer=effect.reviewer,
            )  # fmt: skip
        except (LoopbridgeError, OSError) as exc:
            log.warning("proposal.not_merged", proposal=proposal.handle, why=str(exc))
            event = events.ProposalStuck(
                lane=effect.lane, at=now, proposal=proposal.id, round=effect.round, request=effect.key, what=str(exc),
                remedy=getattr(exc, "remedy", ""), author=effect.author, via=effect.via,
            )  # fmt: skip
        else:
            match made:
                case Conflict(files=files):
                    event = events.ProposalStuck(
                        lane=effect.lane, at=now, proposal=proposal.id, round=effect.round, request=effect.key, files=files,
                        author=effect.author, via=effect.via,
                    )  # fmt: skip
                case Drafted():
                    event = events.ProposalRenewed(
                        lane=effect.lane, at=now, proposal=proposal.id, round=effect.round, base=made.base, digest=made.digest,
                        files=made.files, protected=made.protected, diff=made.diff, author=effect.author, via=effect.via,
                    )  # fmt: skip
                case _:
                    event = events.ProposalMerged(
                        lane=effect.lane, at=now, proposal=proposal.id, round=effect.round, commit=made.tip, files=made.files,
                        author=effect.author, via=effect.via,
                    )  # fmt: skip
        await self.emit(event)
        await self.promotions.forget(proposal.layer, effect.key)

    async def drop(self, effect: DropDraft) -> None:
        """Take the branch of a draft away that nobody will merge."""
        await self.promotions.drop(effect.layer, effect.branch, effect.tip)

    async def diff(self, identifier: str) -> tuple[proposals.Proposal, str]:
        """Return a proposal and what merging it would change: untrusted text. Raises BadInput when there is none."""
        proposal = next(iter(await self.store.find_proposal(identifier)), None)
        if proposal is None:
            raise BadInput("There is no such proposal.", remedy="`/loop proposals` shows those that wait.")
        return proposal, await self.promotions.diff(proposal.layer, proposal.base, proposal.tip)

    async def _one(self, loop: Loop, layer: str, effect: Promote) -> Outcome:
        async with self._clones.setdefault((loop.id, layer), asyncio.Lock()):
            try:
                return await self._try(loop, layer, effect)
            except (LoopbridgeError, OSError) as exc:
                log.warning("promote.refused", loop=loop.handle, layer=layer, why=str(exc))
                return self._not(effect, layer, "refused", what=str(exc), remedy=getattr(exc, "remedy", ""))

    async def _try(self, loop: Loop, layer: str, effect: Promote) -> Outcome:
        pinned = dict(loop.pinned).get(layer)
        folder = LoopFolder.of(self.loops, loop.id)
        place = folder.context / layers.folder(layer)
        if pinned is None or not await asyncio.to_thread(place.is_dir):
            raise Refused(f"This loop has no clone of {layers.folder(layer)}.", remedy="A new loop has one.")
        plan = self.layers.checkout(layer, pinned, loop.work_branch, author=loop.driver_name)
        box = self.boxes.layer(loop, folder, layer)
        judged = await self.promotions.take(layer, plan, box, subject=effect.summary)
        if layer in layers.GATED:
            return await self._propose(loop, layer, effect, judged)
        landed = await self.promotions.land(
            layer, judged, request=effect.request, subject=effect.summary, author=loop.driver_name
        )
        if isinstance(landed, Conflict):
            return self._not(
                effect, layer, "conflict", files=await self.promotions.meet(layer, box) or landed.files
            )
        if landed.base == landed.tip:
            return self._not(effect, layer, "nothing")
        return events.Promoted(
            lane=effect.lane, at=self.clock.now(), loop=effect.loop, turn=effect.turn, request=effect.request, layer=layer,
            summary=effect.summary, base=landed.base, tip=landed.tip, files=landed.files,
        )  # fmt: skip

    async def _propose(self, loop: Loop, layer: str, effect: Promote, judged: Judged) -> Outcome:
        mine = [one for one in await self.store.proposals() if (one.loop, one.layer) == (loop.id, layer)]
        if any(one.state == "merging" for one in mine):
            raise Refused("Your earlier proposal is being merged.", remedy="Promote again in a minute.")
        identifier = mine[0].id if mine else proposals.new_id(loop.id, layer, effect.request)
        branch = proposals.branch(identifier, judged.tip)
        drafted = await self.promotions.draft(layer, judged, branch=branch)
        if isinstance(drafted, Conflict):
            box = self.boxes.layer(loop, LoopFolder.of(self.loops, loop.id), layer)
            return self._not(
                effect, layer, "conflict", files=await self.promotions.meet(layer, box) or drafted.files
            )
        if not drafted.files or (mine and (mine[0].tip, mine[0].digest) == (drafted.tip, drafted.digest)):
            return self._not(effect, layer, "nothing")
        pages = await self.promotions.pages(layer, drafted.base, drafted.tip)
        unproven = await self.prove(loop, pages) if loop.condenses is not None else ()
        grounds = await self.ground(loop, layer, pages)
        if mine and not any(one.id == identifier for one in await self.store.proposals()):
            # It was decided on while this was drafted: what comes now is a proposal of its own.
            if drafted.tip != mine[0].tip:
                await self.promotions.drop(layer, branch, drafted.tip)
            return await self._propose(loop, layer, effect, judged)
        return events.Proposed(
            lane=effect.lane, at=self.clock.now(), loop=effect.loop, turn=effect.turn, request=effect.request, layer=layer,
            proposal=identifier, title=effect.summary, base=drafted.base, tip=drafted.tip, digest=drafted.digest, files=drafted.files,
            protected=drafted.protected, diff=drafted.diff, unproven=unproven, grounds=grounds,
        )  # fmt: skip

    def _not(
        self,
        effect: Promote,
        layer: str,
        why: Why,
        *,
        files: Sequence[str] = (),
        what: str = "",
        remedy: str = "",
    ) -> events.NotPromoted:
        return events.NotPromoted(
            lane=effect.lane, at=self.clock.now(), loop=effect.loop, turn=effect.turn, request=effect.request, layer=layer, why=why,
            files=tuple(files), what=what, remedy=remedy,
        )  # fmt: skip

    async def _told(self, request: str, event: Outcome) -> None:
        if isinstance(event, events.Promoted):
            await self.promotions.forget(event.layer, request)
        future = self._waiting.get(request)
        if future is not None and not future.done():
            future.set_result(event)


def _is_nothing(event: Outcome) -> bool:
    return isinstance(event, events.NotPromoted) and event.why == "nothing"
