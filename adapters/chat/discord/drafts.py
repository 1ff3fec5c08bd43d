"""What the forms behind buttons ask and hold. Owns: Forms. Imports: json, core. Effects: remembers through what it is given.

A button has no room for it, so it is kept apart: in a fixed number of places, each used again once its form was filled in or is a day old.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from adapters.chat.discord.recent import Recall, Recent, Remember
from core.ids import Token
from core.message import Button, Buttons, Message

log = logging.getLogger(__name__)
KEY = "discord:forms"  # which place holds what since when
PLACES = 200
KEPT = 24 * 3600.0  # seconds
LONGEST_DRAFT = 4_000  # characters a form's field takes


class Forms:
    """The forms of the newest buttons. `now` returns seconds since 1970."""

    def __init__(self, remember: Remember | None, recall: Recall | None, now: Callable[[], float]) -> None:
        self._remember = remember
        self._recall = recall
        self._now = now
        self._known: Recent[Token, tuple[str, str]] = Recent(2_000)
        self._places: dict[
            Token, tuple[int, float]
        ] = {}  # where each is kept, and since when; the oldest first

    async def load(self) -> None:
        """Read what an earlier process wrote down."""
        kept = await self._recall(KEY) if self._recall else None
        try:
            for token, place, at in json.loads(kept or "[]"):
                self._places[Token(str(token))] = (int(place), float(at))
        except (ValueError, TypeError):
            log.warning("chat.discord.forms_unreadable")

    async def note(self, message: Message) -> None:
        """Remember the forms of a message's buttons."""
        fresh = {
            button.token: (button.wants_text, button.draft if len(button.draft) <= LONGEST_DRAFT else "")
            for button in _wanting(message)
        }
        fresh = {token: form for token, form in fresh.items() if self._known.get(token) != form}
        for token, form in fresh.items():
            self._known[token] = form
            if self._remember is not None:
                place = self._place(token)
                self._places[token] = (place, self._now())
                await self._remember(f"discord:form:{place}", json.dumps([token, *form]))
        if fresh:
            await self._write()

    def _place(self, token: Token) -> int:
        """Return a place for a form: its own, one that is free or was let go of, else that of the oldest."""
        if known := self._places.pop(token, None):
            return known[0]
        for old in [old for old, (_, at) in self._places.items() if at < self._now() - KEPT]:
            del self._places[old]
        if len(self._places) >= PLACES:
            del self._places[next(iter(self._places))]
        taken = {place for place, _ in self._places.values()}
        return next(place for place in range(PLACES) if place not in taken)

    async def used(self, token: Token) -> None:
        """Let go of a form that was filled in; while the bridge runs it is still known."""
        known = self._places.pop(token, None)
        if known is not None and self._remember is not None:
            await self._remember(f"discord:form:{known[0]}", "")
            await self._write()

    async def _write(self) -> None:
        if self._remember is not None:
            told = [[token, place, at] for token, (place, at) in self._places.items()]
            await self._remember(KEY, json.dumps(told))

    async def get(self, token: Token) -> tuple[str, str]:
        """Return (question, draft); a plain question when nothing is known any more."""
        known = self._known.get(token)
        if known is None and self._recall is not None and token in self._places:
            kept = await self._recall(f"discord:form:{self._places[token][0]}")
            try:
                owner, question, draft = json.loads(kept or "null")
                known = (str(question), str(draft)) if owner == token else None
            except (ValueError, TypeError):
                known = None
        return known or ("In your words", "")


def _wanting(message: Message) -> list[Button]:
    return [
        button
        for block in message.blocks
        if isinstance(block, Buttons)
        for button in block.buttons
        if button.wants_text
    ]
