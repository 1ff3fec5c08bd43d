"""The first answer to an interaction, in time. Owns: Answer. Imports: asyncio, core. Effects: answers at Discord.

Discord waits 3 seconds. What was asked is stored first, and the answer says so; when storing takes long the answer is put off in time, and
given later. An interaction that was never answered shows as failed: its person knows to do it again.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Any, Self

from adapters import cancelling
from adapters.chat.discord import errors, markdown, render
from adapters.chat.discord.client import Api
from adapters.chat.discord.errors import Refusal
from adapters.chat.discord.render import Part
from adapters.chat.discord.wire import Asked
from core.errors import PortError

log = logging.getLogger(__name__)
PUT_OFF_AFTER = 1.8  # seconds, by Discord's clock
EPHEMERAL = 1 << 6
MESSAGE, DEFERRED, DEFERRED_UPDATE, CHOICES, MODAL = 4, 5, 6, 8, 9


class Answer:
    """Answers one interaction. With `update` the press of a button is taken without words."""

    def __init__(self, api: Api, asked: Asked, application: str, *, update: bool = False) -> None:
        self._api = api
        self._asked = asked
        self._application = application
        self._update = update
        self._given = asyncio.Lock()
        self._kind = 0
        self._putting_off: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._putting_off = asyncio.create_task(self._put_off())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._putting_off is not None:
            await cancelling.ended(self._putting_off)

    async def _put_off(self) -> None:
        # Discord's deadline is real time, whatever the bridge's clock says.
        await asyncio.sleep(PUT_OFF_AFTER)
        if self._update:
            await self.give(DEFERRED_UPDATE)
        else:
            await self.give(DEFERRED, {"flags": EPHEMERAL})

    async def give(self, kind: int, data: dict[str, Any] | None = None) -> bool:
        """Give the first answer, once; False when one was given before or it came too late."""
        async with self._given:
            if self._kind:
                return False
            body = {"type": kind, **({"data": data} if data else {})}
            path = "/interactions/{interaction_id}/{webhook_token}/callback"
            try:
                await self._api.call(
                    "POST", path, body=body, interaction_id=self._asked.id, webhook_token=self._asked.token
                )
            except Refusal as exc:
                if exc.code != errors.ACKNOWLEDGED:
                    log.warning("chat.discord.answer_refused", extra={"code": exc.code, "kind": kind})
                    self._kind = -1
                    return False
            except PortError as exc:
                # The event is what counts, and that is stored.
                log.warning("chat.discord.answer_lost", extra={"why": str(exc)})
                return False
            self._kind = kind
            return True

    async def taken(self) -> None:
        """Take a press without words."""
        await self.give(DEFERRED_UPDATE)

    async def say(self, words: str) -> None:
        """Tell the person alone, in the small Markdown; a put-off answer is filled in."""
        body = {**render.body(Part(content=markdown.inline(words)[: render.LIMIT])), "flags": EPHEMERAL}
        if not self._update and await self.give(MESSAGE, body):
            return
        if self._kind <= 0 and not self._update:
            return
        if self._update:
            await self.taken()
        deferred = self._kind == DEFERRED
        path = "/webhooks/{webhook_id}/{webhook_token}" + ("/messages/@original" if deferred else "")
        try:
            await self._api.call(
                "PATCH" if deferred else "POST",
                path,
                body=body,
                webhook_id=self._application,
                webhook_token=self._asked.token,
            )
        except PortError as exc:
            log.info("chat.discord.answer_late", extra={"why": str(exc)})
