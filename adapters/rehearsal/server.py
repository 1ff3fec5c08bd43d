"""The rehearsal model's server. Owns: Rehearsal, Received. Imports: aiohttp, core, adapters.rehearsal. Effects: listens on loopback.

Sessions share nothing but a count of the faults each has met, kept under the session's own turn.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from adapters import cancelling
from adapters.rehearsal import asked, checks, rules, wire
from adapters.rehearsal.rules import Reply, Script
from core import ids
from core.errors import Unavailable

MAX_BODY = 32 << 20  # bytes, as the real API
KEPT_REQUESTS = 512
KEPT_TURNS = 4096
DEFAULT_MODEL = "claude-opus-5-5"
RETRIED = frozenset({408, 409, 429})  # and 5xx: what the API's clients try again
SESSION = "x-claude-code-session-id"
LOGGED = (
    "anthropic-version",
    "anthropic-beta",
    "authorization",
    "content-type",
    "host",
    "user-agent",
    "x-api-key",
    "x-stainless-retry-count",
    SESSION,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came: `headers` (names in lower case) are those of interest, `body` is parsed JSON or None.

    `rule` is the number of the rule that answered, `status` what was answered (200 also when the stream broke later).
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    at: datetime
    status: int
    rule: int | None = None
    error: str = ""


class Rehearsal:
    """A Messages API that answers by a script; listens while entered. `script` may be replaced at any time."""

    def __init__(
        self, script: Script, *, key: str | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.script = script
        self.requests: deque[Received] = deque(maxlen=KEPT_REQUESTS)
        self.base_url = ""
        self._key = key
        self._host = host
        self._port = port
        self._failed: OrderedDict[str, Counter[int]] = OrderedDict()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen. Raises Unavailable when the port is taken."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        try:
            await self._runner.setup()
            await cancelling.unbroken(web.TCPSite(self._runner, self._host, self._port).start)
        except BaseException as exc:
            await self._runner.cleanup()
            if not isinstance(exc, OSError):
                raise
            raise Unavailable(
                f"The rehearsal model cannot listen on {self._host}:{self._port}: {exc}.",
                remedy="Choose another port, or 0 for any free one.",
            ) from exc
        port = self._runner.addresses[0][1]
        self.base_url = f"http://{self._host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; answers under way are cut."""
        if self._runner is not None:
            await self._runner.cleanup()

    def messages(self) -> list[Received]:
        """Return the logged requests for messages, oldest first: no token counts, no model lists."""
        return [one for one in self.requests if one.path == "/v1/messages"]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/" and request.method in {"HEAD", "GET"}:
            return web.Response()
        if denied := self._denied(request):
            return self._refuse(request, 401, denied)
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["v1", "messages"]:
                return await self._post(request, counting=False)
            case "POST", ["v1", "messages", "count_tokens"]:
                return await self._post(request, counting=True)
            case "GET" | "HEAD", ["v1", "models"]:
                return self._models(request)
            case "GET" | "HEAD", ["v1", "models", name]:
                return self._models(request, name)
            case _, ["v1", "messages" | "models", *_]:
                return self._refuse(request, 405, "Method Not Allowed")
            case _:
                return self._refuse(request, 404, "Not found")

    def _denied(self, request: web.Request) -> str:
        """Return why the request's key does not count, or nothing."""
        if self._key is None:
            return ""
        plain = request.headers.get("x-api-key")
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if plain is not None:
            return "" if hmac.compare_digest(plain.encode(), self._key.encode()) else "invalid x-api-key"
        if scheme.lower() == "bearer":
            return "" if hmac.compare_digest(bearer.encode(), self._key.encode()) else "Invalid bearer token"
        return "x-api-key header is required"

    async def _post(self, request: web.Request, *, counting: bool) -> web.StreamResponse:
        if "anthropic-version" not in request.headers:
            return self._refuse(request, 400, "anthropic-version: header is required")
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(request, 413, "Request exceeds the maximum size")
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError) as exc:
            return self._refuse(request, 400, f"The request body is not valid JSON: {exc}")
        if wrong := checks.objection(body, counting=counting):
            return self._refuse(request, 400, wrong, body=body)
        script = self.script
        if script.model.names and body["model"] not in script.model.names:
            return self._refuse(request, 404, f"model: {body['model']}", body=body)
        if counting:
            self._log(request, body, 200)
            return web.json_response({"input_tokens": wire.input_tokens(body)})
        return await self._answer(request, script, body)

    async def _answer(
        self, request: web.Request, script: Script, body: Mapping[str, Any]
    ) -> web.StreamResponse:
        session = request.headers.get(SESSION, "") or str((body.get("metadata") or {}).get("user_id", ""))
        failed = self._failures(asked.read(body, session=session).key)
        reply = rules.choose(script, body, session=session, failed=failed)
        fault = reply.fault
        if fault is not None and reply.rule is not None:
            failed[reply.rule] += 1
        await asyncio.sleep(reply.delay)
        streaming = bool(body.get("stream"))
        if fault is not None and fault.status is not None and (fault.after is None or not streaming):
            wait = {} if fault.retry_after is None else {"retry-after": f"{fault.retry_after:g}"}
            return self._refuse(
                request, fault.status, fault.message, body=body, headers=wait, rule=reply.rule
            )
        self._log(request, body, 200, rule=reply.rule)
        kind = "text/event-stream" if streaming else "application/json"
        if fault is not None and fault.garbage is not None:
            return web.Response(body=fault.garbage.encode(errors="replace"), headers={"content-type": kind})
        return await self._send(request, reply, body, script, kind)

    async def _send(
        self, request: web.Request, reply: Reply, body: Mapping[str, Any], script: Script, kind: str
    ) -> web.StreamResponse:
        spell = wire.stream if kind == "text/event-stream" else wire.body_steps
        headers = {
            "content-type": f"{kind}; charset=utf-8",
            "cache-control": "no-cache",
            "request-id": f"req_{ids.new_id()}",
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        for step in spell(reply, body, message=ids.new_id(), model=script.model):
            match step:
                case wire.Send(data):
                    await response.write(data)
                case wire.Pause(seconds):
                    await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))
                case wire.Drop():
                    if request.transport is not None:
                        request.transport.close()
                    return response
        await response.write_eof()
        return response

    def _failures(self, turn: str) -> Counter[int]:
        """Return the faults met in a turn, by rule; the turns longest unheard of are forgotten."""
        found = self._failed.setdefault(turn, Counter())
        self._failed.move_to_end(turn)
        if len(self._failed) > KEPT_TURNS:
            self._failed.popitem(last=False)
        return found

    def _models(self, request: web.Request, name: str | None = None) -> web.StreamResponse:
        names = self.script.model.names or (DEFAULT_MODEL,)
        if name is not None and self.script.model.names and name not in names:
            return self._refuse(request, 404, f"model: {name}")
        self._log(request, None, 200)
        found = [
            {"type": "model", "id": each, "display_name": each, "created_at": "2026-01-01T00:00:00Z"}
            for each in (names if name is None else (name,))
        ]
        if name is not None:
            return web.json_response(found[0])
        return web.json_response(
            {"data": found, "has_more": False, "first_id": found[0]["id"], "last_id": found[-1]["id"]}
        )

    def _refuse(
        self,
        request: web.Request,
        status: int,
        message: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        rule: int | None = None,
    ) -> web.Response:
        self._log(request, body, status, rule=rule, error=message)
        name = f"req_{ids.new_id()}"
        return web.json_response(
            wire.failure(status, message, request=name),
            status=status,
            headers={
                "request-id": name,
                "x-should-retry": "true" if status in RETRIED or status >= 500 else "false",
                **(headers or {}),
            },
        )

    def _log(
        self, request: web.Request, body: object, status: int, *, rule: int | None = None, error: str = ""
    ) -> None:
        headers = {name: request.headers[name] for name in LOGGED if name in request.headers}
        self.requests.append(
            Received(
                method=request.method,
                path=request.path,
                headers=headers,
                body=body,
                at=datetime.now(UTC),
                status=status,
                rule=rule,
                error=error,
            )
        )
