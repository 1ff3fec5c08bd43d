"""A line to a server that can be cut or fall silent. Owns: Cuttable. Effects: a loopback port that forwards to another."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Cuttable:
    """Forwards bytes to `url`'s host and port; `url` of its own is what to talk to."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._silent: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusals = 0  # answers that said 429

    @property
    def url(self) -> str:
        """Return the address on this side."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Take connections (again), on the same port."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Drop every connection and take no more."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def fall_silent(self) -> None:
        """Carry nothing any more on the connections that stand, and leave them open."""
        self._silent |= self._open

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._there.hostname, self._there.port)
        except OSError:
            writer.transport.abort()
            return
        if self._server is None or not self._server.is_serving():  # cut meanwhile
            writer.transport.abort()
            back.transport.abort()
            return
        self._open |= {writer, back}
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                if target in self._silent:
                    continue
                self.refusals += data.count(b"HTTP/1.1 429")
                target.write(data)
                await target.drain()
        except ConnectionError:
            pass
        finally:
            target.close()
            self._open.discard(target)
            self._silent.discard(target)
