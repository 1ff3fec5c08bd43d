"""A line to a homeserver that is written down. Owns: Relay, Passed. Imports: aiohttp. Effects: a loopback port that forwards to another."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

KEPT = ("Authorization", "Content-Type")


@dataclass(slots=True, kw_only=True)
class Passed:
    """One request: `at` is when it came in (monotonic seconds), `status` 0 until it is answered."""

    method: str
    path: str
    body: bytes
    at: float
    status: int = 0


class Relay:
    """Forwards requests to `there` and keeps them; `url` of its own is what to talk to."""

    def __init__(self, there: str) -> None:
        self._there = there
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.passed: list[Passed] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=None)
        )
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        passed = Passed(method=request.method, path=request.path, body=b"", at=time.monotonic())
        self.passed.append(passed)
        passed.body = await request.read()
        headers = {name: request.headers[name] for name in KEPT if name in request.headers}
        async with self._session.request(
            request.method, self._there + request.raw_path, data=passed.body, headers=headers
        ) as answer:
            passed.status = answer.status
            told = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
            return web.Response(status=answer.status, body=await answer.read(), headers=told)
