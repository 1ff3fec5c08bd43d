"""The gateway: sessions, heartbeats, resuming, and how it fails. Owns: Gateway. Imports: aiohttp. Effects: serves a web socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.far_sides.discord import payloads
from tests.far_sides.discord.records import Channel
from tests.far_sides.discord.rights import VIEW_CHANNEL, in_channel
from tests.far_sides.discord.world import World

MEMBERS, PRESENCES, CONTENT = 1 << 1, 1 << 8, 1 << 15
PRIVATE = {9: 12, 10: 13}  # an intent of guilds, and the one for DMs that stands in its place


@dataclass(slots=True)
class Line:
    """One socket. A deaf one still stands, but nothing comes or goes."""

    socket: web.WebSocketResponse
    request: web.Request
    out: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    deaf: bool = False


@dataclass(slots=True)
class Session:
    """What a client can resume: everything dispatched to it, numbered from 1."""

    id: str
    intents: int
    said: list[dict[str, Any]] = field(default_factory=list)
    line: Line | None = None


class Gateway:
    """Every session of the one bot. `interval` is milliseconds between heartbeats."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self.interval = 41_250
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.lines: list[Line] = []
        self.identified: list[dict[str, Any]] = []
        self.resumed = 0
        self.beats = 0
        self.refusing = False

    # ── on demand ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def connected(self) -> bool:
        return any(session.line is not None and not session.line.deaf for session in self.sessions.values())

    def drop(self) -> None:
        """Cut every socket as a broken network does."""
        for line in list(self.lines):
            if line.request.transport is not None:
                line.request.transport.abort()

    def go_deaf(self) -> None:
        """Leave the sockets open, but take and send nothing more on them."""
        for line in self.lines:
            line.deaf = True

    def ask_to_reconnect(self) -> None:
        self._to_all({"op": 7, "d": None, "s": None, "t": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """End every session (op 9)."""
        self._to_all({"op": 9, "d": resumable, "s": None, "t": None})
        if not resumable:
            self.sessions.clear()

    def forget_sessions(self) -> None:
        """Lose what could be resumed, as after a long absence, and cut the sockets."""
        self.sessions.clear()
        self.drop()

    def send_raw(self, kind: str, data: Any) -> None:
        """Dispatch whatever is given, well-formed or not."""
        for session in self.sessions.values():
            self._dispatch(session, kind, data)

    def _to_all(self, frame: dict[str, Any]) -> None:
        for line in self.lines:
            line.out.put_nowait(frame)

    # ── what happens in the world ────────────────────────────────────────────────────────────────────────────────────

    def publish(self, kind: str, data: dict[str, Any], channel: Channel | None, intent: int) -> None:
        """Tell every session that wants it and may see the channel."""
        bit = PRIVATE.get(intent, intent) if channel is not None and channel.guild is None else intent
        if channel is not None and not in_channel(channel, self._world.bot) & VIEW_CHANNEL:
            return
        for session in self.sessions.values():
            if session.intents & 1 << bit or kind == "INTERACTION_CREATE":
                self._dispatch(session, kind, self._veiled(session, kind, data))

    def _veiled(self, session: Session, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """Take away what a session did not ask for by intent."""
        if kind not in ("MESSAGE_CREATE", "MESSAGE_UPDATE") or session.intents & CONTENT:
            return data
        me = str(self._world.bot.id)
        own = data["author"]["id"] == me or any(each["id"] == me for each in data["mentions"])
        if own or "guild_id" not in data:
            return data
        return {**data, "content": "", "embeds": [], "attachments": [], "components": []}

    def _dispatch(self, session: Session, kind: str, data: Any) -> None:
        # What is told is told as it is now: later changes must not show in it.
        frame = json.loads(json.dumps({"op": 0, "t": kind, "s": len(session.said) + 1, "d": data}))
        session.said.append(frame)
        if session.line is not None:
            session.line.out.put_nowait(frame)

    # ── the socket ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Talk to one client until its socket closes."""
        if self.refusing:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        line = Line(socket, request)
        self.lines.append(line)
        pump = asyncio.create_task(self._pump(line))
        line.out.put_nowait({"op": 10, "d": {"heartbeat_interval": self.interval}, "s": None, "t": None})
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and not line.deaf:
                    await self._hear(line, json.loads(message.data))
        finally:
            self.lines.remove(line)
            for session in list(self.sessions.values()):
                if session.line is line:
                    session.line = None
                    if socket.close_code in (1000, 1001):
                        self.sessions.pop(session.id, None)
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pump
        return socket

    async def _pump(self, line: Line) -> None:
        while True:
            frame = await line.out.get()
            if not line.deaf:
                with contextlib.suppress(ConnectionError):
                    await line.socket.send_json(frame)

    async def _hear(self, line: Line, frame: dict[str, Any]) -> None:
        match frame["op"]:
            case 1:
                self.beats += 1
                line.out.put_nowait({"op": 11, "d": None, "s": None, "t": None})
            case 2:
                await self._identify(line, frame["d"])
            case 6:
                await self._resume(line, frame["d"])

    async def _identify(self, line: Line, data: dict[str, Any]) -> None:
        self.identified.append(data)
        if data["token"] != self._token:
            await line.socket.close(code=4004, message=b"Authentication failed.")
            return
        wanted = data["intents"]
        if wanted & (MEMBERS | PRESENCES) or (wanted & CONTENT and not self._world.content_intent):
            await line.socket.close(code=4014, message=b"Disallowed intent(s).")
            return
        session = Session(secrets.token_hex(16), wanted, line=line)
        self.sessions[session.id] = session
        world = self._world
        self._dispatch(session, "READY", {
            "v": 10, "user": payloads.user(world.bot), "session_id": session.id, "resume_gateway_url": self.url,
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in world.guilds.values()],
            "application": {"id": str(world.application), "flags": 1 << 19 if world.content_intent else 0},
        })  # fmt: skip
        for guild in world.guilds.values():
            self._dispatch(session, "GUILD_CREATE", payloads.guild(guild, world.visible(guild), world.bot))

    async def _resume(self, line: Line, data: dict[str, Any]) -> None:
        session = self.sessions.get(data["session_id"])
        if session is None or data["token"] != self._token:
            line.out.put_nowait({"op": 9, "d": False, "s": None, "t": None})
            return
        self.resumed += 1
        session.line = line
        for frame in session.said[data["seq"] or 0 :]:
            line.out.put_nowait(frame)
        line.out.put_nowait({"op": 0, "t": "RESUMED", "s": len(session.said), "d": {}})
