"""The Slack far side's Web API under the real client: what it answers, refuses and forgets. Effects: sockets on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.far_sides.slack import Slack, Times
from tests.unit.slack_ear import client, error

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*hello*"}}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack(rates=False) as slack:
        yield slack


@pytest.fixture
def web(slack: Slack) -> AsyncWebClient:
    return client(slack)


async def test_tokens_are_told_apart(slack: Slack) -> None:
    assert await error(client(slack).auth_test()) == ""
    assert await error(client(slack, "").auth_test()) == "not_authed"
    assert await error(client(slack, "xoxb-1-2-wrong").auth_test()) == "invalid_auth"
    assert await error(client(slack, slack.app_token).auth_test()) == "not_allowed_token_type"
    opening = client(slack).apps_connections_open
    assert await error(opening(app_token=slack.bot_token)) == "not_allowed_token_type"
    assert await error(opening(app_token="xapp-1-nothing")) == "invalid_auth"
    slack.revoke_tokens()
    assert await error(client(slack).auth_test()) == "token_revoked"
    slack.revoke_app_token()
    assert await error(opening(app_token=slack.app_token)) == "token_revoked"


async def test_auth_test_says_who_the_bot_is(slack: Slack, web: AsyncWebClient) -> None:
    me = await web.auth_test()
    bot = slack.team().bot
    assert (me["user_id"], me["bot_id"], me["team_id"]) == (bot.id, bot.bot_id, slack.team().id)
    assert "chat:write" in me.headers["X-OAuth-Scopes"].split(",")
    assert (await web.bots_info(bot=bot.bot_id))["bot"]["user_id"] == bot.id


async def test_a_missing_scope_is_named(slack: Slack, web: AsyncWebClient) -> None:
    slack.missing_scope("reactions:write")
    sent = await slack.user_posts("maya", "general", "hello")
    with pytest.raises(SlackApiError) as caught:
        await web.reactions_add(channel=sent.channel, timestamp=sent.ts, name="eyes")
    answer = caught.value.response
    assert (answer["error"], answer["needed"]) == ("missing_scope", "reactions:write")
    assert "chat:write" in answer["provided"]


async def test_bad_channels_and_threads(slack: Slack, web: AsyncWebClient) -> None:
    away, old = slack.channel("away", bot=False), slack.channel("old")
    old.archived = True
    hidden = slack.channel("hidden", private=True, bot=False)
    general = slack.channel("general").id
    root = await slack.user_posts("maya", "general", "root")
    reply = await slack.user_posts("maya", "general", "reply", thread=root)
    post = web.chat_postMessage
    assert await error(post(channel="C0NOWHERE", text="x")) == "channel_not_found"
    assert await error(post(channel=hidden.id, text="x")) == "channel_not_found"
    assert await error(post(channel=away.id, text="x")) == "not_in_channel"
    assert await error(post(channel=old.id, text="x")) == "is_archived"
    assert await error(post(channel=general, text="x", thread_ts="1.000001")) == "thread_not_found"
    assert await error(post(channel=general, text="x", thread_ts=reply.ts)) == "cannot_reply_to_message"
    assert await error(post(channel="#general", text="x", thread_ts=root.ts)) == ""
    assert await error(web.api_call("chat.postMessage", json={"text": "x"})) == "invalid_arguments"
    assert await error(web.api_call("chat.summon")) == "unknown_method"


async def test_what_a_message_must_be(slack: Slack, web: AsyncWebClient) -> None:
    general = slack.channel("general").id
    assert await error(web.api_call("chat.postMessage", params={"channel": general})) == "no_text"
    assert await error(web.chat_postMessage(channel=general, text="x", blocks="{")) == "invalid_blocks_format"
    unnamed = {"event_type": "", "event_payload": {}}
    wrong = web.chat_postMessage(channel=general, text="x", metadata=unnamed)
    assert await error(wrong) == "invalid_metadata_format"
    with pytest.raises(SlackApiError) as caught:
        await web.chat_postMessage(channel=general, text="x", blocks=[{"type": "section"}])
    assert caught.value.response["error"] == "invalid_blocks"
    said = "must define either `text` or `fields` [json-pointer:/blocks/0]"
    assert caught.value.response["errors"] == [said]
    assert caught.value.response["response_metadata"] == {"messages": [f"[ERROR] {said}"]}
    long = await web.chat_postMessage(channel=general, text="x" * 40_001)
    assert len(long["message"]["text"]) == 40_000
    assert long["response_metadata"]["warnings"] == ["message_truncated"]


async def test_an_update_counts_bytes(slack: Slack, web: AsyncWebClient) -> None:
    posted = await web.chat_postMessage(channel=slack.channel("general").id, text="x", blocks=[SECTION])
    at = {"channel": posted["channel"], "ts": posted["ts"]}
    assert await error(web.chat_update(**at, text="ü" * 2000)) == ""
    assert await error(web.chat_update(**at, text="ü" * 2001)) == "msg_too_long"
    # The text alone took the blocks away.
    assert slack.transcript("general")[0].text == "ü" * 2000
    assert slack.transcript("general")[0].edited
    human = await slack.user_posts("maya", "general", "mine")
    assert await error(web.chat_update(channel=human.channel, ts=human.ts, text="x")) == "cant_update_message"
    assert await error(web.chat_delete(channel=human.channel, ts=human.ts)) == "cant_delete_message"
    assert await error(web.chat_update(channel=human.channel, ts="1.000001", text="x")) == "message_not_found"
    await web.chat_delete(**at)
    assert await error(web.chat_update(**at, text="x")) == "message_not_found"


async def test_reactions(slack: Slack, web: AsyncWebClient) -> None:
    sent = await slack.user_posts("maya", "general", "hello")
    at = {"channel": sent.channel, "timestamp": sent.ts}
    assert await error(web.reactions_add(**at, name="eyes")) == ""
    assert await error(web.reactions_add(**at, name="eyes")) == "already_reacted"
    assert await error(web.reactions_add(**at, name="no_such_emoji")) == "invalid_name"
    assert await error(web.reactions_remove(**at, name="rocket")) == "no_reaction"
    assert (
        await error(web.reactions_add(channel=sent.channel, timestamp="1.000001", name="x"))
        == "message_not_found"
    )
    assert slack.transcript("general")[0].reactions == ("👀",)
    assert (await web.reactions_get(channel=sent.channel, timestamp=sent.ts))["message"]["reactions"][0][
        "users"
    ] == [slack.team().bot.id]


async def test_ephemerals_are_for_one(slack: Slack, web: AsyncWebClient) -> None:
    sent = await slack.user_posts("maya", "general", "hello")
    maya, ravi = slack.user("maya"), slack.user("ravi")
    await web.chat_postEphemeral(channel=sent.channel, user=ravi.id, text="unseen", thread_ts=sent.ts)
    await slack.user_posts("maya", "general", "and", thread=sent)
    await web.chat_postEphemeral(channel=sent.channel, user=ravi.id, text="only you", thread_ts=sent.ts)
    assert [line.text for line in slack.transcript("general", sent, who="maya")] == ["hello", "and"]
    assert [line.text for line in slack.transcript("general", sent, who="ravi")] == [
        "hello",
        "and",
        "only you",
    ]
    slack.channel("general").members.remove(maya.id)
    assert (
        await error(web.chat_postEphemeral(channel=sent.channel, user=maya.id, text="x"))
        == "user_not_in_channel"
    )
    assert (
        await error(web.chat_postEphemeral(channel=sent.channel, user="U0NOBODY", text="x"))
        == "user_not_found"
    )


async def test_history_comes_in_pages(slack: Slack, web: AsyncWebClient) -> None:
    root = await slack.user_posts("maya", "general", "root")
    replies = [await slack.user_posts("ravi", "general", f"reply {n}", thread=root) for n in range(25)]
    got: list[str] = []
    cursor = None
    while True:
        page = await web.conversations_replies(channel=root.channel, ts=root.ts, limit=10, cursor=cursor)
        got += [each["text"] for each in page["messages"]]
        cursor = page["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert got == ["root", *(f"reply {n}" for n in range(25))]
    later = await web.conversations_replies(channel=root.channel, ts=root.ts, oldest=replies[22].ts)
    assert [each["text"] for each in later["messages"]] == ["root", "reply 23", "reply 24"]
    upto = await web.conversations_replies(
        channel=root.channel, ts=root.ts, latest=replies[0].ts, inclusive=True
    )
    assert [each["text"] for each in upto["messages"]] == ["root", "reply 0"]
    other = await slack.user_posts("maya", "general", "another root")
    history = await web.conversations_history(channel=root.channel)
    assert [each["ts"] for each in history["messages"]] == [other.ts, root.ts]
    assert history["messages"][1]["reply_count"] == 25
    assert await error(web.conversations_history(channel=root.channel, limit=1000)) == "invalid_limit"
    assert await error(web.conversations_history(channel=root.channel, cursor="x")) == "invalid_cursor"
    assert (
        await error(web.conversations_history(channel=root.channel, oldest="yesterday"))
        == "invalid_ts_oldest"
    )
    assert await error(web.conversations_replies(channel=root.channel, ts="1.000001")) == "thread_not_found"


async def test_metadata_is_kept_and_shown_on_request(slack: Slack, web: AsyncWebClient) -> None:
    kept = {"event_type": "loop", "event_payload": {"key": "k1"}}
    posted = await web.chat_postMessage(channel=slack.channel("general").id, text="x", metadata=kept)
    history = await web.conversations_history(channel=posted["channel"], include_all_metadata=True)
    assert history["messages"][0]["metadata"] == kept
    assert "metadata" not in (await web.conversations_history(channel=posted["channel"]))["messages"][0]


async def test_a_deleted_root_leaves_its_place(slack: Slack, web: AsyncWebClient) -> None:
    root = await slack.user_posts("maya", "general", "root")
    reply = await slack.user_posts("maya", "general", "reply", thread=root)
    await slack.user_deletes("maya", root)
    thread = (await web.conversations_replies(channel=root.channel, ts=root.ts))["messages"]
    assert [each.get("subtype") for each in thread] == ["tombstone", None]
    await slack.user_deletes("maya", reply)
    assert len((await web.conversations_replies(channel=root.channel, ts=root.ts))["messages"]) == 1


async def test_files_go_up_and_come_down(slack: Slack, web: AsyncWebClient) -> None:
    root = await slack.user_posts("maya", "general", "root")
    await web.files_upload_v2(
        channel=root.channel, thread_ts=root.ts, content="+a\n-b", filename="a.diff", title="A diff", initial_comment="See"
    )  # fmt: skip
    line = slack.transcript("general", root)[1]
    assert (line.text, line.files) == ("See\n(A diff)", ("a.diff",))
    assert await error(web.files_completeUploadExternal(files=[{"id": "F0NOTHING"}])) == "file_not_found"
    sent = await slack.user_posts("maya", "general", "log", files={"b.log": b"\x00\xff" * 9})
    url = (await web.files_info(file=sent.files[0].id))["file"]["url_private"]
    async with aiohttp.ClientSession() as http:
        async with http.get(url, headers={"Authorization": f"Bearer {slack.bot_token}"}) as got:
            assert (got.status, await got.read()) == (200, b"\x00\xff" * 9)
        async with http.get(url) as page:
            assert (page.status, page.content_type) == (200, "text/html")  # a login page, as for a browser


async def test_people_and_places_are_listed(slack: Slack, web: AsyncWebClient) -> None:
    slack.user("maya", name="Maya Ono")
    slack.user("gus", guest=True)
    eve = slack.user("eve", stranger=True)
    assert (await web.users_info(user=slack.user("maya").id))["user"]["real_name"] == "Maya Ono"
    shown = (await web.users_info(user=eve.id))["user"]
    assert shown["is_stranger"]
    assert shown["team_id"] != slack.team().id
    first = await web.users_list(limit=2)
    rest = await web.users_list(cursor=first["response_metadata"]["next_cursor"])
    names = [user["name"] for page in (first, rest) for user in page["members"]]
    assert names == ["loop", "maya", "gus", "eve"]
    connected = slack.channel("partners", ext_shared=True)
    assert (await web.conversations_info(channel=connected.id))["channel"]["is_ext_shared"]
    assert [each["name"] for each in (await web.conversations_list())["channels"]] == ["general", "partners"]
    direct = (await web.conversations_open(users=slack.user("maya").id))["channel"]["id"]
    assert direct == slack.dm("maya").id
    assert (await web.conversations_members(channel=direct))["members"] == [
        slack.user("maya").id,
        slack.team().bot.id,
    ]


async def test_workspaces_are_apart() -> None:
    async with Slack(rates=False) as slack:
        other = slack.team("other")
        theirs = slack.channel("general", team=other)
        assert await error(client(slack).chat_postMessage(channel=theirs.id, text="x")) == "channel_not_found"
        assert await error(client(slack, other.bot_token).chat_postMessage(channel=theirs.id, text="x")) == ""
        assert other.app is slack.team().app
        assert slack.team("third", own_app=True).app is not other.app


async def test_agent_sessions_are_there_for_some(slack: Slack, web: AsyncWebClient) -> None:
    sent = await slack.user_posts("maya", "general", "hello")
    given = {"channel_id": sent.channel, "thread_ts": sent.ts, "status": "processing"}
    assert await error(web.api_call("agents.sessions.setStatus", json=given)) == "not_authorized"
    slack.declare_agent(stops=False)
    answer = await web.api_call("agents.sessions.setStatus", json=given)
    assert "subscription" in answer["warning"]
    with pytest.raises(LookupError):
        await slack.user_stops("maya", sent)
    assert slack.office.sessions[sent.ts]["status"] == "processing"
    unknown = given | {"status": "pondering"}
    assert await error(web.api_call("agents.sessions.setStatus", json=unknown)) == "invalid_arguments"


async def test_tiers_hold() -> None:
    async with Slack(times=Times(minute=60)) as slack:
        web, general = client(slack), slack.channel("general").id
        for _ in range(5):
            await web.chat_postMessage(channel=general, text="x")
        with pytest.raises(SlackApiError) as caught:
            await web.chat_postMessage(channel=general, text="x")
        answer = caught.value.response
        assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (
            429,
            "ratelimited",
            "1",
        )
        assert await error(web.chat_postMessage(channel=slack.channel("other").id, text="x")) == ""
        errors = [await error(web.users_list()) for _ in range(21)]
        assert errors == [*[""] * 20, "ratelimited"]
        assert slack.refusals == 2
