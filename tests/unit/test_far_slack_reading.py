"""What people read and who is called at the Slack far side. Effects: sockets on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.far_sides.slack import Slack, rendering
from tests.unit.slack_ear import client


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack(rates=False) as slack:
        slack.user("maya")
        slack.user("ravi")
        yield slack


READ = {
    "*bold* and _slanted_ and ~gone~": "bold and slanted and gone",
    "2 * 3 * 4": "2 * 3 * 4",
    "snake_case_name": "snake_case_name",
    "a &lt;b&gt; &amp;amp; c": "a <b> &amp; c",
    "`*code*` stays": "*code* stays",
    "```\nif a &lt; b:\n    *go*\n```": "if a < b:\n    *go*",
    "<https://a.b/c|here> or <https://a.b>": "here or https://a.b",
    "<!here> <!channel>": "@here @channel",
    ":eyes: and :no_such:": "👀 and :no_such:",
}


@pytest.mark.parametrize("written", READ)
async def test_mrkdwn_is_read(slack: Slack, written: str) -> None:
    assert rendering.mrkdwn(slack.team(), written) == READ[written]


async def test_a_thread_reads_as_a_person_sees_it(slack: Slack) -> None:
    root = await slack.user_posts("maya", "general", "@ravi look, `<b>` & 🔁")
    web = client(slack)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": "May I?"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": f"<@{slack.user('maya').id}> ```rm -rf x```"}},
        {"type": "actions", "elements": [
            {"type": "button", "text": {"type": "plain_text", "text": "Allow"}, "action_id": "a"},
            {"type": "button", "text": {"type": "plain_text", "text": "Deny…"}, "action_id": "b"},
        ]},
        {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_text", "text": "b"}]]},
    ]  # fmt: skip
    posted = await web.chat_postMessage(channel=root.channel, thread_ts=root.ts, text="May I?", blocks=blocks)
    await web.reactions_add(channel=root.channel, timestamp=root.ts, name="eyes")
    await slack.user_edits("maya", root, "@ravi look again")
    await web.chat_postEphemeral(
        channel=root.channel, thread_ts=root.ts, user=slack.user("ravi").id, text="psst"
    )
    assert slack.text("general", root) == (
        "Maya: @ravi look again (edited)  👀\n"
        "Loop: May I?\n@maya rm -rf x\n[Allow] [Deny…]\n| a | b |\n"
        "Loop (only to ravi): psst"
    )
    assert slack.transcript("general", root)[1].buttons == ("Allow", "Deny…")
    assert slack.pings(posted["ts"]) == ["maya"]


def section(text: str, **more: Any) -> list[dict[str, Any]]:
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text, **more}}]


def rich(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [part]}]}]


async def test_who_is_called(slack: Slack) -> None:
    maya = slack.user("maya").id
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"text": f"<@{maya}> <!here>"}, ["maya", "@here"]),
        ({"text": "@here @channel @maya"}, []),
        ({"text": "@here @maya", "link_names": True}, ["@here", "maya"]),
        ({"text": f"&lt;@{maya}&gt; {maya}"}, []),
        ({"text": "x", "blocks": section("<!channel>")}, ["@channel"]),
        ({"text": "x", "blocks": section("@here")}, ["@here"]),
        ({"text": "x", "blocks": section("@here", verbatim=True)}, []),
        ({"text": "<!here>", "blocks": section("x")}, ["@here (fallback text only)"]),
        ({"text": "x", "blocks": [{"type": "header", "text": {"type": "plain_text", "text": "<!here>"}}]}, []),
        ({"text": "x", "blocks": [{"type": "markdown", "text": "<!here> @channel"}]}, ["@here"]),
        ({"text": "x", "blocks": rich({"type": "user", "user_id": maya})}, ["maya"]),
        ({"text": "x", "blocks": rich({"type": "broadcast", "range": "here"})}, ["@here"]),
        ({"text": "x", "blocks": rich({"type": "text", "text": f"<@{maya}> <!here>"})}, []),
    ]  # fmt: skip
    for given, expected in cases:
        posted = await client(slack).chat_postMessage(channel=slack.channel("general").id, **given)
        assert slack.pings(posted["ts"]) == expected, given


async def test_links_are_fetched_unless_told_otherwise(slack: Slack) -> None:
    web, general = client(slack), slack.channel("general").id
    await web.chat_postMessage(channel=general, text="https://a.b/1", unfurl_links=False, unfurl_media=False)
    assert slack.unfurled == []
    half = await web.chat_postMessage(
        channel=general, text="x", blocks=section("<https://a.b/2|x>"), unfurl_links=False
    )
    assert slack.unfurled == [(general, half["ts"], "https://a.b/2")]
