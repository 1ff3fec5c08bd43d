"""The Bolt app between Slack's two ways in and the hearing. Owns: Gate. Imports: slack_bolt, core. Effects: none of its own.

Bolt by itself acks before its listeners have ended. Here one global middleware does all the work and returns the ack, so that Bolt has
nothing to answer before the event is durable. Bolt parses, answers challenges and drops the app's own events; signatures are checked
before a request comes here (see `door.py`), more strictly than Bolt does.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.chat.slack.hearing import Hearing
from adapters.chat.slack.names import Me
from adapters.chat.slack.payload import Json
from core.errors import Unavailable

log = logging.getLogger(__name__)
NOT_NOW, UNREADABLE = 503, 400


class Gate:
    """Takes deliveries from the socket and from HTTP."""

    def __init__(self, *, hearing: Hearing, me: Mapping[str, Me], logger: logging.Logger) -> None:
        first = next(iter(me.values()))

        async def authorize(team_id: str | None) -> AuthorizeResult:
            # Which workspace a delivery is for is decided by the hearing; Bolt wants to know who the app itself is there.
            own = me.get(team_id or "", first)
            return AuthorizeResult(
                enterprise_id=None,
                team_id=own.team,
                bot_id=own.bot,
                bot_user_id=own.user,
                bot_token="",
            )

        async def take(body: dict[str, Any]) -> BoltResponse:
            try:
                answer = await hearing.take(body)
            except Unavailable as exc:
                log.warning("chat.slack.refused_ack", extra={"why": str(exc)})
                return BoltResponse(status=NOT_NOW, body="")
            if not answer:
                return BoltResponse(status=200, body="")
            return BoltResponse(
                status=200, body=json.dumps(answer), headers={"content-type": ["application/json"]}
            )

        self._app = AsyncApp(
            name="loopbridge",
            logger=logger,
            authorize=authorize,
            request_verification_enabled=False,
        )
        self._app.middleware(take)

    async def from_socket(self, payload: Json) -> tuple[bool, Json]:
        """Take a Socket Mode delivery; return whether it may be acked, and what the ack carries."""
        answer = await self._dispatch(mode="socket_mode", body=dict(payload))
        if answer.status == UNREADABLE:
            return True, {}  # it would read the same every time
        body = json.loads(answer.body) if answer.status == 200 and answer.body.startswith("{") else {}
        return answer.status == 200, body

    async def from_http(self, body: str, headers: Mapping[str, str]) -> BoltResponse:
        """Take a signed request."""
        return await self._dispatch(
            body=body, headers={name.lower(): value for name, value in headers.items()}
        )

    async def _dispatch(self, **given: Any) -> BoltResponse:
        try:
            request = AsyncBoltRequest(**given)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError) as exc:
            log.warning("chat.slack.unreadable", extra={"why": type(exc).__name__})
            return BoltResponse(status=UNREADABLE, body="")
        return await self._app.async_dispatch(request)
