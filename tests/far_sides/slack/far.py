"""A Slack that speaks the wire. Owns: Slack. Imports: aiohttp, the modules beside. Effects: listens on loopback.

async with Slack() as slack:
    thread = await slack.user_posts("maya", "general", "@loop fix it")
    ...                                   # an app with slack.base_url, slack.bot_token, slack.app_token
    print(slack.text("general", thread))
"""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.far_sides.slack import events, faults, posting, reading
from tests.far_sides.slack.api import Door
from tests.far_sides.slack.delivery import Delivery
from tests.far_sides.slack.methods_files import FileDoor
from tests.far_sides.slack.office import Call, Office
from tests.far_sides.slack.rates import Rates
from tests.far_sides.slack.world import Channel, Team, Times, World
from tests.patience import PATIENCE

MAX_REQUEST = 64 << 20
FRAMES = (
    "not json", "[]", "null", "{}", '{"type": "surprise", "envelope_id": "e1"}', '{"envelope_id": "e2", "type": "events_api"}',
    '{"envelope_id": "e3", "type": "events_api", "payload": null}', '{"envelope_id": "e4", "type": "events_api", "payload": []}',
    '{"envelope_id": "e5", "type": "interactive", "payload": {"type": "block_actions", "actions": []}}',
    '{"envelope_id": "e6", "type": "interactive", "payload": {"type": "view_submission", "view": null}}',
    '{"envelope_id": "e7", "type": "slash_commands", "payload": {"command": 7}}',
)  # fmt: skip
EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "message"},
    {"type": "message", "channel": "C0NOWHERE", "user": "U0NOBODY", "text": None, "ts": "not a time"},
    {"type": "message", "channel": 7, "user": ["U0"], "text": {"a": 1}, "ts": 1.5, "blocks": "none"},
    {"type": "message", "subtype": "message_changed", "channel": "C0NOWHERE"},
    {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C0NOWHERE",
        "message": None,
        "previous_message": [],
    },
    {"type": "message", "subtype": "message_deleted", "channel": "C0NOWHERE", "deleted_ts": None},
    {"type": "message", "subtype": "of_the_future", "channel": "C0NOWHERE", "ts": "1.000001"},
    {"type": "app_mention", "channel": "C0NOWHERE", "text": "\ud800", "ts": None},
    {"type": "reaction_added", "item": {"type": "file"}, "reaction": None},
    {"type": "something_of_the_future", "deep": {"a": [[[[]]]]}},
)


class Slack(reading.Reading):
    """One far side: its workspaces, the app under test, and everybody else.

    `times.minute` is how long a minute of the rate limits lasts; with `rates=False` there are none but those a test sets.
    """

    def __init__(self, *, times: Times | None = None, rates: bool = True) -> None:
        self.times = times or Times()
        self.faults = faults.Faults()
        self._rates = rates
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            delivery = Delivery(self.times, self.faults)
            stack.push_async_callback(delivery.close)
            self.office = Office(
                world=World(),
                times=self.times,
                faults=self.faults,
                rates=Rates(self.times.minute if self._rates else None),
                delivery=delivery,
            )
            door, files = Door(self.office), FileDoor(self.office)
            app = web.Application(client_max_size=MAX_REQUEST)
            app.router.add_route("*", "/api/{method}", door.api)
            app.router.add_post("/actions/{team}/{key}", door.respond)
            app.router.add_get("/link/", delivery.connect)
            app.router.add_route("*", "/upload/v1/{file}", files.upload)
            app.router.add_get("/files-pri/{file}/{name}", files.download)
            app.router.add_get("/login", files.login)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            self.office.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
            self.team()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # ── what the app is told ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def base_url(self) -> str:
        """Return the Web API's URL, with the slash at its end."""
        return f"{self.office.host}/api/"

    @property
    def bot_token(self) -> str:
        """Return the bot token of the first workspace."""
        return self.team().bot_token

    @property
    def app_token(self) -> str:
        """Return the app-level token of the first workspace's app."""
        return self.team().app.app_token

    @property
    def signing_secret(self) -> str:
        """Return what requests of the first workspace's app are signed with."""
        return self.team().app.signing_secret

    def listens(self, request_url: str, *, team: Team | None = None) -> None:
        """Deliver over HTTP to this URL from now on ("" for Socket Mode)."""
        (team or self.team()).app.request_url = request_url

    # ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def calls(self) -> list[Call]:
        """Return every request at the Web API, oldest first."""
        return self.office.calls

    def called(self, method: str) -> list[Call]:
        """Return the requests to one method, those under way too."""
        return [call for call in self.calls if call.method == method]

    def answered(self, method: str) -> list[Call]:
        """Return the requests to one method that were answered: what they do is done."""
        return [call for call in self.called(method) if call.status]

    @property
    def refusals(self) -> int:
        """Return how many 429s there were."""
        return self.office.refused.total()

    @property
    def unacked(self) -> int:
        """Return how many deliveries were not acked in time."""
        return self.office.delivery.unacked

    @property
    def lost(self) -> list[dict[str, Any]]:
        """Return the events that were given up after the last retry."""
        return self.office.delivery.lost

    @property
    def unfurled(self) -> list[tuple[str, str, str]]:
        """Return the links Slack fetched for previews, as (channel, ts, url); those of people are among them."""
        return self.office.unfurled

    @property
    def connected(self) -> int:
        """Return how many WebSockets are open."""
        return sum(len(each) for each in self.office.delivery.connections.values())

    async def settled(self, seconds: float = PATIENCE) -> None:
        """Wait until every event was acked or given up. Raises TimeoutError."""
        await self.office.delivery.settled(seconds)

    # ── bad days ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def drop_connections(self) -> None:
        """Cut every WebSocket without a word."""
        for connections in self.office.delivery.connections.values():
            for connection in connections:
                connection.abort()

    def half_open(self) -> None:
        """Have every present WebSocket fall silent: no pongs, no deliveries, no closing; TCP stays."""
        for connections in self.office.delivery.connections.values():
            for connection in connections:
                connection.half_open = True

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask every connection to make place for a new one, and close it, as Slack does every few hours."""
        for connections in self.office.delivery.connections.values():
            for connection in list(connections):
                await connection.socket.send_str(json.dumps({"type": "disconnect", "reason": reason}))
                if reason != "warning":
                    await connection.socket.close()

    async def send_raw(self, *frames: str) -> None:
        """Send text frames as they are on every connection; without any, a choice of what no app can read."""
        for connections in self.office.delivery.connections.values():
            for connection in list(connections):
                for frame in frames or FRAMES:
                    await connection.socket.send_str(frame)

    async def send_garbage(self) -> None:
        """Send frames and events that no app can read. The events are retried as others are."""
        await self.send_raw()
        for event in EVENTS:
            self.send_event(dict(event))

    def send_event(
        self, event: dict[str, Any], *, channel: Channel | None = None, team: Team | None = None
    ) -> None:
        """Deliver an event of one's own making, subscribed or not."""
        home = team or self.team()
        self.office.delivery.event(home.app, events.callback(self.world, home, event, channel))

    def redeliver(self, number: int = 1) -> None:
        """Deliver the last events once more: same event ids, new envelopes."""
        told = [each for each in self.office.delivery.sent if each.kind == "events_api"][-number:]
        for each in told:
            app = self.world.apps[each.payload["api_app_id"]]
            self.office.delivery.event(app, each.payload)

    def revoke_tokens(self, *, team: Team | None = None, bot: bool = True, told: bool = False) -> None:
        """Take a workspace's token back; `told`: the event about it is sent at once. Without `bot` it was a person's own token."""
        home = team or self.team()
        if told:
            whose = {"oauth": [] if bot else ["U0SOMEBODY"], "bot": [home.bot.id] if bot else []}
            self.office.emit(home, {"type": "tokens_revoked", "tokens": whose, "event_ts": self.world.ts()})
        home.revoked = home.revoked or bot

    def revoke_app_token(self) -> None:
        """Withdraw the app-level token, and end its connections."""
        self.team().app.revoked = True
        self.drop_connections()

    def missing_scope(self, *scopes: str, team: Team | None = None) -> None:
        """Take scopes away from the bot token."""
        (team or self.team()).scopes -= set(scopes)

    # ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def deliver(self, body: bytes, headers: dict[str, str], *, url: str = "") -> tuple[int, str]:
        """Send the app's request URL a body with these headers, true or forged; return status and text."""
        target = url or self.team().app.request_url
        async with aiohttp.ClientSession() as http, http.post(target, data=body, headers=headers) as got:
            return got.status, await got.text()

    async def verify_url(self, url: str) -> bool:
        """Do what Slack does when a request URL is entered: a signed challenge, to be sent back."""
        app = self.team().app
        challenge = {
            "type": "url_verification",
            "token": app.verification_token,
            "challenge": "3eZbrw1aBm2rZgRNFdxV",
        }
        body = json.dumps(challenge).encode()
        headers = posting.signed(app, body) | {"Content-Type": "application/json"}
        status, text = await self.deliver(body, headers, url=url)
        return status == 200 and challenge["challenge"] in text
