"""The line to the homeserver. Owns: Line. Imports: aiohttp, nio. Effects: HTTP; opens and closes the crypto store.

Requests are made and read here; the library keeps what encryption needs (rooms, devices, sessions). Everything runs in the engine's
thread. Errors: Unavailable and its branches when the same request may pass later, Refusal when it will not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import nio
from nio.crypto import Olm

from adapters.chat.matrix import faults, opening
from core.errors import Unavailable

CRYPTO = "crypto.db"
REQUEST = 30.0  # seconds an ordinary request may take
Raw = Mapping[str, Any]


class Line:
    """One device of the bot's account, and what it takes to speak for it. `patience` is how long an ordinary request may take."""

    def __init__(self, homeserver: str, folder: Path, *, patience: float = REQUEST) -> None:
        self._patience = patience
        self._homeserver = homeserver.rstrip("/")
        self.folder = folder
        self._nio: nio.AsyncClient | None = None
        self.user = self.device = ""
        self.date = ""  # the server's clock, as its last answer told it

    # ── life ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Make ready for requests that need no account."""
        # Below errors the library logs whole events, in clear, wherever it finds one odd.
        logging.getLogger("nio").setLevel(logging.ERROR)
        config = nio.AsyncClientConfig(
            max_limit_exceeded=0, max_timeouts=0, request_timeout=self._patience, store_name=CRYPTO
        )
        self._nio = nio.AsyncClient(self._homeserver, "", None, str(self.folder), config)

    def restore(self, user: str, device: str, token: str) -> None:
        """Act as this device from now on, with the crypto store of the folder (made when there is none)."""
        self.user, self.device = user, device
        with opening.store_errors(self.folder / CRYPTO):
            self.nio.restore_login(user, device, token)
        (self.folder / CRYPTO).chmod(0o600)

    async def close(self) -> None:
        """Let go of connections and of the crypto store (idempotent)."""
        client, self._nio = self._nio, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call]
            if client.store is not None:
                client.store.database.close()

    @property
    def nio(self) -> nio.AsyncClient:
        """The library's client. Raises Unavailable when this one is closed."""
        if self._nio is None:
            raise Unavailable("the Matrix adapter is closed")
        return self._nio

    @property
    def olm(self) -> Olm:
        """The library's encryption."""
        machine = self.nio.olm
        if machine is None:
            raise Unavailable("encryption is not ready yet")
        return machine

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Raw | None = None,
        body: Raw | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Make a request and return its answer. Raises Refusal, RateLimited or Unavailable."""
        data = None if body is None else json.dumps(body)
        patience = self._patience if timeout is None else timeout
        async with self.answer(method, path, query, data, patience, "application/json") as answer:
            try:
                told = await answer.json(content_type=None)
            except ValueError as exc:
                raise Unavailable(
                    f"the homeserver answered with something else than JSON ({answer.status})"
                ) from exc
            if answer.status >= 400:
                raise faults.answer_error(
                    answer.status, told if isinstance(told, dict) else {}, answer.headers
                )
            return told if isinstance(told, dict) else {}

    @asynccontextmanager
    async def answer(
        self, method: str, path: str, query: Raw | None, data: str | bytes | None, timeout: float, mime: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make a request and yield its answer, whatever its status. Raises Unavailable when there is none."""
        headers = {"Content-Type": mime}
        if self.nio.access_token:
            headers["Authorization"] = f"Bearer {self.nio.access_token}"
        asked = f"?{urlencode(query)}" if query else ""
        dialled = self.nio.client_session
        with faults.network():
            try:
                answer = await self.nio.send(
                    method,
                    path + asked,
                    data,
                    headers,
                    None,
                    aiohttp.ClientTimeout(total=timeout),
                )
                async with answer:
                    self.date = answer.headers.get("Date", "")
                    yield answer
            except (aiohttp.ClientError, TimeoutError, ConnectionError):
                await self.redial(dialled)
                raise

    async def redial(self, dialled: aiohttp.ClientSession | None) -> None:
        """Let go of all connections, unless that was done since `dialled`: one that fell silent can't be told from one that idles."""
        if self._nio is None or (dialled is not None and dialled is not self._nio.client_session):
            return
        session, self._nio.client_session = self._nio.client_session, None
        if session is not None:
            await session.close()
