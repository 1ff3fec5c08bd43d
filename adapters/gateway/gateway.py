"""The gateway. Owns: Gateway. Imports: aiohttp, core. Effects: unix sockets, HTTP, TCP, reports.

Every loop has two sockets of its own, so that who asks is known by where it asks, never by what it says.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from adapters import cancelling
from adapters.gateway import egress, host, model, sockets
from adapters.gateway.prices import PRICES, Price
from adapters.gateway.reports import Reporter
from adapters.gateway.upstream import Auth, Upstream
from core import errors, ids, ports

MAX_CONNECTIONS = 64
PATIENCE = 5.0
_GRACE = 0.05  # zero would mean: wait for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """One loop's two doors."""

    model: model.ModelDoor
    egress: egress.EgressDoor
    http: web.Server
    servers: tuple[asyncio.Server, ...]
    bound: tuple[sockets.Bound, ...]


class Gateway:
    """Implements `core.ports.Gateway`. Use it under `async with`; leaving closes every loop and delivers what was reported.

    `allow` holds `host`, `host:port`, `*.domain` or `*.domain:port`; without a port only 443 passes. `private_networks` (CIDR)
    opens networks that are refused otherwise, for names on the allowlist. `prices` adds to and replaces the built-in table.
    Timeouts are seconds. Raises BadInput for a base URL, key, network or allowlist entry that cannot be used.
    """

    def __init__(
        self,
        *,
        base_url: str,
        key: str,
        auth: Auth = "x-api-key",
        allow: Sequence[str],
        owner: tuple[int, int] | None,
        report: Callable[[ports.GatewayReport], Awaitable[None]],
        clock: ports.Clock,
        prices: Mapping[str, Price] | None = None,
        private_networks: Sequence[str] = (),
        first_byte_timeout: float = 300.0,
        idle_timeout: float = 120.0,
        tunnel_idle_timeout: float = 300.0,
        tunnel_bytes: int = 4 << 30,
        resolve: egress.Resolver = egress.resolve,
        dial: egress.Dialer = egress.dial,
    ) -> None:
        self._owner = owner
        self._upstream = Upstream(base_url, key, auth)
        self._reporter = Reporter(report, clock)
        self._terms = model.Terms(
            first_byte=first_byte_timeout,
            idle=idle_timeout,
            prices={**PRICES, **(prices or {})},
            clock=clock,
            put=self._reporter.put,
            parsing=asyncio.Lock(),
        )
        self._policy = egress.Policy(
            rules=tuple(host.parse_rule(entry) for entry in allow),
            private=tuple(_network(text) for text in private_networks),
            resolve=resolve,
            dial=dial,
            clock=clock,
            put=self._reporter.put,
            idle=tunnel_idle_timeout,
            tunnel_bytes=tunnel_bytes,
        )
        self._loops: dict[ids.LoopId, _Open] = {}
        self._changing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Start the pool of connections and the reports."""
        self._upstream.start()
        self._reporter.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every loop, deliver what was reported, drop the pool."""
        await cancelling.unbroken(self._leave)

    async def _leave(self) -> None:
        for loop in list(self._loops):
            await self._shut(loop)
        await self._reporter.stop(PATIENCE)
        await self._upstream.stop()

    async def open(
        self, loop: ids.LoopId, *, model_socket: Path, egress_socket: Path, budget_usd: float | None
    ) -> None:
        """Listen for this loop. Opened already at the same places: only the budget is set anew.

        `budget_usd` is dollars still to be spent. Raises BadInput or Unavailable when a socket cannot be made.
        """
        async with self._changing:
            there = self._loops.get(loop)
            paths = (model_socket, egress_socket)
            if there is not None and await asyncio.to_thread(_stands_at, there.bound, paths):
                there.model.grant(budget_usd)
                return
            if there is not None:
                await cancelling.unbroken(partial(self._drop, self._loops.pop(loop)))
            self._loops[loop] = await self._listen(loop, paths, budget_usd)

    async def close(self, loop: ids.LoopId) -> None:
        """Stop listening for this loop, drop its connections, remove its sockets, deliver its reports."""
        if await self._shut(loop):
            await self._reporter.settle(PATIENCE)

    async def _shut(self, loop: ids.LoopId) -> bool:
        async with self._changing:
            there = self._loops.pop(loop, None)
            if there is not None:
                await cancelling.unbroken(partial(self._drop, there))
        return there is not None

    async def _listen(self, loop: ids.LoopId, paths: tuple[Path, Path], budget_usd: float | None) -> _Open:
        door = model.ModelDoor(loop, self._upstream, self._terms, budget_usd)
        out = egress.EgressDoor(loop, self._policy)
        # Bodies stay as they were sent: a compressed one is refused as no JSON rather than unpacked.
        # What a client sends as HTTP is not worth a traceback each time; the door logs its own failures.
        silent = logging.Logger("gateway.http", logging.CRITICAL + 1)  # noqa: LOG001 - belongs to this server alone
        http = web.Server(
            door.handle, handler_cancellation=True, access_log=None, logger=silent, auto_decompress=False
        )
        async with AsyncExitStack() as stack:
            bound = [await self._bind(path, stack) for path in paths]
            asyncio_loop = asyncio.get_running_loop()
            # Known before they serve: a server that nobody knows cannot be closed.
            servers = (
                await asyncio_loop.create_unix_server(
                    lambda: _protocol(door, http), sock=bound[0].sock, start_serving=False
                ),
                await asyncio.start_unix_server(
                    out.accept, sock=bound[1].sock, limit=egress.CHUNK, start_serving=False
                ),
            )
            for server in servers:
                stack.callback(server.close)
                await server.start_serving()
            stack.pop_all()
        return _Open(model=door, egress=out, http=http, servers=servers, bound=tuple(bound))

    async def _bind(self, path: Path, stack: AsyncExitStack) -> sockets.Bound:
        """Bind a socket that `stack` takes away again."""
        bound = await cancelling.opened(partial(sockets.bind, path, self._owner), _unbind)
        stack.push_async_callback(asyncio.to_thread, _unbind, bound)
        return bound

    async def _drop(self, there: _Open) -> None:
        await there.model.stop()
        await there.egress.stop()
        # Whoever connected a moment ago is let in and turned away first: asyncio leaks a connection that it has accepted
        # when the server closes under it. With the files gone nobody else can come.
        await asyncio.to_thread(_unlink, there.bound)
        for _ in range(2):
            await asyncio.sleep(0)
        for server in there.servers:
            server.close()
        await there.http.shutdown(_GRACE)


def _protocol(door: model.ModelDoor, http: web.Server) -> asyncio.Protocol:
    """Return what serves a new connection; a loop that holds too many, or that has just been closed, is turned away."""
    return _Away() if door.closed or len(http.connections) >= MAX_CONNECTIONS else http()


class _Away(asyncio.Protocol):
    """Drops a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _stands_at(bound: Sequence[sockets.Bound], paths: Sequence[Path]) -> bool:
    return [one.path for one in bound] == list(paths) and all(sockets.stands(one) for one in bound)


def _unbind(bound: sockets.Bound) -> None:
    sockets.remove(bound)
    bound.sock.close()


def _unlink(bound: Sequence[sockets.Bound]) -> None:
    for one in bound:
        sockets.remove(one)


def _network(text: str) -> host.Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as exc:
        raise errors.BadInput(f"“{text}” is no network", remedy="Write it as 10.20.0.0/16.") from exc
