"""What is written on Discord. Owns: Hearing. Imports: core and the modules beside. Effects: emits events, reads what was missed.

The gateway's events wait in a queue until they are stored, in their order. The library tells Discord of an event's number before that;
so what was heard last is kept, and after a new session everything newer is read from the channels.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.chat.discord import names, wire
from adapters.chat.discord.client import Api
from adapters.chat.discord.names import Me, Room
from adapters.chat.discord.opening import Opening
from adapters.chat.discord.payload import Json, rows, some_id, table, text
from adapters.chat.discord.recent import Recent
from adapters.chat.discord.rooms import Rooms
from adapters.chat.discord.seen import Seen
from adapters.chat.discord.speaking import Speaking
from adapters.chat.discord.taking import take_in
from adapters.chat.discord.whispering import Whispering
from core import events
from core.errors import BadInput, Rejected, Unavailable
from core.ports import Clock, Emit

log = logging.getLogger(__name__)
PER_PAGE = 100
LONGEST_GAP = 5_000  # messages of one channel that are read after an absence
TRIES = 5
OLD_THREADS = 50  # archived meanwhile, perhaps, with something new in them


class Hearing:
    """Turns the gateway's payloads into stored events."""

    def __init__(
        self,
        *,
        api: Api,
        me: Me,
        rooms: Rooms,
        seen: Seen,
        opening: Opening,
        speaking: Speaking,
        whispering: Whispering,
        clock: Clock,
        guilds: frozenset[str],
    ) -> None:
        self._api = api
        self.me = me
        self._rooms = rooms
        self._seen = seen
        self._opening = opening
        self._speaking = speaking
        self._whispering = whispering
        self._clock = clock
        self._guilds = guilds
        self._queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._joined: set[str] = set()
        self._edits: Recent[str, datetime] = Recent(2_000)
        self._roots: Recent[str, str] = Recent(2_000)  # plain replies, and the message they belong to

    def put(self, kind: str, raw: object) -> None:
        """Queue an event as it came."""
        self._queue.put_nowait((kind, raw))

    async def work(self, emit: Emit) -> None:
        """Take events off the queue until cancelled; what cannot be read is passed over."""
        while True:
            kind, raw = await self._queue.get()
            try:
                if isinstance(raw, dict):
                    await self._handle(kind, raw, emit)
            except (
                BadInput,
                Rejected,
                ValueError,
                TypeError,
                KeyError,
                AttributeError,
                OverflowError,
            ) as exc:
                log.warning("chat.discord.passed_over", extra={"kind": kind, "why": str(exc)})

    def serves(self, guild: str) -> bool:
        """Whether a guild is one of those the bridge was set up for."""
        return not self._guilds or not guild or guild == names.DIRECT or guild in self._guilds

    def open_to(self, room: Room) -> events.Room:
        """Return whether everybody in its guild may enter a channel or thread."""
        return self._rooms.open_to(room)

    async def _handle(self, kind: str, raw: Json, emit: Emit) -> None:
        guild = some_id(raw, "guild_id")
        if not self.serves(some_id(raw, "id") if kind == "GUILD_CREATE" else guild):
            return
        match kind:
            case "MESSAGE_CREATE":
                await self._created(raw, await self._room(raw), emit)
            case "MESSAGE_UPDATE":
                await self._updated(raw, await self._room(raw), emit)
            case "MESSAGE_DELETE":
                await self._deleted(raw, [some_id(raw, "id")], emit)
            case "MESSAGE_DELETE_BULK":
                await self._deleted(
                    raw, [each for each in raw.get("ids") or () if isinstance(each, str)], emit
                )
            case "READY":
                self._seen.rebase()
                self._joined = {some_id(each, "id") for each in rows(raw, "guilds")}
                await self._catch_up([Room(id=channel) for channel, _ in self._seen.direct()], emit)
            case "GUILD_CREATE":
                await self._guild(raw, emit)
            case _:
                self._rearranged(kind, raw, guild)

    def _rearranged(self, kind: str, raw: Json, guild: str) -> None:
        """Note what became of a channel or thread."""
        match kind:
            case "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE":
                self._rooms.take(raw, guild)
            case "GUILD_ROLE_UPDATE":
                self._rooms.take_role(table(raw, "role"), guild)
            case "THREAD_LIST_SYNC":
                self._rooms.take_guild({**raw, "id": guild})
            case "CHANNEL_DELETE" | "THREAD_DELETE":
                self._rooms.drop(some_id(raw, "id"))
                self._seen.lose(some_id(raw, "id"))

    async def _room(self, raw: Json) -> Room:
        """Return where a message is, asking as long as it takes: the event would be lost otherwise."""
        channel = some_id(raw, "channel_id")
        if not channel:
            raise BadInput("a message without a channel")
        wait = 1.0
        while True:
            try:
                return await self._rooms.find(channel, some_id(raw, "guild_id"))
            except Unavailable as exc:
                log.info("chat.discord.channel_unknown", extra={"why": str(exc)})
            await self._clock.sleep(wait)
            wait = min(60.0, wait * 2)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _created(self, raw: Json, room: Room, emit: Emit) -> bool:
        """Take a message in; return whether it is one that was not heard yet."""
        message = some_id(raw, "id")
        if self._seen.is_stored(message):
            return False
        event = wire.posted(raw, room, self.me, open_to=self._rooms.open_to(room))
        if event is not None:
            place = names.place(event.lane)
            if place.root != message:
                self._roots[message] = place.root
            user = names.user_of(event.author.identity)
            self._whispering.last_words[event.lane, user] = message
            self._speaking.authors[message] = user
            if event.addressed or event.text.lstrip().lower().startswith("!loop"):
                self._speaking.askers[event.lane] = user
            if not room.is_thread:
                self._opening.titles[message] = event.text
            await take_in(emit, event, self._clock)
        self._seen.heard(room.id, room.guild, message)
        return event is not None

    async def _updated(self, raw: Json, room: Room, emit: Emit) -> None:
        event = wire.edited(raw, room, self.me)
        # Discord tells of a message again for other reasons, too: a thread that was opened, a link that was looked at.
        if event is not None and self._edits.get(event.message) != event.at:
            await take_in(emit, event, self._clock)
            self._edits[event.message] = event.at

    async def _deleted(self, raw: Json, messages: list[str], emit: Emit) -> None:
        room = await self._room(raw)
        for message in messages:
            if not names.is_id(message):
                raise BadInput("a deletion without an id")
            root = self._roots.get(message) or message
            await take_in(emit, wire.deleted(message, room, root, self._clock.now()), self._clock)

    # ── what was missed ──────────────────────────────────────────────────────────────────────────────────────────────

    async def _guild(self, raw: Json, emit: Emit) -> None:
        guild = some_id(raw, "id")
        self.me = replace(self.me, roles=self.me.roles | names.own_roles(raw, self.me.user))
        told = self._rooms.take_guild(raw)
        if guild not in self._joined:
            # Let in just now: what was said before is not meant for it.
            self._joined.add(guild)
            return
        missed = [room for room in told if room.last and self._is_news(room)]
        known = {room.id for room in told}
        old = [channel for channel, _ in self._seen.of(guild) if channel not in known][:OLD_THREADS]
        for channel in old:
            try:
                missed.append(await self._rooms.find(channel, guild))
            except (Rejected, Unavailable, BadInput) as exc:
                log.info("chat.discord.channel_left", extra={"why": str(exc)})
        await self._catch_up(missed, emit)

    def _is_news(self, room: Room) -> bool:
        return room.kind not in names.FORUMS and int(room.last) > int(self._seen.after(room.id))

    async def _catch_up(self, rooms: list[Room], emit: Emit) -> None:
        """Take in what was written while nobody listened, as if it came now."""
        for room in rooms:
            count = 0
            try:
                async for raw in self._after(room):
                    count += await self._created(raw, room, emit)
            except (Rejected, BadInput) as exc:
                log.info("chat.discord.cannot_catch_up", extra={"channel": room.id, "why": str(exc)})
            if count:
                log.warning("chat.discord.gap", extra={"channel": room.id, "count": count})

    async def _after(self, room: Room) -> AsyncIterator[Json]:
        after = self._seen.after(room.id)
        for _ in range(LONGEST_GAP // PER_PAGE):
            page = await self._page(room.id, after)
            for raw in page:
                yield raw
            if len(page) < PER_PAGE:
                return
            after = text(page[-1], "id")
        log.warning("chat.discord.gap_too_long", extra={"channel": room.id})

    async def _page(self, channel: str, after: str) -> list[Json]:
        """Return the messages after one, oldest first, trying for a while."""
        query = {"after": after, "limit": str(PER_PAGE)}
        for tries in range(TRIES):
            try:
                told = await self._api.call(
                    "GET", "/channels/{channel_id}/messages", query=query, channel_id=channel
                )
                return sorted(told, key=lambda raw: int(some_id(raw, "id") or 0))
            except Unavailable as exc:
                log.info("chat.discord.page_put_off", extra={"channel": channel, "why": str(exc)})
                await self._clock.sleep(2.0**tries)
        raise Rejected(f"the channel {channel} could not be read")
