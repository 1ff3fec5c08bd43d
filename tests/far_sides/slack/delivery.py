"""How Slack reaches an app. Owns: Delivery, Connection, Sending. Imports: aiohttp, posting, faults, world. Effects: sockets on loopback.

An event is tried four times: at once, and after each of `Times.retries`. What a closing connection had not acked goes to the next
one under a new envelope id and counts as the same try. Commands and interactions are tried once.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from tests.far_sides.slack import posting
from tests.far_sides.slack.faults import Faults
from tests.far_sides.slack.posting import Answer
from tests.far_sides.slack.world import App, Times
from tests.patience import PATIENCE

MAX_CONNECTIONS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One delivery as it went out."""

    kind: str
    payload: dict[str, Any]
    envelope: str
    attempt: int
    connection: int  # 0 over HTTP
    at: float


@dataclass(slots=True, kw_only=True, eq=False)
class Connection:
    """One WebSocket of an app. `half_open`: it looks alive to TCP, and nothing else."""

    number: int
    socket: web.WebSocketResponse
    request: web.Request
    half_open: bool = False
    pending: dict[str, asyncio.Future[Answer]] = field(default_factory=dict)

    def abort(self) -> None:
        """Cut the line without a word."""
        if self.request.transport is not None:
            self.request.transport.abort()

    async def hung_up(self) -> None:
        """Wait until the other end gives up on a line that never answers."""
        while (line := self.request.transport) is not None and not line.is_closing():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)


class Delivery:
    """All deliveries of one far side."""

    def __init__(self, times: Times, faults: Faults) -> None:
        self._times = times
        self._faults = faults
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=times.ack))
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: list[tuple[App, dict[str, Any]]] = []
        self._arrival = asyncio.Event()
        self._numbers = 0
        self._turn = 0
        self.tickets: dict[str, App] = {}
        self.connections: dict[str, list[Connection]] = defaultdict(list)
        self.sent: list[Sending] = []
        self.lost: list[dict[str, Any]] = []
        self.unacked = 0

    async def close(self) -> None:
        """End every task and connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connections in self.connections.values():
            for connection in connections:
                connection.abort()
        await self._http.close()

    # ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────────

    def event(self, app: App, payload: dict[str, Any]) -> None:
        """Start delivering an event."""
        if self._faults.held:
            self._held.append((app, payload))
            if len(self._held) < self._faults.held:
                return
            batch, self._held, self._faults.held = self._held[::-1], [], 0
        else:
            batch = [(app, payload)]
        for to, each in batch:
            copies = 2 if self._faults.duplicates > 0 else 1
            self._faults.duplicates -= copies - 1
            for _ in range(copies):
                task = asyncio.create_task(self._carry(to, each))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def interact(self, app: App, kind: str, payload: dict[str, Any]) -> Answer:
        """Deliver a slash command or an interaction, once, and wait for its ack."""
        answer = await self._send(app, kind, payload, 0, "")
        self.unacked += not answer.acked
        return answer

    async def settled(self, seconds: float = PATIENCE) -> None:
        """Wait until nothing is on its way. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self._tasks:
                await asyncio.wait(set(self._tasks), timeout=0.05)

    async def _carry(self, app: App, payload: dict[str, Any]) -> None:
        reason = ""
        for attempt, wait in enumerate((0.0, *self._times.retries)):
            await asyncio.sleep(wait)
            answer = await self._send(app, "events_api", payload, attempt, reason)
            while answer.outcome == "closed" and await self._connected(app):
                answer = await self._send(app, "events_api", payload, attempt, reason)
            if answer.acked or app.revoked:
                return
            self.unacked += answer.outcome != "absent"
            if answer.final:
                break
            reason = answer.outcome if answer.outcome not in ("absent", "closed") else "timeout"
        self.lost.append(payload)

    async def _send(self, app: App, kind: str, payload: dict[str, Any], attempt: int, reason: str) -> Answer:
        if app.request_url:
            self._record(kind, payload, "", attempt, 0)
            return await posting.post(self._http, app, kind, payload, attempt, reason)
        open_ones = self.connections[app.id]
        if not open_ones:
            return Answer(outcome="absent")
        self._turn += 1
        connection = open_ones[self._turn % len(open_ones)]
        envelope: dict[str, Any] = {
            "envelope_id": str(uuid.uuid4()), "type": kind, "payload": payload, "accepts_response_payload": kind != "events_api",
        }  # fmt: skip
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        self._record(kind, payload, envelope["envelope_id"], attempt, connection.number)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        connection.pending[envelope["envelope_id"]] = future
        try:
            async with asyncio.timeout(self._times.ack):
                if not connection.half_open:
                    await connection.socket.send_str(json.dumps(envelope))
                return await future
        except TimeoutError:
            return Answer(outcome="timeout")
        except ConnectionError:
            self._gone(app, connection)
            return Answer(outcome="closed")
        finally:
            connection.pending.pop(envelope["envelope_id"], None)

    async def _connected(self, app: App) -> bool:
        """Wait for a connection, as long as the last retry would."""
        try:
            async with asyncio.timeout(self._times.retries[-1]):
                while not self.connections[app.id]:
                    await self._arrival.wait()
                    self._arrival.clear()
        except TimeoutError:
            return False
        return True

    def _record(
        self, kind: str, payload: dict[str, Any], envelope: str, attempt: int, connection: int
    ) -> None:
        self.sent.append(
            Sending(
                kind=kind,
                payload=payload,
                envelope=envelope,
                attempt=attempt,
                connection=connection,
                at=time.monotonic(),
            )
        )

    # ── Socket Mode ──────────────────────────────────────────────────────────────────────────────────────────────────

    def ticket(self, app: App) -> str:
        """Return a ticket that is good for one connection."""
        ticket = secrets.token_hex(16)
        self.tickets[ticket] = app
        return ticket

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one WebSocket to its end."""
        app = self.tickets.pop(request.query.get("ticket", ""), None)
        if app is None:
            raise web.HTTPForbidden(text="invalid ticket")
        socket = web.WebSocketResponse(autoping=False, autoclose=False)
        await socket.prepare(request)
        siblings = self.connections[app.id]
        if len(siblings) >= MAX_CONNECTIONS:
            await socket.send_str(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
            await socket.close()
            return socket
        self._numbers += 1
        connection = Connection(number=self._numbers, socket=socket, request=request)
        hello = {
            "type": "hello", "num_connections": len(siblings) + 1, "connection_info": {"app_id": app.id},
            "debug_info": {"host": f"applink-{self._numbers}", "build_number": 99, "approximate_connection_time": 18060},
        }  # fmt: skip
        await socket.send_str(json.dumps(hello))
        siblings.append(connection)
        self._arrival.set()
        try:
            await self._hear(connection)
        finally:
            self._gone(app, connection)
        return socket

    def _gone(self, app: App, connection: Connection) -> None:
        """Take a connection out, and let go of what it held."""
        if connection in self.connections[app.id]:
            self.connections[app.id].remove(connection)
        for future in connection.pending.values():
            if not future.done():
                future.set_result(Answer(outcome="closed"))

    async def _hear(self, connection: Connection) -> None:
        while True:
            frame = await connection.socket.receive()
            if connection.half_open and frame.type is not WSMsgType.CLOSED:
                if frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.ERROR):
                    await connection.hung_up()
                    return
                continue
            if frame.type is WSMsgType.PING:
                await connection.socket.pong(frame.data)
            elif frame.type is WSMsgType.TEXT:
                self._acked(connection, frame.data)
            elif frame.type is not WSMsgType.PONG:
                if frame.type is WSMsgType.CLOSE:
                    await connection.socket.close()
                return

    def _acked(self, connection: Connection, text: str) -> None:
        try:
            said = json.loads(text)
        except ValueError:
            return
        future = connection.pending.get(said.get("envelope_id", "")) if isinstance(said, dict) else None
        if future is not None and not future.done():
            payload = said.get("payload")
            future.set_result(Answer(outcome="acked", payload=payload if isinstance(payload, dict) else {}))
