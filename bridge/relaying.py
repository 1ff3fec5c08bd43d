"""Taking events from a thread that follows a loop to the loop's own. Owns: Relaying. Imports: core. Effects: emits events, answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core import cards, events, ids, wording
from core.effects import Follow, Relay
from core.ports import ChatAdapter, Clock, Emit, Store


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
        if len(found) == 1:
            loop = found[0]
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
            return
        what = (
            f"No loop at work here has the id {wording.code(effect.prefix, 40)}."
            if not found
            else f"{len(found)} loops have an id like that."
        )
        chat = self.chats.get(ids.platform_of(effect.lane))
        if chat is not None:
            answer = cards.error(what, "`/loop list all` shows the loops there are.")
            await chat.whisper(effect.lane, effect.author.identity, answer, key=effect.key)
