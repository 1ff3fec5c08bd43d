"""The REST side. Owns: Rest. Imports: aiohttp. Effects: serves HTTP; every request goes through faults and rates first."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web

from tests.far_sides.discord import faults as trouble
from tests.far_sides.discord import routes_messages
from tests.far_sides.discord.faults import Faults, Rates
from tests.far_sides.discord.records import Attachment
from tests.far_sides.discord.refusals import Refusal, unauthorized
from tests.far_sides.discord.routes import ROUTES, Call
from tests.far_sides.discord.world import World

OPEN = ("/interactions/", "/webhooks/", "/gateway")
MAJOR = re.compile(r"^/(?:channels|guilds|webhooks)/([^/]+)")
Handler = Callable[[Call], Any]


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request, for tests that look: `at` is when it came in (monotonic seconds), `status` 0 until it is answered."""

    method: str
    path: str
    body: Any
    at: float
    status: int = 0

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class Rest:
    """Answers the REST calls of the bot."""

    def __init__(self, world: World, token: str, reach: dict[str, Any]) -> None:
        self._world = world
        self._token = token
        self._reach = reach
        self.faults = Faults()
        self.rates = Rates()
        self.asked: list[Asked] = []
        self.refused: list[Refusal] = []
        self._routes = [
            (
                method,
                re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$"),
                f"{method} {path}",
                handler,
            )
            for (method, path), handler in {**ROUTES, **routes_messages.ROUTES}.items()
        ]

    def count(self, name: str) -> int:
        """Return how many requests came in by this name ("POST /channels/1/messages")."""
        return sum(each.name == name for each in self.asked)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        path = "/" + request.match_info["tail"]
        call, files = await self._read(request, path)
        asked = Asked(method=request.method, path=path, body=call.body, at=time.monotonic())
        self.asked.append(asked)
        fault = self.faults.take(f"{request.method} {path}")
        if fault is not None and (spoilt := await trouble.before(fault, request)) is not None:
            return spoilt
        answer = self._answer(request, path, call, files)
        asked.status = answer.status
        return trouble.cut(request) if fault is not None and fault.kind == "reset" else answer

    def _answer(
        self, request: web.Request, path: str, call: Call, files: list[Attachment]
    ) -> web.StreamResponse:
        known = next(
            (each for each in self._routes if each[0] == request.method and each[1].match(path)), None
        )
        if known is None:
            return trouble.answer({"message": "404: Not Found", "code": 0}, status=404)
        _, pattern, name, handler = known
        found = pattern.match(path)
        if not path.startswith("/interactions/") and (over := self.rates.flood()):
            return trouble.limited(over, {}, everywhere=True)
        major = MAJOR.match(path)
        headers, over = self.rates.take(name, major.group(1) if major else "")
        if over:
            return trouble.limited(over, headers)
        call.path, call.files = found.groupdict() if found else {}, files
        try:
            if not path.startswith(OPEN) and request.headers.get("Authorization") != f"Bot {self._token}":
                raise unauthorized()
            value = handler(call)
        except Refusal as refusal:
            self.refused.append(refusal)
            return trouble.answer(refusal.body, status=refusal.status, headers=headers)
        if value is None:
            return web.Response(status=204, headers=headers)
        return trouble.answer(value, headers=headers)

    async def _read(self, request: web.Request, path: str) -> tuple[Call, list[Attachment]]:
        files: list[Attachment] = []
        body: Any = {}
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                assert isinstance(part, BodyPartReader)
                if part.name == "payload_json":
                    body = json.loads(await part.read())
                else:
                    content = bytes(await part.read())
                    files.append(
                        Attachment(id=self._world.new_id(), name=part.filename or "", content=content)
                    )
        elif request.can_read_body:
            text = await request.text()
            body = json.loads(text) if text else {}
        return Call(world=self._world, body=body, query=dict(request.query), **self._reach), files

    async def serve_file(self, request: web.Request) -> web.StreamResponse:
        """Serve an attachment. The CDN takes no token: whoever sends one gave it away."""
        if "Authorization" in request.headers:
            return web.Response(status=400, text="a token was sent to the CDN")
        channel = self._world.channels.get(int(request.match_info["channel"]))
        for message in list(channel.messages.values()) if channel else ():
            for each in message.attachments:
                if str(each.id) == request.match_info["key"]:
                    return web.Response(body=each.content, content_type=each.mime)
        return web.Response(status=404)
