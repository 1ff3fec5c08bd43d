"""The one way to Slack's Web API. Owns: Api, quiet_logger. Imports: aiohttp, slack_sdk, core. Effects: HTTP requests.

A call waits for its turn, a short 429 is waited out here, a long one is raised. Nothing is retried that may have taken effect.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.chat.slack.errors import slack_errors
from adapters.chat.slack.pace import Pace
from adapters.chat.slack.payload import Json, rows, table, text
from core.errors import RateLimited, Rejected, Unavailable
from core.ports import Clock

API_URL = "https://slack.com/api/"
FILES = "https://files.slack.com"
TIMEOUT = 20.0  # seconds of one request
LONG = aiohttp.ClientTimeout(total=300.0)  # of a file's way
SHORT = 2.5  # seconds of a pause that is waited out here
PAUSES = 4  # in a row
CHUNK = 1 << 16


def quiet_logger() -> logging.Logger:
    """Return the logger for the SDKs, which at DEBUG write down addresses that hold tickets."""
    logger = logging.getLogger("adapters.chat.slack.sdk")
    logger.setLevel(logging.WARNING)
    return logger


class Api:
    """The Web API with one token. `session` is the adapter's; its end is the adapter's affair."""

    def __init__(
        self,
        *,
        token: str,
        api_url: str,
        session: aiohttp.ClientSession,
        clock: Clock,
        logger: logging.Logger,
    ) -> None:
        self._token = token
        self._session = session
        self._clock = clock
        self.pace = Pace(clock)
        self._web = AsyncWebClient(
            token=token, base_url=api_url, session=session, logger=logger, retry_handlers=[]
        )
        parts = urlsplit(api_url)
        own = f"{parts.scheme}://{parts.netloc}"
        # A stand-in for Slack (tests, a proxy) serves its files itself.
        self._origins = {FILES} if own == "https://slack.com" else {FILES, own}

    async def call(self, method: str, *, paced: bool = True, **arguments: object) -> dict[str, Any]:
        """Call a method; arguments that are None stay out. Raises RateLimited, Unavailable or Rejected."""
        channel = arguments.get("channel")
        for tried in range(PAUSES + 1):
            if paced:
                await self.pace.turn(method, channel if isinstance(channel, str) else "")
            try:
                return await self._once(method, arguments)
            except RateLimited as exc:
                self.pace.block(method, exc.retry_after)
                if exc.retry_after > SHORT or tried == PAUSES:
                    raise
                await self._clock.sleep(exc.retry_after)
        raise AssertionError("the last try returns or raises")

    async def _once(self, method: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        if self._session.closed:
            # The SDK would quietly open a session of its own, which nobody closes.
            raise Unavailable("the Slack adapter was left")
        form = {name: _spelled(value) for name, value in arguments.items() if value is not None}
        with slack_errors(method):
            answer = await self._web.api_call(method, data=form)
        data = answer.data if isinstance(answer.data, dict) else {}
        return {**data, "headers": {key.lower(): value for key, value in answer.headers.items()}}

    async def pages(
        self, method: str, key: str, *, limit: int = 200, most: int = 50, **arguments: Any
    ) -> AsyncIterator[list[Json]]:
        """Yield the pages of a list, `most` at the most."""
        cursor = ""
        for _ in range(most):
            answer = await self.call(method, limit=limit, cursor=cursor or None, **arguments)
            yield list(rows(answer, key))
            cursor = text(answer, "response_metadata", "next_cursor")
            if not cursor:
                return

    async def upload(self, name: str, content: bytes) -> str:
        """Bring a file's bytes to Slack and return its id; nobody sees it until it is shared."""
        place = await self.call("files.getUploadURLExternal", filename=name, length=len(content))
        with slack_errors("the upload of a file"):
            async with self._session.post(text(place, "upload_url"), data=content, timeout=LONG) as answer:
                if answer.status != 200:
                    raise Unavailable(f"Slack did not take the file {name!r} (HTTP {answer.status})")
        return text(place, "file_id")

    async def download(self, address: str, *, name: str, max_bytes: int) -> bytes:
        """Fetch a private file. Raises Rejected for any address but the platform's own, and for too large a file.

        The token goes along, so the address has to be exactly Slack's, and a redirect is not followed.
        """
        parts = urlsplit(address)
        if f"{parts.scheme}://{parts.netloc}" not in self._origins:
            raise Rejected(f"the file {name!r} does not lie at Slack; it was not fetched")
        kept = bytearray()
        with slack_errors("the download of a file"):
            headers = {"Authorization": f"Bearer {self._token}"}
            async with self._session.get(
                address, headers=headers, allow_redirects=False, timeout=LONG
            ) as answer:
                if answer.status >= 500:
                    raise Unavailable(f"Slack does not serve the file {name!r} now (HTTP {answer.status})")
                if answer.status != 200:
                    raise Rejected(
                        f"Slack did not hand out the file {name!r} (HTTP {answer.status})",
                        remedy="The app needs the scope files:read and has to be in the file's channel.",
                    )
                async for chunk in answer.content.iter_chunked(CHUNK):
                    kept += chunk
                    if len(kept) > max_bytes:
                        raise Rejected(
                            f"the file {name!r} is larger than the {max_bytes} bytes that are taken"
                        )
        return bytes(kept)

    async def respond(self, address: str, words: str) -> None:
        """Tell the person who typed a command something, at the address that came with it."""
        with slack_errors("an answer to a command"):
            async with self._session.post(
                address, json={"text": words, "response_type": "ephemeral"}
            ) as answer:
                if answer.status != 200:
                    raise Unavailable(f"Slack did not take the answer to a command (HTTP {answer.status})")


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def user_name(answer: Json) -> str:
    """Return the name people know a user by, out of users.info."""
    user = table(answer, "user")
    profile = table(user, "profile")
    return (
        text(profile, "display_name")
        or text(profile, "real_name")
        or text(user, "real_name")
        or text(user, "name")
    )
