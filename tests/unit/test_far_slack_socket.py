"""How the Slack far side delivers: acks, retries, reconnects, faults, over sockets and over HTTP. Effects: sockets on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from tests.far_sides.slack import Slack, Times
from tests.patience import PATIENCE, until
from tests.unit.slack_ear import Ear, client, error

PATIENT = Times(ack=PATIENCE, retry_unit=2)  # whoever acks is never too late
QUICK = Times(ack=0.2, retry_unit=0.2)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack(rates=False, times=PATIENT) as slack:
        yield slack


async def test_an_event_comes_once_with_everything(slack: Slack) -> None:
    async with Ear(slack) as ear:
        assert (ear.hello["type"], ear.hello["num_connections"]) == ("hello", 1)
        sent = await slack.user_posts("maya", "general", "hello")
        envelope = await ear.next()
        assert (envelope["type"], envelope["retry_attempt"], envelope["retry_reason"]) == (
            "events_api",
            0,
            "",
        )
        payload = envelope["payload"]
        assert payload["authorizations"][0]["user_id"] == slack.team().bot.id
        assert (payload["team_id"], payload["is_ext_shared_channel"]) == (slack.team().id, False)
        event = payload["event"]
        assert (event["type"], event["ts"], event["channel_type"]) == ("message", sent.ts, "channel")
        assert await ear.quiet()
        assert slack.unacked == 0


async def test_what_is_not_acked_comes_three_times_more() -> None:
    async with Slack(rates=False, times=QUICK) as slack, Ear(slack, acks=False) as ear:
        await slack.user_posts("maya", "general", "hello")
        envelopes = [await ear.next() for _ in range(4)]
        assert [each["retry_attempt"] for each in envelopes] == [0, 1, 2, 3]
        assert [each["retry_reason"] for each in envelopes] == ["", *["timeout"] * 3]
        assert len({each["payload"]["event_id"] for each in envelopes}) == 1
        assert len({each["envelope_id"] for each in envelopes}) == 4
        await slack.settled()
        assert (slack.unacked, len(slack.lost)) == (4, 1)


async def test_an_ack_ends_the_retries() -> None:
    times = Times(ack=1.0, retry_unit=0.2)
    async with Slack(rates=False, times=times) as slack, Ear(slack, acks=False) as ear:
        await slack.user_posts("maya", "general", "hello")
        await ear.next()
        ear.acks = True
        await slack.settled()
        assert 1 <= slack.unacked < 4
        assert slack.lost == []


async def test_a_ticket_is_good_for_one_connection(slack: Slack) -> None:
    async with Ear(slack) as ear, aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(ear.url)


async def test_each_envelope_goes_to_one_of_ten_connections(slack: Slack) -> None:
    ears = [await Ear(slack).__aenter__() for _ in range(10)]
    late = await Ear(slack).__aenter__()
    assert late.hello == {"type": "disconnect", "reason": "too_many_websockets"}
    for number in range(20):
        await slack.user_posts("maya", "general", f"line {number}")
    await slack.settled()
    assert {sending.connection for sending in slack.office.delivery.sent} == set(range(1, 11))
    assert len(slack.office.delivery.sent) == 20
    for ear in (*ears, late):
        await ear.__aexit__()


async def test_what_a_lost_connection_held_comes_on_the_next(slack: Slack) -> None:
    async with Ear(slack, acks=False) as ear:
        await slack.user_posts("maya", "general", "hello")
        first = await ear.next()
        slack.drop_connections()
    async with Ear(slack) as ear:
        again = await ear.next()
    assert again["payload"] == first["payload"]
    assert again["envelope_id"] != first["envelope_id"]
    await slack.settled()
    assert slack.lost == []


async def test_what_nobody_fetches_is_lost() -> None:
    async with Slack(rates=False, times=QUICK) as slack:
        await slack.user_posts("maya", "general", "hello")
        await slack.settled()
        assert [each["event"]["text"] for each in slack.lost] == ["hello"]


async def test_duplicates_and_disorder(slack: Slack) -> None:
    async with Ear(slack) as ear:
        slack.faults.duplicate()
        await slack.user_posts("maya", "general", "twice")
        one, two = await ear.next(), await ear.next()
        assert one["payload"] == two["payload"]
        assert one["envelope_id"] != two["envelope_id"]
        slack.faults.reorder(3)
        for word in ("a", "b", "c"):
            await slack.user_posts("maya", "general", word)
        assert [(await ear.event())["text"] for _ in range(3)] == ["c", "b", "a"]
        slack.redeliver()
        assert (await ear.event())["text"] == "a"


async def test_garbage_and_unknown_types_come_as_they_are(slack: Slack) -> None:
    async with Ear(slack) as ear:
        await slack.send_raw('{"type": "surprise"}')
        assert (await ear.next())["type"] == "surprise"
        slack.send_event({"type": "emoji_changed", "subtype": "add"})
        assert (await ear.event())["type"] == "emoji_changed"
        await slack.send_garbage()
        await slack.settled()
        assert slack.lost == []


async def test_a_storm_loses_nothing() -> None:
    async with Slack(rates=False, times=Times(retry_unit=2)) as slack:
        sdk = Sdk(slack)
        await sdk.client.connect()  # type: ignore[no-untyped-call]
        try:
            for number in range(200):
                await slack.user_posts("maya", "general", str(number))
                if number % 60 == 59:
                    await asyncio.sleep(0.05)
                    slack.drop_connections()
            await slack.settled()
        finally:
            await sdk.client.close()  # type: ignore[no-untyped-call]
        assert slack.lost == []
        assert {int(text) for text in sdk.texts} == set(range(200))


class Sdk:
    """The real Socket Mode client with its own reconnecting."""

    def __init__(self, slack: Slack) -> None:
        self.texts: list[str] = []
        self.client = SocketModeClient(slack.app_token, web_client=client(slack, ""), ping_interval=0.3)
        self.client.socket_mode_request_listeners.append(self._hear)

    async def _hear(self, socket: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        await socket.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        self.texts.append(request.payload["event"]["text"])

    async def until(self, *texts: str) -> None:
        """Wait until these were heard, in this order; what was acked too late comes again."""
        await until(lambda: list(dict.fromkeys(self.texts)) == list(texts), told=lambda: self.texts)


@pytest.mark.parametrize("end", ["drop", "refresh", "half-open"])
async def test_the_real_client_comes_back(end: str) -> None:
    async with Slack(rates=False, times=Times(ack=0.3, retry_unit=2)) as slack:
        sdk = Sdk(slack)
        await sdk.client.connect()  # type: ignore[no-untyped-call]
        try:
            await slack.user_posts("maya", "general", "before")
            await sdk.until("before")
            if end == "drop":
                slack.drop_connections()
            elif end == "refresh":
                await slack.refresh()
            else:
                slack.half_open()
            await slack.user_posts("maya", "general", "meanwhile")
            await sdk.until("before", "meanwhile")
        finally:
            await sdk.client.close()  # type: ignore[no-untyped-call]


# ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Hook:
    """A request URL that keeps what it gets, checks signatures with the SDK, and answers as told."""

    def __init__(self, secret: str) -> None:
        self._verifier = SignatureVerifier(secret)
        self.got: list[tuple[web.Request, bytes]] = []
        self.statuses: list[int] = []

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._verifier.is_valid_request(body, dict(request.headers)):
            return web.Response(status=401)
        self.got.append((request, body))
        if request.content_type == "application/json" and "challenge" in json.loads(body):
            return web.Response(text=json.loads(body)["challenge"])
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def hook(slack: Slack) -> AsyncIterator[Hook]:
    hook = Hook(slack.signing_secret)
    app = web.Application()
    app.router.add_post("/slack/events", hook.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.listens(f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events")
    yield hook
    await runner.cleanup()


async def test_requests_are_signed_and_retried(slack: Slack, hook: Hook) -> None:
    assert await slack.verify_url(slack.team().app.request_url)
    hook.got.clear()
    hook.statuses = [500, 503]
    await slack.user_posts("maya", "general", "hello")
    await slack.settled()
    told: list[Any] = [
        (request.headers.get("X-Slack-Retry-Num"), request.headers.get("X-Slack-Retry-Reason")) for request, _ in hook.got
    ]  # fmt: skip
    assert told == [(None, None), ("1", "http_error"), ("2", "http_error")]
    assert len({body for _, body in hook.got}) == 1


async def test_forged_requests_can_be_made(slack: Slack, hook: Hook) -> None:
    status, _ = await slack.deliver(b"{}", {"Content-Type": "application/json"})
    assert status == 401
    assert hook.got == []


async def test_commands_come_as_forms(slack: Slack, hook: Hook) -> None:
    answer = await slack.user_slash("maya", "general", "/loop status")
    assert answer.acked
    request, body = hook.got[0]
    assert request.content_type == "application/x-www-form-urlencoded"
    assert b"command=%2Floop&text=status" in body


# ── faults of the Web API ────────────────────────────────────────────────────────────────────────────────────────────


async def test_calls_fail_as_told(slack: Slack) -> None:
    web_client, general = client(slack), slack.channel("general").id
    slack.faults.fail("chat.postMessage", 1, 502)
    with pytest.raises(SlackApiError):
        await web_client.chat_postMessage(channel=general, text="x")
    slack.faults.fail("chat.postMessage", 1, 500)
    assert await error(web_client.chat_postMessage(channel=general, text="x")) == "internal_error"
    slack.faults.rate_limit("chat.postMessage", retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await web_client.chat_postMessage(channel=general, text="x")
    assert caught.value.response.headers["Retry-After"] == "7"
    assert slack.transcript("general") == []
    assert [call.status for call in slack.called("chat.postMessage")] == [502, 500, 429]


async def test_a_reset_after_the_commit_doubles_with_the_bare_client(slack: Slack) -> None:
    slack.faults.fail("chat.postMessage", 1, "reset_after_commit")
    await client(slack).chat_postMessage(channel=slack.channel("general").id, text="x")
    assert [line.text for line in slack.transcript("general")] == ["x", "x"]
