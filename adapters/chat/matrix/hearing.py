"""One event of a room, taken in. Owns: Hearing. Imports: core. Effects: notes in the notebook; hands events to `emit`.

Own words are noted and not heard. Whoever is known for a bridge's ghost speaks as a bot: context, never a command, never a press.
"""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.chat.matrix import mentions, names, polls, render, signs, wire
from adapters.chat.matrix.client import Client
from adapters.chat.matrix.lanes import Lanes
from adapters.chat.matrix.notebook import Notebook
from core.errors import StorageFull, Unavailable
from core.events import Author, Deleted, Edited, Event, Pressed
from core.ids import Token, derived
from core.ports import Clock, Emit

log = logging.getLogger(__name__)
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0


@dataclass(slots=True, kw_only=True)
class Hearing:
    """Turns events in clear into the bridge's. `name` is what the bot is called."""

    client: Client
    notebook: Notebook
    lanes: Lanes
    clock: Clock
    ghosts: Sequence[str] = ()
    name: str = ""

    @property
    def me(self) -> mentions.Me:
        """Return who the bot is."""
        return mentions.Me(user=self.client.user, name=self.name)

    @property
    def server(self) -> str:
        """Return the server's name that stands in keys."""
        return names.server_of(self.client.user)

    async def take(self, room: str, raw: Mapping[str, Any], emit: Emit) -> Event | None:
        """Take one event in; returns what it means to the bridge, if anything, once that is durable."""
        heard = wire.read(raw, room, self.me, self.clock.now())
        if heard is None:
            log.debug("chat.matrix.skipped", extra={"kind": wire.words(raw, "type")[:80]})
            return None
        event = await self._event(room, heard)
        if event is not None:
            await self._deliver(event, emit)
        return event

    async def _event(self, room: str, heard: wire.Heard) -> Event | None:
        own = heard.sender == self.client.user
        match heard:
            case wire.Said():
                place = await self.lanes.of(
                    room, heard.event, heard.relation, sender=heard.sender, at=heard.at
                )
                return None if own else self.posted(room, heard, place)
            case wire.Gone():
                seat = self.notebook.seat(heard.target)
                if seat is None or seat.room != room:
                    return None
                if seat.sender == self.client.user:
                    self.notebook.gone(heard.target)
                    return None
                lane = names.thread_of(self.server, names.Place(room, seat.root))
                return Deleted(lane=lane, at=heard.at, message=heard.target)
            case wire.Changed():
                return None if own else await self._changed(room, heard)
            case wire.Reacted():
                return None if own else await self._pressed(room, heard)
            case wire.Voted():
                return None if own else await self._voted(room, heard)

    def posted(self, room: str, heard: wire.Said, place: names.Place) -> Event:
        """Return what somebody said as an event of its thread."""
        return wire.posted(
            heard,
            names.thread_of(self.server, place),
            room,
            self.client.name(room, heard.sender),
            server=self.server,
            direct=len(self.client.members(room)) == 2,
            bot=self.is_ghost(heard.sender),
            open_to=self.client.open_to(room),
        )

    async def _changed(self, room: str, heard: wire.Changed) -> Event | None:
        root = await self.lanes.at(room, heard.target)
        seat = self.notebook.seat(heard.target)
        if seat is None or seat.room != room or seat.sender != heard.sender:
            return None  # nobody edits what another wrote
        return Edited(
            lane=names.thread_of(self.server, names.Place(room, root)),
            at=heard.at,
            message=heard.target,
            author=self._author(room, heard.sender, bot=heard.bot),
            text=heard.reading.text,
        )

    async def _pressed(self, room: str, heard: wire.Reacted) -> Event | None:
        if self.is_ghost(heard.sender):
            return None
        sign = signs.plain_sign(heard.sign)
        found = self.notebook.pressed(heard.target, sign) or await self._offered(room, heard.target, sign)
        return self._press(room, heard, found)

    async def _voted(self, room: str, heard: wire.Voted) -> Event | None:
        """Return an answer to a poll as the press it stands for; taking one back undoes nothing."""
        if self.is_ghost(heard.sender) or not heard.answers:
            return None
        found = self.notebook.pressed(heard.target, heard.answers[0])
        if found is None:
            await self.lanes.at(room, heard.target)
            found = await self._forgotten(room, heard)
        return self._press(room, heard, found)

    async def _forgotten(self, room: str, heard: wire.Voted) -> tuple[str, str] | None:
        """Return a (token, card) that no ask has, for a poll of this account that the notebook does not know."""
        seat = self.notebook.seat(heard.target)
        if seat is None or seat.sender != self.client.user:
            return None
        clear = self.client.open(room, await self.client.event(room, heard.target)) or {}
        if wire.words(clear, "type") not in polls.STARTS:
            return None
        return derived("forgotten", heard.target, heard.answers[0]), heard.target

    def _press(
        self, room: str, heard: wire.Reacted | wire.Voted, found: tuple[str, str] | None
    ) -> Pressed | None:
        seat = self.notebook.seat(heard.target)
        if found is None or seat is None or seat.room != room:
            return None
        token, card = found
        return Pressed(
            lane=names.thread_of(self.server, names.Place(room, seat.root)),
            at=heard.at,
            press=heard.event,
            card=card,
            token=Token(token),
            author=self._author(room, heard.sender),
        )

    async def _offered(self, room: str, target: str, sign: str) -> tuple[str, str] | None:
        """Return the (token, card) a sign stands for on a card of this account that the notebook does not know.

        It was posted by another device, or before the notebook was lost. That it had signs is in the event itself; their tokens are not,
        since everybody in the room can read it.
        """
        if not signs.is_sign(sign) or self.notebook.posted(target) is not None:
            return None
        await self.lanes.at(room, target)
        seat = self.notebook.seat(target)
        if seat is None or seat.sender != self.client.user:
            return None
        raw = await self.client.event(room, target)
        for each in filter(None, (wire.edition(raw), raw)):
            content = wire.fields(self.client.open(room, each) or {}, "content")
            told = wire.fields(wire.fields(content, "m.new_content") or content, render.OFFER)
            offered = told.get("signs")
            if isinstance(offered, list) and sign in offered:
                # No ask has this token: whoever pressed hears that the card is over.
                return derived("forgotten", target, sign), wire.words(told, "card") or target
        return None

    def _author(self, room: str, user: str, *, bot: bool = False) -> Author:
        identity = names.identity_of(self.server, user)
        return Author(identity=identity, name=self.client.name(room, user), bot=bot or self.is_ghost(user))

    def is_ghost(self, user: str) -> bool:
        """Whether a user is one that a bridge to another chat moves."""
        return any(fnmatch.fnmatchcase(user, pattern) for pattern in self.ghosts)

    async def _deliver(self, event: Event, emit: Emit) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                await emit(event)
            except Unavailable as error:
                full = isinstance(error, StorageFull)
                log.warning(
                    "chat.matrix.undelivered", extra={"event": event.dedup, "why": str(error), "full": full}
                )
            else:
                return
            await self.clock.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
