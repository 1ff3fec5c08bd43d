"""What Discord holds: a thread's past, and files. Owns: Reading. Imports: core and the modules beside. Effects: reads at Discord, writes a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from adapters.chat.discord import errors, names, wire
from adapters.chat.discord.client import Api
from adapters.chat.discord.errors import Refusal
from adapters.chat.discord.hearing import Hearing
from adapters.chat.discord.names import Place, Room
from adapters.chat.discord.payload import Json, rows, some_id, text
from adapters.chat.discord.rooms import Rooms
from core.errors import BadInput, Rejected
from core.events import FileRef, Posted
from core.ids import ThreadKey
from core.ports import History

PER_PAGE = 100
COUNTED = 5_000  # messages of a thread that are counted at most
MESSAGE = "/channels/{channel_id}/messages/{message_id}"


class Reading:
    """Reads threads and files."""

    def __init__(self, api: Api, rooms: Rooms, hearing: Hearing) -> None:
        self._api = api
        self._rooms = rooms
        self._hearing = hearing

    async def history(self, thread: ThreadKey, *, upto: str, limit: int) -> History:
        """Return the root and the newest `limit` messages up to and including `upto`."""
        place = names.place(thread)
        if not names.is_id(upto):
            raise Rejected(f"{upto!r} is no message of Discord")
        room = Room(id=place.channel) if place.direct else await self._rooms.thread(place)
        root = None if place.direct else await self._root(place)
        newest: list[Posted] = []
        count = 0
        if room is not None:
            async for event in self._backwards(room, upto):
                if root is not None and event.message == root.message:
                    continue
                count += 1
                if len(newest) < limit:
                    newest.append(event)
        messages = (*((root,) if root else ()), *reversed(newest))
        return History(messages=messages, left_out=count - len(newest))

    async def _root(self, place: Place) -> Posted | None:
        """Return the message a thread began with: in its channel, or (in a forum) its own first."""
        channel = Room(id=place.channel, guild=place.guild)
        thread = Room(id=place.root, guild=place.guild, parent=place.channel)
        for room in (channel, thread):
            try:
                raw = await self._api.call("GET", MESSAGE, channel_id=room.id, message_id=place.root)
            except Refusal as exc:
                if exc.code not in (errors.UNKNOWN_MESSAGE, errors.UNKNOWN_CHANNEL, errors.NO_ACCESS):
                    raise
                continue
            found = wire.remembered(raw, thread, self._hearing.me)
            return found
        return None

    async def _backwards(self, room: Room, upto: str) -> AsyncIterator[Posted]:
        before, count = str(int(upto) + 1), 0
        while count < COUNTED:
            query = {"before": before, "limit": str(PER_PAGE)}
            page = await self._api.call(
                "GET", "/channels/{channel_id}/messages", query=query, channel_id=room.id
            )
            for raw in page:
                event = self._event(raw, room)
                if event is not None:
                    yield event
            if len(page) < PER_PAGE:
                return
            before, count = text(page[-1], "id"), count + len(page)

    def _event(self, raw: Json, room: Room) -> Posted | None:
        try:
            return wire.remembered(raw, room, self._hearing.me)
        except BadInput:
            return None

    async def fetch(self, file: FileRef, into: Path, *, max_bytes: int) -> None:
        """Write a file of the chat to `into`. Its address is asked for anew: Discord's expire."""
        channel, _, rest = file.id.partition("/")
        message, _, key = rest.partition("/")
        if not all(names.is_id(each) for each in (channel, message, key)):
            raise Rejected(f"the file {file.name!r} is not one of Discord's")
        raw = await self._api.call("GET", MESSAGE, channel_id=channel, message_id=message)
        found = next((each for each in rows(raw, "attachments") if some_id(each, "id") == key), None)
        if found is None:
            raise Rejected(f"the file {file.name!r} is gone from Discord")
        if int(found.get("size") or 0) > max_bytes:
            raise Rejected(f"the file {file.name!r} has more than {max_bytes:,} bytes")
        content = await self._api.download(text(found, "url"), max_bytes=max_bytes)
        await asyncio.to_thread(into.write_bytes, content)
