"""Threads: found, opened, and woken. Owns: Opening. Imports: core and the modules beside. Effects: opens and unarchives threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from adapters.chat.discord import errors
from adapters.chat.discord.client import Api
from adapters.chat.discord.errors import Refusal
from adapters.chat.discord.names import Place
from adapters.chat.discord.payload import text
from adapters.chat.discord.recent import Recent
from adapters.chat.discord.rooms import Rooms
from adapters.chat.discord.seen import Seen
from core import wording

TITLE = 90  # characters of a thread's name, of Discord's 100


class Opening:
    """Where the words of a place go to."""

    def __init__(self, *, api: Api, rooms: Rooms, seen: Seen) -> None:
        self._api = api
        self._rooms = rooms
        self._seen = seen
        self.titles: Recent[str, str] = Recent(5_000)  # what a message that may become a thread is about

    async def channel(self, place: Place) -> str:
        """Return the channel to post in, opening the thread when there is none. Raises Refusal when that cannot be."""
        if place.direct:
            return place.channel
        if await self._rooms.thread(place) is not None:
            return place.root
        if self._seen.is_gone(place.root):
            what, remedy = errors.SENTENCES[errors.UNKNOWN_CHANNEL]
            raise Refusal(what, code=errors.UNKNOWN_CHANNEL, remedy=remedy)
        try:
            return await self._open(place)
        except Refusal as exc:
            if exc.code == errors.THREAD_EXISTS:
                return place.root
            if exc.code in (errors.NO_THREADS_HERE, errors.UNKNOWN_MESSAGE):
                # A channel without threads, or the first message is gone: the channel itself is what is left.
                return place.channel
            raise

    async def _open(self, place: Place) -> str:
        path = "/channels/{channel_id}/messages/{message_id}/threads"
        body = {"name": await self._title(place), "auto_archive_duration": 10_080}
        made = await self._api.call("POST", path, body=body, channel_id=place.channel, message_id=place.root)
        self._rooms.take(made, place.guild)
        return place.root

    async def _title(self, place: Place) -> str:
        known = self.titles.get(place.root)
        if known is None:
            path = "/channels/{channel_id}/messages/{message_id}"
            told = await self._api.call("GET", path, channel_id=place.channel, message_id=place.root)
            known = text(told, "content")
        return wording.title_of(known, TITLE) or "Loop"

    async def awake(self, channel: str, call: Callable[[str], Awaitable[Any]]) -> Any:
        """Do something in a channel; when it is an archived thread, open it and do it once more."""
        try:
            return await call(channel)
        except Refusal as exc:
            if exc.code != errors.ARCHIVED:
                raise
        await self._api.call("PATCH", "/channels/{channel_id}", body={"archived": False}, channel_id=channel)
        return await call(channel)
