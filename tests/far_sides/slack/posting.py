"""How Slack reaches an app over HTTP. Owns: Answer, post, signed. Imports: aiohttp, faults, world. Effects: sends requests."""

from __future__ import annotations

import json
import time
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from tests.far_sides.slack.faults import signature
from tests.far_sides.slack.world import App

Outcome = Literal["acked", "timeout", "http_timeout", "http_error", "connection_failed", "closed", "absent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one delivery; `payload` is what the app put into its ack."""

    outcome: Outcome
    payload: dict[str, Any] = field(default_factory=dict)
    final: bool = False  # the app forbade retries

    @property
    def acked(self) -> bool:
        """Whether the app acknowledged in time."""
        return self.outcome == "acked"


async def post(
    http: aiohttp.ClientSession, app: App, kind: str, payload: dict[str, Any], attempt: int, reason: str
) -> Answer:
    """Send one signed request to the app; its session's timeout is how long the app has."""
    if kind == "events_api":
        body, content = json.dumps(payload).encode(), "application/json"
    else:
        fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        body, content = urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded"
    headers = signed(app, body) | {"Content-Type": content}
    if attempt:
        headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
    try:
        async with http.post(app.request_url, data=body, headers=headers, allow_redirects=False) as got:
            text = await got.text()
            if got.status != 200:
                return Answer(outcome="http_error", final=got.headers.get("X-Slack-No-Retry") == "1")
            is_json = text and got.content_type == "application/json"
            return Answer(
                outcome="acked", payload=json.loads(text) if is_json else {"text": text} if text else {}
            )
    except TimeoutError:
        return Answer(outcome="http_timeout")
    except aiohttp.ClientError:
        return Answer(outcome="connection_failed")


def signed(app: App, body: bytes, *, at: float | None = None) -> dict[str, str]:
    """Return the headers of a request that Slack signed at `at` (now)."""
    stamp = str(int(time.time() if at is None else at))
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(app.signing_secret, stamp, body),
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
    }
