"""Questions answered from what is stored. Owns: Looks. Imports: core, bridge.works. Effects: reads the store and clones."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.board import Boards
from bridge.gathering import opened
from bridge.promoting import Promoting
from bridge.whys import Whys, sight_of
from bridge.works import Works
from core import board, cards, focus, givencards, graph, layers, memory, memorycards, proposalcards, reports
from core.effects import Look
from core.errors import LoopbridgeError
from core.loop import Loop
from core.message import Message
from core.ports import Clock, Layers, Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Carries out Look."""

    store: Store
    works: Works
    clock: Clock
    whys: Whys
    secret: str
    boards: Boards
    layers: Layers
    promoting: Promoting

    async def __call__(self, effect: Look) -> Message:
        """Return the answer as a message; what cannot be answered says so."""
        loop = await self.store.loop(effect.loop) if effect.loop else None
        try:
            return await self._answer(effect, loop)
        except LoopbridgeError as exc:
            return cards.error(f"This could not be looked up: {exc}.", exc.remedy)

    async def _answer(self, effect: Look, loop: Loop | None) -> Message:
        match effect.what:
            case "why":
                return await self.whys(effect, loop)
            case "decisions":
                return givencards.decisions(await self.whys.decisions(effect, loop))
            case "list":
                return await self._list(effect)
            case "proposals" | "proposal":
                return await self._proposals(effect)
            case "usage":
                here = await self.store.spent(loop=loop.id) if loop else (0.0, 0)
                return reports.usage(loop, here=here, all_loops=await self.store.spent())
            case "people":
                return reports.people(await self.store.people())
            case "focus":
                shown = await self.boards.board(await self.store.people(), here=effect.lane)
                return board.message(shown, at=self.clock.now())
            case "memory":
                return await self._memory(effect)
            case _ if loop is None:
                return cards.error("This thread has no loop.", "`/loop list` shows where the loops are.")
            case _:
                return await self._of_loop(effect, loop)

    async def _of_loop(self, effect: Look, loop: Loop) -> Message:
        match effect.what:
            case "diff":
                return reports.diff(loop, await self.works.diff(loop))
            case "files":
                return reports.files(loop, await self.works.diff(loop))
            case "context":
                return await self._receipt(effect, loop)
            case _:
                return reports.steps(loop)

    async def _receipt(self, effect: Look, loop: Loop) -> Message:
        """Return what the loop was given: of what was shared the name, since its words may be others by now."""
        given = await self.store.given(loop.id)
        sight, open_to_all = sight_of(effect, loop), await opened(self.store, given)
        seen = {node.key for node in given if sight.sees(node.audience) or node.audience in open_to_all}
        return givencards.receipt(loop, given, seen=seen, secret=self.secret)

    async def _proposals(self, effect: Look) -> Message:
        if effect.what == "proposal":
            return proposalcards.diff(*await self.promoting.diff(effect.argument))
        known = await self.store.proposals()
        loops = {one.loop: loop for one in known if (loop := await self.store.loop(one.loop))}
        people = await self.store.people()
        reads = await self.boards.reader(
            list(loops.values()), people, member=people.of(effect.to), here=effect.lane, unknown=True
        )
        titled = {one.id for one in known if one.loop in loops and reads(loops[one.loop])}
        return proposalcards.listed(known, titled=titled, at=self.clock.now())

    async def _list(self, effect: Look) -> Message:
        everything = effect.argument == "all"
        people = await self.store.people()
        member = people.of(effect.to)
        found = await self.store.loops(live_only=not everything, limit=30)
        if effect.argument == "mine":
            found = [loop for loop in found if member and focus.driver(loop, people) == member.id]
        reads = await self.boards.reader(found, people, member=member, here=effect.lane, unknown=True)
        mine = "mine" if effect.argument == "mine" else ""
        return reports.loops(found, mine=mine, at=self.clock.now(), reads=reads)

    async def _memory(self, effect: Look) -> Message:
        """Return what the team remembers, or what the asker does."""
        member = (await self.store.people()).of(effect.to)
        own = effect.argument.strip() == "me"
        if member is None:
            return reports.stranger()
        layer = layers.personal(member.id) if own else layers.NOTES
        facts = memory.known(await self.layers.texts(layer, memory.FOLDER))
        nodes = await self.store.nodes([graph.memory(layer, memo.id) for memo in facts[: memorycards.LISTED]])
        changed = {node.key.rpartition("/")[2]: graph.since(node) for node in nodes}
        return memorycards.listing(facts, changed, own=own)
