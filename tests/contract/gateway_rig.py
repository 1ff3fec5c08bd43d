"""A gateway between a unix socket and a scripted far side on loopback, for the gateway's tests."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from adapters.gateway.gateway import Gateway
from core import ids, ports
from tests.patience import PATIENCE

KEY = "sk-ant-the-host-key-0123456789"
LOOP = ids.LoopId("a" * 32)
ASK = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 50,
    "stream": True,
    "messages": [{"role": "user", "content": "hi"}],
}

Behaviour = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class RealClock:
    """Time as it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.005)


@dataclass
class Far:
    """The scripted far side: `behave` answers, `seen` holds every request's path, headers and body."""

    behave: Behaviour
    url: str = ""
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    connections: set[Any] = field(default_factory=set)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.connections.add(request.transport.get_extra_info("peername"))  # type: ignore[union-attr]
        body = await request.content.read()
        self.seen.append((request.raw_path, {k.lower(): v for k, v in request.headers.items()}, body))
        try:
            return await self.behave(request)
        except asyncio.CancelledError:
            self.gone.set()
            raise


@dataclass
class Rig:
    gateway: Gateway
    far: Far
    reports: list[ports.GatewayReport]
    client: aiohttp.ClientSession
    model: Path
    egress: Path

    async def open(self, budget: float | None = None) -> None:
        await self.gateway.open(LOOP, model_socket=self.model, egress_socket=self.egress, budget_usd=budget)

    def post(self, path: str = "/v1/messages?beta=true", body: object = ASK, **more: Any) -> Any:
        return self.client.post(f"http://localhost{path}", json=body, **more)

    async def until(self, count: int) -> list[ports.GatewayReport]:
        await until(lambda: len(self.reports) >= count)
        return self.reports


def event(kind: str, **rest: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n".encode()


def answer_events(text: str = "hello", *, tokens_in: int = 100, tokens_out: int = 20) -> list[bytes]:
    usage = {"input_tokens": tokens_in, "output_tokens": 1}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [],
        "usage": usage,
    }
    return [
        event("message_start", message={**message, "stop_reason": None, "stop_sequence": None}),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}),
        event("content_block_stop", index=0),
        event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"output_tokens": tokens_out},
        ),
        event("message_stop"),
    ]


async def stream(
    request: web.BaseRequest, chunks: list[bytes], *, pause: float = 0.0, **headers: str
) -> web.StreamResponse:
    out = web.StreamResponse(headers={"Content-Type": "text/event-stream", "request-id": "req_1", **headers})
    await out.prepare(request)
    for chunk in chunks:
        await out.write(chunk)
        await asyncio.sleep(pause)
    await out.write_eof()
    return out


async def stall(request: web.BaseRequest) -> web.StreamResponse:
    out = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await out.prepare(request)
    await out.write(b"".join(answer_events()[:3]))
    await asyncio.sleep(30)
    return out


async def well(request: web.BaseRequest) -> web.StreamResponse:
    return await stream(request, answer_events())


@asynccontextmanager
async def far_side(behave: Behaviour) -> AsyncIterator[Far]:
    far = Far(behave=behave)
    server = web.Server(far.handle, handler_cancellation=True, access_log=None)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    far.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield far
    finally:
        listening.close()
        await server.shutdown(0.05)


@asynccontextmanager
async def rigged(behave: Behaviour = well, *, budget: float | None = None, **more: Any) -> AsyncIterator[Rig]:
    reports: list[ports.GatewayReport] = []

    async def keep(report: ports.GatewayReport) -> None:
        reports.append(report)

    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        async with far_side(behave) as far:
            settings: dict[str, Any] = {
                "base_url": far.url,
                "key": KEY,
                "allow": [],
                "owner": None,
                "report": keep,
                "clock": RealClock(),
            }
            model, egress = Path(folder) / "model.sock", Path(folder) / "egress.sock"
            async with Gateway(**(settings | more)) as gateway:
                connector = aiohttp.UnixConnector(path=str(model), limit=0)
                async with aiohttp.ClientSession(connector=connector) as client:
                    rig = Rig(
                        gateway=gateway, far=far, reports=reports, client=client, model=model, egress=egress
                    )
                    await rig.open(budget)
                    yield rig
