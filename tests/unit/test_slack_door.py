"""Nothing but what Slack signed is let in. Effects: none."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from slack_bolt.response import BoltResponse

from adapters.chat.slack.door import Door
from core.testing.fakes import FakeClock

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


def door(clock: FakeClock) -> Door:
    async def take(body: str, headers: object) -> BoltResponse:
        raise AssertionError(body)

    return Door(host="127.0.0.1", port=0, secret=SECRET, clock=clock, take=take, opened=lambda at: None)


def signed(stamp: str, body: bytes) -> dict[str, str]:
    mac = hmac.new(SECRET.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={mac}"}


def test_ten_thousand_mutations_are_refused(caplog: pytest.LogCaptureFixture) -> None:
    clock, chance = FakeClock(), random.Random(7)  # noqa: S311 - the same forgeries every time
    checked = door(clock)
    stamp = str(int(clock.now().timestamp()))
    for number in range(10_000):
        body = b'{"number": %d}' % number
        headers = signed(stamp, body)
        forged = bytearray((body, headers["X-Slack-Signature"].encode(), stamp.encode())[number % 3])
        forged[chance.randrange(len(forged))] ^= chance.randrange(1, 128)
        text = forged.decode("latin-1")
        match number % 3:
            case 0:
                status = checked.refusal(headers, bytes(forged))
            case 1:
                status = checked.refusal(headers | {"X-Slack-Signature": text}, body)
            case _:
                status = checked.refusal(headers | {"X-Slack-Request-Timestamp": text}, body)
        assert status in (400, 401), (number, text)
    # Whoever is not Slack cannot fill the log either.
    assert not caplog.records


def test_a_signature_is_good_for_five_minutes_and_once() -> None:
    clock = FakeClock()
    checked = door(clock)
    stamp, body = str(int(clock.now().timestamp())), b"{}"
    later, late = str(int(stamp) + 300), str(int(stamp) + 301)
    assert checked.refusal(signed(later, body), body) == 0
    assert checked.refusal(signed(late, body), body) == 401
    assert checked.refusal(signed(stamp, body), body) == 0
    assert checked.refusal(signed(stamp, body), body) == 409
    clock.advance(301)
    assert checked.refusal(signed(stamp, body), body) == 401
    assert checked.refusal(signed(stamp, b"{} "), b"{} ") == 401
