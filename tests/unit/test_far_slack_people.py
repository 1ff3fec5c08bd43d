"""What people do at the Slack far side, and what the app hears of it. Effects: sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp

from tests.far_sides.slack import Slack, Times, forms, hands
from tests.patience import PATIENCE
from tests.unit.slack_ear import Ear, client, error

BUTTONS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "may I?"}},
    {
        "type": "actions",
        "block_id": "ask",
        "elements": [
            {"type": "button", "action_id": "yes", "text": {"type": "plain_text", "text": "Allow once"}, "value": "f" * 32}
        ],
    },
]  # fmt: skip
FORM: dict[str, Any] = {
    "type": "modal", "callback_id": "why", "title": {"type": "plain_text", "text": "Deny"},
    "submit": {"type": "plain_text", "text": "Send"}, "private_metadata": "e" * 32,
    "blocks": [{
        "type": "input", "block_id": "reason", "label": {"type": "plain_text", "text": "Why not?"},
        "element": {"type": "plain_text_input", "action_id": "text"},
    }],
}  # fmt: skip


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack(rates=False) as slack:
        yield slack


async def test_a_mention_is_two_events(slack: Slack) -> None:
    async with Ear(slack) as ear:
        await slack.user_posts("maya", "general", "@loop fix <it> & 🔁, see https://a.b/c.")
        said, called = await ear.next(), await ear.next()
        assert (said["payload"]["event"]["type"], called["payload"]["event"]["type"]) == (
            "message",
            "app_mention",
        )
        assert said["payload"]["event"]["ts"] == called["payload"]["event"]["ts"]
        assert said["payload"]["event_id"] != called["payload"]["event_id"]
        event = said["payload"]["event"]
        bot = slack.team().bot.id
        assert event["text"] == f"<@{bot}> fix &lt;it&gt; &amp; :repeat:, see <https://a.b/c>."
        parts = event["blocks"][0]["elements"][0]["elements"]
        assert {"type": "emoji", "name": "repeat", "unicode": "1f501"} in parts
        await slack.user_posts("maya", slack.dm("maya"), "@loop hi")
        direct = await ear.event()
        assert (direct["type"], direct["channel_type"]) == ("message", "im")
        assert await ear.quiet()


async def test_edits_deletions_and_unfurls(slack: Slack) -> None:
    async with Ear(slack) as ear:
        root = await slack.user_posts("maya", "general", "root")
        sent = await slack.user_posts("maya", "general", "once", thread=root)
        await ear.next()
        assert (await ear.event())["thread_ts"] == root.ts
        with pytest.raises(PermissionError):
            await slack.user_edits("ravi", sent, "mine now")
        await slack.user_edits("maya", sent, "twice @loop")
        edited = await ear.event()
        assert (edited["subtype"], edited["previous_message"]["text"]) == ("message_changed", "once")
        assert edited["message"]["edited"]["user"] == slack.user("maya").id
        assert edited["message"]["thread_ts"] == root.ts
        again = await ear.event()
        assert (again["type"], again["ts"], "edited" in again) == ("app_mention", sent.ts, True)
        await slack.slack_unfurls(root)
        assert "edited" not in (await ear.event())["message"]
        await slack.user_deletes("maya", sent)
        gone = await ear.event()
        assert (gone["subtype"], gone["deleted_ts"]) == ("message_deleted", sent.ts)


async def test_bots_and_the_app_itself_are_heard(slack: Slack) -> None:
    async with Ear(slack) as ear:
        await slack.bot_posts("ci", "general", "build failed")
        event = await ear.event()
        assert (event["user"], event["bot_id"]) == (slack.user("ci").id, slack.user("ci").bot_id)
        await slack.bot_posts("ci", "general", "build failed", classic=True)
        event = await ear.event()
        assert (event["subtype"], event["username"], "user" in event) == ("bot_message", "CI bot", False)
        await client(slack).chat_postMessage(channel=slack.channel("general").id, text="mine")
        assert (await ear.event())["bot_id"] == slack.team().bot.bot_id


async def test_reactions_files_and_home(slack: Slack) -> None:
    async with Ear(slack) as ear:
        sent = await slack.user_posts("maya", "general", "log", files={"b.log": b"x"})
        event = await ear.event()
        assert (event["subtype"], event["files"][0]["size"]) == ("file_share", 1)
        assert (await ear.event())["type"] == "file_shared"
        await slack.user_reacts("ravi", sent, "🔁")
        event = await ear.event()
        assert (event["type"], event["reaction"], event["item"]["ts"]) == (
            "reaction_added",
            "repeat",
            sent.ts,
        )
        await slack.opens_home("maya")
        assert (await ear.event())["type"] == "app_home_opened"
        partners = slack.channel("partners", ext_shared=True)
        await slack.user_posts("maya", partners, "log", files={"b.log": b"x"})
        envelope = await ear.next()
        assert envelope["payload"]["is_ext_shared_channel"]
        assert envelope["payload"]["event"]["files"][0]["file_access"] == "check_file_info"
        assert (await ear.event())["type"] == "file_shared"
        eve = slack.user("eve", stranger=True)
        await slack.user_posts("eve", partners, "hello")
        assert (await ear.event())["user_team"] == eve.team


async def test_what_was_not_subscribed_stays_away(slack: Slack) -> None:
    slack.team().app.events -= {"message.groups"}
    private = slack.channel("secret", private=True)
    async with Ear(slack) as ear:
        await slack.user_posts("maya", private, "@loop hi")
        assert (await ear.event())["type"] == "app_mention"
        await slack.user_posts("maya", slack.channel("away", bot=False), "hi")
        assert await ear.quiet()


async def test_no_commands_in_threads(slack: Slack) -> None:
    root = await slack.user_posts("maya", "general", "root")
    with pytest.raises(hands.NotInThreads):
        await slack.user_slash("maya", "general", "/loop fix", thread=root)
    with pytest.raises(LookupError):
        await slack.user_slash("maya", "general", "/lop fix")
    assert (await slack.user_slash("maya", "general", "/loop fix")).outcome == "absent"


async def test_a_trigger_is_good_once_and_not_for_long() -> None:
    async with Slack(rates=False, times=Times(trigger=PATIENCE)) as slack, Ear(slack) as ear:
        web = client(slack)
        await slack.user_shortcut("maya", "start")
        trigger = (await ear.next())["payload"]["trigger_id"]
        assert await error(web.views_open(trigger_id="1.2.x", view=FORM)) == "invalid_trigger_id"
        assert await error(web.views_open(trigger_id=trigger, view=FORM)) == ""
        assert await error(web.views_open(trigger_id=trigger, view=FORM)) == "exchanged_trigger_id"
        await slack.user_shortcut("maya", "start")
        trigger = (await ear.next())["payload"]["trigger_id"]
        slack.office.times = Times(trigger=0.0)
        assert await error(web.views_open(trigger_id=trigger, view=FORM)) == "expired_trigger_id"


async def test_a_response_url_takes_five_answers(slack: Slack) -> None:
    async with Ear(slack) as ear, aiohttp.ClientSession() as http:
        await slack.user_slash("maya", "general", "/loop status")
        url = (await ear.next())["payload"]["response_url"]
        answers = []
        for number in range(6):
            async with http.post(url, json={"text": f"answer {number}"}) as got:
                answers.append((got.status, await got.text()))
        assert answers == [*[(200, "ok")] * 5, (404, "used_url")]
        assert [str(line) for line in slack.transcript("general", who="maya")][:1] == [
            "Loop (only to maya): answer 0"
        ]


async def test_a_message_shortcut_says_where(slack: Slack) -> None:
    root = await slack.user_posts("maya", "general", "root")
    reply = await slack.user_posts("ravi", "general", "reply", thread=root)
    async with Ear(slack) as ear:
        await slack.user_shortcut("maya", "start_here", on=reply)
        payload = (await ear.next())["payload"]
        assert (payload["type"], payload["callback_id"]) == ("message_action", "start_here")
        assert (payload["message_ts"], payload["message"]["thread_ts"]) == (reply.ts, root.ts)
        assert payload["channel"]["id"] == root.channel


class Bot:
    """A bolt app with a button and a form."""

    def __init__(self, slack: Slack) -> None:
        self.pressed: list[dict[str, Any]] = []
        self.submitted: list[dict[str, Any]] = []
        self.opened = asyncio.Event()
        self.app = AsyncApp(client=client(slack), signing_secret=slack.signing_secret)
        self.app.action("yes")(self._press)
        self.app.view("why")(self._submit)
        self.handler = AsyncSocketModeHandler(self.app, slack.app_token)

    async def _press(self, ack: Any, body: dict[str, Any]) -> None:
        await ack()
        self.pressed.append(body)
        await self.app.client.views_open(trigger_id=body["trigger_id"], view=FORM)
        self.opened.set()

    async def _submit(self, ack: Any, view: dict[str, Any]) -> None:
        reason = view["state"]["values"]["reason"]["text"]["value"]
        if reason == "no":
            await ack(response_action="errors", errors={"reason": "longer, please"})
            return
        await ack()
        self.submitted.append(view)


async def test_a_press_a_form_and_its_errors(slack: Slack) -> None:
    bot = Bot(slack)
    await bot.handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        root = await slack.user_posts("maya", "general", "root")
        posted = await client(slack).chat_postMessage(
            channel=root.channel, thread_ts=root.ts, text="may I?", blocks=BUTTONS
        )
        assert (await slack.user_presses("ravi", posted["ts"], "Allow once")).acked
        async with asyncio.timeout(PATIENCE):
            await bot.opened.wait()
        body = bot.pressed[0]
        assert body["user"]["id"] == slack.user("ravi").id
        assert body["container"]["thread_ts"] == root.ts
        assert (body["actions"][0]["value"], body["actions"][0]["block_id"]) == ("f" * 32, "ask")
        with pytest.raises(forms.Incomplete):
            await slack.user_submits("ravi", {})
        refused = await slack.user_submits("ravi", {"Why not?": "no"})
        assert refused.payload["errors"] == {"reason": "longer, please"}
        assert (await slack.user_submits("ravi", {"Why not?": "not on a Friday"})).acked
        assert bot.submitted[0]["private_metadata"] == "e" * 32
        with pytest.raises(LookupError):
            slack.view_of("ravi")
        await client(slack).chat_update(channel=root.channel, ts=posted["ts"], text="allowed")
        assert (await slack.user_presses("maya", posted["ts"], "Allow once")).acked
        with pytest.raises(LookupError):
            await slack.user_presses("maya", posted["ts"], "Never was")
    finally:
        await bot.handler.close_async()  # type: ignore[no-untyped-call]


async def test_a_home_tab_is_published(slack: Slack) -> None:
    home = {"type": "home", "blocks": BUTTONS}
    maya = slack.user("maya")
    shown = await client(slack).views_publish(user_id=maya.id, view=home)
    assert slack.home_of("maya").id == shown["view"]["id"]
    assert await error(client(slack).views_publish(user_id=maya.id, view=FORM)) == "invalid_arguments"
    assert await error(client(slack).views_publish(user_id=maya.id, view=home, hash="old")) == "hash_conflict"
