"""/loop as a command of Discord, buttons, forms, and who is told what alone. Effects: a far side on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from adapters.chat.discord import answering, names, slash
from adapters.chat.discord.asking import Completions
from core import commands, events, message, subcommands
from core.ids import IdentityKey, Token
from core.message import Button, Buttons, Message
from core.testing.chat_rig import opened, taken, texts
from tests.contract.chat_discord_rig import DiscordRig
from tests.far_sides.discord import records, rights
from tests.far_sides.discord.server import FarDiscord


async def repos() -> Sequence[str]:
    return ["app", "api", "website"]


async def loops(who: IdentityKey) -> Sequence[tuple[str, str]]:
    return [("a1b2c3", f"Fix the login of {who[-3:]}"), ("d4e5f6", "Clock bug")]


@pytest.fixture
async def rig() -> AsyncIterator[DiscordRig]:
    async with FarDiscord() as far, DiscordRig(far, completions=Completions(repos=repos, loops=loops)) as rig:
        yield rig


def heard(rig: DiscordRig, channel: records.Channel) -> list[str]:
    return [seen.text for seen in rig.far.hands.sees(rig.people["maya"], channel)]


async def test_a_start_in_a_channel_opens_a_thread(rig: DiscordRig) -> None:
    maya, hands = rig.people["maya"], rig.far.hands
    answered = await hands.user_slash(
        maya, rig.general, "loop start", task="fix *the* login", repo="app", budget=5.0
    )
    posted = await taken(rig, events.Posted)
    assert posted.text == "/loop start --repo app --budget 5 fix *the* login"
    assert (posted.author.identity, posted.addressed) == (rig.identity("maya"), True)
    assert commands.parse(commands.spoken(posted.text) or "").options.repo == "app"
    place = names.place(posted.lane)
    assert (place.channel, place.root) == (str(rig.general.id), posted.message)
    thread = rig.far.world.channels[int(place.root)]
    assert thread.name == "Fix *the* login"
    root = rig.general.messages[int(place.root)]
    assert (root.author.bot, root.pings) == (True, [])
    await rig.adapter.post(posted.lane, message.text("on it"), key="k")
    assert heard(rig, thread) == ["@Maya /loop start --repo app --budget 5 fix *the* login", "on it"]
    assert answered.original is not None
    assert answered.original.to == maya.id
    assert f"/{place.guild}/{place.root}" in answered.original.content


async def test_a_start_in_a_thread_stays_there(rig: DiscordRig) -> None:
    sent = await opened(rig)
    thread = rig.room(sent.thread)
    await rig.far.hands.user_slash(rig.people["ravi"], thread, "loop start", task="look at it", context=False)
    posted = await taken(rig, events.Posted)
    assert (posted.lane, posted.text) == (sent.thread, "/loop start --no-context look at it")
    assert heard(rig, thread)[-1] == "@Ravi /loop start --no-context look at it"
    known = await rig.adapter.history(sent.thread, upto=posted.message, limit=10)
    assert [each.message for each in known.messages] == [sent.message, posted.message]


async def test_a_start_in_a_forum_post_and_in_a_direct_message(rig: DiscordRig) -> None:
    world, maya = rig.far.world, rig.people["maya"]
    forum = world.channel(rig.guild, "help", type=records.FORUM)
    post = world.forum_post(forum, maya, "It crashes", "on start")
    asked = await taken(rig, events.Posted)
    assert names.place(asked.lane) == names.Place(
        guild=str(rig.guild.id), channel=str(forum.id), root=str(post.id)
    )
    await rig.far.hands.user_slash(maya, post, "loop start", task="find out why")
    posted = await taken(rig, events.Posted)
    assert posted.lane == asked.lane
    known = await rig.adapter.history(asked.lane, upto=posted.message, limit=10)
    assert [each.text for each in known.messages][:1] == ["on start"]
    direct = world.direct(maya)
    await rig.far.hands.user_slash(maya, direct, "loop start", task="something private")
    alone = await taken(rig, events.Posted)
    assert names.place(alone.lane).direct
    await rig.adapter.post(alone.lane, message.text("only here"), key="d")
    assert heard(rig, direct)[-1] == "only here"


async def test_posts_and_commands_say_who_may_enter_where_they_were_made(rig: DiscordRig) -> None:
    maya, hands = rig.people["maya"], rig.far.hands
    sent = await rig.user_posts("hello")
    assert (await taken(rig, events.Posted)).room == "open"
    await rig.user_posts("and more", thread=sent.thread)
    assert (await taken(rig, events.Posted)).room == "open"
    await hands.user_slash(maya, rig.general, "loop start", task="fix it")
    assert (await taken(rig, events.Posted)).room == "open"
    await hands.user_slash(maya, rig.far.world.direct(maya), "loop start", task="fix it")
    assert (await taken(rig, events.Posted)).room == "closed"


async def test_other_words_are_heard_quietly(rig: DiscordRig) -> None:
    maya, ravi = rig.people["maya"], rig.people["ravi"]
    sent = await opened(rig)
    thread = rig.room(sent.thread)
    await rig.far.hands.user_slash(maya, thread, "loop deny", ask="7f3", because="we pin versions")
    posted = await taken(rig, events.Posted)
    assert (posted.lane, posted.text) == (sent.thread, "/loop deny 7f3 because we pin versions")
    assert "7f3" not in "".join(seen.text for seen in rig.far.hands.sees(ravi, thread))
    await rig.far.hands.user_slash(maya, thread, "loop handoff", person=ravi)
    posted = await taken(rig, events.Posted)
    assert (posted.text, posted.mentions) == ("/loop handoff @Ravi", (rig.identity("ravi"),))
    assert posted.named == ("Ravi",)
    await rig.far.hands.user_slash(maya, thread, "loop people", do="add", role="guest", person=ravi)
    assert (await taken(rig, events.Posted)).text == "/loop people add guest @Ravi"


async def test_in_a_channel_an_answer_is_for_who_asked(rig: DiscordRig) -> None:
    maya, ravi = rig.people["maya"], rig.people["ravi"]
    await rig.far.hands.user_slash(maya, rig.general, "loop help")
    posted = await taken(rig, events.Posted)
    await rig.adapter.post(posted.lane, message.text("the help"), key="h")
    await rig.adapter.whisper(posted.lane, rig.identity("maya"), message.text("and a word"), key="w")
    assert heard(rig, rig.general)[-2:] == ["the help", "and a word"]
    assert rig.far.hands.sees(ravi, rig.general) == []
    rig.far.advance(16 * 60)
    await rig.adapter.post(posted.lane, message.text("late"), key="l")
    assert [seen.text for seen in rig.far.hands.sees(ravi, rig.general)] == ["late"]


async def test_completions(rig: DiscordRig) -> None:
    maya, hands = rig.people["maya"], rig.far.hands
    assert await hands.user_completes(maya, rig.general, "loop start", "repo", "ap") == [
        ("app", "app"),
        ("api", "api"),
    ]
    offered = await hands.user_completes(maya, rig.general, "loop follow", "loop", "clock")
    assert offered == [("d4e5f6 · Clock bug", "d4e5f6")]
    assert "help" in [
        value for _, value in await hands.user_completes(maya, rig.general, "loop help", "word", "he")
    ]


async def test_words_beyond_the_limit_share_one(rig: DiscordRig) -> None:
    own, shared = slash.split(subcommands.WORDS)
    if not shared:
        pytest.skip("every word has a subcommand of its own")
    await rig.far.hands.user_slash(
        rig.people["maya"], rig.general, "loop more", words=f"{shared[0].name} list"
    )
    assert (await taken(rig, events.Posted)).text == f"/loop {shared[0].name} list"
    values = [
        value
        for _, value in await rig.far.hands.user_completes(
            rig.people["maya"], rig.general, "loop more", "words", ""
        )
    ]
    assert values == [word.name for word in shared]
    assert len(own) <= 24


async def test_whose_start_would_be_refused_has_nothing_posted_in_their_name() -> None:
    async def may_start(who: IdentityKey) -> bool:
        return False

    async with FarDiscord() as far, DiscordRig(far, completions=Completions(may_start=may_start)) as rig:
        maya, hands = rig.people["maya"], far.hands
        await hands.user_slash(maya, rig.general, "loop start", task="fix it")
        posted = await taken(rig, events.Posted)
        assert posted.text == "/loop start fix it"
        await rig.adapter.whisper(posted.lane, rig.identity("maya"), message.text("not you"), key="w")
        assert heard(rig, rig.general) == ["Heard: /loop start fix it", "not you"]
        assert hands.sees(rig.people["ravi"], rig.general) == []


async def test_what_cannot_be_taken_is_told_to_one(rig: DiscordRig) -> None:
    answered = await rig.far.hands.user_slash(
        rig.people["maya"], rig.general, "loop start", task="x y", repo="two words"
    )
    assert answered.original is not None
    assert "can't be a repo" in answered.original.content
    assert rig.events.empty()
    assert rig.far.hands.sees(rig.people["ravi"], rig.general) == []


async def test_start_a_loop_here(rig: DiscordRig) -> None:
    maya, ravi, hands = rig.people["maya"], rig.people["ravi"], rig.far.hands
    alert = hands.user_posts(
        rig.people["ci"],
        rig.general,
        "",
        embeds=[{"type": "rich", "title": "Build 8123", "description": "failed"}],
    )
    seen = await taken(rig, events.Posted)
    assert seen.text == "Build 8123\nfailed"
    opened_form = await hands.user_applies(ravi, alert, "Start a loop here")
    await hands.user_fills(opened_form, "find the cause", "app")
    posted = await taken(rig, events.Posted)
    assert (posted.lane, posted.text) == (seen.lane, "/loop start --repo app find the cause")
    thread = rig.far.world.channels[alert.id]
    assert heard(rig, thread)[-1] == "@Ravi /loop start --repo app find the cause"
    again = await hands.user_applies(maya, thread.messages[int(posted.message)], "Start a loop here")
    await hands.user_fills(again, "and once more")
    assert (await taken(rig, events.Posted)).lane == seen.lane


async def test_plain_replies_belong_to_what_they_answer(rig: DiscordRig) -> None:
    maya, hands = rig.people["maya"], rig.far.hands
    await hands.user_slash(maya, rig.general, "loop start", task="fix it")
    started = await taken(rig, events.Posted)
    root = rig.general.messages[int(started.message)]
    reply = hands.user_posts(maya, rig.general, "and quickly", reply_to=root)
    posted = await taken(rig, events.Posted)
    assert (posted.lane, posted.reply_to) == (started.lane, started.message)
    hands.user_deletes(reply)
    assert (await taken(rig, events.Deleted)).lane == started.lane
    other = hands.user_posts(rig.people["ravi"], rig.general, "lunch?")
    await taken(rig, events.Posted)
    hands.user_posts(maya, rig.general, "yes", reply_to=other)
    assert (await taken(rig, events.Posted)).lane not in (started.lane,)


# ── buttons and forms ────────────────────────────────────────────────────────────────────────────────────────────────

CARD = Message(
    title="may I run this?",
    blocks=(
        Buttons(
            buttons=(
                Button(label="Allow", token=Token("f" * 32), style="primary"),
                Button(label="Edit", token=Token("d" * 32), wants_text="What should run instead, and in which folder?", draft="make test"),
            )
        ),
    ),
)  # fmt: skip


async def test_a_form_holds_its_draft_after_a_restart(rig: DiscordRig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, CARD, key="ask")
    await rig.reconnect()
    form = await rig.far.hands.press(rig.people["maya"], rig.message(sent.thread, card), "Edit").answered()
    (field,) = form.data["components"][0]["components"]
    assert field["value"] == "make test"
    await rig.far.hands.user_fills(form, "make lint")
    pressed = await taken(rig, events.Pressed)
    assert (pressed.token, pressed.text, pressed.card) == ("d" * 32, "make lint", card)


async def test_a_press_is_stored_before_it_is_answered(rig: DiscordRig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, CARD, key="ask")
    rig.far.rest.faults.add("POST /interactions/*", "drop")
    interaction = rig.far.hands.press(rig.people["maya"], rig.message(sent.thread, card), "Allow")
    assert (await taken(rig, events.Pressed)).press == str(interaction.id)
    assert not interaction.done.is_set()


async def test_a_press_is_answered_in_time_while_nothing_can_be_stored(
    rig: DiscordRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PUT_OFF_AFTER", 0.05)
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, CARD, key="ask")
    rig.failures = 30
    answered = await rig.far.hands.user_presses(rig.people["maya"], rig.message(sent.thread, card), "Allow")
    assert answered.kind == answering.DEFERRED_UPDATE
    assert (await taken(rig, events.Pressed)).token == "f" * 32
    await rig.until(lambda: "disk is full" in heard(rig, rig.room(sent.thread))[-1])


async def test_a_command_is_put_off_and_answered_later(
    rig: DiscordRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PUT_OFF_AFTER", 0.05)
    rig.far.rest.faults.add("POST /channels/*/messages", "slow", 0.5)
    answered = await rig.far.hands.user_slash(rig.people["maya"], rig.general, "loop start", task="fix it")
    assert answered.kind == answering.DEFERRED
    await taken(rig, events.Posted)
    assert answered.original is not None
    original = answered.original
    await rig.until(lambda: original.content.startswith("Posted"))


async def test_a_start_whose_first_message_lost_its_answer_starts_once(rig: DiscordRig) -> None:
    rig.far.rest.faults.add("POST /channels/*/messages", "reset")
    rig.far.rest.faults.add("POST /channels/*/threads", "drop")
    await rig.far.hands.user_slash(rig.people["maya"], rig.general, "loop start", task="fix it")
    posted = await taken(rig, events.Posted)
    assert [str(key) for key in rig.general.messages if not rig.general.messages[key].to] == [posted.message]
    await rig.adapter.post(posted.lane, message.text("on it"), key="k")
    assert heard(rig, rig.far.world.channels[int(posted.message)])[-1] == "on it"


async def test_a_late_answer_ends_nothing(rig: DiscordRig) -> None:
    interaction = rig.far.hands.slash(rig.people["maya"], rig.general, "loop status")
    rig.far.advance(4)
    assert (await taken(rig, events.Posted)).text == "/loop status"
    await rig.user_posts("still here")
    assert (await taken(rig, events.Posted)).text == "still here"
    assert interaction.kind == 0


# ── alone ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_whisper_goes_under_a_fresh_press_then_directly_then_into_the_thread(rig: DiscordRig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, CARD, key="ask")
    thread, maya = rig.room(sent.thread), rig.people["maya"]
    await rig.user_presses(sent.thread, card, "Allow")
    await taken(rig, events.Pressed)
    await rig.adapter.whisper(sent.thread, rig.identity("maya"), message.text("too late"), key="w1")
    (under,) = [seen for seen in rig.far.hands.sees(maya, thread) if seen.text == "too late"]
    assert under.private
    rig.far.advance(15 * 60 + 1)
    await rig.adapter.whisper(sent.thread, rig.identity("maya"), message.text("much later"), key="w2")
    assert heard(rig, rig.far.world.direct(maya))[-1].startswith(
        "much later\nabout https://discord.com/channels/"
    )
    maya.takes_dms = False
    await rig.adapter.whisper(sent.thread, rig.identity("maya"), message.text("in the open"), key="w3")
    assert "in the open" in await texts(rig, sent.thread)


async def test_a_start_without_permission_names_it(rig: DiscordRig) -> None:
    rig.far.world.deny(rig.general, rights.CREATE_PUBLIC_THREADS | rights.ATTACH_FILES)
    answered = await rig.far.hands.user_slash(
        rig.people["maya"], rig.general, "loop start", task="fix the login"
    )
    assert answered.original is not None
    words = answered.original.content
    assert "**Create Public Threads** and **Attach Files**" in words
    assert "fix the login" in words
    assert answered.original.to
    assert rig.events.empty()
    assert rig.far.hands.sees(rig.people["ravi"], rig.general) == []


async def test_a_server_that_is_not_served(rig: DiscordRig) -> None:
    await rig.close()
    rig.arguments["guilds"] = [str(rig.guild.id)]
    await rig.open()
    stranger = rig.far.world.user("eve")
    other = rig.far.world.channel(rig.far.world.guild("Other", stranger), "lobby")
    rig.far.world.commands[other.guild.id if other.guild else 0] = rig.far.world.commands[rig.guild.id]
    rig.far.hands.user_posts(stranger, other, f"{rig.bot_mention} hello")
    answered = await rig.far.hands.user_slash(stranger, other, "loop status")
    assert answered.original is not None
    assert "does not serve" in answered.original.content
    await asyncio.sleep(0.05)
    assert rig.events.empty()
