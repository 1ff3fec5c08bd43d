"""What the bridge reads of what people and other apps say in Slack. Effects: a far side on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.chat.slack import names
from core import events, message
from core.testing.chat_rig import opened, taken
from tests.contract.chat_slack_rig import SlackRig


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with SlackRig() as rig:
        yield rig


async def test_alerts_are_read_whole(rig: SlackRig) -> None:
    attachment = {
        "pretext": "Alert", "title": "p99 is high", "title_link": "https://grafana.example/d/1", "text": "checkout &gt; 2 s",
        "fields": [{"title": "Region", "value": "eu-1"}], "from_url": "https://grafana.example/d/1",
    }  # fmt: skip
    await rig.slack.bot_posts("ci", "general", "fallback", attachments=[attachment], classic=True)
    event = await taken(rig, events.Posted)
    assert event.author.bot
    for words in (
        "fallback",
        "Alert",
        "p99 is high https://grafana.example/d/1",
        "checkout > 2 s",
        "Region: eu-1",
    ):
        assert words in event.text
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": "Build 8123 failed"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*tests* in <https://ci.example/8123|the log> for <@U0NOBODY>"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "main &amp; release"}]},
    ]  # fmt: skip
    await rig.slack.bot_posts("ci", "general", "Build", blocks=blocks)
    event = await taken(rig, events.Posted)
    assert event.text == (
        "Build 8123 failed\n*tests* in the log (https://ci.example/8123) for @U0NOBODY\nmain & release"
    )


async def test_a_preview_is_no_edit(rig: SlackRig) -> None:
    sent = await opened(rig, "see https://example.com/")
    await rig.slack.slack_unfurls(sent.message)
    await rig.user_posts("next", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == "next"


async def test_a_deleted_root_is_deleted(rig: SlackRig) -> None:
    sent = await opened(rig)
    await rig.user_posts("a reply", thread=sent.thread)
    await taken(rig, events.Posted)
    await rig.user_deletes(sent)
    deleted = await taken(rig, events.Deleted)
    assert (deleted.lane, deleted.message) == (sent.thread, sent.message)


async def test_a_permalink_is_slacks_own(rig: SlackRig) -> None:
    sent = await opened(rig)
    reply = await rig.user_posts("a reply", thread=sent.thread)
    event = await taken(rig, events.Posted)
    place = names.place(sent.thread)
    home = rig.adapter._workspaces[place.team]
    for ts, link in ((reply.message, event.permalink), (sent.message, "")):
        answer = await home.api.call("chat.getPermalink", channel=place.channel, message_ts=ts)
        assert link in ("", answer["permalink"])


async def test_other_workspaces_are_kept_apart(rig: SlackRig) -> None:
    await rig.close()
    other = rig.slack.team("globex")
    rig.slack.user("maya", team=other, name="Maya of Globex")
    await rig.open()
    await rig.slack.user_posts("maya", "general", "hello there", team=other)
    event = await taken(rig, events.Posted)
    assert event.lane.startswith(f"slack:{other.id}/")
    assert event.author.identity != rig.identity("maya")
    await rig.adapter.post(event.lane, message.text("hello"), key="k")
    root = names.place(event.lane).root
    assert [line.text for line in rig.slack.transcript("general", root, team=other)] == [
        "hello there",
        "hello",
    ]
