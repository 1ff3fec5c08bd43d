"""The only way to Discord: REST calls and the gateway, by discord.py. Owns: Api, Upload. Imports: discord, aiohttp, core. Effects: network.

The library keeps the rate limits, the heartbeats and the session; what it would make of an event is left out: payloads come through as
Discord sent them, in order, and no payload can end the connection. An API address of one's own is kept per client, not for the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import discord
import yarl
from discord.client import Client
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.http import HTTPClient, Route

from adapters.chat.discord import errors
from adapters.chat.discord.names import Me
from adapters.chat.discord.payload import number, snowflake, table, text
from adapters.chat.discord.permissions import CONTENT_FLAGS
from core.errors import Rejected, Unavailable
from core.ports import Clock

log = logging.getLogger(__name__)

API_URL = Route.BASE
PATIENCE = 90.0  # seconds for one call, its waiting for a rate limit included
LONGEST_LIMIT = 30.0  # seconds of a rate limit that are waited out here; longer ones are the caller's
FIRST_WAIT, LONGEST_WAIT = 1.0, 120.0  # seconds between two tries to connect
GOODBYE = 2.0  # seconds a far side has to answer that a connection is closed
RESUMABLE, OVER = 4000, 1000  # why a connection is closed
HEARD = (
    "READY", "RESUMED", "GUILD_CREATE", "CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_CREATE",
    "THREAD_UPDATE", "THREAD_DELETE", "THREAD_LIST_SYNC", "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK", "INTERACTION_CREATE", "GUILD_ROLE_UPDATE",
)  # fmt: skip
FATAL = {
    4014: ("Discord refused the intents.", "Turn on Message Content Intent in the developer portal (Bot)."),
    4004: ("Discord refused the bot token.", "Make a new one in the developer portal and set LOOPBRIDGE_DISCORD__TOKEN."),
    4013: ("Discord refused the intents.", "Install a newer Loopbridge."),
}  # fmt: skip
Hear = Callable[[str, Any], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file that goes along with a call."""

    name: str
    content: bytes


class _Parsers(dict[str, Callable[[Any], None]]):
    """Who takes the gateway's events; what nobody does is noted."""

    def __missing__(self, kind: str) -> Callable[[Any], None]:
        return lambda _: log.debug("chat.discord.skipped", extra={"kind": kind[:80]})


class _Http(HTTPClient):
    """The library's own client, at an address of one's own."""

    base = API_URL

    async def request(self, route: Route, **given: Any) -> Any:
        """Carry out a call at `base` instead of where the library would."""
        route.url = self.base + route.url.removeprefix(Route.BASE)
        return await super().request(route, **given)


class Api:
    """One bot at Discord. `heartbeat_timeout` is the seconds of silence after which a connection counts as dead."""

    def __init__(self, *, token: str, api_url: str, clock: Clock, heartbeat_timeout: float = 60.0) -> None:
        self._token = token
        self._base = (api_url or API_URL).rstrip("/")
        self._clock = clock
        self._heartbeat_timeout = heartbeat_timeout
        self._client: Client | None = None
        self._wait = FIRST_WAIT
        self._away_since: float | None = None  # since when a session that is wanted does not stand
        self.reads_content = False  # whether the Message Content intent is on

    @property
    def connected(self) -> bool:
        """Whether the gateway's session stands now."""
        socket = self._client.ws if self._client is not None else None
        return socket is not None and socket.open and socket.session_id is not None

    @property
    def away_for(self) -> float:
        """Return for how many seconds the gateway's session has not stood while it was wanted; 0.0 while it does."""
        return 0.0 if self._away_since is None else self._clock.monotonic() - self._away_since

    async def open(self) -> Me:
        """Log in. Raises Rejected for a token that Discord does not know."""
        client = await self._login(content=True)
        application = await self.call("GET", "/oauth2/applications/@me")
        self.reads_content = bool(int(application.get("flags") or 0) & CONTENT_FLAGS)
        if not self.reads_content:
            # Asking for what is switched off would be refused altogether.
            await client.close()
            client = await self._login(content=False)
        user = await self.call("GET", "/users/@me")
        return Me(user=snowflake(user, "id"), application=snowflake(application, "id"))

    async def _login(self, *, content: bool) -> Client:
        intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=content)
        client = Client(intents=intents, heartbeat_timeout=self._heartbeat_timeout)
        http = _Http(client.loop, max_ratelimit_timeout=LONGEST_LIMIT)
        http.base = self._base
        client.http = http
        client._connection.http = http
        self._client = client
        try:
            with errors.mapped("log in"):
                await client.login(self._token)
        except BaseException:
            await self.close()
            raise
        return client

    async def close(self) -> None:
        """Leave (idempotent)."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    # ── calls ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        files: Sequence[Upload] = (),
        **ids: str,
    ) -> Any:
        """Make a REST call; `ids` fill the places in `path`. Returns Discord's JSON. Raises what `errors.mapped` raises."""
        client = self._client
        if client is None:
            raise Unavailable("Discord is not connected.")
        given: dict[str, Any] = {"params": dict(query)} if query else {}
        if files:
            given["form"] = _form(body, files)
        elif body is not None:
            given["json"] = body
        with errors.mapped(f"{method} {path}"):
            async with asyncio.timeout(PATIENCE):
                return await client.http.request(Route(method, path, **ids), **given)

    async def download(self, url: str, *, max_bytes: int) -> bytes:
        """Fetch a file of Discord's, without the token. Raises Rejected for another host or a file that is too large."""
        if not self._own_file(url):
            raise Rejected("the file's address is not one of Discord's")
        with errors.mapped("download a file"):
            timeout = aiohttp.ClientTimeout(total=PATIENCE)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, allow_redirects=False) as answer,
            ):
                if answer.status >= 500:
                    raise Unavailable(f"Discord's file server has trouble ({answer.status}).")
                if answer.status != 200:
                    raise Rejected(f"Discord does not hand out the file ({answer.status}).")
                content = b""
                async for chunk in answer.content.iter_chunked(1 << 16):
                    content += chunk
                    if len(content) > max_bytes:
                        raise Rejected(f"the file has more than {max_bytes:,} bytes")
                return content

    def _own_file(self, url: str) -> bool:
        parsed, base = yarl.URL(url), yarl.URL(self._base)
        if not parsed.path.startswith("/attachments/") or parsed.user or parsed.password:
            return False
        if self._base != API_URL and parsed.origin() == base.origin():
            return True
        known = ("cdn.discordapp.com", "media.discordapp.net")
        return parsed.scheme == "https" and parsed.host in known and parsed.explicit_port in (None, 443)

    # ── the gateway ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, hear: Hear) -> None:
        """Hold the connection, and take it up again where it broke off, until cancelled; `hear` gets each event's name and payload.

        Raises Rejected when Discord will not have the bot at all.
        """
        client = self._client
        if client is None:
            raise Unavailable("Discord is not connected.")
        # The library's own parsers build objects nobody here looks at, and one odd payload in them would end everything.
        client._connection.parsers = _Parsers({kind: partial(hear, kind) for kind in HEARD})
        # A socket is known from its beginning, so that one that never came to stand is closed as well.
        client._connection._update_references = partial(setattr, client, "ws")  # type: ignore[method-assign]
        known: dict[str, Any] = {"resume": False, "initial": True}
        self._wait, self._away_since = FIRST_WAIT, self._clock.monotonic()
        while True:
            try:
                await self._hold(client, known)
            except ReconnectWebSocket as exc:
                known = _session(client.ws) if exc.resume else {"resume": False}
                log.info("chat.discord.reconnecting", extra={"resume": exc.resume})
                self._wait = FIRST_WAIT if not exc.resume or self._wait > FIRST_WAIT else 0.0
            except discord.ConnectionClosed as exc:
                if exc.code in FATAL:
                    what, remedy = FATAL[exc.code]
                    raise Rejected(what, remedy=remedy) from exc
                known = {"resume": False}
                log.warning("chat.discord.closed", extra={"code": exc.code})
            except (aiohttp.ClientError, OSError, TimeoutError, Unavailable) as exc:
                known = _session(client.ws)
                log.warning("chat.discord.unreachable", extra={"why": str(exc), "seconds": self._wait})
            except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as exc:
                known = _session(client.ws)
                log.warning("chat.discord.unreadable_frame", extra={"why": repr(exc)})
            await self._clock.sleep(self._wait * random.uniform(0.8, 1.2))  # noqa: S311 - spread, not secret
            self._wait = min(LONGEST_WAIT, max(FIRST_WAIT, self._wait * 2))

    async def _hold(self, client: Client, known: dict[str, Any]) -> None:
        """Hold one connection until it ends, by whatever is raised; its heartbeat ends with it."""
        code = RESUMABLE
        try:
            gateway = known.pop("gateway", None) or await self._gateway()
            socket = await asyncio.wait_for(
                DiscordWebSocket.from_client(client, gateway=gateway, **known), 60
            )
            while True:
                await socket.poll_event()
                self._wait = FIRST_WAIT
                if self._away_since is not None and self.connected:
                    self._away_since = None
        except asyncio.CancelledError:
            code = OVER
            raise
        finally:
            if self._away_since is None:
                self._away_since = self._clock.monotonic()
            await _hang_up(client.ws, code)

    async def _gateway(self) -> yarl.URL:
        told = await self.call("GET", "/gateway/bot")
        starts = table(told, "session_start_limit")
        if "remaining" in starts and not number(starts, "remaining"):
            # One more would cost the bot its token.
            raise Unavailable("Discord lets the bot begin no more sessions today.")
        url = text(told, "url")
        if not url.startswith("wss://") and not (self._base != API_URL and url.startswith("ws://")):
            raise Unavailable("Discord named no gateway.")
        return yarl.URL(url)


async def _hang_up(socket: DiscordWebSocket | None, code: int) -> None:
    """Close a socket and end its heartbeat, without waiting long for a far side that may be gone."""
    if socket is not None:
        with contextlib.suppress(TimeoutError, OSError, aiohttp.ClientError):
            async with asyncio.timeout(GOODBYE):
                await socket.close(code)


def _session(socket: DiscordWebSocket | None) -> dict[str, Any]:
    """Return what takes a session up again, if there was one."""
    if socket is None or socket.session_id is None:
        return {"resume": False}
    return {
        "resume": True, "session": socket.session_id, "sequence": socket.sequence, "gateway": socket.gateway,
    }  # fmt: skip


def _form(body: object, files: Sequence[Upload]) -> list[dict[str, Any]]:
    fields: list[dict[str, Any]] = [{"name": "payload_json", "value": json.dumps(body)}]
    fields += [
        {
            "name": f"files[{at}]",
            "value": file.content,
            "filename": file.name,
            "content_type": "text/plain; charset=utf-8",
        }
        for at, file in enumerate(files)
    ]
    return fields
