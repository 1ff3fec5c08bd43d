"""How people start loops in Slack, press buttons and fill forms in. Effects: a far side on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from adapters.chat.slack import names
from adapters.chat.slack.forms import START
from core import commands, events, message
from core.ids import IdentityKey, ThreadKey, Token
from core.message import Message
from core.testing.chat_rig import opened, taken
from tests.contract.chat_slack_rig import SlackRig, until


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with SlackRig() as rig:
        yield rig


# ── the slash command ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_command_opens_a_thread_that_everybody_sees(rig: SlackRig) -> None:
    answer = await rig.slack.user_slash("maya", "general", "/loop --repo app fix the *login* test")
    assert answer.acked
    event = await taken(rig, events.Posted)
    assert event.text == "/loop --repo app fix the *login* test"
    assert (event.author.identity, event.author.name, event.author.bot) == (
        rig.identity("maya"),
        "maya",
        False,
    )
    (root,) = rig.slack.transcript("general")
    assert root.text == "maya asked for a loop\n--repo app fix the *login* test"
    assert (event.message, names.place(event.lane).root) == (root.ts, root.ts)
    await rig.adapter.post(event.lane, message.text("on it"), key="card")
    assert [line.text for line in rig.slack.transcript("general", root.ts)][1:] == ["on it"]
    past = await rig.adapter.history(event.lane, upto=event.message, limit=10)
    assert [(each.text, each.author.identity) for each in past.messages] == [
        (event.text, rig.identity("maya"))
    ]
    await rig.user_posts("and the other one", thread=event.lane)
    assert (await taken(rig, events.Posted)).lane == event.lane


async def test_a_channel_itself_can_be_posted_to_once(rig: SlackRig) -> None:
    sent = await opened(rig)
    channel = ThreadKey(f"{sent.thread.rpartition('/')[0]}/{names.NOWHERE}")
    for _ in range(2):
        await rig.adapter.post(channel, message.text("what moved"), key="digest")
    assert [line.text for line in rig.slack.transcript("general")].count("what moved") == 1


async def test_a_command_outlives_the_process_that_took_it(rig: SlackRig) -> None:
    rig.slack.faults.fail("chat.postMessage", times=2)
    assert (await rig.slack.user_slash("maya", "general", "/loop fix it")).acked
    await rig.close()
    assert rig.slack.transcript("general") == []
    rig.slack.faults.clear()
    await rig.open()
    assert (await taken(rig, events.Posted)).text == "/loop fix it"
    assert len(rig.slack.transcript("general")) == 1


async def test_a_command_whose_root_was_posted_is_not_posted_again(rig: SlackRig) -> None:
    rig.slack.faults.fail("chat.postMessage", status="reset_after_commit")
    assert (await rig.slack.user_slash("maya", "general", "/loop fix it")).acked
    assert (await taken(rig, events.Posted)).text == "/loop fix it"
    assert len(rig.slack.transcript("general")) == 1


async def test_a_command_where_the_bridge_is_not(rig: SlackRig) -> None:
    rig.slack.channel("elsewhere", bot=False)
    await rig.slack.user_slash("maya", "elsewhere", "/loop fix it")
    await until(lambda: rig.slack.transcript("elsewhere", who="maya"))
    said = rig.slack.transcript("elsewhere", who="maya")
    assert (said[0].to, "Invite me" in said[0].text, "/loop fix it" in said[0].text) == ("maya", True, True)
    assert rig.events.empty()


async def test_a_command_that_starts_nothing_opens_nothing(rig: SlackRig) -> None:
    assert (await rig.slack.user_slash("maya", "general", "/loop list")).acked
    event = await taken(rig, events.Posted)
    assert event.text == "/loop list"
    await rig.adapter.react(event.lane, event.message, "👀")
    await rig.adapter.whisper(event.lane, event.author.identity, message.text("no loops"), key="w")
    assert [(line.text, line.to) for line in rig.slack.transcript("general")] == [("no loops", "maya")]
    await rig.adapter.post(event.lane, message.text("for all"), key="p")
    assert [line.text for line in rig.slack.transcript("general", who="ravi")] == ["for all"]
    assert (await rig.adapter.history(event.lane, upto=event.message, limit=5)).messages == ()


async def test_a_command_names_people(rig: SlackRig) -> None:
    await rig.slack.user_slash("maya", "general", "/loop people add @ravi member")
    event = await taken(rig, events.Posted)
    assert (event.text, event.mentions, event.named) == (
        "/loop people add @ravi member",
        (rig.identity("ravi"),),
        ("ravi",),
    )


async def test_nothing_is_said_aloud_for_somebody_who_may_start_nothing() -> None:
    async def may_start(who: IdentityKey) -> bool:
        return "MAYA" in who

    async with SlackRig(may_start=may_start) as rig:
        assert (await rig.slack.user_slash("ravi", "general", "/loop fix it")).acked
        event = await taken(rig, events.Posted)
        assert (event.text, names.place(event.lane).root) == ("/loop fix it", names.NOWHERE)
        assert rig.slack.transcript("general") == []
        await rig.slack.user_slash("maya", "general", "/loop fix it")
        event = await taken(rig, events.Posted)
        assert [line.ts for line in rig.slack.transcript("general")] == [event.message]


async def test_a_command_that_cannot_be_written_down_is_not_acked(rig: SlackRig) -> None:
    rig.fails = 1
    assert not (await rig.slack.user_slash("maya", "general", "/loop list")).acked


# ── in a thread ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("order", [1, 2])
async def test_a_mention_is_one_event(rig: SlackRig, order: int) -> None:
    sent = await opened(rig)
    if order == 2:
        rig.slack.faults.reorder(2)
    await rig.user_posts("@loop: fix it, @ravi knows", thread=sent.thread)
    event = await taken(rig, events.Posted)
    assert (event.addressed, event.text, event.mentions) == (
        True,
        "fix it, @ravi knows",
        (rig.identity("ravi"),),
    )
    await rig.slack.settled()
    assert rig.events.empty()


async def test_an_edit_that_keeps_the_mention_starts_nothing(rig: SlackRig) -> None:
    sent = await rig.user_posts("@loop fix it")
    await taken(rig, events.Posted)
    await rig.user_edits(sent, "@loop fix it, please")
    assert (await taken(rig, events.Edited)).text == "fix it, please"
    await rig.slack.settled()
    assert rig.events.empty()


async def test_a_direct_message_is_for_the_bridge(rig: SlackRig) -> None:
    await rig.slack.user_posts("maya", rig.slack.dm("maya"), "what is going on?")
    event = await taken(rig, events.Posted)
    assert (event.addressed, event.text) == (True, "what is going on?")


async def test_a_reaction_starts_a_loop_once(rig: SlackRig) -> None:
    sent = await opened(rig, "stop the flaky test")
    for added in (True, False, True):
        await rig.slack.user_reacts("ravi", sent.message, "🔁", added=added)
        await rig.slack.settled()
    first, again = await taken(rig, events.Posted), await taken(rig, events.Posted)
    assert first.dedup == again.dedup
    assert (first.lane, first.author.identity) == (sent.thread, rig.identity("ravi"))
    command = commands.parse(commands.spoken(first.text) or "")
    assert (command.word, command.rest) == ("start", "stop the flaky test")
    assert first.repeats == sent.message
    await rig.adapter.react(first.lane, first.message, "👀")
    assert "👀" in rig.slack.transcript("general", sent.message)[0].reactions
    past = await rig.adapter.history(first.lane, upto=first.message, limit=5)
    assert [each.text for each in past.messages] == ["stop the flaky test"]


async def test_a_pin_marks_what_a_message_says(rig: SlackRig) -> None:
    sent = await opened(rig, "we pin every version")
    await rig.slack.user_reacts("ravi", sent.message, "📌")
    event = await taken(rig, events.Posted)
    assert (event.lane, event.text) == (sent.thread, f"/loop decide {sent.message}")
    assert event.author.identity == rig.identity("ravi")


async def test_a_reaction_on_the_bridges_words_starts_nothing(rig: SlackRig) -> None:
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("done"), key="a")
    await rig.slack.user_reacts("ravi", posted, "🔁")
    await rig.slack.user_reacts("ravi", sent.message, "👍")
    await rig.slack.settled()
    assert rig.events.empty()


async def test_the_shortcut_opens_a_form(rig: SlackRig) -> None:
    sent = await opened(rig)
    later = await rig.user_posts("more of it", thread=sent.thread)
    await taken(rig, events.Posted)
    assert (await rig.slack.user_shortcut("ravi", START, on=sent.message)).acked
    given = {"task": "fix it\n--verbose is fine", "repo": "app", "budget": "a lot", "messages": "all"}
    assert "budget" in (await rig.fills_in(given, who="ravi")).payload["errors"]
    assert rig.events.empty()
    assert (await rig.fills_in({**given, "budget": "$5"}, who="ravi")).acked
    event = await taken(rig, events.Posted)
    assert (event.lane, event.author.identity) == (sent.thread, rig.identity("ravi"))
    command = commands.parse(commands.spoken(event.text) or "")
    assert (command.options.repo, command.options.budget_usd) == ("app", 5.0)
    past = await rig.adapter.history(event.lane, upto=event.message, limit=5)
    assert [each.message for each in past.messages] == [sent.message, later.message]
    await rig.user_posts("and more", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == "and more"


async def test_the_shortcut_where_the_bridge_is_not(rig: SlackRig) -> None:
    rig.slack.channel("elsewhere", bot=False)
    posted = await rig.slack.user_posts("maya", "elsewhere", "hello")
    assert (await rig.slack.user_shortcut("maya", START, on=posted)).acked
    await until(lambda: rig.slack.answered("views.open"))
    assert "Invite me" in str(rig.slack.view_of("maya").body["blocks"])


async def test_a_form_opens_with_its_draft_after_a_restart(rig: SlackRig) -> None:
    sent = await opened(rig)
    button = message.Button(
        label="Edit", token=Token("d" * 32), wants_text="What instead?", draft="make test\nmake lint"
    )
    card = await rig.adapter.post(
        sent.thread, Message(blocks=(message.Buttons(buttons=(button,)),)), key="ask"
    )
    await rig.reconnect()
    assert (await rig.slack.user_presses("ravi", card, "Edit")).acked
    assert (await rig.fills_in({}, who="ravi")).acked
    pressed = await taken(rig, events.Pressed)
    assert (pressed.token, pressed.text, pressed.card) == ("d" * 32, "make test\nmake lint", card)
    assert pressed.author.identity == rig.identity("ravi")


async def test_a_button_of_a_long_message_speaks_for_its_first_part(rig: SlackRig) -> None:
    sent = await opened(rig)
    row = message.Buttons(buttons=(message.Button(label="Diff", token=Token("d" * 32)),))
    long = Message(blocks=(message.Text(text="a line of the answer\n" * 900), row))
    posted = await rig.adapter.post(sent.thread, long, key="answer")
    last = rig.slack.transcript("general", sent.message)[-1]
    assert last.ts != posted
    await rig.user_presses(sent.thread, last.ts, "Diff")
    assert (await taken(rig, events.Pressed)).card == posted


async def test_the_home_tab_shows_what_it_is_told() -> None:
    threads: dict[str, ThreadKey] = {}
    buttons = message.Buttons(buttons=(message.Button(label="Stop", token=Token("s" * 32)),))

    async def tell(who: IdentityKey, link: Callable[[ThreadKey], str]) -> Message:
        lines = [f"[{name}]({link(thread)})" if link(thread) else name for name, thread in threads.items()]
        words = message.Text(text="\n".join([f"nothing waits for `{who}`", *lines]))
        return Message(title="Your loops", blocks=(words, buttons))

    async with SlackRig(home=tell) as rig:
        sent = await opened(rig)
        team = rig.slack.team().id
        threads |= {
            "here": sent.thread,
            "elsewhere": ThreadKey("matrix:example.org/!room/$event"),
            "another workspace": names.thread_of("T0OTHER", "C0OTHER", sent.message),
            "no thread": names.thread_of(team, "C0GENERAL", names.NOWHERE),
        }
        await rig.slack.opens_home("maya")
        await until(lambda: rig.slack.answered("views.publish"))
        shown = str(rig.slack.home_of("maya").body["blocks"])
        assert "Your loops" in shown
        assert rig.identity("maya") in shown
        place = names.place(sent.thread)
        answer = await rig.adapter._workspaces[team].api.call(
            "chat.getPermalink", channel=place.channel, message_ts=place.root
        )
        assert answer["permalink"] in shown
        assert shown.count("'type': 'link'") == 1
        assert "actions" not in shown


async def test_a_whisper_finds_who_left_the_channel(rig: SlackRig) -> None:
    sent = await opened(rig)
    rig.slack.channel("general").members.remove(rig.slack.user("ravi").id)
    for _ in range(2):
        await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text("only you"), key="w")
    assert [line.text for line in rig.slack.transcript(rig.slack.dm("ravi"))] == ["only you"]


async def test_a_whisper_is_shown_where_there_is_no_thread_yet(rig: SlackRig) -> None:
    sent = await opened(rig)

    async def whispered(words: str) -> None:
        await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text(words), key=words)

    def heard(thread: str | None) -> list[str]:
        return [line.text for line in rig.slack.transcript("general", thread, who="ravi") if line.to]

    await whispered("before")
    assert (heard(None), heard(sent.message)) == (["before"], [])
    await rig.slack.user_posts("maya", "general", "a reply", thread=sent.message)
    await whispered("between")
    await rig.adapter.post(sent.thread, message.text("on it"), key="card")
    asked = len(rig.slack.called("conversations.replies"))
    await whispered("after")
    assert (heard(None), heard(sent.message)) == (["before"], ["between", "after"])
    assert len(rig.slack.called("conversations.replies")) == asked


async def test_a_form_that_cannot_be_opened_is_said(rig: SlackRig) -> None:
    sent = await opened(rig)
    button = message.Button(label="Deny…", token=Token("d" * 32), wants_text="Why not?")
    card = await rig.adapter.post(
        sent.thread, Message(blocks=(message.Buttons(buttons=(button,)),)), key="ask"
    )
    rig.slack.faults.fail("views.open", status=500)
    assert (await rig.slack.user_presses("ravi", card, "Deny…")).acked
    await until(lambda: len(rig.slack.transcript("general", sent.message, who="ravi")) == 3)
    assert "Press it once more" in rig.slack.transcript("general", sent.message, who="ravi")[-1].text
    assert rig.events.empty()


async def test_a_post_and_a_command_say_who_may_enter_their_channel(rig: SlackRig) -> None:
    sent = await rig.user_posts("hello")
    assert (await taken(rig, events.Posted)).room == "open"
    await rig.user_posts(f"{rig.bot_mention} and you?", thread=sent.thread)
    assert (await taken(rig, events.Posted)).room == "open"
    await rig.slack.user_slash("maya", "general", "/loop fix it")
    assert (await taken(rig, events.Posted)).room == "open"
