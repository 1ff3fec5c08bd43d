"""The model's side, as the gateway sees it. Owns: Upstream, Broke, error_body. Imports: aiohttp, core. Effects: HTTP requests.

The key lives here and nowhere else. Everything read from the far side passes a Redactor before anyone sees it.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Literal

import aiohttp
import yarl

from adapters.gateway import redaction
from core import errors

Auth = Literal["x-api-key", "bearer"]

CONNECT_TIMEOUT = 15.0
KEEP_ALIVE = 30.0

_FORWARD = re.compile(
    r"accept|content-type|user-agent|x-app|x-client-request-id|x-stainless-[a-z-]+|x-claude-code-[a-z-]+"
    r"|anthropic-(?:version|beta|dangerous-direct-browser-access)"
)
_RETURN = re.compile(
    r"content-type|request-id|retry-after|retry-after-ms|x-should-retry|anthropic-ratelimit-[a-z-]+"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Broke(Exception):
    """The far side did not answer to the end. `status` is what a client is told, `kind` the type of its error body."""

    def __init__(self, why: str, *, status: int = 502, kind: str = "api_error") -> None:
        super().__init__(why)
        self.status = status
        self.kind = kind


class Upstream:
    """Sends requests with the host's key over a kept pool of connections."""

    def __init__(self, base_url: str, key: str, auth: Auth) -> None:
        self._base = _checked(base_url)
        self._auth = _credentials(key, auth)
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    def start(self) -> None:
        """Open the pool. No cookie, no redirect and no proxy variable of the environment has a say in it."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            skip_auto_headers=("User-Agent", "Accept", "Content-Type"),
        )

    async def stop(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def redactor(self) -> redaction.Redactor:
        """Return a fresh redactor of the key, for one answer."""
        return redaction.Redactor(self._key)

    def clean(self, text: str, *, limit: int = 300) -> str:
        """Return one line of at most `limit` characters without the key."""
        return _CONTROL.sub(" ", self.redactor().text(text)).strip()[:limit]

    def returned(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of an answer that a client may see."""
        return {
            name: self.clean(value, limit=1000)
            for name, value in headers.items()
            if _RETURN.fullmatch(name.lower())
        }

    @asynccontextmanager
    async def post(
        self, path: str, headers: Mapping[str, str], body: bytes, *, first_byte: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request to `path` (with its query) under the base URL; yield the answer once its headers are here.

        Leaving early drops the connection, which ends the work on the far side too. Raises Broke.
        """
        if self._session is None:
            raise Broke("the gateway is closed")
        answer = await self._begin(self._session, path, headers, body, first_byte)
        async with answer:
            yield answer

    async def read(self, answer: aiohttp.ClientResponse, limit: float) -> bytes:
        """Return the next bytes as soon as there are any, b"" at the end. Raises Broke, also after `limit` silent seconds."""
        try:
            async with asyncio.timeout(limit):
                return await answer.content.readany()
        except TimeoutError as exc:
            raise self._silent(limit) from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Broke(
                f"the model's side broke off in the middle of its answer ({type(exc).__name__})"
            ) from None

    async def _begin(
        self, session: aiohttp.ClientSession, path: str, headers: Mapping[str, str], body: bytes, limit: float
    ) -> aiohttp.ClientResponse:
        sent = {name: value for name, value in headers.items() if _FORWARD.fullmatch(name.lower())}
        # Plain bytes both ways: what is compressed can be neither metered nor redacted on its way through.
        sent |= {"Accept-Encoding": "identity", **self._auth}
        url = self._base + path
        try:
            async with asyncio.timeout(limit):
                return await session.post(
                    yarl.URL(url, encoded=True), data=io.BytesIO(body), headers=sent, allow_redirects=False
                )
        except TimeoutError as exc:
            raise self._silent(limit) from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            # `from None`: some of these errors carry the request's headers, and with them the key.
            why = self.clean(str(exc)) or type(exc).__name__
            raise Broke(f"the model's side cannot be reached ({why})") from None

    def _silent(self, limit: float) -> Broke:
        return Broke(f"the model's side said nothing for {limit:g} seconds", status=504, kind="timeout_error")


def error_body(kind: str, message: str) -> bytes:
    """Return an error as the Messages API spells it."""
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


def _checked(base_url: str) -> str:
    try:
        url = yarl.URL(base_url)
        good = (
            url.scheme in {"http", "https"}
            and bool(url.host)
            and not (url.query_string or url.fragment or url.user)
        )
    except ValueError:
        good = False
    if not good:
        raise errors.BadInput(
            "The model's base URL cannot be used",
            remedy="Write it as https://api.anthropic.com, with a path if there is one.",
        )
    return base_url.rstrip("/")


def _credentials(key: str, auth: Auth) -> dict[str, str]:
    if not key:
        return {}
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise errors.BadInput(
            "The model's key holds a space or a control character",
            remedy="Copy the key again, without line breaks.",
        )
    return {"x-api-key": key} if auth == "x-api-key" else {"Authorization": f"Bearer {key}"}
