"""Terminals at the room. Owns: Server, Connection. Imports: asyncio, core. Effects: serves a unix socket.

A broken line is answered and forgotten; it never ends a connection. A connection that does not read what it is told is dropped,
so that it holds nobody up: it comes back and subscribes anew.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from adapters.chat.local import requests, wire
from adapters.chat.local.hall import Hall
from adapters.chat.local.records import Record
from adapters.chat.local.room import Room
from core.errors import BadInput, LoopbridgeError
from core.ports import Clock

log = logging.getLogger(__name__)

CHUNK = 1 << 16
MAX_BEHIND = 64 << 20  # bytes a connection may leave unread
ACCEPTING = 4  # turns of the event loop until a connection that was just taken comes to `_accept`


class Server:
    """Accepts connections on a listening socket until it is closed."""

    def __init__(self, hall: Hall, clock: Clock) -> None:
        self._hall = hall
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, listener: socket.socket) -> None:
        """Start accepting."""
        # Known before it serves: a server that nobody knows cannot be closed.
        self._server = await asyncio.start_unix_server(self._accept, sock=listener, start_serving=False)
        await self._server.start_serving()

    async def close(self) -> None:
        """Stop accepting and end every connection (idempotent)."""
        server, self._server = self._server, None
        if server is not None:
            # Closed before a connection is wholly taken, asyncio would leave its socket open.
            for _ in range(ACCEPTING):
                await asyncio.sleep(0)
            server.close()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="chat.local.connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step never reaches its `finally`.
        task.add_done_callback(lambda _: writer.close())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self._hall, self._clock, writer)
        try:
            await connection.serve(reader)
        except ConnectionError:
            pass  # gone is gone: what it asked for and got acked is in the room
        except Exception:
            log.exception("chat.local.connection_failed", extra={"user": connection.user})
        finally:
            self._hall.leave(connection)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


class Connection:
    """One terminal: its requests are carried out one after another."""

    def __init__(self, hall: Hall, clock: Clock, writer: asyncio.StreamWriter) -> None:
        self.user = ""
        self._hall = hall
        self._clock = clock
        self._writer = writer

    def tell(self, line: bytes) -> None:
        """Queue a line for this terminal."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > MAX_BEHIND:
            log.warning("chat.local.connection_behind", extra={"user": self.user})
            transport.abort()
            return
        self._writer.write(line)

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer requests until the other end is gone."""
        async for line in _lines(reader):
            if line is None:
                self.tell(wire.refusal(0, BadInput(f"a line may have {requests.MAX_LINE} bytes")))
                continue
            try:
                request, asked = requests.parse(line)
                value = await self._carry_out(asked)
            except LoopbridgeError as error:
                self.tell(wire.refusal(requests.request_id(line), error))
            else:
                self.tell(wire.reply(request, value))
            await self._writer.drain()

    async def _carry_out(self, asked: requests.Request) -> Mapping[str, Any]:
        if isinstance(asked, requests.Hello):
            await self._hall.ask(lambda room: room.enter(asked.user, asked.name, bot=asked.bot))
            self.user = asked.user
            return {"user": asked.user, "name": asked.name}
        if not self.user:
            raise BadInput("say hello first")
        match asked:
            case requests.Subscribe() | requests.Read() | requests.Threads() | requests.Download():
                return await self._look(asked)
            case _:
                return await self._act(asked)

    async def _look(
        self, asked: requests.Subscribe | requests.Read | requests.Threads | requests.Download
    ) -> Mapping[str, Any]:
        match asked:
            case requests.Subscribe():
                self._hall.join(self)
                for line in await self._hall.ask(lambda room: _backlog(room, asked.limit, self.user)):
                    self.tell(line)
                    # A long backlog is sent as fast as it is read; only what comes unasked can be too much.
                    await self._writer.drain()
                return {"people": dict(await self._hall.ask(lambda room: room.people()))}
            case requests.Read():
                return await self._hall.ask(lambda room: _thread(room, asked, self.user))
            case requests.Threads():
                threads = await self._hall.ask(lambda room: room.headings(asked.limit))
                return {"threads": [wire.heading(thread) for thread in threads]}
            case requests.Download():
                content = await self._hall.ask(lambda room: room.content(asked.file))
                if content is None:
                    raise BadInput("there is no such file")
                return {"content": base64.b64encode(content).decode()}

    async def _act(
        self,
        asked: requests.Post
        | requests.Press
        | requests.React
        | requests.Edit
        | requests.Delete
        | requests.Upload,
    ) -> Mapping[str, Any]:
        hall, user, now = self._hall, self.user, self._clock.now()
        match asked:
            case requests.Post():
                record = await self._say(asked)
            case requests.Edit():
                record = await hall.ask(lambda room: room.change(user, asked.message, asked.text, at=now))
                hall.announce("edited", record)
            case requests.Delete():
                record = await hall.ask(lambda room: room.take_back(user, asked.message, at=now))
                hall.announce("deleted", record)
            case requests.React():
                record, fresh = await hall.ask(lambda room: room.react(user, asked.message, asked.emoji))
                if fresh:
                    hall.announce("reaction", record)
            case requests.Press():
                await hall.ask(
                    lambda room: room.press(
                        user, asked.message, asked.token, at=now, text=asked.text, key=asked.key
                    )
                )
                hall.stir()
                return {"message": asked.message}
            case requests.Upload():
                file = await hall.ask(lambda room: room.upload(user, asked.name, asked.mime, asked.content))
                return {"file": file.id}
        hall.stir()
        return {"message": record.id, "thread": record.root, "channel": record.channel}

    async def _say(self, asked: requests.Post) -> Record:
        now = self._clock.now()
        record, fresh = await self._hall.ask(
            lambda room: room.say(
                self.user,
                asked.channel,
                asked.thread,
                asked.text,
                at=now,
                key=asked.key,
                files=asked.files,
                reply_to=asked.reply_to,
            )
        )
        if fresh:
            self._hall.announce("message", record)
        return record


def _backlog(room: Room, limit: int, viewer: str) -> list[bytes]:
    return [
        wire.push("whisper" if record.to else "message", wire.spell(record))
        for record in room.newest(limit, viewer)
    ]


def _thread(room: Room, asked: requests.Read, viewer: str) -> Mapping[str, Any]:
    found, total = room.thread(asked.channel, asked.thread, limit=asked.limit, viewer=viewer)
    return {"records": [wire.spell(record) for record in found], "total": total}


async def _lines(reader: asyncio.StreamReader) -> AsyncIterator[bytes | None]:
    """Yield each line; None for one that is too long, whose rest is skipped."""
    held = bytearray()
    skipping = False
    while chunk := await reader.read(CHUNK):
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            held += piece
            line, held = bytes(held), bytearray()
            if skipping or len(line) > requests.MAX_LINE:
                skipping = False
                yield None
            elif line.strip():
                yield line
        held += rest
        if len(held) > requests.MAX_LINE:
            skipping, held = True, bytearray()
