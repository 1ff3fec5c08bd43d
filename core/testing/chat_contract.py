"""What any chat adapter must hold. Owns: CHECKS. Imports: core. Effects: those of the rig.

Each check is a plain coroutine over a Rig, and is over at once where the platform's `Caps` say that it cannot.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from core import events, message
from core.errors import PortError, Rejected
from core.ids import ThreadKey, Token
from core.message import Message
from core.testing.chat_rig import Rig, Sent

Check = Callable[[Rig], Awaitable[None]]
E = TypeVar("E", bound=events.Event)

GRANT = Message(
    title="may I run this?",
    blocks=(
        message.Code(text="make test"),
        message.Buttons(
            buttons=(
                message.Button(label="Allow once", token=Token("f" * 32), style="primary"),
                message.Button(label="Deny…", token=Token("e" * 32), wants_text="Why not?"),
            )
        ),
    ),
)


async def _next(rig: Rig, kind: type[E]) -> E:
    event = await rig.next_event()
    assert isinstance(event, kind), event
    return event


async def _opened(rig: Rig, words: str = "the login test fails again") -> Sent:
    """Open a thread and take its event."""
    sent = await rig.user_posts(words)
    assert (await _next(rig, events.Posted)).lane == sent.thread
    return sent


async def _texts(rig: Rig, thread: ThreadKey) -> list[str]:
    return [seen.text for seen in await rig.transcript(thread)]


# ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_a_post_arrives_whole(rig: Rig) -> None:
    words = "two lines\nand `code`, <tags> & *stars*, ünïcödé 🔁"
    sent = await rig.user_posts(words)
    event = await _next(rig, events.Posted)
    assert (event.lane, event.message, event.text) == (sent.thread, sent.message, words)
    assert (event.author.identity, event.author.bot) == (rig.identity("maya"), False)
    assert not event.addressed


async def check_own_words_do_not_come_back(rig: Rig) -> None:
    sent = await _opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("from the bridge"), key="own")
    await rig.adapter.edit(sent.thread, posted, message.text("from the bridge, edited"))
    await rig.user_posts("from a person", thread=sent.thread)
    assert (await _next(rig, events.Posted)).text == "from a person"


async def check_a_mention_addresses_the_bridge(rig: Rig) -> None:
    await rig.user_posts(f"{rig.bot_mention} fix it, repo app")
    event = await _next(rig, events.Posted)
    assert event.addressed
    assert event.text == "fix it, repo app"


async def check_commands_stay_text(rig: Rig) -> None:
    await rig.user_posts("!loop --repo app fix it")
    assert (await _next(rig, events.Posted)).text == "!loop --repo app fix it"


async def check_events_come_in_order(rig: Rig) -> None:
    sent = await _opened(rig)
    for number in range(20):
        await rig.user_posts(f"line {number}", thread=sent.thread, who="ravi" if number % 2 else "maya")
    got = [(await _next(rig, events.Posted)).text for _ in range(20)]
    assert got == [f"line {number}" for number in range(20)]


async def check_a_redelivery_is_the_same_event(rig: Rig) -> None:
    await rig.user_posts("said once")
    first = await _next(rig, events.Posted)
    await rig.redeliver()
    assert (await _next(rig, events.Posted)).dedup == first.dedup


async def check_what_was_acked_stays_away(rig: Rig) -> None:
    sent = await _opened(rig)
    await rig.reconnect()
    await rig.user_posts("after the restart", thread=sent.thread)
    assert (await _next(rig, events.Posted)).text == "after the restart"


async def check_what_could_not_be_stored_comes_again(rig: Rig) -> None:
    await rig.fail_next()
    await rig.user_posts("first")
    await rig.user_posts("second")
    assert [(await _next(rig, events.Posted)).text for _ in range(2)] == ["first", "second"]


async def check_edits_and_deletions_arrive(rig: Rig) -> None:
    sent = await _opened(rig)
    await rig.user_edits(sent, "the login test fails on CI only")
    edited = await _next(rig, events.Edited)
    assert (edited.lane, edited.message) == (sent.thread, sent.message)
    assert (edited.text, edited.author.identity) == ("the login test fails on CI only", rig.identity("maya"))
    reply = await rig.user_posts("never mind", thread=sent.thread)
    await _next(rig, events.Posted)
    await rig.user_deletes(reply)
    deleted = await _next(rig, events.Deleted)
    assert (deleted.lane, deleted.message) == (sent.thread, reply.message)
    assert "never mind" not in await _texts(rig, sent.thread)


async def check_two_edits_are_two_events(rig: Rig) -> None:
    sent = await _opened(rig)
    await rig.user_edits(sent, "once")
    await rig.user_edits(sent, "twice")
    first, second = await _next(rig, events.Edited), await _next(rig, events.Edited)
    assert (first.text, second.text) == ("once", "twice")
    assert first.dedup != second.dedup


async def check_other_bots_are_context(rig: Rig) -> None:
    sent = await rig.user_posts("build 8123 failed", who="ci")
    event = await _next(rig, events.Posted)
    assert (event.author.bot, event.text) == (True, "build 8123 failed")
    known = await rig.adapter.history(sent.thread, upto=sent.message, limit=10)
    assert [(each.author.bot, each.text) for each in known.messages] == [(True, "build 8123 failed")]


async def check_garbage_ends_nothing(rig: Rig) -> None:
    sent = await _opened(rig)
    await rig.send_garbage()
    await rig.user_posts("still here", thread=sent.thread)
    assert (await _next(rig, events.Posted)).text == "still here"


# ── what goes out ────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_replies_stay_in_their_thread(rig: Rig) -> None:
    one, other = await _opened(rig, "one thing"), await _opened(rig, "another thing")
    assert one.thread != other.thread
    await rig.adapter.post(one.thread, message.text("about one thing"), key="a")
    await rig.user_posts("more of it", thread=one.thread)
    assert (await _next(rig, events.Posted)).lane == one.thread
    assert await _texts(rig, other.thread) == ["another thing"]
    assert await _texts(rig, one.thread) == ["one thing", "about one thing", "more of it"]


async def check_a_key_posts_once(rig: Rig) -> None:
    sent = await _opened(rig)
    first = await rig.adapter.post(sent.thread, message.text("the answer"), key="k1")
    assert await rig.adapter.post(sent.thread, message.text("the answer"), key="k1") == first
    await rig.reconnect()
    assert await rig.adapter.post(sent.thread, message.text("the answer"), key="k1") == first
    assert await rig.adapter.post(sent.thread, message.text("the answer"), key="k2") != first
    assert (await _texts(rig, sent.thread)).count("the answer") == 2


async def check_a_death_before_the_receipt_posts_once(rig: Rig) -> None:
    sent = await _opened(rig)
    await rig.post_and_die(sent.thread, message.text("the answer"), key="k")
    assert (await _texts(rig, sent.thread)).count("the answer") == 1
    posted = await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    assert [seen.id for seen in await rig.transcript(sent.thread) if seen.text == "the answer"] == [posted]


async def check_an_edit_is_in_place(rig: Rig) -> None:
    if not rig.adapter.caps.edit:
        return
    sent = await _opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("working"), key="card")
    await rig.user_posts("and?", thread=sent.thread)
    await rig.adapter.edit(sent.thread, posted, message.text("done"))
    assert await _texts(rig, sent.thread) == ["the login test fails again", "done", "and?"]
    assert (await rig.transcript(sent.thread))[1].id == posted


async def check_what_is_not_ours_is_refused(rig: Rig) -> None:
    sent = await _opened(rig)
    try:
        await rig.adapter.edit(sent.thread, sent.message, message.text("forged"))
    except PortError:
        assert await _texts(rig, sent.thread) == ["the login test fails again"]
    else:
        raise AssertionError("a person's message was edited")


async def check_long_text_is_whole(rig: Rig) -> None:
    sent = await _opened(rig)
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
    sent = await _opened(rig)
    names = "@here @channel @everyone @room <!channel> <!here> @maya @ravi"
    loud = message.text(f"{names} {rig.identity('maya').rpartition('/')[2]}")
    posted = await rig.adapter.post(sent.thread, loud, key="loud")
    assert list(await rig.pinged(sent.thread, posted)) == []
    called = Message(title="may I?", notify=(rig.identity("maya"),))
    posted = await rig.adapter.post(sent.thread, called, key="called")
    assert list(await rig.pinged(sent.thread, posted)) == ["maya"]


async def check_a_whisper_is_for_one(rig: Rig) -> None:
    sent = await _opened(rig)
    await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text("only you"), key="w")
    await rig.adapter.whisper(sent.thread, rig.identity("ravi"), message.text("only you"), key="w")
    to_ravi = [seen.text for seen in await rig.transcript(sent.thread, who="ravi")]
    assert to_ravi.count("only you") == 1
    if rig.adapter.caps.ephemeral:
        assert "only you" not in await _texts(rig, sent.thread)


async def check_a_reaction_counts_once(rig: Rig) -> None:
    if not rig.adapter.caps.reactions:
        return
    sent = await _opened(rig)
    await rig.adapter.react(sent.thread, sent.message, "👀")
    await rig.adapter.react(sent.thread, sent.message, "👀")
    assert (await rig.transcript(sent.thread))[0].reactions == ("👀",)


# ── buttons ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def check_a_press_says_what_and_who(rig: Rig) -> None:
    sent = await _opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.user_presses(sent.thread, card, "Allow once", who="ravi")
    pressed = await _next(rig, events.Pressed)
    assert (pressed.lane, pressed.card, pressed.token) == (sent.thread, card, "f" * 32)
    assert pressed.author.identity == rig.identity("ravi")


async def check_a_form_brings_its_text(rig: Rig) -> None:
    if not rig.adapter.caps.forms:
        return
    sent = await _opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.user_presses(sent.thread, card, "Deny…", text="not on a Friday")
    pressed = await _next(rig, events.Pressed)
    assert (pressed.token, pressed.text) == ("e" * 32, "not on a Friday")


async def check_two_presses_are_two_events(rig: Rig) -> None:
    sent = await _opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.user_presses(sent.thread, card, "Allow once")
    await rig.user_presses(sent.thread, card, "Allow once", who="ravi")
    first, second = await _next(rig, events.Pressed), await _next(rig, events.Pressed)
    assert first.dedup != second.dedup


async def check_a_late_press_still_arrives(rig: Rig) -> None:
    """The bridge has to hear it, or nobody can be told that it came too late."""
    sent = await _opened(rig)
    card = await rig.adapter.post(sent.thread, GRANT, key="ask")
    await rig.transcript(sent.thread)  # maya has the card before her, with its buttons
    await rig.adapter.edit(sent.thread, card, message.text("allowed once by Ravi"))
    await rig.reconnect()
    await rig.user_presses(sent.thread, card, "Allow once")
    assert (await _next(rig, events.Pressed)).token == "f" * 32


# ── the thread's past, files, the end ────────────────────────────────────────────────────────────────────────────────


async def check_history_is_whole_and_in_order(rig: Rig) -> None:
    if not rig.adapter.caps.history:
        return
    sent = await _opened(rig, "root")
    for number in range(30):
        last = await rig.user_posts(f"reply {number}", thread=sent.thread, who="ravi")
        await _next(rig, events.Posted)
    await rig.user_posts("after the loop began", thread=sent.thread)
    known = await rig.adapter.history(sent.thread, upto=last.message, limit=100)
    assert [each.text for each in known.messages] == ["root", *(f"reply {number}" for number in range(30))]
    assert known.left_out == 0
    assert known.messages[3].author.identity == rig.identity("ravi")
    assert all(each.lane == sent.thread for each in known.messages)
    some = await rig.adapter.history(sent.thread, upto=last.message, limit=5)
    assert [each.text for each in some.messages] == ["root", *(f"reply {number}" for number in range(25, 30))]
    assert some.left_out == 25


async def check_history_knows_edits_and_deletions(rig: Rig) -> None:
    if not rig.adapter.caps.history:
        return
    sent = await _opened(rig, "root")
    reply = await rig.user_posts("a secret", thread=sent.thread)
    last = await rig.user_posts("old words", thread=sent.thread)
    await rig.user_deletes(reply)
    await rig.user_edits(last, "new words")
    known = await rig.adapter.history(sent.thread, upto=last.message, limit=10)
    assert [each.text for each in known.messages] == ["root", "new words"]


async def check_files_come_in(rig: Rig) -> None:
    if not rig.adapter.caps.files:
        return
    content = bytes(range(256)) * 10
    await rig.user_posts("see the log", files={"build.log": content})
    (file,) = (await _next(rig, events.Posted)).files
    assert (file.name, file.size) == ("build.log", len(content))
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "in"
        await rig.adapter.fetch(file, into, max_bytes=len(content))
        assert await asyncio.to_thread(into.read_bytes) == content
        small = Path(folder) / "small"
        try:
            await rig.adapter.fetch(file, small, max_bytes=len(content) - 1)
        except Rejected:
            assert not small.exists()
        else:
            raise AssertionError("a file larger than wanted was fetched")


async def check_files_go_out(rig: Rig) -> None:
    sent = await _opened(rig)
    note = message.Attachment(name="changes.diff", content="+one\n-two\n")
    await rig.adapter.post(sent.thread, Message(title="The diff", blocks=(note,)), key="file")
    assert any("changes.diff" in text for text in await _texts(rig, sent.thread))


async def check_closing_leaves_nothing(rig: Rig) -> None:
    await rig.reconnect()
    before = await _tasks()
    for _ in range(3):
        await rig.reconnect()
    assert await _tasks() == before
    await rig.adapter.__aexit__(None, None, None)
    await rig.adapter.__aexit__(None, None, None)


async def _tasks() -> int:
    """Return how many tasks there are once their number stands still."""
    counts: list[int] = []
    while len(counts) < 10 or len(set(counts[-10:])) > 1:
        await asyncio.sleep(0.01)
        counts.append(sum(not task.done() for task in asyncio.all_tasks()))
    return counts[-1]


async def check_the_probe_is_content(rig: Rig) -> None:
    findings = await rig.adapter.probe()
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


CHECKS: tuple[Check, ...] = tuple(
    check for name, check in sorted(globals().items()) if name.startswith("check_")
)
