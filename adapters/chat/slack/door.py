"""Slack's deliveries over HTTP. Owns: Door. Imports: aiohttp, core. Effects: listens on loopback.

A proxy in front brings the outside here. Only signed requests are taken: HMAC-SHA-256 over the raw body, five minutes old at most, and
each signature once. The answer is 200 only when the event is durable.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from aiohttp import web
from slack_bolt.response import BoltResponse

from adapters import cancelling
from core.errors import Rejected
from core.ports import Clock

log = logging.getLogger(__name__)

Take = Callable[[str, Mapping[str, str]], Awaitable[BoltResponse]]
PATH = "/slack/events"
MAX_BODY = 4 << 20
WINDOW = 300  # seconds a signature is good for
IN_TIME = 2.7  # seconds; Slack waits three
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Door:
    """The listener for one app. `port` 0 takes any free one; `opened` hears which."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        secret: str,
        clock: Clock,
        take: Take,
        opened: Callable[[tuple[str, int]], None],
    ) -> None:
        self._host = host
        self._port = port
        self._secret = secret.encode()
        self._clock = clock
        self._take = take
        self._opened = opened
        self._used: OrderedDict[str, float] = OrderedDict()
        self._tasks: set[asyncio.Task[BoltResponse]] = set()

    async def run(self) -> None:
        """Listen until cancelled. Raises Rejected when the address cannot be had."""
        if self._host not in LOOPBACK:
            raise Rejected(
                f"{self._host} is reachable from outside",
                remedy="Listen on 127.0.0.1, behind a proxy that ends TLS.",
            )
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post(PATH, self._request)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._stop)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            try:
                await cancelling.unbroken(web.TCPSite(runner, self._host, self._port).start)
            except OSError as exc:
                raise Rejected(
                    f"{self._host}:{self._port} cannot be listened on", remedy="Set another port."
                ) from exc
            host, port = runner.addresses[0][:2]
            log.info("chat.slack.listening", extra={"port": port})
            self._opened((host, port))
            await asyncio.Event().wait()

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _request(self, request: web.Request) -> web.Response:
        raw = await request.read()
        refused = self.refusal(request.headers, raw)
        if refused:
            return web.Response(status=refused)
        try:
            body = raw.decode()
        except UnicodeDecodeError:
            return web.Response(status=400)
        task = asyncio.ensure_future(self._take(body, dict(request.headers)))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=IN_TIME)
        answer = task.result() if done and not task.cancelled() and task.exception() is None else None
        if answer is None or answer.status != 200:
            self._used.pop(request.headers.get("X-Slack-Signature", ""), None)
            return web.Response(status=503 if answer is None else answer.status)
        content = (answer.headers.get("content-type") or ["text/plain"])[0].partition(";")[0]
        return web.Response(status=answer.status, text=answer.body, content_type=content)

    def _ended(self, task: asyncio.Task[BoltResponse]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("chat.slack.delivery_failed", exc_info=error)

    def refusal(self, headers: Mapping[str, str], body: bytes) -> int:
        """Return the HTTP status a request is refused with, 0 when its signature is good and new."""
        stamp = headers.get("X-Slack-Request-Timestamp", "")
        signature = headers.get("X-Slack-Signature", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return 400
        expected = (
            "v0=" + hmac.new(self._secret, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
        )
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            return 401
        now = self._clock.now().timestamp()
        if abs(now - int(stamp)) > WINDOW:
            # Slack signed it: either it is being played back, or this machine's clock is wrong.
            log.warning("chat.slack.stale_signature", extra={"seconds": round(now - int(stamp))})
            return 401
        while self._used and next(iter(self._used.values())) < now - 2 * WINDOW:
            self._used.popitem(last=False)
        if signature in self._used:
            return 409
        self._used[signature] = now
        return 0
