"""Discord for the benches: Maya, and a bare bot. Owns: DiscordSide, at, bare. Imports: discord, tests. Effects: far sides on loopback."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.chat.discord import plugin
from core.ports import ChatAdapter, Clock
from tests.far_sides.discord.records import Channel, Message
from tests.far_sides.discord.server import TOKEN, FarDiscord

FIRST = "the session test fails again on CI"
EVERY = 0.0005  # seconds between two looks for a reaction


class DiscordSide:
    """One server with one channel, where Maya writes."""

    name, floor = "discord", "discord.py"

    def __init__(self, far: FarDiscord) -> None:
        self.far = far
        self._maya = far.world.user("maya", shown="Maya")
        self._general = far.world.channel(far.world.guild("Team", self._maya), "general")
        self._threads: list[tuple[Channel, Message]] = []

    @property
    def environ(self) -> dict[str, str]:
        """Return what a bridge has to know."""
        return {"LOOPBRIDGE_DISCORD__TOKEN": TOKEN, "LOOPBRIDGE_DISCORD__API_URL": self.far.api_url}

    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter:
        """Return the bridge's adapter for this side."""
        return plugin.build(clock=clock, token=TOKEN, api_url=self.far.api_url, **memory)

    async def ready(self) -> None:
        """Wait until the bot hears."""
        await self.far.connected()

    async def says(self, text: str, *, thread: int | None = None) -> Message:
        """Write: into the channel, or into the thread of this number."""
        where = self._general if thread is None else self._threads[thread][0]
        words = text.replace("@loop", f"<@{self.far.world.bot.id}>")
        return self.far.hands.user_posts(self._maya, where, words)

    async def signed(self, said: Any) -> None:
        """Return once there is a reaction on a message."""
        while not said.reactions:  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(EVERY)

    async def fill(self, threads: int, messages: int) -> None:
        """Make long threads, before the bot is there."""
        for _ in range(threads):
            root = self.far.hands.user_posts(self._maya, self._general, FIRST)
            channel = self.far.hands.user_opens_thread(self._maya, root)
            for number in range(messages - 1):
                self.far.hands.user_posts(self._maya, channel, f"reply {number}: over when it has *passed*")
            self._threads.append((channel, root))

    def place(self, thread: int) -> int:
        """Return the id of a thread."""
        return self._threads[thread][0].id


class Bare(discord.Client):
    """A bot as a short script has it: it nods at mentions and keeps nothing."""

    def __init__(self, side: DiscordSide) -> None:
        intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
        super().__init__(intents=intents)
        self.side = side
        self.heard: asyncio.Queue[float] = asyncio.Queue()

    async def on_message(self, message: discord.Message) -> None:
        if message.author == self.user:
            return
        self.heard.put_nowait(time.perf_counter())
        if self.user in message.mentions:
            await message.add_reaction("👀")

    async def read(self, thread: int) -> int:
        """Page through a thread; return how many messages there were."""
        where = await self.fetch_channel(self.side.place(thread))
        assert isinstance(where, discord.Thread)
        return len([message async for message in where.history(limit=None)])


@asynccontextmanager
async def at() -> AsyncIterator[DiscordSide]:
    """Have a Discord."""
    async with FarDiscord() as far:
        yield DiscordSide(far)


@asynccontextmanager
async def bare(side: DiscordSide) -> AsyncIterator[Bare]:
    """Run the bare bot."""
    Route.BASE = side.far.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(side.far.gateway.url)
    bot = Bare(side)
    running = asyncio.create_task(bot.start(TOKEN))
    try:
        await side.ready()
        await bot.wait_until_ready()
        yield bot
    finally:
        await bot.close()
        with suppress(asyncio.CancelledError):
            await running
