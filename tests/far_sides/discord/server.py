"""The far side as a whole. Owns: FarDiscord. Imports: aiohttp. Effects: listens on a free port of the loopback interface."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.far_sides.discord.gateway import Gateway
from tests.far_sides.discord.hands import Hands
from tests.far_sides.discord.interactions import Desk
from tests.far_sides.discord.rest import Rest
from tests.far_sides.discord.world import World
from tests.patience import PATIENCE

TOKEN = "bot-token-of-the-far-side"


class FarDiscord:
    """A Discord of one bot. Enter it, then point the bot at `api_url` with TOKEN.

    `world` is its state, `hands` the people, `gateway` the socket's side, `rest.faults` and `rest.rates` the trouble.
    """

    def __init__(self, *, content_intent: bool = True) -> None:
        self.world = World(content_intent=content_intent)
        self.desk = Desk(self.world)
        self.hands = Hands(self.world, self.desk)
        self.gateway = Gateway(self.world, TOKEN)
        self.rest = Rest(self.world, TOKEN, {"desk": self.desk, "gateway_url": lambda: self.gateway.url})
        self.world.publish = self.gateway.publish
        self.api_url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/api/v10/{tail:.*}", self.rest.serve)
        app.router.add_get("/gateway", self.gateway.serve)
        app.router.add_get("/gateway/", self.gateway.serve)
        app.router.add_get("/attachments/{channel}/{key}/{name}", self.rest.serve_file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.world.origin = f"http://{host}:{port}"
        self.api_url = f"{self.world.origin}/api/v10"
        self.gateway.url = f"ws://{host}:{port}/gateway"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gateway.drop()
        if self._runner is not None:
            await self._runner.cleanup()

    def advance(self, seconds: float) -> None:
        """Let time pass for deadlines, tokens and nonces."""
        self.world.ahead += timedelta(seconds=seconds)

    async def connected(self) -> None:
        """Wait until the bot has a session with a live socket."""
        async with asyncio.timeout(PATIENCE):
            while not self.gateway.connected:  # noqa: ASYNC110 - the socket has no event for it
                await asyncio.sleep(0.01)
