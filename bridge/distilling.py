"""Finding what is to be distilled, and what was. Owns: Distilling. Imports: core, bridge. Effects: reads the store, emits events."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bridge.choring import place
from core import distill, events, focus, graph, ids, layers, proof, wording
from core.assemble import Capsule
from core.audience import WHOLE_CHANNELS
from core.effects import Chore, Distil
from core.graph import Node
from core.ids import IdentityKey, LoopId, ThreadKey
from core.loop import Loop
from core.ports import Clock, Emit, Store

log = structlog.get_logger(__name__)
MESSAGES = 2_000  # of one thread
CLAIMS = 5_000
FLOOR = "distill-floor"
LOOKS_BACK = timedelta(days=7)  # of a first look
TICK = timedelta(microseconds=1)
LATE = timedelta(days=1)  # a platform may tell of what was said only after a while


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilling:
    """Carries out Distil and the chore `distill`, makes capsules of sources, and holds pages against them.

    `where` is the thread that the clock's loops work in; `channels` are those that every member may read, as settings say.
    """

    store: Store
    clock: Clock
    emit: Emit
    where: str = ""
    channels: tuple[str, ...] = ()

    # ── by the clock ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def chore(self, effect: Chore) -> None:
        """Say what is due of everything every member may read, the oldest first."""
        if effect.round > 1:
            log.info("distill.nothing_yet", round=effect.round - 1)
        where = await place(self.store, self.where)
        driver = await self._admin(where) if where else None
        if where is None or driver is None:
            log.warning("distill.nowhere", where=self.where, remedy="Set jobs.distill.where to a thread the bridge has seen, and have an admin there.")  # fmt: skip
            return
        fresh, private = await self._fresh()
        flagged = distill.open_claims(await self._claims())
        if not fresh and not flagged:
            log.info("distill.nothing_new", private=private)
            return
        chosen, left = distill.choose(fresh)
        await self.emit(
            events.DistillDue(
                lane=where, at=self.clock.now(), order=f"{effect.due.timestamp():.3f}", audience=layers.EVERYBODY, driver=driver,
                sources=tuple(node.key for node in chosen), marks=distill.marks(chosen), claims=tuple(node.key for node in flagged),
                left_out=_left_out(left, private), round=effect.round,
            )
        )  # fmt: skip

    async def _admin(self, where: ThreadKey) -> IdentityKey | None:
        people = await self.store.people()
        admins = [member for member in people.members.values() if member.role == "admin"]
        found = [key for member in admins for key in people.addresses(member.id, ids.platform_of(where))]
        return found[0] if found else None

    async def _fresh(self) -> tuple[Sequence[Node], int]:
        """Return what was said where every member may read and is not distilled, and how many other threads have news.

        Everything older than a floor is distilled or was never to be: it rises to the oldest message that still is to be.
        """
        floor = await self._floor()
        found: list[Node] = []
        private = 0
        for thread in await self.store.nodes([graph.thread(key) for key in await self.store.talked(floor)]):
            if self._open(thread):
                found += await self._said(thread, since=max(floor, distill.marked(thread) or floor))
            else:
                private += 1
        fresh = distill.said(found, since=None)
        risen = fresh[0].at - TICK if fresh else max(floor, self.clock.now() - LATE)
        await self.store.keep(FLOOR, risen.isoformat())
        return fresh, private

    async def _floor(self) -> datetime:
        kept = await self.store.kept(FLOOR)
        return datetime.fromisoformat(kept) if kept else self.clock.now() - LOOKS_BACK

    def _open(self, thread: Node) -> bool:
        """Whether every member may read a thread: its room is known to be open, or an admin said so of its channel."""
        return thread.props.get("room") == focus.OPEN or thread.audience.rpartition("/")[0] in self.channels

    async def _said(self, thread: Node, *, since: datetime | None) -> list[Node]:
        nodes, _ = await self.store.thread_messages(ThreadKey(thread.audience), limit=MESSAGES)
        return distill.said(nodes, since=since)

    async def _claims(self) -> Sequence[Node]:
        return await self.store.find_nodes(kind="claim", prefix="claim:", limit=CLAIMS)

    # ── on request ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def order(self, effect: Distil) -> None:
        """Say what somebody's words ask to have distilled."""
        threads = await self._threads(effect)
        nodes: list[Node] = []
        for thread in threads:
            nodes += await self._said(thread, since=await self._since(effect, thread))
        nodes = [
            node for node in distill.said(nodes, since=None)
            if (node.audience, node.props.get("id", "")) != (effect.lane, effect.message)
        ]  # fmt: skip
        chosen, left = distill.choose(nodes)
        shared = all(self._open(thread) for thread in threads)
        flagged = distill.open_claims(await self._claims()) if shared else []
        await self.emit(
            events.DistillDue(
                lane=effect.lane, at=self.clock.now(), order=effect.message, audience=effect.lane, driver=effect.author.identity,
                sources=tuple(node.key for node in chosen), marks=distill.marks(chosen),
                claims=tuple(node.key for node in flagged), left_out=_left_out(left, 0), asked=effect.message, shared=shared,
            )
        )  # fmt: skip

    async def _threads(self, effect: Distil) -> Sequence[Node]:
        """Return the nodes of the thread, or with a span of time of all threads of its channel, where who reads one reads all."""
        lane = effect.lane
        if effect.what == "since" and ids.platform_of(lane) in WHOLE_CHANNELS:
            channel = lane.rpartition("/")[0] + "/"
            talked = await self.store.talked(effect.since or self.clock.now())
            return await self.store.nodes([graph.thread(key) for key in talked if key.startswith(channel)])
        return await self.store.nodes([graph.thread(lane)])

    async def _since(self, effect: Distil, thread: Node) -> datetime | None:
        if effect.what == "since":
            return effect.since
        if effect.what == "loop":
            loop = (await self.store.desk(effect.lane)).loop
            return loop.created_at if loop else None
        return distill.marked(thread) if effect.what == "new" else None

    # ── what a loop is given ─────────────────────────────────────────────────────────────────────────────────────────

    async def capsule(self, loop: Loop) -> Capsule:
        """Return a distill loop's capsule; what was deleted since is not in it."""
        given = loop.condenses
        if given is None:
            raise LookupError("this loop condenses nothing")
        wanted = [key for key in given.sources if key not in loop.excluded]
        sources = distill.said(await self.store.nodes(wanted), since=None)
        claims = [node for node in await self.store.nodes(given.claims) if not node.props.get("deleted")]
        answers = {
            thread: await self._answers(ThreadKey(thread), loop.id)
            for thread in dict.fromkeys(node.audience for node in sources)
        }
        return distill.capsule(sources, claims, answers, given.left_out)

    async def _answers(self, thread: ThreadKey, but: LoopId) -> Sequence[str]:
        desk = await self.store.desk(thread)
        known = [*desk.earlier[-3:], *([desk.loop.id] if desk.loop else [])]
        loops = [await self.store.loop(key) for key in known if key != but]
        return [
            loop.turn.answer for loop in loops if loop and loop.turn and loop.turn.answer and loop.condenses is None
        ]  # fmt: skip

    async def unproven(self, loop: Loop, pages: Mapping[str, str]) -> tuple[str, ...]:
        """Return what a distill loop's pages claim on nothing it was given, as lines for the proposal's card."""
        if loop.condenses is None:
            return ()
        sources = await self.store.nodes(loop.condenses.sources)
        reopened = [
            node for node in await self.store.nodes(loop.condenses.claims) if not node.props.get("deleted")
        ]
        given = {distill.address(node) for node in sources}
        found = await asyncio.to_thread(proof.unproven, pages, given)
        unmended = await asyncio.to_thread(proof.unmended, pages, reopened)
        return proof.said_unproven((*found, *unmended))


def _left_out(left: int, private: int) -> tuple[str, ...]:
    found = []
    if left:
        found.append(f"{wording.count(left, 'newer message')} for the next distill")
    if private:
        found.append(
            f"{wording.count(private, 'thread')} that not everybody can read (`/loop distill` there asks first)"
        )
    return tuple(found)
