"""The model's door of one loop. Owns: ModelDoor, Terms. Imports: aiohttp, core. Effects: serves HTTP, asks the upstream, reports.

It answers two paths and nothing else, puts the host's key in place of whatever the client sent, passes the answer on as it comes
and counts what it used.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import http_exceptions, web

from adapters.gateway import body, meter, prices
from adapters.gateway.upstream import Broke, Upstream, error_body
from core import ids, ports

MAX_BODY = 32 << 20
MAX_ERROR = 64 << 10
MAX_AT_ONCE = 8
_BIG = 32 << 10  # parsing more than this would be felt on the event loop
_PAUSE = (
    0.5  # before a body is refused: reading it is the one thing here that a loop can make dear for the others
)
_OPEN = frozenset(
    {
        "/v1/messages",
        "/v1/messages?beta=true",
        "/v1/messages/count_tokens",
        "/v1/messages/count_tokens?beta=true",
    }
)
_TOLD = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "authentication_error": 401,
    "permission_error": 403,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is the same for every loop: patience in seconds, prices, and one parse of a big body at a time."""

    first_byte: float
    idle: float
    prices: Mapping[str, prices.Price]
    clock: ports.Clock
    put: Callable[[ports.GatewayReport], None]
    parsing: asyncio.Lock


class ModelDoor:
    """Handles every request on one loop's model socket. `handle` is what an aiohttp server calls."""

    def __init__(self, loop: ids.LoopId, upstream: Upstream, terms: Terms, budget_usd: float | None) -> None:
        self._loop = loop
        self._upstream = upstream
        self._terms = terms
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        self._busy: set[asyncio.Task[object]] = set()
        self.closed = False
        self._budget = budget_usd
        self._spent = 0.0

    def grant(self, budget_usd: float | None) -> None:
        """Set anew what the loop may still spend."""
        self._budget = budget_usd
        self._spent = 0.0

    async def stop(self) -> None:
        """Drop every request, here and upstream; what each has used is counted before this returns."""
        self.closed = True
        tasks = list(self._busy)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Cancelled when the client goes away, which drops the request upstream too."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - handlers run in tasks
        self._busy.add(task)
        try:
            return await self._answer(request)
        except Exception:  # the top of a supervised task: what is under way may be half sent, so it is cut
            log.exception("gateway.failed", extra={"loop": self._loop})
            _cut(request)
            return web.Response(status=500)
        finally:
            self._busy.discard(task)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "POST" or request.raw_path not in _OPEN:
            log.warning(
                "gateway.path_refused",
                extra={"loop": self._loop, "method": request.method, "path": request.path[:200]},
            )
            return _error(
                403, "permission_error", "This path is closed: a loop may only send messages to the model."
            )
        async with self._slots:
            if (refusal := self._over_budget()) is not None:
                return refusal
            sent = await _read(request)
            if sent is None:
                return _error(413, "request_too_large", f"The request is larger than {MAX_BODY >> 20} MB.")
            judged = await self._judge(sent)
            if judged.why:
                log.warning("gateway.body_refused", extra={"loop": self._loop, "why": judged.why})
                await self._terms.clock.sleep(_PAUSE)
                return _error(400, "invalid_request_error", judged.why)
            try:
                return await self._forward(request, sent, judged.model)
            except Broke as broke:
                self._refused(0, str(broke))
                return _error(
                    broke.status,
                    broke.kind,
                    f"Loopbridge: {broke}. The loop keeps its work; it may be tried again.",
                )

    def _over_budget(self) -> web.Response | None:
        if self._budget is None or self._spent < self._budget:
            return None
        why = "The loop's budget is spent. Its work is kept; `/loop budget` raises it."
        self._refused(402, why)
        # Seen with the CLI: a 402 ends the turn at once with this text; a 400 is sent six times over, a 403 reads like a bad key.
        return _error(402, "billing_error", why)

    async def _judge(self, sent: bytes) -> body.Judged:
        if len(sent) < _BIG:
            return body.judge(sent)
        async with self._terms.parsing:
            return await asyncio.to_thread(body.judge, sent)

    async def _forward(self, request: web.BaseRequest, sent: bytes, named: str) -> web.StreamResponse:
        first_byte = self._terms.first_byte
        counter = meter.Meter()
        try:
            async with self._upstream.post(
                request.raw_path, request.headers, sent, first_byte=first_byte
            ) as answer:
                if 300 <= answer.status < 400:
                    raise Broke("the model's side answered with a redirect; its base URL needs correcting")
                if answer.status >= 400:
                    return await self._pass_error(answer)
                return await self._pass_answer(request, answer, counter)
        except asyncio.CancelledError:
            if not request.path.endswith("count_tokens"):
                counter.abandon(named, len(sent))
            raise
        finally:
            self._settle(counter)

    async def _pass_error(self, answer: aiohttp.ClientResponse) -> web.Response:
        raw = b""
        while len(raw) < MAX_ERROR and (chunk := await self._upstream.read(answer, self._terms.idle)):
            raw += chunk
        text = self._upstream.redactor().text(raw[:MAX_ERROR].decode("utf-8", "replace"))
        self._refused(answer.status, self._upstream.clean(_message(text) or answer.reason or ""))
        headers = self._upstream.returned(answer.headers)
        return web.Response(status=answer.status, body=text.encode(), headers=headers)

    async def _pass_answer(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, counter: meter.Meter
    ) -> web.StreamResponse:
        """Pass bytes on as they come. Once the answer has begun, trouble can only be told by cutting it off."""
        counter.begin(answer.headers.get("Content-Type", ""))
        counter.request = answer.headers.get("request-id", "")
        redactor = self._upstream.redactor()
        try:
            chunk = await self._upstream.read(answer, self._terms.first_byte)
            out = web.StreamResponse(status=answer.status, headers=self._upstream.returned(answer.headers))
            await out.prepare(request)
            while chunk:
                counter.feed(chunk)
                if counter.whole:
                    # Before the CLI can say that its turn is over: an answer tells what it cost.
                    self._settle(counter)
                await _write(out, redactor.feed(chunk), self._terms.idle)
                try:
                    chunk = await self._upstream.read(answer, self._terms.idle)
                except Broke as broke:
                    self._refused(0, str(broke))
                    _cut(request)
                    return out
            await _write(out, redactor.rest(), self._terms.idle)
            await out.write_eof()
        except (ConnectionError, TimeoutError):
            log.info("gateway.client_gone", extra={"loop": self._loop})
            _cut(request)
        return out

    def _settle(self, counter: meter.Meter) -> None:
        """Report what a request used and what went wrong, once."""
        if counter.told:
            return
        counter.told = True
        usage = counter.finish()
        if counter.error:
            self._refused(
                _TOLD.get(counter.error, 500), self._upstream.clean(counter.error_message or counter.error)
            )
        if usage is None:
            return
        dollars = meter.cost(usage, self._terms.prices)
        self._spent += dollars
        self._terms.put(
            ports.Metered(
                loop=self._loop,
                request=self._upstream.clean(counter.request or usage.message or ids.new_id(), limit=100),
                model=self._upstream.clean(usage.model, limit=100),
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cache_read_tokens,
                cache_write_tokens=usage.cache_write_tokens,
                cost_usd=dollars,
                at=self._terms.clock.now(),
            )
        )

    def _refused(self, status: int, why: str) -> None:
        log.warning("gateway.model_refused", extra={"loop": self._loop, "status": status, "why": why})
        self._terms.put(
            ports.ModelRefused(loop=self._loop, status=status, why=why, at=self._terms.clock.now())
        )


async def _read(request: web.BaseRequest) -> bytes | None:
    """Return the request's body, b"" when it breaks off, or None when it is too large."""
    if (request.content_length or 0) > MAX_BODY:
        return None
    parts = bytearray()
    try:
        async for chunk in request.content.iter_any():
            parts += chunk
            if len(parts) > MAX_BODY:
                return None
    except (aiohttp.ClientError, web.RequestPayloadError, http_exceptions.HttpProcessingError, OSError):
        return b""
    return bytes(parts)


async def _write(out: web.StreamResponse, chunk: bytes, limit: float) -> None:
    if chunk:
        async with asyncio.timeout(limit):
            await out.write(chunk)


def _cut(request: web.BaseRequest) -> None:
    """Drop the connection, so that the client cannot take a broken answer for a whole one."""
    if request.transport is not None:
        request.transport.abort()


def _error(status: int, kind: str, message: str) -> web.Response:
    # Refusals are final until something changes outside; without this some clients try them again and again.
    headers = {} if status >= 500 else {"x-should-retry": "false"}
    return web.Response(
        status=status, body=error_body(kind, message), content_type="application/json", headers=headers
    )


def _message(text: str) -> str:
    """Return the message out of an error body of the Messages API, or the text itself."""
    try:
        told = json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return text
    return str(told)
