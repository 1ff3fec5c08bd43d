"""Slack's agent sessions: what a thread's loop is at, and its stop button. Effects: a far side on loopback."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core import commands, events
from core.ids import ThreadKey
from core.message import Checklist, Item, Message, State
from core.testing.chat_rig import Sent, opened, taken
from tests.contract.chat_slack_rig import SlackRig, until

METHOD = "agents.sessions.setStatus"


@asynccontextmanager
async def agent(*, stops: bool = True) -> AsyncIterator[SlackRig]:
    async with SlackRig() as rig:
        rig.slack.declare_agent(stops=stops)
        await rig.reconnect()
        yield rig


def card(state: State, step: str = "Read 4 files") -> Message:
    return Message(
        title="● Fix the login test · #a1b2c3 · driver Maya",
        blocks=(Checklist(items=(Item(text=step),)),),
        state=state,
    )


def shown(rig: SlackRig, sent: Sent) -> str:
    return str(rig.slack.office.sessions.get(sent.message, {}).get("status"))


async def test_a_thread_shows_what_its_loop_is_at() -> None:
    async with agent() as rig:
        sent = await opened(rig)
        posted = await rig.adapter.post(sent.thread, card("working"), key="card")
        await until(lambda: shown(rig, sent) == "processing")
        title = rig.slack.office.sessions[sent.message]["title"]
        assert title == "Fix the login test · #a1b2c3 · driver Maya"
        for state, status in (
            ("waiting", "suspended"),
            ("working", "processing"),
            ("failed", "active"),
            ("over", "closed"),
        ):
            await rig.adapter.edit(sent.thread, posted, card(state, step=state))  # type: ignore[arg-type]
            await until(lambda status=status: shown(rig, sent) == status)  # type: ignore[misc]


async def test_it_is_told_when_it_changes_and_no_more() -> None:
    async with agent() as rig:
        sent = await opened(rig)
        posted = await rig.adapter.post(sent.thread, card("working"), key="card")
        for step in ("a", "b", "c"):
            await rig.adapter.edit(sent.thread, posted, card("working", step))
        await rig.adapter.post(sent.thread, Message(title="a word"), key="word")
        await rig.adapter.edit(sent.thread, posted, card("idle"))
        await until(lambda: shown(rig, sent) == "active")
        assert [call.args["status"] for call in rig.slack.called(METHOD)] == ["processing", "active"]


async def test_without_the_capability_slack_is_not_asked() -> None:
    async with SlackRig() as rig:
        sent = await opened(rig)
        await rig.adapter.post(sent.thread, card("working"), key="card")
        await rig.close()
        assert rig.slack.called(METHOD) == []
        await rig.open()


async def test_a_refusal_turns_it_off_and_costs_no_card(caplog: pytest.LogCaptureFixture) -> None:
    async with agent() as rig:
        rig.slack.team().agents = False
        first, second = await opened(rig), await opened(rig)
        for sent in (first, second):
            posted = await rig.adapter.post(sent.thread, card("working"), key=sent.message)
            await until(lambda: [call.error for call in rig.slack.called(METHOD)] == ["not_authorized"])
            await rig.adapter.edit(sent.thread, posted, card("idle", "done"))
        assert len(rig.slack.called(METHOD)) == 1
        assert not [line for line in caplog.records if line.levelno > logging.INFO]


async def test_trouble_delays_no_card_and_is_made_up_for() -> None:
    async with agent() as rig:
        sent = await opened(rig)
        rig.slack.faults.fail(METHOD, status=500)
        posted = await rig.adapter.post(sent.thread, card("working"), key="card")
        await rig.adapter.edit(sent.thread, posted, card("idle"))
        await until(lambda: shown(rig, sent) == "active")


async def test_a_missing_subscription_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with agent(stops=False) as rig:
        sent = await opened(rig)
        posted = await rig.adapter.post(sent.thread, card("working"), key="card")
        await until(lambda: shown(rig, sent) == "processing")
        await rig.adapter.edit(sent.thread, posted, card("idle"))
        await until(lambda: shown(rig, sent) == "active")
        assert [line.message for line in caplog.records].count("chat.slack.no_stop_button") == 1


async def stop(rig: SlackRig, thread: ThreadKey, root: str) -> events.Posted:
    await rig.slack.user_stops("ravi", root)
    event = await taken(rig, events.Posted)
    assert (event.text, event.lane, event.author.identity) == ("!loop stop", thread, rig.identity("ravi"))
    assert commands.parse(commands.spoken(event.text) or "").word == "stop"
    return event


async def test_the_stop_button_says_what_typing_it_says() -> None:
    async with agent() as rig:
        sent = await opened(rig)
        posted = await rig.adapter.post(sent.thread, card("working"), key="card")
        await until(lambda: shown(rig, sent) == "processing")
        first = await stop(rig, sent.thread, sent.message)
        assert first.author.name == "ravi"
        rig.slack.redeliver()
        again = await taken(rig, events.Posted)
        assert again.dedup == first.dedup
        assert shown(rig, sent) == "processing"
        await rig.adapter.edit(sent.thread, posted, card("idle"))
        await until(lambda: shown(rig, sent) == "active")


async def test_a_button_that_nothing_stands_behind_goes_away() -> None:
    async with agent() as rig:
        sent = await opened(rig)
        await rig.adapter.post(sent.thread, card("working"), key="card")
        await until(lambda: shown(rig, sent) == "processing")
        await rig.reconnect()
        await stop(rig, sent.thread, sent.message)
        await until(lambda: shown(rig, sent) == "active")
