"""Socket Mode: one connection that is always there. Owns: Line. Imports: aiohttp, core. Effects: connects to Slack.

The SDK's own client runs a task per frame that nobody owns and notices a dead line late; this one does what is needed and no more. A line
that stays silent is found by pings; a replaced line is read to its end; what was not acked Slack tells again on the next one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from adapters.chat.slack.client import Api
from adapters.chat.slack.payload import Json, table, text
from core.errors import RateLimited, Unavailable
from core.ports import Clock

log = logging.getLogger(__name__)

Take = Callable[[Json], Awaitable[tuple[bool, Json]]]
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
HELLO = 15.0  # seconds a new line may take to say hello
MAX_FRAME = 8 << 20
MAX_AT_ONCE = 2_000  # deliveries that wait to be stored; Slack keeps what comes beyond
KINDS = frozenset({"events_api", "slash_commands", "interactive"})


class Line:
    """The app's one connection. `connected` hears of each that stands, with the seconds since the last one ended; `ended` of its end."""

    def __init__(
        self,
        *,
        api: Api,
        session: aiohttp.ClientSession,
        clock: Clock,
        ping_every: float,
        take: Take,
        connected: Callable[[float], None],
        ended: Callable[[], None],
    ) -> None:
        self._api = api
        self._session = session
        self._clock = clock
        self._ping_every = ping_every
        self._take = take
        self._connected = connected
        self._ended = ended
        self._stands = False
        self._left = float("-inf")  # when the last line that stood ended
        self._takers: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Hold a connection until cancelled. Raises Rejected when Slack does not want this app."""
        wait = FIRST_WAIT
        try:
            while not self._session.closed:
                try:
                    if await self._line():
                        wait = FIRST_WAIT
                        continue
                except Unavailable as exc:
                    pause = exc.retry_after if isinstance(exc, RateLimited) else wait
                    log.warning(
                        "chat.slack.disconnected", extra={"why": str(exc), "seconds": round(pause, 1)}
                    )
                else:
                    pause = wait
                    log.info("chat.slack.line_ended", extra={"seconds": round(pause, 1)})
                await self._clock.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, no secret
                wait = min(wait * 2, LONGEST_WAIT)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        for taker in self._takers:
            taker.cancel()
        await asyncio.gather(*self._takers, return_exceptions=True)

    async def _line(self) -> bool:
        """Open a line and read it to its end; return whether it had stood."""
        answer = await self._api.call("apps.connections.open")
        try:
            line = await self._session.ws_connect(
                text(answer, "url"),
                heartbeat=self._ping_every,
                max_msg_size=MAX_FRAME,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            # Not chained: these errors spell the address, which holds a ticket.
            raise Unavailable(f"Slack's socket cannot be opened ({type(exc).__name__})") from None
        try:
            return await self._read(line)
        finally:
            if self._stands:
                self._stands, self._left = False, self._clock.monotonic()
                self._ended()
            await line.close()

    async def _read(self, line: aiohttp.ClientWebSocketResponse) -> bool:
        greeted = False
        while True:
            try:
                frame = await asyncio.wait_for(line.receive(), None if greeted else HELLO)
            except TimeoutError:
                raise Unavailable("Slack's socket did not say hello") from None
            if frame.type is not aiohttp.WSMsgType.TEXT:
                if frame.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG):
                    continue
                if not greeted:
                    raise Unavailable("Slack's socket closed before it said hello")
                return True
            said = _decoded(frame.data)
            match said.get("type"):
                case "hello" if not greeted:
                    greeted = self._stands = True
                    self._connected(self._clock.monotonic() - self._left)
                case "disconnect":
                    log.info("chat.slack.asked_to_leave", extra={"why": text(said, "reason")})
                    if text(said, "reason") != "warning":
                        return greeted
                case kind if kind in KINDS:
                    self._begin(line, said)
                case kind:
                    log.info("chat.slack.skipped", extra={"kind": str(kind)[:80]})

    def _begin(self, line: aiohttp.ClientWebSocketResponse, said: Json) -> None:
        if len(self._takers) >= MAX_AT_ONCE:
            log.warning("chat.slack.overrun", extra={"waiting": len(self._takers)})
            return
        # Tasks run in the order they are made, up to where a delivery stands in its channel's line.
        taker = asyncio.create_task(self._carry(line, said))
        self._takers.add(taker)
        taker.add_done_callback(self._takers.discard)

    async def _carry(self, line: aiohttp.ClientWebSocketResponse, said: Json) -> None:
        try:
            fine, answer = await self._take(table(said, "payload"))
        except Exception:
            # The top of a delivery's task: what no rule foresaw is logged, and Slack need not send it again.
            log.exception("chat.slack.delivery_failed")
            fine, answer = True, {}
        if not fine:
            return
        ack: dict[str, Any] = {"envelope_id": text(said, "envelope_id")}
        if answer:
            ack["payload"] = answer
        try:
            await line.send_str(json.dumps(ack))
        except (ConnectionError, RuntimeError, aiohttp.ClientError):
            # The line is gone, and Slack tells it again under another envelope: the event's key is the same.
            log.info("chat.slack.ack_lost")


def _decoded(data: str) -> Json:
    try:
        return table(json.loads(data))
    except (ValueError, RecursionError):
        return {}
