"""The far side itself: it refuses what Discord refuses, in Discord's words, and shows what people see. Effects: loopback sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.far_sides.discord import eyes, records, rights
from tests.far_sides.discord.server import TOKEN, FarDiscord


class Bot:
    """A bare client of the REST side."""

    def __init__(self, far: FarDiscord, session: aiohttp.ClientSession) -> None:
        self._far = far
        self._session = session

    async def __call__(
        self, method: str, path: str, body: Any = None, **query: str
    ) -> tuple[int, Any, dict[str, str]]:
        headers = {"Authorization": f"Bot {TOKEN}"}
        url = f"{self._far.api_url}{path}"
        async with self._session.request(method, url, json=body, params=query, headers=headers) as answer:
            told = await answer.json() if answer.status != 204 else None
            return answer.status, told, dict(answer.headers)


@pytest.fixture
async def far() -> AsyncIterator[FarDiscord]:
    async with FarDiscord() as far:
        yield far


@pytest.fixture
async def bot(far: FarDiscord) -> AsyncIterator[Bot]:
    async with aiohttp.ClientSession() as session:
        yield Bot(far, session)


@pytest.fixture
def room(far: FarDiscord) -> records.Channel:
    maya = far.world.user("maya", shown="Maya")
    return far.world.channel(far.world.guild("Team", maya), "general")


def button(**more: Any) -> dict[str, Any]:
    return {"type": 1, "components": [{"type": 2, "style": 2, "label": "Go", "custom_id": "go", **more}]}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"content": "x" * 2001}, 50035, "content"),
        ({"content": ""}, 50006, ""),
        ({"content": "x", "nonce": "n" * 26}, 50035, "nonce"),
        ({"content": "x", "components": [button(label="y" * 81)]}, 50035, "components"),
        ({"content": "x", "components": [button(custom_id="y" * 101)]}, 50035, "components"),
        ({"content": "x", "components": [button()] * 6}, 50035, "components"),
        ({"content": "x", "components": [button(), button()]}, 50035, "components"),
        (
            {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            50035,
            "allowed_mentions",
        ),
    ],
)
async def test_bodies_are_checked(
    bot: Bot, room: records.Channel, body: dict[str, Any], code: int, field: str
) -> None:
    status, told, _ = await bot("POST", f"/channels/{room.id}/messages", body)
    assert (status, told["code"]) == (400, code)
    assert not field or field in told["errors"]
    assert room.messages == {}


async def test_nonces_are_told_apart_for_minutes(far: FarDiscord, bot: Bot, room: records.Channel) -> None:
    body = {"content": "x", "nonce": "n", "enforce_nonce": True}
    _, first, headers = await bot("POST", f"/channels/{room.id}/messages", body)
    assert headers["Content-Type"] == "application/json"
    assert {
        "X-RateLimit-Limit",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset-After",
        "X-RateLimit-Bucket",
    } <= set(headers)
    _, second, _ = await bot("POST", f"/channels/{room.id}/messages", body)
    assert second["id"] == first["id"]
    far.advance(301)
    _, third, _ = await bot("POST", f"/channels/{room.id}/messages", body)
    assert third["id"] != first["id"]


async def test_too_many_are_told_to_wait(far: FarDiscord, bot: Bot, room: records.Channel) -> None:
    far.rest.rates.limits["POST /channels/{channel}/messages"] = (2, 30)
    answers = [await bot("POST", f"/channels/{room.id}/messages", {"content": "x"}) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 200, 429]
    _, told, headers = answers[2]
    assert 0 < told["retry_after"] <= 30
    assert told["global"] is False
    assert headers["Via"]
    other = far.world.channel(room.guild, "other") if room.guild else room
    assert (await bot("POST", f"/channels/{other.id}/messages", {"content": "x"}))[0] == 200


@pytest.mark.parametrize(
    ("denied", "code"), [(rights.SEND_MESSAGES, 50013), (rights.VIEW_CHANNEL, 50001), (0, 0)]
)
async def test_permissions_count(
    far: FarDiscord, bot: Bot, room: records.Channel, denied: int, code: int
) -> None:
    far.world.deny(room, denied)
    status, told, _ = await bot("POST", f"/channels/{room.id}/messages", {"content": "x"})
    assert (status, told.get("code", 0)) == (403 if denied else 200, code)


async def test_threads_end(far: FarDiscord, bot: Bot, room: records.Channel) -> None:
    world = far.world
    _, root, _ = await bot("POST", f"/channels/{room.id}/messages", {"content": "root"})
    path = f"/channels/{room.id}/messages/{root['id']}/threads"
    _, thread, _ = await bot("POST", path, {"name": "t"})
    assert thread["id"] == root["id"]
    assert (await bot("POST", path, {"name": "t"}))[1]["code"] == 160004
    _, inside, _ = await bot("POST", f"/channels/{thread['id']}/messages", {"content": "x"})
    channel = world.channels[int(thread["id"])]
    world.set_thread(channel, archived=True)
    patch = ("PATCH", f"/channels/{channel.id}/messages/{inside['id']}", {"content": "y"})
    assert (await bot(*patch))[1]["code"] == 50083
    await bot("POST", f"/channels/{channel.id}/messages", {"content": "wakes it"})
    assert not channel.archived
    world.set_thread(channel, locked=True)
    assert (await bot("POST", f"/channels/{channel.id}/messages", {"content": "x"}))[1]["code"] == 160005
    world.delete_channel(channel)
    assert (await bot("POST", f"/channels/{channel.id}/messages", {"content": "x"}))[1]["code"] == 10003


async def test_interactions_have_deadlines(far: FarDiscord, bot: Bot, room: records.Channel) -> None:
    await bot(
        "PUT",
        f"/applications/{far.world.application}/commands",
        [{"type": 1, "name": "ping", "description": "x"}],
    )
    maya = next(user for user in far.world.users.values() if not user.bot)
    one = far.hands.slash(maya, room, "ping")
    callback = f"/interactions/{one.id}/{one.token}/callback"
    follow = f"/webhooks/{far.world.application}/{one.token}"
    assert (await bot("POST", callback, {"type": 4, "data": {"content": "pong", "flags": 64}}))[0] == 204
    assert (await bot("POST", callback, {"type": 4, "data": {"content": "pong"}}))[1]["code"] == 40060
    assert (await bot("PATCH", f"{follow}/messages/@original", {"content": "changed"}))[0] == 200
    assert [seen.text for seen in far.hands.sees(maya, room)] == ["changed"]
    far.advance(15 * 60 + 1)
    assert (await bot("POST", follow, {"content": "more"}))[1]["code"] == 50027
    late = far.hands.slash(maya, room, "ping")
    far.advance(4)
    told = await bot("POST", f"/interactions/{late.id}/{late.token}/callback", {"type": 5})
    assert told[1]["code"] == 10062


async def test_who_is_called(far: FarDiscord, bot: Bot, room: records.Channel) -> None:
    maya = next(user for user in far.world.users.values() if not user.bot)
    path, text = f"/channels/{room.id}/messages", f"<@{maya.id}> @everyone"
    calls = []
    choices: tuple[dict[str, Any] | None, ...] = (None, {"parse": []}, {"parse": [], "users": [str(maya.id)]})
    for allowed in choices:
        body = {"content": text, **({"allowed_mentions": allowed} if allowed is not None else {})}
        _, told, _ = await bot("POST", path, body)
        calls.append(far.hands.pinged(room.messages[int(told["id"])]))
    assert calls == [["maya"], [], ["maya"]]


async def test_a_wrong_token_opens_nothing(far: FarDiscord) -> None:
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bot wrong"}, {"Authorization": TOKEN}):
            async with session.get(f"{far.api_url}/users/@me", headers=headers) as answer:
                assert answer.status == 401


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("**b** *i* __u__ ~~s~~ ||x|| `c`", "b i u s x c"),
        ("\\*not\\* \\# \\> 1\\. x", "*not* # > 1. x"),
        ("# Head\n- a\n* b\n3. c\n9. d", "Head\n• a\n• b\n3.\u2002c\n4.\u2002d"),
        ("```py\nx = **1**\n```", "x = **1**"),
        ("<@5> <@&6> <#7> <:a:8> <t:9>", "@Maya @role #channel ◆ ◆"),
        ("[label](https://x.example) <https://y.example>", "label↗ https://y.example"),
        ("snake_case_name and 2*3*4", "snake_case_name and 234"),
        ("> quoted\n-# small", "▎quoted\nsmall"),
    ],
)
def test_eyes_read_as_discord_shows(written: str, seen: str) -> None:
    assert eyes.read(written, {5: "Maya"}) == seen
