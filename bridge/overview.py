"""What one person sees of everything. Owns: Overview. Imports: core. Effects: reads the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.board import Boards
from core import focus, reports, wording
from core.ids import IdentityKey, ThreadKey
from core.loop import Loop
from core.message import Message
from core.people import Member, People, may
from core.ports import Clock, Store

LOOPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Tells a person about their loops, the asks that wait for them and what the team works on."""

    store: Store
    clock: Clock
    clean: Callable[[Message], Message] = lambda message: message

    async def page(self, who: IdentityKey, link: Callable[[ThreadKey], str] = lambda _: "") -> Message:
        """Return everything on one page; to somebody the bridge does not know, only how they get in.

        `link` gives the address of a thread where the page is shown, empty for one that has none there.
        """
        people = await self.store.people()
        member = people.of(who)
        if member is None or not may(member, "look"):
            return reports.stranger()
        found = await self.store.loops(limit=LOOPS)
        mine = [loop for loop in found if _drives(member, loop, people)]
        asked = {ask.loop for ask in await self.store.open_asks()}
        may_decide = [
            loop
            for loop in found
            if loop.id in asked and may(member, "decide", driver=focus.driver(loop, people))
        ]
        boards = Boards(store=self.store, clock=self.clock)
        asks = await boards.asks(may_decide)
        waiting = [(ask, loop) for loop in may_decide for ask in asks[loop.id]]
        reads = await boards.reader(found, people, member=member)
        shown = await boards.board(people, member=member)
        return self.clean(reports.home(mine, waiting, shown, at=self.clock.now(), reads=reads, link=link))

    async def loops(self, who: IdentityKey) -> Sequence[tuple[str, str]]:
        """Return (id, title) of the loops a person drives, the last active first."""
        people = await self.store.people()
        member = people.of(who)
        if member is None:
            return []
        found = await self.store.loops(limit=LOOPS)
        return [
            (loop.handle, wording.line(loop.title, 60)) for loop in found if _drives(member, loop, people)
        ]

    async def may_start(self, who: IdentityKey) -> bool:
        """Return whether a person may start loops."""
        member = (await self.store.people()).of(who)
        return member is not None and may(member, "start")


def _drives(member: Member, loop: Loop, people: People) -> bool:
    return loop.status != "rfd" and focus.driver(loop, people) == member.id
