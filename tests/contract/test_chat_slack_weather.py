"""Slack on bad days: lost lines, doubled and shuffled deliveries, limits, restarts. Effects: a far side on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.chat.slack import names
from core import events, message
from core.errors import RateLimited, Rejected, Unavailable
from core.events import Event
from core.message import Item, Message
from core.testing.chat_rig import opened, taken, texts
from tests.contract.chat_slack_rig import SlackRig, until
from tests.far_sides.slack import Times
from tests.patience import PATIENCE


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with SlackRig(ping_every=0.2, times=Times(ack=1.0, retry_unit=0.2)) as rig:
        yield rig


async def test_nothing_is_acked_before_it_is_stored(rig: SlackRig) -> None:
    stored = asyncio.Event()
    keep = rig.emit

    async def slow(event: Event) -> None:
        await stored.wait()
        await keep(event)

    await rig.close()
    rig.emit = slow  # type: ignore[method-assign]
    await rig.open()
    await rig.user_posts("hold on")
    await until(lambda: rig.slack.unacked)
    assert rig.slack.office.delivery.sent[0].attempt == 0
    stored.set()
    await rig.slack.settled()
    assert not rig.slack.lost
    assert len({(await taken(rig, events.Posted)).dedup for _ in range(2)}) == 1


async def test_a_silent_line_is_noticed_and_replaced(rig: SlackRig) -> None:
    sent = await opened(rig)
    await rig.slack.settled()  # what was not acked before the line fell silent is told again
    rig.slack.half_open()
    await rig.user_posts("is anybody there?", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == "is anybody there?"
    await until(lambda: rig.slack.connected == 1)


async def test_a_lost_line_is_told_of_until_there_is_another(rig: SlackRig) -> None:
    assert rig.adapter.away_for == 0.0
    rig.slack.faults.fail("apps.connections.open", times=3)
    rig.slack.drop_connections()
    await until(lambda: rig.adapter.away_for > 0.5)
    assert not rig.adapter.listening.is_set()
    await until(lambda: rig.adapter.away_for == 0.0)
    await rig.user_posts("back")
    assert (await taken(rig, events.Posted)).text == "back"


async def test_tokens_of_two_apps_are_found_out(rig: SlackRig) -> None:
    found = {finding.name: finding for finding in await rig.adapter.probe()}
    assert found["slack: app-level token"].ok
    assert "app_mention" in found["slack: events"].detail
    (team,) = rig.slack.world.teams.values()
    team.bot.app_id = "A0OTHERAPP"
    found = {finding.name: finding for finding in await rig.adapter.probe()}
    assert not found["slack: app-level token"].ok
    assert "A0OTHERAPP" in found["slack: app-level token"].detail
    assert "one app" in found["slack: app-level token"].remedy


async def test_lines_that_are_cut_lose_nothing(rig: SlackRig) -> None:
    sent = await opened(rig)
    for number in range(40):
        await rig.user_posts(f"line {number}", thread=sent.thread)
        if number % 10 == 5:
            rig.slack.drop_connections()
        if number % 10 == 9:
            await rig.slack.refresh()
        await asyncio.sleep(0.01)
    heard: dict[str, None] = {}
    async with asyncio.timeout(PATIENCE):
        while len(heard) < 40:
            heard[(await taken(rig, events.Posted)).text] = None
    await rig.slack.settled()
    await until(lambda: rig.slack.connected == 1)


async def test_doubled_and_shuffled_deliveries_are_the_same_events(rig: SlackRig) -> None:
    sent = await opened(rig)
    rig.slack.faults.duplicate(5)
    rig.slack.faults.reorder(4)
    for number in range(8):
        await rig.user_posts(f"line {number}", thread=sent.thread)
    await rig.slack.settled()
    keys = set()
    while not rig.events.empty():
        event = await taken(rig, events.Posted)
        if event.message != sent.message:  # told again where its ack was late
            keys.add(event.dedup)
    assert len(keys) == 8


async def test_what_was_missed_is_read_once_and_in_order(rig: SlackRig) -> None:
    sent = await opened(rig, "an old thread")
    await rig.user_posts("heard", thread=sent.thread)
    await taken(rig, events.Posted)
    await rig.slack.settled()
    await rig.close()
    for number in range(5):
        await rig.user_posts(f"missed {number}", thread=sent.thread)
    fresh = await rig.user_posts("@loop a new thread")
    await rig.user_posts("with a reply", thread=fresh.thread)
    await rig.slack.settled()
    assert len(rig.slack.lost) >= 7
    await rig.open()
    found = [await taken(rig, events.Posted) for _ in range(7)]
    assert [each.text for each in found if each.lane == sent.thread] == [
        f"missed {number}" for number in range(5)
    ]
    assert [(each.text, each.addressed) for each in found if each.lane == fresh.thread] == [
        ("a new thread", True),
        ("with a reply", False),
    ]
    await rig.reconnect()
    await rig.user_posts("back again", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == "back again"


async def test_a_mark_waits_for_what_could_not_be_stored(rig: SlackRig) -> None:
    sent = await opened(rig)
    await rig.slack.settled()
    rig.fails = 100
    await rig.user_posts("not stored", thread=sent.thread)
    await asyncio.sleep(0.2)
    await rig.close()
    await rig.slack.settled()
    rig.fails = 0
    await rig.open()
    assert (await taken(rig, events.Posted)).text == "not stored"


async def test_a_short_pause_is_waited_out(rig: SlackRig) -> None:
    sent = await opened(rig)
    rig.slack.faults.rate_limit("chat.postMessage", retry_after=1, times=1)
    for number in range(3):
        await rig.adapter.post(sent.thread, message.text(f"answer {number}"), key=f"k{number}")
    assert (await texts(rig, sent.thread))[1:] == ["answer 0", "answer 1", "answer 2"]


async def test_a_long_pause_is_told(rig: SlackRig) -> None:
    sent = await opened(rig)
    rig.slack.faults.rate_limit("chat.postMessage", retry_after=30, times=1)
    with pytest.raises(RateLimited) as told:
        await rig.adapter.post(sent.thread, message.text("answer"), key="k")
    assert told.value.retry_after == 30


@pytest.mark.parametrize("how", ["reset", "reset_after_commit", 500, 502, 503])
async def test_a_post_of_unknown_outcome_is_looked_up(rig: SlackRig, how: str | int) -> None:
    sent = await opened(rig)
    rig.slack.faults.fail("chat.postMessage", status=how)  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    posted = await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    said = rig.slack.transcript("general", sent.message)
    assert [line.ts for line in said if line.text == "the answer"] == [posted]


async def test_a_long_message_that_broke_off_is_completed(rig: SlackRig) -> None:
    sent = await opened(rig)
    lines = [f"line {number} of it" for number in range(1_500)]
    long = Message(
        blocks=(message.Text(text="\n".join(lines)), message.Attachment(name="all.txt", content="x"))
    )
    await rig.adapter.post(sent.thread, message.text("first"), key="other")
    rig.slack.faults.fail("files.completeUploadExternal", status="reset_after_commit")
    with pytest.raises(Unavailable):
        await rig.adapter.post(sent.thread, long, key="k")
    await rig.adapter.post(sent.thread, long, key="k")
    shown = "\n".join(await texts(rig, sent.thread)).split("\n")
    assert [line for line in shown if line in set(lines)] == lines
    assert shown.count("(all.txt)") == 1


async def test_a_message_grows_and_shrinks_under_edits(rig: SlackRig) -> None:
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("short"), key="card")
    long = "\n".join(f"line {number}" for number in range(2_000))
    await rig.adapter.edit(sent.thread, posted, message.text(long))
    assert "\n".join((await texts(rig, sent.thread))[1:]) == long
    await rig.reconnect()
    await rig.adapter.edit(sent.thread, posted, message.text("short again"))
    assert (await texts(rig, sent.thread))[1:] == ["short again"]
    before = len(rig.slack.called("chat.update"))
    await rig.adapter.edit(sent.thread, posted, message.text("short again"))
    assert len(rig.slack.called("chat.update")) == before


async def test_a_card_that_is_gone_is_refused(rig: SlackRig) -> None:
    sent = await opened(rig)
    posted = await rig.adapter.post(sent.thread, message.text("card"), key="card")
    home = rig.adapter._workspaces[names.place(sent.thread).team]
    await home.api.call("chat.delete", channel=names.place(sent.thread).channel, ts=posted)
    with pytest.raises(Rejected):
        await rig.adapter.edit(sent.thread, posted, message.text("changed"))


async def test_fifty_loops_provoke_no_limit(rig: SlackRig) -> None:
    await asyncio.sleep(1.5)  # threads that begin after the bridge did need no look at their past
    threads = []
    for number in range(50):
        channel = rig.slack.channel(f"c{number % 10}").id
        sent = await rig.slack.user_posts("maya", channel, f"thread {number}")
        threads.append(names.thread_of(rig.slack.team().id, channel, sent.ts))
    working = Message(title="working", blocks=(message.Checklist(items=(Item(text="ran", mark="running"),)),))
    cards = await asyncio.gather(
        *(rig.adapter.post(thread, working, key=f"card {thread}") for thread in threads)
    )

    async def report(thread: object, card: str) -> float:
        done = Message(title="working", blocks=(message.Checklist(items=(Item(text="ran 2", mark="done"),)),))
        try:
            await rig.adapter.edit(thread, card, done)  # type: ignore[arg-type]
        except RateLimited as exc:
            return exc.retry_after
        return 0.0

    waits = await asyncio.gather(*(report(thread, card) for thread, card in zip(threads, cards, strict=True)))
    assert rig.slack.office.refused == {}
    assert len({round(wait) for wait in waits if wait}) > 20  # everybody has a turn of their own
    async with asyncio.timeout(30):
        await rig.adapter.post(threads[-1], message.text("the answer"), key="final")
        decided = message.text("allowed once by Maya")
        ask = await rig.adapter.post(threads[0], message.text("may I?"), key="ask")
        await rig.adapter.edit(threads[0], ask, decided)
    assert rig.slack.refusals == 0


async def test_a_revoked_app_is_said(rig: SlackRig) -> None:
    rig.slack.revoke_app_token()
    assert rig._listening is not None
    with pytest.raises(Rejected, match="revoked"):
        await asyncio.wait_for(asyncio.shield(rig._listening), PATIENCE)
    rig._listening = None


def reads(rig: SlackRig) -> int:
    """Return how often threads were read for what the bridge had posted there."""
    return sum(
        str(call.args.get("include_all_metadata")).lower() in ("1", "true")
        for call in rig.slack.called("conversations.replies")
    )


async def test_a_restart_in_good_order_reads_no_thread_again(rig: SlackRig) -> None:
    threads = [await opened(rig, f"thread {number}") for number in range(3)]
    await rig.reconnect()
    cards = [
        await rig.adapter.post(sent.thread, message.text("working"), key=f"card {sent.message}")
        for sent in threads
    ]
    before = reads(rig)
    await rig.reconnect()
    for sent, card in zip(threads, cards, strict=True):
        again = await rig.adapter.post(sent.thread, message.text("working"), key=f"card {sent.message}")
        assert again == card
        await rig.adapter.post(sent.thread, message.text("more"), key=f"more {sent.message}")
        await rig.adapter.edit(sent.thread, card, message.text("done"))
    assert reads(rig) == before
    assert await texts(rig, threads[2].thread) == ["thread 2", "done", "more"]


async def test_what_a_killed_bridge_had_posted_is_read_at_slack(rig: SlackRig) -> None:
    sent = await opened(rig)
    await rig.reconnect()
    await rig.adapter.post(sent.thread, message.text("known"), key="known")
    await rig.post_and_die(sent.thread, message.text("the answer"), key="k")
    before = reads(rig)
    await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    assert reads(rig) == before + 1
    assert (await texts(rig, sent.thread)).count("the answer") == 1


async def test_a_post_that_was_called_off_is_looked_for_after_the_restart(rig: SlackRig) -> None:
    sent = await opened(rig)
    await rig.reconnect()
    await rig.adapter.post(sent.thread, message.text("known"), key="known")
    rig.slack.faults.fail("chat.postMessage", status="hang")
    posts = len(rig.slack.called("chat.postMessage"))
    posting = asyncio.create_task(rig.adapter.post(sent.thread, message.text("the answer"), key="k"))
    await until(lambda: len(rig.slack.called("chat.postMessage")) > posts)
    posting.cancel()
    before = reads(rig)
    await rig.reconnect()
    await rig.adapter.post(sent.thread, message.text("the answer"), key="k")
    assert reads(rig) == before + 1
    assert (await texts(rig, sent.thread)).count("the answer") == 1


async def test_what_is_to_be_said_outlasts_a_revoked_token() -> None:
    async with SlackRig() as rig:
        sent = await opened(rig)
        card = await rig.adapter.post(sent.thread, message.text("working"), key="card")
        team = rig.slack.team()
        rig.slack.revoke_tokens(team=team)
        with pytest.raises(Unavailable, match="revoked"):
            await rig.adapter.post(sent.thread, message.text("done"), key="answer")
        with pytest.raises(Unavailable, match="revoked"):
            await rig.adapter.edit(sent.thread, card, message.text("finished"))
        team.revoked = False
        await rig.adapter.post(sent.thread, message.text("done"), key="answer")
        await rig.adapter.edit(sent.thread, card, message.text("finished"))
        said = [line.text for line in rig.slack.transcript("general", sent.message)]
        assert said[-2:] == ["finished", "done"]


@pytest.mark.parametrize("http", [False, True])
async def test_a_workspace_that_takes_its_token_back_ends_the_listening(http: bool) -> None:
    async with SlackRig(http=http) as rig:
        await opened(rig)
        rig.slack.revoke_tokens(bot=False, told=True)
        await rig.slack.settled()
        assert rig.adapter.listening.is_set(), "it was a person's own token"
        rig.slack.revoke_tokens(told=True)
        with pytest.raises(Unavailable, match="took its token back"):
            await rig.ended()
        await rig.slack.settled()
        assert not rig.adapter.listening.is_set()
