"""What is known of channels and threads. Owns: Rooms. Imports: core. Effects: asks Discord about what it was not told of."""

from __future__ import annotations

from adapters.chat.discord import names, permissions
from adapters.chat.discord.client import Api
from adapters.chat.discord.errors import NO_ACCESS, UNKNOWN_CHANNEL, Refusal
from adapters.chat.discord.names import DIRECT, Me, Place, Room
from adapters.chat.discord.payload import Json, number, rows, some_id
from adapters.chat.discord.recent import Recent
from core import events
from core.errors import BadInput

KEPT = 20_000


class Rooms:
    """Channels and threads by id."""

    def __init__(self, api: Api, me: Me) -> None:
        self._api = api
        self._me = me
        self._known: Recent[str, Room] = Recent(KEPT)
        self._direct: Recent[str, str] = Recent(1_000)
        self._everyone: dict[str, int] = {}  # guild → what everybody in it may

    def take(self, raw: Json, guild: str = "") -> Room:
        """Note a channel Discord told of. Raises BadInput."""
        room = names.room(raw, guild)
        self._known[room.id] = room
        return room

    def take_guild(self, raw: Json) -> list[Room]:
        """Note everything in a guild that Discord told of; odd entries are passed over."""
        guild = some_id(raw, "id")
        for role in rows(raw, "roles"):
            self.take_role(role, guild)
        told: list[Room] = []
        for each in (*rows(raw, "channels"), *rows(raw, "threads")):
            try:
                told.append(self.take(each, guild))
            except BadInput:
                continue
        return told

    def take_role(self, role: Json, guild: str) -> None:
        """Note what everybody in a guild may: the role of that is called as the guild is."""
        if some_id(role, "id") == guild:
            self._everyone[guild] = number(role, "permissions")

    def open_to(self, room: Room) -> events.Room:
        """Return whether everybody in its guild may enter a channel or thread."""
        if room.guild == DIRECT or room.kind == names.PRIVATE_THREAD:
            return "closed"
        channel, base = self._known.get(room.parent or room.id), self._everyone.get(room.guild)
        if channel is None or base is None:
            return ""
        if base & permissions.ADMINISTRATOR:
            return "open"
        return "open" if (base & ~channel.denied | channel.allowed) & permissions.VIEW_CHANNEL else "closed"

    def drop(self, channel: str) -> None:
        self._known.pop(channel)

    def get(self, channel: str) -> Room | None:
        return self._known.get(channel)

    async def find(self, channel: str, guild: str = "") -> Room:
        """Return a channel, asking Discord when it is not known. Raises Refusal when there is none."""
        known = self._known.get(channel)
        if known is not None:
            return known
        if not guild:
            room = Room(id=channel, guild=DIRECT)
            self._known[channel] = room
            return room
        return self.take(await self._api.call("GET", "/channels/{channel_id}", channel_id=channel), guild)

    async def thread(self, place: Place) -> Room | None:
        """Return the thread of a place, None when it has none (yet). Raises Refusal when the bridge may not see it."""
        known = self._known.get(place.root)
        if known is not None and known.is_thread:
            return known
        try:
            return self.take(
                await self._api.call("GET", "/channels/{channel_id}", channel_id=place.root), place.guild
            )
        except Refusal as exc:
            if exc.code == UNKNOWN_CHANNEL:
                return None
            raise

    async def direct(self, user: str) -> str:
        """Return the channel of the direct conversation with somebody."""
        known = self._direct.get(user)
        if known is None:
            raw = await self._api.call("POST", "/users/@me/channels", body={"recipient_id": user})
            known = self.take(raw).id
            self._direct[user] = known
        return known

    async def lacking(self, place: Place, *, in_thread: bool) -> tuple[str, ...]:
        """Return the names of the permissions that the bridge lacks in a place, looked up anew."""
        try:
            channel = await self._api.call("GET", "/channels/{channel_id}", channel_id=place.channel)
            roles = await self._api.call("GET", "/guilds/{guild_id}/roles", guild_id=place.guild)
            member = await self._api.call(
                "GET", "/guilds/{guild_id}/members/{user_id}", guild_id=place.guild, user_id=self._me.user
            )
        except Refusal as exc:
            return ("View Channels",) if exc.code == NO_ACCESS else ()
        granted = permissions.granted(roles, member, channel, place.guild)
        return permissions.missing(granted, in_thread=in_thread)
