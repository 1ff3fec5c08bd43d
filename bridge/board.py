"""The board of what matters now, for whoever looks. Owns: Boards. Imports: core, bridge.sources. Effects: reads the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.sources import Sources
from core import focus, graph, layers
from core.asks import Ask
from core.focus import Board
from core.ids import LoopId, ThreadKey
from core.loop import Loop
from core.people import Member, People
from core.ports import Clock, Store

LOOPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """Derives the board from what is stored."""

    store: Store
    clock: Clock

    async def reader(
        self,
        loops: Sequence[Loop],
        people: People,
        *,
        member: Member | None = None,
        here: ThreadKey | None = None,
        unknown: bool = False,
    ) -> Callable[[Loop], bool]:
        """Return which of these loops' threads a member, or everybody who reads along `here`, may read."""
        rooms = await Sources(store=self.store).rooms([loop.thread for loop in loops])
        return focus.reader(rooms, people, member=member, here=here, unknown=unknown)

    async def board(
        self, people: People, *, member: Member | None = None, here: ThreadKey | None = None
    ) -> Board:
        """Return the board as a member sees it, or as it can be shown in a thread."""
        loops = await self.store.loops(limit=LOOPS)
        pages = await self.store.nodes([graph.page(layers.NOTES, name) for name in (focus.PAGE, focus.INBOX)])
        texts = {node.key: node.text for node in pages}
        return focus.derive(
            loops,
            at=self.clock.now(),
            reads=await self.reader(loops, people, member=member, here=here),
            asks=await self.asks([loop for loop in loops if loop.status == "waiting"]),
            page=texts.get(graph.page(layers.NOTES, focus.PAGE), ""),
            inbox=texts.get(graph.page(layers.NOTES, focus.INBOX), ""),
        )

    async def asks(self, loops: Sequence[Loop]) -> Mapping[LoopId, Sequence[Ask]]:
        """Return the open asks of loops."""
        return {loop.id: await self._asks(loop) for loop in loops}

    async def _asks(self, loop: Loop) -> Sequence[Ask]:
        desk = await self.store.desk(loop.thread)
        return [ask for ask in desk.asks if ask.open and ask.loop == loop.id]
