"""Discord when things go wrong: the gateway, the network, rates, permissions, threads that change. Effects: a far side on loopback."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.chat.discord import errors, names, plugin, posts, render
from adapters.chat.discord.adapter import DiscordChat
from core import events, message
from core.errors import BadInput, RateLimited, Rejected, Unavailable
from core.events import FileRef
from core.message import Attachment, Code, Message, Text
from core.testing.chat_rig import Sent, opened, taken, texts
from tests.contract.chat_discord_rig import DiscordRig, QuickClock
from tests.far_sides.discord import records, rights
from tests.far_sides.discord.server import TOKEN, FarDiscord
from tests.patience import PATIENCE

POSTS = "POST /channels/*/messages"


@pytest.fixture
async def far() -> AsyncIterator[FarDiscord]:
    async with FarDiscord() as far:
        yield far


@pytest.fixture
async def rig(far: FarDiscord) -> AsyncIterator[DiscordRig]:
    async with DiscordRig(far) as rig:
        yield rig


async def took(rig: DiscordRig, count: int) -> list[str]:
    return [(await taken(rig, events.Posted)).text for _ in range(count)]


# ── the gateway ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_is_lost_when_the_line_is_cut_again_and_again(rig: DiscordRig) -> None:
    for number in range(200):
        await rig.user_posts(f"line {number}")
        if number % 40 == 20:
            rig.far.gateway.drop()
        if number % 20 == 0:
            await asyncio.sleep(0.02)
    assert await took(rig, 200) == [f"line {number}" for number in range(200)]
    await asyncio.sleep(0.1)
    assert rig.events.empty()
    assert rig.far.gateway.resumed > 0


async def test_a_lost_session_is_made_up_for_from_the_channels(
    rig: DiscordRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = await opened(rig)
    await rig.user_posts("reply", thread=sent.thread)
    await taken(rig, events.Posted)
    direct = rig.far.world.direct(rig.people["maya"])
    rig.far.hands.user_posts(rig.people["maya"], direct, "alone")
    await taken(rig, events.Posted)
    await rig.close()
    await rig.user_posts("in the channel")
    for number in range(150):
        await rig.user_posts(f"in the thread {number}", thread=sent.thread, who="ravi")
    fresh = rig.far.hands.user_opens_thread(
        rig.people["ravi"], rig.general.messages[max(rig.general.messages)]
    )
    rig.far.hands.user_posts(rig.people["ravi"], fresh, "in a new thread")
    rig.far.hands.user_posts(rig.people["maya"], direct, "alone again")
    await rig.open()
    got = [await taken(rig, events.Posted) for _ in range(153)]
    assert sorted(event.text for event in got if event.lane != sent.thread) == [
        "alone again",
        "in a new thread",
        "in the channel",
    ]
    assert [event.text for event in got if event.lane == sent.thread] == [
        f"in the thread {number}" for number in range(150)
    ]
    await rig.user_posts("live again")
    assert await took(rig, 1) == ["live again"]


async def test_op_7_and_op_9(rig: DiscordRig) -> None:
    rig.far.gateway.ask_to_reconnect()
    await rig.until(lambda: rig.far.gateway.resumed == 1)
    await rig.user_posts("after a resume")
    assert await took(rig, 1) == ["after a resume"]
    rig.far.gateway.invalidate(resumable=True)
    await rig.until(lambda: rig.far.gateway.resumed == 2)
    await rig.user_posts("after another")
    assert await took(rig, 1) == ["after another"]


async def test_a_lost_line_is_told_of_until_there_is_another(rig: DiscordRig) -> None:
    await rig.until(lambda: rig.adapter.away_for == 0.0)
    away: list[float] = []
    rig.far.gateway.drop()
    async with asyncio.timeout(PATIENCE):
        while not (away and rig.adapter.away_for == 0.0):
            if rig.adapter.away_for:
                away.append(rig.adapter.away_for)
            await asyncio.sleep(0)
    assert away == sorted(away)
    await rig.user_posts("back")
    assert await took(rig, 1) == ["back"]


async def test_a_session_that_cannot_be_resumed_begins_anew(rig: DiscordRig) -> None:
    rig.far.gateway.forget_sessions()
    await rig.user_posts("said to nobody")
    assert await took(rig, 1) == ["said to nobody"]
    assert len(rig.far.gateway.identified) == 2


async def test_no_session_is_begun_that_would_cost_the_token(rig: DiscordRig) -> None:
    rig.far.world.sessions_left = 0
    rig.far.gateway.forget_sessions()
    asked = rig.far.rest.count("GET /gateway/bot")
    await rig.until(lambda: rig.far.rest.count("GET /gateway/bot") > asked + 2)
    assert len(rig.far.gateway.identified) == 1
    rig.far.world.sessions_left = 1
    await rig.user_posts("said meanwhile")
    assert await took(rig, 1) == ["said meanwhile"]


async def test_a_half_open_line_is_noticed(far: FarDiscord) -> None:
    far.gateway.interval = 100
    async with DiscordRig(far, heartbeat_timeout=0.5) as rig:
        await rig.until(lambda: far.gateway.beats > 2)
        far.gateway.go_deaf()
        await rig.user_posts("into the void")
        assert await took(rig, 1) == ["into the void"]
        assert far.gateway.resumed >= 1


async def test_unreadable_frames_end_nothing(rig: DiscordRig) -> None:
    for line in rig.far.gateway.lines:
        await line.socket.send_str("{nonsense")
        await line.socket.send_str('{"op": 0, "t": "READY", "s": 1, "d": {}}')
    await rig.user_posts("still here")
    assert await took(rig, 1) == ["still here"]


async def test_a_token_that_is_refused_is_said(far: FarDiscord) -> None:
    with pytest.raises(Rejected, match="refused the bot token"):
        await DiscordChat(clock=QuickClock(), token="wrong", api_url=far.api_url).__aenter__()
    chat = DiscordChat(clock=QuickClock(), token=TOKEN, api_url=far.api_url)
    async with chat:
        far.gateway._token = "another by now"

        async def emit(event: events.Event) -> None: ...

        with pytest.raises(Rejected, match="refused the bot token"):
            await chat.listen(emit)


async def test_without_the_message_content_intent() -> None:
    async with FarDiscord(content_intent=False) as far, DiscordRig(far) as rig:
        await rig.user_posts("nobody can read this")
        await rig.user_posts(f"{rig.bot_mention} but this")
        assert await took(rig, 1) == ["but this"]
        (finding,) = [each for each in await rig.adapter.probe() if not each.ok]
        assert finding.name == "discord: message content"
        assert "developer portal" in finding.remedy


async def test_nobody_there(far: FarDiscord) -> None:
    url = far.api_url.replace(far.api_url.split(":")[2].split("/")[0], "9")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await DiscordChat(clock=QuickClock(), token=TOKEN, api_url=url).__aenter__()


# ── sending once ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["drop", "reset"])
async def test_an_answer_that_is_lost_posts_once(rig: DiscordRig, kind: str) -> None:
    sent = await opened(rig)
    await rig.adapter.post(sent.thread, message.text("before"), key="b")
    rig.far.rest.faults.add(POSTS, kind)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    posted = await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    assert [seen.id for seen in await rig.transcript(sent.thread) if seen.text == "the answer"] == [posted]


async def test_after_the_nonce_is_forgotten_the_thread_is_read(rig: DiscordRig) -> None:
    sent = await opened(rig)
    long = Message(blocks=(Text(text="\n".join(f"line {number}" for number in range(400))),))
    rig.far.rest.faults.add(POSTS, "reset")
    with pytest.raises(Unavailable):
        await rig.adapter.post(sent.thread, long, key="k")
    rig.far.advance(3600)
    await rig.reconnect()
    posted = await rig.adapter.post(sent.thread, long, key="k")
    assert "-" in posted
    shown = "\n".join(await texts(rig, sent.thread))
    assert [line for line in shown.split("\n") if line.startswith("line")] == [
        f"line {number}" for number in range(400)
    ]
    again = await rig.adapter.post(sent.thread, long, key="k")
    assert again == posted


async def test_rates_are_waited_out(rig: DiscordRig) -> None:
    sent = await opened(rig)
    rig.far.rest.rates.limits[POSTS] = (5, 0.3)
    rig.far.rest.rates.limits["POST /channels/{channel}/messages"] = (5, 0.3)
    rig.far.rest.faults.add(POSTS, "rate", 0.05, times=2)
    rig.far.rest.faults.add(POSTS, "rate", 0.05, everywhere=True)
    await asyncio.gather(
        *(
            rig.adapter.post(sent.thread, message.text(f"number {number}"), key=f"{number}")
            for number in range(14)
        )
    )
    assert sorted(await texts(rig, sent.thread))[:14] == sorted(f"number {number}" for number in range(14))


async def test_in_a_storm_everything_is_said_once(rig: DiscordRig) -> None:
    sent = await opened(rig)
    await rig.adapter.post(sent.thread, message.text("before"), key="b")
    spoilt = [("rate", 0.02), ("drop", 0.0), ("reset", 0.0), ("status", 503.0)]
    for number in range(40):
        kind, value = spoilt[number % 4]
        rig.far.rest.faults.add(POSTS, kind, value)  # type: ignore[arg-type]

    async def say(number: int) -> str:
        while True:
            try:
                return await rig.adapter.post(sent.thread, message.text(f"number {number}"), key=f"{number}")
            except Unavailable:
                await asyncio.sleep(0.01)

    posted = await asyncio.gather(*(say(number) for number in range(30)))
    shown = [seen.id for seen in await rig.transcript(sent.thread) if seen.text.startswith("number")]
    assert sorted(shown) == sorted(posted)


async def test_a_long_pause_is_the_callers(rig: DiscordRig) -> None:
    sent = await opened(rig)
    await rig.adapter.post(sent.thread, message.text("before"), key="b")
    rig.far.rest.faults.add(POSTS, "rate", 45.0)
    with pytest.raises(RateLimited) as caught:
        await rig.adapter.post(sent.thread, message.text("x"), key="x")
    assert caught.value.retry_after == 45.0
    rig.far.rest.faults.add(POSTS, "ban")
    with pytest.raises(RateLimited) as caught:
        await rig.adapter.post(sent.thread, message.text("y"), key="y")
    assert caught.value.retry_after == errors.BANNED_FOR


async def test_trouble_at_discord_is_tried_again(rig: DiscordRig) -> None:
    sent = await opened(rig)
    await rig.adapter.post(sent.thread, message.text("before"), key="b")
    rig.far.rest.faults.add(POSTS, "status", 503)
    with pytest.raises(Unavailable, match="503"):
        await rig.adapter.post(sent.thread, message.text("x"), key="x")
    rig.far.rest.faults.add(POSTS, "status", 502)
    await rig.adapter.post(sent.thread, message.text("x"), key="x")
    assert (await texts(rig, sent.thread)).count("x") == 1


# ── long messages ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_message_shrinks_and_grows_in_place(rig: DiscordRig) -> None:
    sent = await opened(rig)
    lines = [f"line {number}" for number in range(500)]
    long = Message(blocks=(Text(text="\n".join(lines)),))
    posted = await rig.adapter.post(sent.thread, long, key="k")
    await rig.adapter.edit(sent.thread, posted, message.text("short"))
    assert await texts(rig, sent.thread) == ["the login test fails again", "short"]
    await rig.adapter.edit(sent.thread, posted, long)
    shown = "\n".join((await texts(rig, sent.thread))[1:])
    assert [line for line in shown.split("\n") if line.startswith("line")] == lines
    assert render.REST in shown
    await rig.adapter.edit(sent.thread, posted, message.text("short again"))
    assert await texts(rig, sent.thread) == ["the login test fails again", "short again"]


async def test_files_go_with_an_edit_and_leave_with_one(rig: DiscordRig) -> None:
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("working"), key="k")
    note = Attachment(name="changes.diff", content="+one\n")
    await rig.adapter.edit(sent.thread, posted, Message(title="Done", blocks=(note,)))
    assert (await texts(rig, sent.thread))[1] == "Done\n[file] changes.diff\n+one\n"
    await rig.adapter.edit(sent.thread, posted, message.text("without"))
    assert (await texts(rig, sent.thread))[1] == "without"


async def test_nothing_is_unfurled(rig: DiscordRig) -> None:
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("https://evil.example/?q=SECRET"), key="k")
    shown = rig.message(sent.thread, posted)
    assert not shown.unfurled
    await rig.adapter.edit(sent.thread, posted, message.text("https://evil.example/?q=OTHER"))
    assert not shown.unfurled


# ── threads and permissions ──────────────────────────────────────────────────────────────────────────────────────────


async def started(rig: DiscordRig) -> tuple[Sent, records.Channel, str]:
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("card"), key="card")
    return sent, rig.room(sent.thread), posted


async def test_an_archived_thread_is_opened_again(rig: DiscordRig) -> None:
    sent, thread, posted = await started(rig)
    for act in (
        lambda: rig.adapter.edit(sent.thread, posted, message.text("edited")),
        lambda: rig.adapter.react(sent.thread, posted, "👀"),
        lambda: rig.adapter.post(sent.thread, message.text("more"), key="more"),
    ):
        rig.far.world.set_thread(thread, archived=True)
        await act()
        assert not thread.archived
    assert await texts(rig, sent.thread) == ["the login test fails again", "edited", "more"]


async def test_a_locked_thread_is_said(rig: DiscordRig) -> None:
    sent, thread, posted = await started(rig)
    rig.far.world.set_thread(thread, archived=True, locked=True)
    with pytest.raises(Rejected, match="locked") as caught:
        await rig.adapter.post(sent.thread, message.text("more"), key="more")
    assert "unlock" in caught.value.remedy
    with pytest.raises(Rejected):
        await rig.adapter.edit(sent.thread, posted, message.text("edited"))


async def test_whoever_waits_hears_why_nothing_comes(rig: DiscordRig) -> None:
    sent, thread, _ = await started(rig)
    await rig.user_posts(f"{rig.bot_mention} and now?", thread=sent.thread)
    await taken(rig, events.Posted)
    rig.far.world.set_thread(thread, archived=True, locked=True)
    for key in ("a", "b"):
        with pytest.raises(Rejected, match="locked"):
            await rig.adapter.post(sent.thread, message.text("now this"), key=key)
    (told,) = rig.far.hands.sees(rig.people["maya"], rig.far.world.direct(rig.people["maya"]))
    assert "locked" in told.text
    assert "unlock it" in told.text
    rig.far.world.set_thread(thread, archived=False, locked=False)
    await rig.adapter.post(sent.thread, message.text("now this"), key="a")
    assert (await texts(rig, sent.thread))[-1] == "now this"


async def test_a_deleted_thread_is_not_made_again(rig: DiscordRig) -> None:
    sent, thread, posted = await started(rig)
    rig.far.world.delete_channel(thread)
    await rig.user_posts("in between")
    await taken(rig, events.Posted)
    await rig.reconnect()
    with pytest.raises(Rejected, match="gone from Discord") as caught:
        await rig.adapter.post(sent.thread, message.text("more"), key="more")
    assert "kept" in caught.value.remedy
    with pytest.raises(Rejected):
        await rig.adapter.edit(sent.thread, posted, message.text("edited"))
    assert thread.id not in rig.far.world.channels


async def test_a_missing_permission_is_named_to_whoever_asked(rig: DiscordRig) -> None:
    rig.far.world.deny(rig.general, rights.CREATE_PUBLIC_THREADS)
    await rig.user_posts(f"{rig.bot_mention} fix it")
    asked = await taken(rig, events.Posted)
    for key in ("a", "b"):
        with pytest.raises(Rejected, match="I lack Create Public Threads"):
            await rig.adapter.post(asked.lane, message.text("on it"), key=key)
    (told,) = rig.far.hands.sees(rig.people["maya"], rig.far.world.direct(rig.people["maya"]))
    assert "I lack Create Public Threads in #channel" in told.text
    assert "kept" in told.text


async def test_a_missing_permission_is_named_to_whose_plain_words_are_acted_on(rig: DiscordRig) -> None:
    sent, thread, _ = await started(rig)
    said = rig.far.hands.user_posts(rig.people["maya"], thread, "and now the other one")
    await taken(rig, events.Posted)
    rig.far.world.deny(rig.general, rights.SEND_MESSAGES_IN_THREADS)
    await rig.adapter.react(sent.thread, str(said.id), "👀")
    with pytest.raises(Rejected, match="I lack Send Messages in Threads"):
        await rig.adapter.post(sent.thread, message.text("the answer"), key="a")
    (told,) = rig.far.hands.sees(rig.people["maya"], rig.far.world.direct(rig.people["maya"]))
    assert "I lack Send Messages in Threads" in told.text


async def test_a_channel_that_was_closed_to_the_bridge(rig: DiscordRig) -> None:
    sent, _, posted = await started(rig)
    rig.far.world.deny(rig.general, rights.VIEW_CHANNEL)
    with pytest.raises(Rejected, match="View Channels"):
        await rig.adapter.edit(sent.thread, posted, message.text("edited"))


async def test_where_there_are_no_threads_the_channel_is_used(rig: DiscordRig) -> None:
    voice = rig.far.world.channel(rig.guild, "standup", type=records.VOICE)
    rig.far.hands.user_posts(rig.people["maya"], voice, f"{rig.bot_mention} hello")
    asked = await taken(rig, events.Posted)
    posted = await rig.adapter.post(asked.lane, message.text("here"), key="k")
    await rig.adapter.edit(asked.lane, posted, message.text("still here"))
    assert [seen.text for seen in rig.far.hands.sees(rig.people["maya"], voice)][1:] == ["still here"]


async def test_the_bridges_own_role_addresses_it(rig: DiscordRig) -> None:
    own = next(role for role in rig.guild.roles.values() if role.bot)
    await rig.user_posts(f"<@&{own.id}> fix it, <@{rig.people['ravi'].id}> knows <#{rig.general.id}>")
    event = await taken(rig, events.Posted)
    assert event.addressed
    assert event.text == f"fix it, @Ravi knows #{rig.general.id}"
    assert event.mentions == (rig.identity("ravi"),)


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_files_come_from_discord_alone(rig: DiscordRig) -> None:
    await rig.user_posts("see", files={"a.log": b"abc"})
    (file,) = (await taken(rig, events.Posted)).files
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "in"
        for odd in ("x", "1/2", f"{rig.general.id}/../3", file.id.rsplit("/", 1)[0] + "/77"):
            with pytest.raises(Rejected):
                await rig.adapter.fetch(replace(file, id=odd), into, max_bytes=10)
        rig.far.world.origin = "http://127.0.0.2:1"
        with pytest.raises(Rejected, match="not one of Discord's"):
            await rig.adapter.fetch(FileRef(id=file.id, name="a.log"), into, max_bytes=10)
        assert not into.exists()


# ── setting up ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_probe_names_what_a_server_lacks(rig: DiscordRig) -> None:
    own = next(role for role in rig.guild.roles.values() if role.bot)
    everyone = rig.guild.roles[rig.guild.id]
    own.permissions = everyone.permissions = rights.USUAL & ~rights.ATTACH_FILES
    (finding,) = [each for each in await rig.adapter.probe() if not each.ok]
    assert finding.detail == "it lacks Attach Files"
    assert plugin.invite(str(rig.far.world.application)) in finding.remedy


async def test_closed_means_unavailable(rig: DiscordRig) -> None:
    sent = await opened(rig)
    await rig.close()
    with pytest.raises(Unavailable, match="not connected"):
        await rig.adapter.post(sent.thread, message.text("x"), key="x")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"token": " "}, "without a bot token"),
        ({"token": "Bot abc"}, "words before it"),
        ({"token": "abc", "guilds": ["my server"]}, "no server's id"),
        ({"token": "abc", "api_url": "http://elsewhere.example"}, "no safe web address"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        plugin.build(clock=QuickClock(), **given)  # type: ignore[arg-type]


def test_nonces_fit() -> None:
    assert len(posts.nonce("k" * 500, 3)) == posts.NONCE
    assert posts.nonce("k", 0) != posts.nonce("k", 1)
    assert names.place(names.Place(guild="1", channel="2", root="3").key).root == "3"
    assert Code(text="x").kind == "code"
