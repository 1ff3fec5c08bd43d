"""The daemon's own door: health and metrics. Owns: serve, Health. Imports: aiohttp, bridge.metrics. Effects: listens on loopback."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from adapters import cancelling
from bridge.metrics import Metrics
from core.errors import Rejected

Health = Callable[[], Mapping[str, object]]


@asynccontextmanager
async def serve(host: str, port: int, *, health: Health, metrics: Metrics) -> AsyncIterator[int]:
    """Answer /healthz (JSON; 503 while something is wrong) and /metrics; yield the port. Raises Rejected when it is taken."""

    async def healthz(request: web.Request) -> web.Response:
        state = health()
        return web.json_response(state, status=200 if state.get("status") == "ok" else 503)

    async def exposition(request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"content-type": metrics.content_type})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/metrics", exposition)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, shutdown_timeout=1.0)
        try:
            await cancelling.unbroken(site.start)
        except OSError as exc:
            raise Rejected(
                f"Port {port} on {host} cannot be listened on: {os.strerror(exc.errno or errno.EADDRINUSE)}.",
                remedy="Another bridge may be running; stop it, or set another port: http.port in config.toml (0 takes any free one).",
            ) from exc
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
