"""Reading what a thread held before. Owns: Reading. Imports: core. Effects: asks the chat for its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core import events, ids
from core.effects import ReadThread
from core.errors import PortError, Unavailable
from core.ports import ChatAdapter, Clock, Emit, History

MESSAGES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Carries out ReadThread: what cannot be read is said in the receipt, and the loop goes on without it."""

    chats: Mapping[str, ChatAdapter]
    clock: Clock
    emit: Emit

    async def __call__(self, effect: ReadThread) -> None:
        """Emit ThreadRead."""
        failed, history = "", History(messages=())
        chat = self.chats.get(ids.platform_of(effect.lane))
        try:
            if chat is None:
                raise Unavailable("the chat is not connected")
            if chat.caps.history:
                history = await chat.history(effect.lane, upto=effect.upto, limit=MESSAGES)
        except PortError as exc:
            failed = str(exc)
        await self.emit(
            events.ThreadRead(
                lane=effect.lane,
                at=self.clock.now(),
                loop=effect.loop,
                messages=history.messages,
                left_out=history.left_out,
                failed=failed,
            )
        )
