"""An app that does only what it is told, for tests of the far side. Owns: Ear. Effects: connects to loopback."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.far_sides.slack import Slack
from tests.patience import PATIENCE


def client(slack: Slack, token: str | None = None) -> AsyncWebClient:
    """Return the real client, pointed at the far side."""
    return AsyncWebClient(token=slack.bot_token if token is None else token, base_url=slack.base_url)


async def error(call: Any) -> str:
    """Return the error a call ends in, or "" when it succeeds."""
    try:
        await call
    except SlackApiError as exc:
        return str(exc.response["error"])
    return ""


class Ear:
    """One Socket Mode connection. `acks` says whether it acknowledges what it hears."""

    def __init__(self, slack: Slack, *, acks: bool = True) -> None:
        self._slack = slack
        self._http = aiohttp.ClientSession()
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listening: asyncio.Task[None] | None = None
        self.acks = acks
        self.url = ""

    async def __aenter__(self) -> Self:
        opened = await client(self._slack, "").apps_connections_open(app_token=self._slack.app_token)
        self.url = opened["url"]
        self.socket = await self._http.ws_connect(self.url)
        self.hello = json.loads((await self.socket.receive()).data)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self.socket.close()
        await self._http.close()

    async def _listen(self) -> None:
        async for frame in self.socket:
            try:
                envelope = json.loads(frame.data)
            except ValueError:
                continue
            if not isinstance(envelope, dict):
                continue
            self._heard.put_nowait(envelope)
            if self.acks and "envelope_id" in envelope:
                await self.ack(envelope)

    async def ack(self, envelope: dict[str, Any], payload: dict[str, Any] | None = None) -> None:
        """Acknowledge an envelope."""
        said = {"envelope_id": envelope["envelope_id"]} | ({"payload": payload} if payload else {})
        await self.socket.send_str(json.dumps(said))

    async def next(self) -> dict[str, Any]:
        """Return the next envelope (or other frame)."""
        return await asyncio.wait_for(self._heard.get(), PATIENCE)

    async def event(self) -> dict[str, Any]:
        """Return the event within the next envelope."""
        event = (await self.next())["payload"]["event"]
        assert isinstance(event, dict)
        return event

    async def quiet(self, seconds: float = 0.2) -> bool:
        """Return whether nothing comes for a while."""
        await asyncio.sleep(seconds)
        return self._heard.empty()
