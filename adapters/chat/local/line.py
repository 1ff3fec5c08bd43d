"""The line from a terminal to the room. Owns: Line. Imports: asyncio, core. Effects: talks to the room's socket.

It comes back by itself when the bridge restarts; a request under way then is asked again: those that must not count twice carry a
key, and the others are the same done twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

from adapters import cancelling
from adapters.chat.local import sockets
from core.errors import BadInput, LoopbridgeError, Unavailable

MAX_REPLY = 256 << 20  # bytes of one line from the bridge: a thread of 20,000 messages fits
RETRY = 0.2  # seconds between two tries to reach a bridge that went away


class Line:
    """A connection that greets the room, subscribes, and hands on what it is told.

    `heard` gets each push and its value, `changed` gets "away" or "here", a sentence, and everybody's names.
    """

    def __init__(
        self,
        path: Path,
        hello: Mapping[str, object],
        *,
        patience: float,
        backlog: int,
        heard: Callable[[str, Mapping[str, Any]], None],
        changed: Callable[[str, str, Mapping[str, str]], None],
    ) -> None:
        self.connected = False
        self._path = path
        self._hello = hello
        self._patience = patience
        self._backlog = backlog
        self._heard = heard
        self._changed = changed
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._count = 0
        self._ready = asyncio.Event()
        self._refused: LoopbridgeError | None = None

    async def open(self) -> None:
        """Connect. Raises Unavailable when no bridge answers, BadInput when the room refuses who one is."""
        await self._connect()
        self._task = asyncio.create_task(self._stay(), name="chat.local.client")
        try:
            await self._welcomed()
        except BaseException:
            await self.aclose()
            raise

    async def _welcomed(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._ready.wait()
        except TimeoutError as exc:
            raise Unavailable("the bridge does not answer") from exc
        if self._refused:
            raise self._refused

    async def aclose(self) -> None:
        """Leave (idempotent)."""
        task, self._task = self._task, None
        try:
            if task is not None:
                await cancelling.ended(task)
        finally:
            await self._hang_up()

    async def ask(self, do: str, **fields: object) -> Mapping[str, Any]:
        """Ask the room for something; when the bridge goes away meanwhile, ask again once it is back."""
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    await self._ready.wait()
                    try:
                        return await self._request(do, **fields)
                    except _Gone:
                        await asyncio.sleep(0)
        except TimeoutError as exc:
            raise Unavailable("the bridge does not answer", remedy="Start it with `loopbridge run`.") from exc

    async def _request(self, do: str, **fields: object) -> Mapping[str, Any]:
        writer = self._writer
        if writer is None:
            raise _Gone("the bridge is away", remedy="Wait until it is back, and try again.")
        self._count += 1
        number = self._count
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        line = json.dumps({"id": number, "do": do, **fields}, ensure_ascii=False).encode() + b"\n"
        try:
            writer.write(line)
            await writer.drain()
            return await answer
        except ConnectionError as exc:
            raise _Gone("the bridge went away", remedy="Wait until it is back, and try again.") from exc
        finally:
            self._waiting.pop(number, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # what writing failed of already is not missed here

    async def _connect(self) -> None:
        link = await cancelling.opened(partial(sockets.connect, self._path), socket.close)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=link, limit=MAX_REPLY)

    async def _hang_up(self) -> None:
        writer, self._writer = self._writer, None
        self.connected = False
        self._ready.clear()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_Gone("the bridge went away"))
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _stay(self) -> None:
        while True:
            with suppress(OSError):
                await self._attend()
            await self._hang_up()
            self._changed("away", "the bridge is away; what you write is sent when it is back", {})
            while self._writer is None:
                await asyncio.sleep(RETRY)
                with suppress(Unavailable):
                    await self._connect()

    async def _attend(self) -> None:
        reader = self._reader
        greeting = asyncio.create_task(self._greet(), name="chat.local.greeting")
        try:
            while reader is not None and (line := await reader.readline()):
                self._hear(json.loads(line))
        finally:
            await cancelling.ended(greeting)

    async def _greet(self) -> None:
        try:
            await self._request("hello", **self._hello)
            value = await self._request("subscribe", limit=self._backlog)
        except _Gone:
            return
        except LoopbridgeError as error:
            self._refused = error
        else:
            self.connected = True
            self._changed("here", "", value["people"])
        self._ready.set()

    def _hear(self, raw: Mapping[str, Any]) -> None:
        if "push" in raw:
            self._heard(raw["push"], raw["value"])
            return
        answer = self._waiting.get(raw["re"])
        if answer is None or answer.done():
            return
        if raw["ok"]:
            answer.set_result(raw["value"])
        else:
            answer.set_exception(BadInput(raw["error"], remedy=raw["remedy"]))


class _Gone(Unavailable):
    """The line broke before the answer came."""
