"""Taking events from a thread that follows a loop to the loop's own. Owns: Relaying. Imports: core, bridge.board. Effects: reads the store, emits events, answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.board import Boards
from core import cards, events, graph, ids, wording
from core.effects import Follow, Relay
from core.loop import Loop
from core.ports import ChatAdapter, Clock, Emit, Store

READERS = 500  # newest messages of a thread that say who reads it


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaying:
    """Carries out Relay and Follow."""

    store: Store
    chats: Mapping[str, ChatAdapter]
    clock: Clock
    emit: Emit

    async def relay(self, effect: Relay) -> None:
        """Put the event through the front door again, in the lane it is meant for."""
        await self.emit(effect.event)

    async def follow(self, effect: Follow) -> None:
        """Find the one live loop with this id and ask its thread; say so when there is none, or more than one."""
        found = [loop for loop in await self.store.find_loop(effect.prefix) if loop.live]
        if len(found) != 1:
            what = (
                f"No loop at work here has the id {wording.code(effect.prefix, 40)}."
                if not found
                else f"{len(found)} loops have an id like that."
            )
            await self._told(effect, what, "`/loop list all` shows the loops there are.")
            return
        loop = found[0]
        if not await self._reads(effect, loop):
            what = f"Loop #{loop.handle} works in a thread that not everybody may read."
            remedy = f"{wording.line(loop.driver_name, 40)}, an admin or somebody who writes there can have it followed from here."
            await self._told(effect, what, remedy)
            return
        await self.emit(
            events.Followed(
                lane=loop.thread,
                at=self.clock.now(),
                loop=loop.id,
                follower=effect.lane,
                author=effect.author,
                message=effect.message,
            )
        )

    async def _reads(self, effect: Follow, loop: Loop) -> bool:
        """Whether whoever asks could read the loop's thread: what is said there would be read here, too."""
        people = await self.store.people()
        member = people.of(effect.author.identity)
        if member is not None and member.role == "admin":
            return True
        boards = Boards(store=self.store, clock=self.clock)
        if (await boards.reader([loop], people, member=member, here=effect.lane))(loop):
            return True
        mine = people.addresses(member.id) if member else ()
        said = await self.store.onto(graph.thread(loop.thread), "in_thread", limit=READERS)
        return any(node.props.get("identity", "") in mine for node in said)

    async def _told(self, effect: Follow, what: str, remedy: str) -> None:
        chat = self.chats.get(ids.platform_of(effect.lane))
        if chat is not None:
            await chat.whisper(effect.lane, effect.author.identity, cards.error(what, remedy), key=effect.key)
