"""Threads, replies, reactions, gaps, invitations and outages on a real homeserver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

import pytest

from adapters.chat.matrix import client, pace
from core import events, message
from core.errors import BadInput, RateLimited, Rejected, Unavailable
from core.ids import ThreadKey, Token
from core.message import Message
from core.testing import chat_cards_contract
from core.testing.chat_rig import opened, taken, texts
from tests.contract.chat_matrix_rig import MatrixRig
from tests.contract.matrix_fixtures import clear, crowd, homeserver
from tests.far_sides.cuttable import Cuttable
from tests.patience import PATIENCE

__all__ = ["clear", "crowd", "homeserver"]
GRANT = chat_cards_contract.GRANT


@pytest.fixture
async def rig(clear: MatrixRig) -> MatrixRig:
    return clear


def reply(to: str) -> dict[str, Any]:
    return {"m.relates_to": {"m.in_reply_to": {"event_id": to}}}


async def fresh(rig: MatrixRig, count: int, *, seen: Collection[str] = ()) -> list[events.Posted]:
    """Return the next posts whose keys are new: what a crash cuts short comes again, and the bridge knows it by its key."""
    known = set(seen)
    got: list[events.Posted] = []
    while len(got) < count:
        event = await taken(rig, events.Posted)
        if event.dedup not in known:
            known.add(event.dedup)
            got.append(event)
    return got


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - looked at from outside
            await asyncio.sleep(0.01)


async def quiet(rig: MatrixRig) -> None:
    """Assert that nothing was heard before what is said now."""
    await rig.user_posts("the end")
    assert (await taken(rig, events.Posted)).text == "the end"


# ── threads and plain replies ────────────────────────────────────────────────────────────────────────────────────────


async def test_plain_replies_belong_where_what_they_answer_belongs(rig: MatrixRig) -> None:
    sent = await opened(rig)
    inside = await rig.user_posts("in the thread", thread=sent.thread, who="ravi")
    await taken(rig, events.Posted)
    first = await rig.says({"msgtype": "m.text", "body": "a plain reply", **reply(inside.message)})
    assert (await taken(rig, events.Posted)).lane == sent.thread
    await rig.says({"msgtype": "m.text", "body": "one to that one", **reply(first)})
    second = await taken(rig, events.Posted)
    assert (second.lane, second.reply_to) == (sent.thread, first)
    posted = await rig.adapter.post(sent.thread, message.text("the bridge"), key="k")
    await rig.says({"msgtype": "m.text", "body": "> <@x:y> the bridge\n\none to the bridge", **reply(posted)})
    third = await taken(rig, events.Posted)
    assert (third.lane, third.text) == (sent.thread, "one to the bridge")
    known = await rig.adapter.history(sent.thread, upto=third.message, limit=10)
    assert [each.text for each in known.messages] == [
        "the login test fails again", "in the thread", "a plain reply", "one to that one", "the bridge", "one to the bridge",
    ]  # fmt: skip


async def test_a_loop_starts_from_a_plain_reply_and_its_thread_is_the_chains_top(rig: MatrixRig) -> None:
    await rig.close()
    top = await rig.says({"msgtype": "m.text", "body": "top"})
    middle = await rig.says({"msgtype": "m.text", "body": "middle", **reply(top)}, who="ravi")
    await rig.open()
    assert [(await taken(rig, events.Posted)).lane for _ in range(2)] == [rig.thread(top)] * 2
    rig.state("DELETE FROM place")
    await rig.says({"msgtype": "m.text", "body": "!loop fix it", **reply(middle)})
    start = await taken(rig, events.Posted)
    assert (start.lane, start.text) == (rig.thread(top), "!loop fix it")
    posted = await rig.adapter.post(start.lane, message.text("on it"), key="k")
    (content,) = [each["content"] for each in await rig.read(start.lane) if each["id"] == posted]
    assert content["m.relates_to"]["rel_type"] == "m.thread"
    known = await rig.adapter.history(start.lane, upto=start.message, limit=10)
    assert [each.text for each in known.messages] == ["top", "middle", "!loop fix it"]


async def test_a_loop_starts_inside_a_thread_nobody_told_of_before(rig: MatrixRig) -> None:
    await rig.close()
    root = await rig.user_posts("before")
    await rig.user_posts("old talk", thread=root.thread, who="ravi")
    await rig.open()
    await taken(rig, events.Posted)
    await taken(rig, events.Posted)
    rig.state("DELETE FROM place")
    sent = await rig.user_posts(f"{rig.bot_mention}: fix it", thread=root.thread)
    start = await taken(rig, events.Posted)
    assert (start.lane, start.text, start.addressed) == (root.thread, "fix it", True)
    known = await rig.adapter.history(root.thread, upto=sent.message, limit=10)
    assert [each.text for each in known.messages] == ["before", "old talk", "fix it"]


async def test_who_is_alone_with_the_bridge_speaks_to_it(rig: MatrixRig) -> None:
    room = await rig.people.ask("maya", "create", invite=[rig.bot_mention], encrypted=False, direct=True)
    await rig.people.ask("maya", "meet", room=room, users=[rig.bot_mention])
    await rig.people.ask("maya", "send", room=room, content={"msgtype": "m.text", "body": "hello"})
    assert (await taken(rig, events.Posted)).addressed


async def test_nobody_edits_what_another_wrote(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.user_edits(sent, "forged", who="ravi")
    await quiet(rig)
    known = await rig.adapter.history(sent.thread, upto=sent.message, limit=5)
    assert [each.text for each in known.messages] == ["the login test fails again"]


async def test_a_whisper_is_an_answer_to_whom_it_is_for(rig: MatrixRig) -> None:
    sent = await opened(rig)
    asked = await rig.user_posts("what now?", thread=sent.thread, who="ravi")
    await taken(rig, events.Posted)
    await rig.user_posts("me too", thread=sent.thread)
    await taken(rig, events.Posted)
    await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text("wait"), key="w")
    (told,) = [each["content"] for each in await rig.read(sent.thread) if each["content"]["body"] == "wait"]
    assert told["m.relates_to"]["m.in_reply_to"]["event_id"] == asked.message
    assert told["m.relates_to"]["is_falling_back"] is False


async def test_a_whisper_to_somebody_who_wrote_nothing_here_names_them(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text("you may not"), key="w")
    (told,) = [
        each["content"] for each in await rig.read(sent.thread) if "you may not" in each["content"]["body"]
    ]
    name = rig.accounts["ravi"].user[1:].partition(":")[0]
    assert told["body"] == f"{name}\nyou may not"
    assert (told["msgtype"], told["m.mentions"]) == ("m.notice", {})


# ── reactions ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_ask_carries_its_signs_and_no_token_is_public(rig: MatrixRig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    (shown,) = [each for each in await rig.read(sent.thread) if each["id"] == card]
    assert shown["signs"] == ["✅", "❌"]
    assert "✅ Allow once · ❌ Deny" in shown["content"]["body"]
    assert "f" * 32 not in repr(await rig.read(sent.thread))
    await rig.adapter.post(sent.thread, GRANT, key="ask")
    assert [each["signs"] for each in await rig.read(sent.thread) if each["id"] == card] == [["✅", "❌"]]
    await quiet(rig)  # the bridge's own signs are no presses


async def test_signs_work_after_a_restart_in_every_spelling_and_others_are_nothing(rig: MatrixRig) -> None:
    sent = await opened(rig)
    loop = message.Button(label="Allow for this loop", token=Token("f" * 32), style="primary")
    card = await rig.adapter.post(sent.thread, Message(blocks=(message.Buttons(buttons=(loop,)),)), key="ask")
    await rig.reconnect()
    await rig.reacts(card, "👍")
    await rig.reacts(sent.message, "♾️")
    await rig.reacts(card, "♾", who="ravi")
    pressed = await taken(rig, events.Pressed)
    assert (pressed.token, pressed.author.identity) == ("f" * 32, rig.identity("ravi"))


async def test_taking_a_sign_back_undoes_nothing(rig: MatrixRig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    sign = await rig.reacts(card, "✅", who="ravi")
    await taken(rig, events.Pressed)
    await rig.people.ask("ravi", "redact", room=rig.room, event=sign)
    await quiet(rig)


async def test_ghosts_press_nothing_and_command_nothing(rig: MatrixRig) -> None:
    await rig.close()
    await rig.open(ghosts=["@ravi-*:synapse.test"])
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.reacts(card, "✅", who="ravi")
    await rig.user_posts("approve 7f3", thread=sent.thread, who="ravi")
    posted = await taken(rig, events.Posted)
    assert (posted.text, posted.author.bot) == ("approve 7f3", True)


# ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_card_somebody_took_away_is_told_of(rig: MatrixRig) -> None:
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, message.text("card"), key="k")
    await rig.adapter.edit(sent.thread, card, message.text("still there"))
    await rig.people.ask("maya", "redact", room=rig.room, event=card)
    await quiet(rig)
    with pytest.raises(Rejected):
        await rig.adapter.edit(sent.thread, card, message.text("lost"))


async def test_an_edit_takes_the_rest_of_a_long_message_away(rig: MatrixRig) -> None:
    sent = await opened(rig)
    long = message.text("\n".join(f"line {number}" for number in range(5000)))
    posted = await rig.adapter.post(sent.thread, long, key="k")
    assert len(await texts(rig, sent.thread)) > 2
    await rig.adapter.edit(sent.thread, posted, message.text("short"))
    assert await texts(rig, sent.thread) == ["the login test fails again", "short"]


async def test_a_try_of_long_ago_is_looked_for_before_it_is_sent_again(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.post_and_die(sent.thread, message.text("the answer"), key="k")
    assert rig.state("SELECT event FROM sent") == [(None,)]
    rig.state("UPDATE sent SET at = at - 3600")
    posted = await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    assert [seen.id for seen in await rig.transcript(sent.thread) if seen.text == "the answer"] == [posted]
    # Had it been sent again, the server's memory of the transaction would have hidden it: nothing but a search leaves no new try.
    assert rig.state("SELECT at < strftime('%s') - 3000 FROM sent WHERE key = 'k'") == [(1,)]


async def test_a_pause_the_server_asks_for_is_told(rig: MatrixRig) -> None:
    admin = await rig.synapse.register("admin", admin=True)
    path = f"/_synapse/admin/v1/users/{rig.bot_mention}/override_ratelimit"
    sent = await opened(rig)
    await rig.synapse.ask("POST", path, token=admin.token, body={"messages_per_second": 1, "burst_count": 1})
    with pytest.raises(RateLimited) as caught:
        await _post_many(rig, sent.thread)
    assert 0 < caught.value.retry_after < 60


async def _post_many(rig: MatrixRig, thread: ThreadKey) -> None:
    for number in range(20):
        await rig.adapter.post(thread, message.text(f"{number}"), key=f"k{number}")


# ── the stream ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_gap_is_filled_in_order_and_once(rig: MatrixRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(client.TIMELINE, "limit", 4)
    monkeypatch.setattr(client, "PAGE", 7)
    await rig.user_posts("first")
    first = await taken(rig, events.Posted)
    await rig.close()
    for number in range(30):
        await rig.says({"msgtype": "m.text", "body": f"line {number}"})
    await rig.open()
    got = [each.text for each in await fresh(rig, 30, seen=[first.dedup])]
    assert got == [f"line {number}" for number in range(30)]
    await quiet(rig)


async def test_the_first_start_takes_up_nothing_of_the_past(rig: MatrixRig) -> None:
    await rig.user_posts("!loop an old order")
    await taken(rig, events.Posted)
    await rig.close()
    rig.state("DELETE FROM fact WHERE name = 'since'")
    await rig.open()
    await quiet(rig)


@pytest.mark.parametrize("limit", [2, 100])
async def test_what_was_said_before_the_bridge_came_in_is_past(
    rig: MatrixRig, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(client.TIMELINE, "limit", limit)
    room = await rig.people.ask("maya", "create", invite=[], encrypted=False)
    for number in range(5):
        await rig.people.ask(
            "maya", "send", room=room, content={"msgtype": "m.text", "body": f"!loop old {number}"}
        )
    await rig.people.ask("maya", "invite", room=room, user=rig.bot_mention)
    await rig.people.ask("maya", "meet", room=room, users=[rig.bot_mention])
    await rig.people.ask("maya", "send", room=room, content={"msgtype": "m.text", "body": "new"})
    assert (await taken(rig, events.Posted)).text == "new"


async def test_only_those_who_may_bring_the_bridge_in(rig: MatrixRig) -> None:
    await rig.close()
    await rig.open(allow_users=[rig.accounts["ravi"].user])
    refused = await rig.people.ask("maya", "create", invite=[rig.bot_mention], encrypted=False)
    told = await rig.people.ask("maya", "answer_of", room=refused, user=rig.bot_mention)
    assert told["membership"] == "leave"
    assert "administrator" in told["reason"]
    taken_ = await rig.people.ask("ravi", "create", invite=[rig.bot_mention], encrypted=False)
    await rig.people.ask("ravi", "meet", room=taken_, users=[rig.bot_mention])


async def test_an_outage_loses_nothing_and_doubles_nothing(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.close()
    async with Cuttable(rig.synapse.url) as line:
        await rig.open(homeserver=line.url)
        await rig.user_posts("before", thread=sent.thread)
        before = await fresh(rig, 1, seen=[f"posted:{sent.thread}#{sent.message}"])
        await line.cut()
        with pytest.raises(Unavailable):
            await rig.adapter.post(sent.thread, message.text("lost?"), key="k")
        await until(lambda: rig.chat.away_for > 0.0)
        await rig.user_posts("meanwhile", thread=sent.thread)
        await line.mend()
        (meanwhile,) = await fresh(rig, 1, seen=[before[0].dedup])
        await until(lambda: rig.chat.away_for == 0.0)
        assert meanwhile.text == "meanwhile"
        await rig.adapter.post(sent.thread, message.text("lost?"), key="k")
        assert (await texts(rig, sent.thread)).count("lost?") == 1
        await rig.close()
        await rig.open()


async def test_silent_connections_cost_one_wait(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.settled()
    rig.note_stored()
    await rig.close()
    async with Cuttable(rig.synapse.url) as line:
        await rig.open(homeserver=line.url, poll=0.5, silence=1.0, request=3.0)

        async def say(number: int) -> None:
            while True:
                with suppress(Unavailable):  # a busy server may take longer than that
                    await rig.adapter.post(sent.thread, message.text(f"one of {number}"), key=str(number))
                    return

        await asyncio.gather(*(say(number) for number in range(5)))
        line.fall_silent()
        tries = 0
        while True:
            tries += 1
            try:
                await rig.adapter.post(sent.thread, message.text("heard"), key="k")
                break
            except Unavailable:
                assert tries < pace.WIDTH, "each of the silent connections was waited for"
        assert (await texts(rig, sent.thread)).count("heard") == 1
        await rig.close()
        await rig.open()


async def test_the_device_that_logged_in_before_needs_no_password(rig: MatrixRig) -> None:
    sent = await opened(rig)
    device = rig.device
    await rig.close()
    await rig.open(password="")
    assert rig.device == device
    await rig.adapter.post(sent.thread, message.text("without a password"), key="k")
    await rig.close()
    with pytest.raises(BadInput, match="needs the bot account's password or an access token"):
        async with rig.build(password="", home=rig.home / "elsewhere"):
            pass
    await rig.synapse.ask("POST", "/_matrix/client/v3/logout", token=rig.token, body={})
    with pytest.raises(Rejected) as caught:
        async with rig.build(password=""):
            pass
    assert "password or a new access token" in caught.value.remedy
    await rig.open()


async def test_a_server_that_is_not_there_is_unavailable(rig: MatrixRig) -> None:
    await rig.close()
    async with Cuttable(rig.synapse.url) as line:
        await line.cut()
        with pytest.raises(Unavailable):
            await rig.open(homeserver=line.url)
    with pytest.raises(Unavailable):
        await rig.adapter.post(rig.thread("$x"), message.text("x"), key="k")
    await rig.open()


async def test_a_revoked_token_is_replaced_by_the_password_and_nothing_is_given_up(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.synapse.ask("POST", "/_matrix/client/v3/logout", token=rig.token, body={})
    # What is said now is not refused for good: it is said under the next token.
    with pytest.raises(Unavailable):
        await rig.adapter.post(sent.thread, message.text("the answer"), key="answer")
    await rig.user_posts("wakes the stream up")
    with pytest.raises(Unavailable) as caught:
        await asyncio.wait_for(rig.listening, PATIENCE)
    assert "M_UNKNOWN_TOKEN" in str(caught.value)
    await rig.adapter.__aexit__(None, None, None)
    await rig.open()
    await rig.user_posts("back")
    assert [each.text for each in await fresh(rig, 2)] == ["wakes the stream up", "back"]
    await rig.adapter.post(sent.thread, message.text("the answer"), key="answer")
    assert [text for text in await texts(rig, sent.thread) if text == "the answer"] == ["the answer"]


async def test_a_revoked_token_without_a_password_ends_the_stream_with_a_word(rig: MatrixRig) -> None:
    await rig.close()
    await rig.open(password="")
    await rig.synapse.ask("POST", "/_matrix/client/v3/logout", token=rig.token, body={})
    await rig.user_posts("wakes the stream up")
    with pytest.raises(Rejected) as caught:
        await asyncio.wait_for(rig.listening, PATIENCE)
    assert "password" in caught.value.remedy


async def test_a_wrong_password_is_told_as_one(rig: MatrixRig) -> None:
    with pytest.raises(Rejected) as caught:
        async with rig.build(password="not this one", home=rig.home / "elsewhere"):
            pass
    assert "does not take the bot's password" in str(caught.value)
    assert "matrix.user_id" in caught.value.remedy
