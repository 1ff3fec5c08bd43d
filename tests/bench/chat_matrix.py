"""Matrix for the benches: Maya, and a bare bot. Owns: MatrixSide, at, bare. Imports: nio, tests. Effects: a real homeserver on loopback.

Rooms without encryption: what that costs is the library's, on both sides.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nio
from nio.api import RelationshipType

from adapters.chat.matrix import plugin
from core.ports import ChatAdapter, Clock
from tests.far_sides import synapse
from tests.far_sides.matrix_people import People
from tests.far_sides.synapse import Account, Synapse

FIRST = "the session test fails again on CI"
AT_ONCE = 8
PAGE = 100  # messages; as the adapter asks for


class MatrixSide:
    """One room, where Maya writes and a bot of its own is."""

    name, floor = "matrix", "matrix-nio"

    def __init__(self, server: Synapse, people: People, bot: Account, home: Path) -> None:
        self.server = server
        self.bot = bot
        self.room = ""
        self._people = people
        self._home = home
        self._threads: list[str] = []
        self._shares = False

    @property
    def environ(self) -> dict[str, str]:
        """Return what a bridge has to know."""
        return {
            "LOOPBRIDGE_MATRIX__HOMESERVER": self.server.url,
            "LOOPBRIDGE_MATRIX__USER_ID": self.bot.user,
            "LOOPBRIDGE_MATRIX__PASSWORD": self.bot.password,
        }

    def adapter(self, clock: Clock, **memory: Any) -> ChatAdapter:
        """Return the bridge's adapter for this side; it has a memory of its own."""
        del memory
        return plugin.build(
            clock=clock, homeserver=self.server.url, user_id=self.bot.user, password=self.bot.password, home=self._home
        )  # fmt: skip

    async def open(self) -> None:
        """Make the room; the bot is in it before it runs."""
        self.room = str(
            await self._people.ask("maya", "create", invite=[self.bot.user], encrypted=False, version="")
        )
        await self._join()

    async def share(self, other: MatrixSide) -> None:
        """Be in another side's room, with its threads."""
        self.room, self._threads, self._shares = other.room, other._threads, True
        await self._people.ask("maya", "invite", room=self.room, user=self.bot.user)
        await self._join()

    async def _join(self) -> None:
        path = f"/_matrix/client/v3/join/{self.room}"
        await self.server.ask("POST", path, token=self.bot.token, body={})

    async def ready(self) -> None:
        """Wait until the bot hears: it does from its first sync on."""
        await asyncio.sleep(1.0)

    async def says(self, text: str, *, thread: int | None = None) -> str:
        """Write: into the room, or into the thread of this number."""
        return await self._send(text, self._threads[thread] if thread is not None else "")

    async def _send(self, text: str, root: str = "") -> str:
        mentions = {"user_ids": [self.bot.user]} if "@loop" in text else {}
        body = text.replace("@loop", self.bot.user)
        content: dict[str, Any] = {"msgtype": "m.text", "body": body, "m.mentions": mentions}
        if root:
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": root}
        return str(await self._people.ask("maya", "send", room=self.room, content=content))

    async def signed(self, said: Any) -> None:
        """Return once Maya's client sees a reaction on an event."""
        await self._people.ask("maya", "signed", event=said)

    async def fill(self, threads: int, messages: int) -> None:
        """Make long threads, before the bot is there; those of a shared room are there."""
        for _ in range(0 if self._shares else threads):
            root = await self._send(FIRST)
            self._threads.append(root)
            words = [f"reply {number}: over when it has *passed*" for number in range(messages - 1)]
            for start in range(0, len(words), AT_ONCE):
                await asyncio.gather(*(self._send(each, root) for each in words[start : start + AT_ONCE]))

    def place(self, thread: int) -> str:
        """Return the root of a thread."""
        return self._threads[thread]


class Bare:
    """A bot as a short script has it: it nods at mentions and keeps nothing."""

    def __init__(self, side: MatrixSide) -> None:
        self.heard: asyncio.Queue[float] = asyncio.Queue()
        self._side = side
        self.client = nio.AsyncClient(side.server.url, side.bot.user)
        self.client.add_event_callback(self._said, nio.RoomMessageText)

    async def _said(self, room: nio.MatrixRoom, event: nio.Event) -> None:
        if not isinstance(event, nio.RoomMessageText) or event.sender == self._side.bot.user:
            return
        self.heard.put_nowait(time.perf_counter())
        if self._side.bot.user in event.body:
            relation = {"rel_type": "m.annotation", "event_id": event.event_id, "key": "👀"}
            await self.client.room_send(room.room_id, "m.reaction", {"m.relates_to": relation})

    async def read(self, thread: int) -> int:
        """Page through a thread; return how many messages there were, its root included."""
        found = self.client.room_get_event_relations(
            self._side.room, self._side.place(thread), RelationshipType.thread, None, limit=PAGE
        )
        return 1 + len([event async for event in found])


@asynccontextmanager
async def at(root: Path, *, sides: int, shared: bool = False) -> AsyncIterator[list[MatrixSide]]:
    """Have a homeserver with so many sides, a bot for each; Maya is the same in all, and with `shared` the room."""
    with await asyncio.to_thread(synapse.shared, root / "synapse") as server:
        async with People(server.url) as people:
            maya = await server.register("maya")
            await people.ask("maya", "login", user=maya.user, device=maya.device, token=maya.token)
            made: list[MatrixSide] = []
            for number in range(sides):
                side = MatrixSide(server, people, await server.register("loop"), root / f"home-{number}")
                await (side.share(made[0]) if made and shared else side.open())
                made.append(side)
            yield made


@asynccontextmanager
async def bare(side: MatrixSide) -> AsyncIterator[Bare]:
    """Run the bare bot."""
    bot = Bare(side)
    await bot.client.login(side.bot.password)
    await bot.client.sync(timeout=0, full_state=True)
    syncing = asyncio.create_task(bot.client.sync_forever(timeout=25_000))
    try:
        await side.ready()
        while not bot.heard.empty():
            bot.heard.get_nowait()
        yield bot
    finally:
        syncing.cancel()
        with suppress(asyncio.CancelledError):
            await syncing
        await bot.client.close()  # type: ignore[no-untyped-call]
