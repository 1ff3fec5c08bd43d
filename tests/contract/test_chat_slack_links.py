"""Messages that people link to in Slack: quoted for those who may read them, for nobody else. Effects: a far side on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.chat.slack.linked import END, MOST, UNREADABLE
from core import commands, events, message
from core.testing.chat_rig import Sent, opened, taken
from tests.contract.chat_slack_rig import CHANNEL, SlackRig


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with SlackRig() as rig:
        yield rig


async def elsewhere(
    rig: SlackRig,
    words: str,
    *members: str,
    private: bool = False,
    thread: str | None = None,
    bot: bool = True,
) -> str:
    """Have the first of these people write in another channel they are in; return the message's link."""
    channel = rig.slack.channel("elsewhere", private=private, bot=bot)
    for name in members:
        user = rig.slack.user(name).id
        if user not in channel.members:
            channel.members.append(user)
    posted = await rig.slack.user_posts(members[0], channel, words, thread=thread)
    if bot:
        await taken(rig, events.Posted)
    link = f"https://{rig.slack.team().domain}.slack.com/archives/{channel.id}/p{posted.ts.replace('.', '')}"
    return f"{link}?thread_ts={posted.root}&cid={channel.id}" if thread else link


async def read(rig: SlackRig, sent: Sent) -> list[str]:
    """Return the texts of a thread as a loop is given them."""
    past = await rig.adapter.history(sent.thread, upto="9999999999.000000", limit=100)
    return [each.text for each in past.messages]


async def test_a_linked_message_is_quoted_with_its_author_and_time(rig: SlackRig) -> None:
    link = await elsewhere(rig, "the clock is wrong\nagain", "ravi", "maya")
    sent = await opened(rig, f"see {link} please")
    (text,) = await read(rig, sent)
    first, head, *quote, last = text.split("\n")
    assert (first, quote, last) == (f"see {link} please", ["> the clock is wrong", "> again"], END)
    assert head.startswith("> ravi, 20")
    assert head.endswith(f" UTC, {link}")


async def test_a_reply_is_quoted_too(rig: SlackRig) -> None:
    link = await elsewhere(rig, "root", "ravi", "maya")
    root = rig.slack.transcript("elsewhere")[0].ts
    link = await elsewhere(rig, "in the thread", "ravi", thread=root)
    sent = await opened(rig, f"see {link}")
    assert "> in the thread" in (await read(rig, sent))[0]


@pytest.mark.parametrize("private", [True, False])
async def test_who_is_not_in_the_channel_gets_nothing_of_it(rig: SlackRig, *, private: bool) -> None:
    link = await elsewhere(rig, "the salaries", "ravi", private=private)
    channel = rig.slack.channel("elsewhere")
    channel.members[:] = [user for user in channel.members if user != rig.slack.user("maya").id]
    sent = await opened(rig, f"see {link}")
    assert await read(rig, sent) == [f"see {link}\n> {link} {UNREADABLE}"]


async def test_a_private_message_is_for_a_thread_whose_people_may_all_read_it(rig: SlackRig) -> None:
    link = await elsewhere(rig, "the salaries", "maya", private=True)
    sent = await opened(rig, f"see {link}")
    assert "salaries" not in (await read(rig, sent))[0]
    channel = rig.slack.channel("elsewhere")
    inside = await rig.slack.user_posts("maya", channel, "a thread within")
    event = await taken(rig, events.Posted)
    await rig.slack.user_posts("maya", channel, f"and {link}", thread=inside)
    live = await taken(rig, events.Posted)
    assert "> the salaries" in live.text
    assert "> the salaries" in (await read(rig, Sent(thread=event.lane, message=inside.ts)))[1]


async def test_a_channel_shared_with_others_quotes_only_what_all_its_people_can_read(rig: SlackRig) -> None:
    link = await elsewhere(rig, "for us alone", "maya")
    rig.slack.channel("elsewhere").members.remove(rig.slack.user("ravi").id)
    rig.slack.channel(CHANNEL).ext_shared = True
    sent = await opened(rig, f"see {link}")
    assert "for us alone" not in (await read(rig, sent))[0]


async def test_what_is_no_message_of_ours_is_told_apart_from_nothing(rig: SlackRig) -> None:
    there = await elsewhere(rig, "x", "maya")
    missing = there[:-16] + "1700000000000001"
    hidden = await elsewhere(rig, "y", "maya", bot=True)
    foreign = hidden.replace(f"//{rig.slack.team().domain}.", "//another.")
    lookalike = hidden.replace(".slack.com", ".slack.com.evil.example")
    sent = await opened(rig, f"{missing} {foreign} {lookalike}")
    assert await read(rig, sent) == [f"{missing} {foreign} {lookalike}\n> {missing} {UNREADABLE}"]


async def test_a_failing_slack_leaves_the_link(rig: SlackRig) -> None:
    link = await elsewhere(rig, "x", "maya")
    sent = await opened(rig, f"see {link}")
    rig.slack.faults.fail("conversations.members", status=500, times=9)
    assert await read(rig, sent) == [f"see {link}\n> {link} {UNREADABLE}"]


async def test_the_bridges_own_links_and_other_bots_are_left_alone(rig: SlackRig) -> None:
    link = await elsewhere(rig, "secret", "maya", private=True)
    rig.slack.channel("elsewhere").members += [rig.slack.user("ravi").id]
    sent = await opened(rig)
    await rig.adapter.post(sent.thread, message.text(f"what says {link}"), key="own")
    await rig.slack.bot_posts("ci", CHANNEL, f"and {link}", thread=sent.message)
    assert "secret" not in "".join(await read(rig, sent))


async def test_a_link_in_a_command_is_the_persons_who_typed_it(rig: SlackRig) -> None:
    link = await elsewhere(rig, "the clock is wrong", "maya", "ravi")
    hidden = await rig.slack.user_posts("ravi", rig.slack.channel("hidden", private=True), "the salaries")
    secret = link.rpartition("/archives/")[0] + f"/archives/{hidden.channel}/p{hidden.ts.replace('.', '')}"
    await taken(rig, events.Posted)
    await rig.slack.user_slash("maya", CHANNEL, f"/loop fix {link} and {secret}")
    event = await taken(rig, events.Posted)
    assert event.text == f"/loop fix {link} and {secret}"
    (text,) = await read(rig, Sent(thread=event.lane, message=event.message))
    assert "> the clock is wrong" in text
    assert "salaries" not in text


async def test_a_link_into_the_same_thread_is_not_quoted(rig: SlackRig) -> None:
    sent = await opened(rig, "the beginning")
    channel = rig.slack.channel(CHANNEL)
    link = (
        f"https://{rig.slack.team().domain}.slack.com/archives/{channel.id}/p{sent.message.replace('.', '')}"
    )
    await rig.user_posts(f"as I said: {link}", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == f"as I said: {link}"
    assert await read(rig, sent) == ["the beginning", f"as I said: {link}"]


async def test_so_many_and_no_more(rig: SlackRig) -> None:
    links = [await elsewhere(rig, f"message {number}", "maya", "ravi") for number in range(MOST + 2)]
    sent = await opened(rig, "\n".join(links))
    (text,) = await read(rig, sent)
    assert [f"> message {number}\n" in text for number in range(MOST + 2)] == [False] * 2 + [True] * MOST
    assert UNREADABLE not in text


async def test_a_link_in_a_running_thread_comes_with_what_it_leads_to(rig: SlackRig) -> None:
    link = await elsewhere(rig, "use --budget 500", "ravi", "maya")
    sent = await opened(rig)
    await rig.user_posts(f"look at {link}", thread=sent.thread)
    assert "> use --budget 500" in (await taken(rig, events.Posted)).text
    await rig.user_posts(f"@loop fix it like {link}", thread=sent.thread)
    command = commands.parse((await taken(rig, events.Posted)).text)
    assert (command.word, command.options.budget_usd) == ("start", None)
    for words in (f"!loop fix {link}", f"deny 7f3 because {link}", f"@loop fix {link} --budget 5"):
        await rig.user_posts(words, thread=sent.thread)
        assert END not in (await taken(rig, events.Posted)).text


async def test_slow_links_hold_nothing_up(rig: SlackRig) -> None:
    link = await elsewhere(rig, "x", "maya")
    sent = await opened(rig)
    rig.slack.faults.fail("conversations.info", status="hang")
    await rig.user_posts(f"look at {link}", thread=sent.thread)
    assert (await taken(rig, events.Posted)).text == f"look at {link}\n> {link} {UNREADABLE}"
    assert all(delivery.attempt == 0 for delivery in rig.slack.office.delivery.sent)
