"""The platforms on which many loops report. Owns: OnSlack, OnDiscord, OnMatrix, on_slack, on_discord, on_matrix. Imports: adapters, tests.

Their limits are those of PLATFORMS: Slack's far side has them by itself, Discord's is given its buckets here, the homeserver is Synapse
with the bot's limit lifted, as docs/matrix.md asks for. Effects: far sides on loopback, a homeserver in a folder.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adapters.chat.discord import names as discord_names
from adapters.chat.discord import plugin as discord
from adapters.chat.matrix import names as matrix_names
from adapters.chat.matrix import plugin as matrix
from adapters.chat.slack import names as slack_names
from adapters.chat.slack import plugin as slack
from core.ids import ThreadKey
from core.ports import ChatAdapter, Clock
from tests.bench.crowd import Asked
from tests.bench.relay import Relay
from tests.far_sides import synapse
from tests.far_sides.discord.server import TOKEN, FarDiscord
from tests.far_sides.matrix_people import People
from tests.far_sides.slack import Slack
from tests.far_sides.synapse import Account, Synapse

CHANNELS = 10
YOUNGER = 2.1  # seconds
SENT = "/send/m.room.message/"


class OnSlack:
    """A workspace with ten channels, where Maya opens threads."""

    name = "slack"
    channels = CHANNELS

    def __init__(self, far: Slack) -> None:
        self.slack = far
        self._aged = False
        far.user("maya")

    @property
    def refusals(self) -> int:
        return self.slack.refusals

    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter:
        """Return the bridge's adapter for this workspace."""
        return slack.build(
            clock=clock, bot_tokens=[self.slack.bot_token], app_token=self.slack.app_token, api_url=self.slack.base_url,
            **memory,
        )  # fmt: skip

    async def thread(self, number: int) -> ThreadKey:
        """Open a thread, younger than the adapter: an older one is read once before the first post into it, steadily there are few."""
        if not self._aged:
            await asyncio.sleep(YOUNGER)
            self._aged = True
        root = await self.slack.user_posts("maya", f"team-{number % self.channels}", f"thread {number}")
        return slack_names.thread_of(self.slack.team().id, root.channel, root.ts)

    def asked(self) -> Sequence[Asked]:
        """Return what was posted and edited."""
        return [
            Asked(at=call.at, text=str(call.args), edit=call.method == "chat.update")
            for call in self.slack.calls
            if call.method in ("chat.postMessage", "chat.update") and call.status == 200 and not call.error
        ]

    async def shown(self, thread: ThreadKey) -> str:
        """Return a thread as people see it."""
        place = slack_names.place(thread)
        return self.slack.text(place.channel, place.root)


class OnDiscord:
    """A server with ten channels, where Maya opens threads."""

    name = "discord"

    def __init__(self, far: FarDiscord) -> None:
        self.far = far
        self._maya = far.world.user("maya", shown="Maya")
        guild = far.world.guild("Team", self._maya)
        self._channels = [far.world.channel(guild, f"team-{number}") for number in range(CHANNELS)]
        far.rest.rates.limits |= {
            "POST /channels/*/messages": (5, 5.0),
            "PATCH /channels/*/messages/*": (5, 5.0),
            "PUT /channels/*/messages/*/reactions/*": (1, 0.25),
        }
        far.rest.rates.together = (50, 1.0)

    @property
    def refusals(self) -> int:
        return self.far.rest.rates.hit

    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter:
        """Return the bridge's adapter for this server."""
        return discord.build(clock=clock, token=TOKEN, api_url=self.far.api_url, **memory)

    async def thread(self, number: int) -> ThreadKey:
        """Open a thread."""
        channel = self._channels[number % CHANNELS]
        root = self.far.hands.user_posts(self._maya, channel, f"thread {number}")
        thread = self.far.hands.user_opens_thread(self._maya, root)
        assert channel.guild is not None
        place = discord_names.Place(guild=str(channel.guild.id), channel=str(channel.id), root=str(thread.id))
        return place.key

    def asked(self) -> Sequence[Asked]:
        """Return what was posted and edited."""
        return [
            Asked(at=call.at, text=str(call.body), edit=call.method == "PATCH")
            for call in self.far.rest.asked
            if call.method in ("POST", "PATCH") and "/messages" in call.path and call.status == 200
        ]

    async def shown(self, thread: ThreadKey) -> str:
        """Return what a thread's messages say now."""
        channel = self.far.world.channels[int(discord_names.place(thread).root)]
        return "\n".join(each.content for each in channel.messages.values())


class OnMatrix:
    """A homeserver with ten rooms, where Maya opens threads; what the bot asks for passes a relay."""

    name = "matrix"

    def __init__(self, server: Synapse, relay: Relay, people: People, bot: Account, home: Path) -> None:
        self._server = server
        self._relay = relay
        self._people = people
        self._bot = bot
        self._home = home
        self._rooms: list[str] = []

    async def furnish(self) -> None:
        """Make the rooms; the bot is in them before it runs."""
        for _ in range(CHANNELS):
            room = await self._people.ask(
                "maya", "create", invite=[self._bot.user], encrypted=False, version=""
            )
            path = f"/_matrix/client/v3/join/{room}"
            await self._server.ask("POST", path, token=self._bot.token, body={})
            self._rooms.append(str(room))

    @property
    def refusals(self) -> int:
        return sum(each.status == 429 for each in self._relay.passed)

    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter:
        """Return the bridge's adapter for this homeserver; it has a memory of its own."""
        del memory
        return matrix.build(
            clock=clock, homeserver=self._relay.url, user_id=self._bot.user, password=self._bot.password, home=self._home
        )  # fmt: skip

    async def thread(self, number: int) -> ThreadKey:
        """Open a thread."""
        room = self._rooms[number % CHANNELS]
        content = {"msgtype": "m.text", "body": f"thread {number}"}
        root = str(await self._people.ask("maya", "send", room=room, content=content))
        return matrix_names.thread_of(self._server.server_name, matrix_names.Place(room, root))

    def asked(self) -> Sequence[Asked]:
        """Return what was posted and edited."""
        granted = [each for each in self._relay.passed if SENT in each.path and each.status == 200]
        return [
            Asked(at=each.at, text=each.body.decode(), edit=b'"m.replace"' in each.body) for each in granted
        ]

    async def shown(self, thread: ThreadKey) -> str:
        """Return a thread's events, each with its newest edit."""
        room, root = matrix_names.place_of(thread)
        path = f"/_matrix/client/v1/rooms/{quote(room)}/relations/{quote(root)}/m.thread?limit=100"
        told = await self._server.ask("GET", path, token=self._bot.token)
        return json.dumps(told["chunk"])


@asynccontextmanager
async def on_slack(root: Path) -> AsyncIterator[OnSlack]:
    """Have a Slack with its own limits."""
    async with Slack() as far:
        yield OnSlack(far)


@asynccontextmanager
async def on_discord(root: Path) -> AsyncIterator[OnDiscord]:
    """Have a Discord with the limits it is known for."""
    async with FarDiscord() as far:
        yield OnDiscord(far)


@asynccontextmanager
async def on_matrix(root: Path) -> AsyncIterator[OnMatrix]:
    """Have a homeserver that lifted the bot's limit."""
    with await asyncio.to_thread(synapse.shared, root / "synapse") as server:
        async with Relay(server.url) as relay, People(server.url) as people:
            maya = await server.register("maya")
            await people.ask("maya", "login", user=maya.user, device=maya.device, token=maya.token)
            ground = OnMatrix(server, relay, people, await server.register("loop"), root / "home")
            await ground.furnish()
            yield ground
