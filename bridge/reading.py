"""Reading what a thread held before. Owns: Reading. Imports: core. Effects: asks the chat for its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.supervise import backoff
from core import events, ids
from core.effects import ReadThread
from core.errors import PortError, Unavailable
from core.ports import ChatAdapter, Clock, Emit, History

MESSAGES = 2_000
TRIES = 6  # half a minute in all: after a restart the chat is not connected yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Carries out ReadThread: what cannot be read is said in the receipt, and the loop goes on without it."""

    chats: Mapping[str, ChatAdapter]
    clock: Clock
    emit: Emit

    async def __call__(self, effect: ReadThread) -> None:
        """Emit ThreadRead."""
        failed, history = "", History(messages=())
        for tries in range(TRIES):
            try:
                history, failed = await self._read(effect), ""
                break
            except Unavailable as exc:
                failed = str(exc)
                await self.clock.sleep(backoff(tries, exc))
            except PortError as exc:
                failed = str(exc)
                break
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

    async def _read(self, effect: ReadThread) -> History:
        chat = self.chats.get(ids.platform_of(effect.lane))
        if chat is None:
            raise Unavailable("the chat is not connected")
        if not chat.caps.history:
            return History(messages=())
        return await chat.history(effect.lane, upto=effect.upto, limit=MESSAGES)
