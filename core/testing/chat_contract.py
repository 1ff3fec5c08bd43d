"""What any chat adapter must hold. Owns: CHECKS. Imports: core. Effects: those of the rig.

Each check is a plain coroutine over a Rig, and is over at once where the platform's `Caps` say that it cannot. What is about
cards, the thread's past, files and the end is in `chat_cards_contract`, what is about bad days in `chat_network_contract`; CHECKS has
them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from core import events, message
from core.errors import PortError
from core.message import Message
from core.testing import chat_cards_contract, chat_network_contract
from core.testing.chat_rig import Rig, opened, taken, texts

Check = Callable[[Rig], Awaitable[None]]

# ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_a_post_arrives_whole(rig: Rig) -> None:
    words = "two lines\nand `code`, <tags> & *stars*, ünïcödé 🔁"
    sent = await rig.user_posts(words)
    event = await taken(rig, events.Posted)
    assert (event.lane, event.message, event.text) == (sent.thread, sent.message, words)
    assert (event.author.identity, event.author.bot) == (rig.identity("maya"), False)
    assert not event.addressed


async def check_own_words_do_not_come_back(rig: Rig) -> None:
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("from the bridge"), key="own")
    await rig.adapter.edit(sent.thread, posted, message.text("from the bridge, edited"))
    await rig.user_posts("from a person", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == "from a person"


async def check_a_mention_addresses_the_bridge(rig: Rig) -> None:
    await rig.user_posts(f"{rig.bot_mention} fix it, repo app")
    event = await taken(rig, events.Posted)
    assert event.addressed
    assert event.text == "fix it, repo app"


async def check_commands_stay_text(rig: Rig) -> None:
    await rig.user_posts("!loop --repo app fix it")
    assert (await taken(rig, events.Posted)).text == "!loop --repo app fix it"


async def check_events_come_in_order(rig: Rig) -> None:
    sent = await opened(rig)
    for number in range(20):
        await rig.user_posts(f"line {number}", thread=sent.thread, who="ravi" if number % 2 else "maya")
    got = [(await taken(rig, events.Posted)).text for _ in range(20)]
    assert got == [f"line {number}" for number in range(20)]


async def check_a_redelivery_is_the_same_event(rig: Rig) -> None:
    await rig.user_posts("said once")
    first = await taken(rig, events.Posted)
    await rig.redeliver()
    assert (await taken(rig, events.Posted)).dedup == first.dedup


async def check_what_was_acked_stays_away(rig: Rig) -> None:
    sent = await opened(rig)
    await rig.reconnect()
    await rig.user_posts("after the restart", thread=sent.thread)
    event = await taken(rig, events.Posted)
    if event.message == sent.message:
        # The adapter left before it had noted the ack: told again, it is the same event. Once.
        event = await taken(rig, events.Posted)
    assert event.text == "after the restart"


async def check_what_could_not_be_stored_comes_again(rig: Rig) -> None:
    await rig.fail_next()
    await rig.user_posts("first")
    await rig.user_posts("second")
    assert [(await taken(rig, events.Posted)).text for _ in range(2)] == ["first", "second"]


async def check_edits_and_deletions_arrive(rig: Rig) -> None:
    sent = await opened(rig)
    await rig.user_edits(sent, "the login test fails on CI only")
    edited = await taken(rig, events.Edited)
    assert (edited.lane, edited.message) == (sent.thread, sent.message)
    assert (edited.text, edited.author.identity) == ("the login test fails on CI only", rig.identity("maya"))
    reply = await rig.user_posts("never mind", thread=sent.thread)
    await taken(rig, events.Posted)
    await rig.user_deletes(reply)
    deleted = await taken(rig, events.Deleted)
    assert (deleted.lane, deleted.message) == (sent.thread, reply.message)
    assert "never mind" not in await texts(rig, sent.thread)


async def check_two_edits_are_two_events(rig: Rig) -> None:
    sent = await opened(rig)
    await rig.user_edits(sent, "once")
    await rig.user_edits(sent, "twice")
    first, second = await taken(rig, events.Edited), await taken(rig, events.Edited)
    assert (first.text, second.text) == ("once", "twice")
    assert first.dedup != second.dedup


async def check_other_bots_are_context(rig: Rig) -> None:
    sent = await rig.user_posts("build 8123 failed", who="ci")
    event = await taken(rig, events.Posted)
    assert (event.author.bot, event.text) == (True, "build 8123 failed")
    known = await rig.adapter.history(sent.thread, upto=sent.message, limit=10)
    assert [(each.author.bot, each.text) for each in known.messages] == [(True, "build 8123 failed")]


async def check_garbage_ends_nothing(rig: Rig) -> None:
    sent = await opened(rig)
    await rig.send_garbage()
    await rig.user_posts("still here", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == "still here"


# ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_replies_stay_in_their_thread(rig: Rig) -> None:
    one, other = await opened(rig, "one thing"), await opened(rig, "another thing")
    assert one.thread != other.thread
    await rig.adapter.post(one.thread, message.text("about one thing"), key="a")
    await rig.user_posts("more of it", thread=one.thread)
    assert (await taken(rig, events.Posted)).lane == one.thread
    assert await texts(rig, other.thread) == ["another thing"]
    assert await texts(rig, one.thread) == ["one thing", "about one thing", "more of it"]


async def check_a_key_posts_once(rig: Rig) -> None:
    sent = await opened(rig)
    first = await rig.adapter.post(sent.thread, message.text("the answer"), key="k1")
    assert await rig.adapter.post(sent.thread, message.text("the answer"), key="k1") == first
    await rig.reconnect()
    assert await rig.adapter.post(sent.thread, message.text("the answer"), key="k1") == first
    assert await rig.adapter.post(sent.thread, message.text("the answer"), key="k2") != first
    assert (await texts(rig, sent.thread)).count("the answer") == 2


async def check_a_death_before_the_receipt_posts_once(rig: Rig) -> None:
    sent = await opened(rig)
    await rig.post_and_die(sent.thread, message.text("the answer"), key="k")
    assert (await texts(rig, sent.thread)).count("the answer") == 1
    posted = await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    assert [seen.id for seen in await rig.transcript(sent.thread) if seen.text == "the answer"] == [posted]


async def check_an_edit_is_in_place(rig: Rig) -> None:
    if not rig.adapter.caps.edit:
        return
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("working"), key="card")
    await rig.user_posts("and?", thread=sent.thread)
    await rig.adapter.edit(sent.thread, posted, message.text("done"))
    assert await texts(rig, sent.thread) == ["the login test fails again", "done", "and?"]
    assert (await rig.transcript(sent.thread))[1].id == posted


async def check_what_is_not_ours_is_refused(rig: Rig) -> None:
    sent = await opened(rig)
    try:
        await rig.adapter.edit(sent.thread, sent.message, message.text("forged"))
    except PortError:
        assert await texts(rig, sent.thread) == ["the login test fails again"]
    else:
        raise AssertionError("a person's message was edited")


async def check_long_text_is_whole(rig: Rig) -> None:
    sent = await opened(rig)
    prose = [f"line {number} of the answer" for number in range(700)]
    table = [f"| cell {number} | value |" for number in range(150)]
    code = [f"step_{number}()" for number in range(700)]
    long = Message(
        title="The long answer",
        blocks=(
            message.Text(text="\n".join(prose)),
            message.Text(text="\n".join(table)),
            message.Code(text="\n".join(code), language="python"),
        ),
    )
    await rig.adapter.post(sent.thread, long, key="long")
    shown = "\n".join(seen.text for seen in await rig.transcript(sent.thread) if seen.bot)
    lines = [line.strip() for line in shown.split("\n")]
    wanted = {"The long answer", *prose, *table, *code}
    assert [line for line in lines if line in wanted] == ["The long answer", *prose, *table, *code]


async def check_agent_text_calls_nobody(rig: Rig) -> None:
    sent = await opened(rig)
    names = "@here @channel @everyone @room <!channel> <!here> @maya @ravi"
    loud = message.text(f"{names} {rig.identity('maya').rpartition('/')[2]}")
    posted = await rig.adapter.post(sent.thread, loud, key="loud")
    assert list(await rig.pinged(sent.thread, posted)) == []
    called = Message(title="may I?", notify=(rig.identity("maya"),))
    posted = await rig.adapter.post(sent.thread, called, key="called")
    assert list(await rig.pinged(sent.thread, posted)) == ["maya"]


async def check_a_whisper_is_for_one(rig: Rig) -> None:
    sent = await opened(rig)
    await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text("only you"), key="w")
    await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text("only you"), key="w")
    to_ravi = [seen.text for seen in await rig.transcript(sent.thread, who="ravi")]
    assert sum("only you" in text for text in to_ravi) == 1
    if rig.adapter.caps.ephemeral:
        assert not [text for text in await texts(rig, sent.thread) if "only you" in text]


async def check_a_reaction_counts_once(rig: Rig) -> None:
    if not rig.adapter.caps.reactions:
        return
    sent = await opened(rig)
    await rig.adapter.react(sent.thread, sent.message, "👀")
    await rig.adapter.react(sent.thread, sent.message, "👀")
    assert (await rig.transcript(sent.thread))[0].reactions == ("👀",)


CHECKS: tuple[Check, ...] = (
    *(check for name, check in sorted(globals().items()) if name.startswith("check_")),
    *chat_cards_contract.CHECKS,
    *chat_network_contract.CHECKS,
)
