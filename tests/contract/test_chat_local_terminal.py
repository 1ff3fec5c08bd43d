"""The terminal chat with typed keys and a real room. Effects: a room in a temporary home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from adapters.chat.local import terminal
from adapters.chat.local.client import Client
from core import events, message
from core.ids import Token
from core.message import Message
from tests.contract.chat_local_rig import LocalRig
from tests.patience import PATIENCE

ASK = Message(
    title="may I? ask 7f3",
    blocks=(
        message.Buttons(
            buttons=(
                message.Button(label="Allow once", token=Token("yes")),
                message.Button(label="Deny…", token=Token("no"), wants_text="Why not?", draft="because "),
            )
        ),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A terminal that runs, its keyboard, and the room."""

    rig: LocalRig
    terminal: terminal.Terminal
    keyboard: PipeInput
    running: asyncio.Task[None]

    def text(self, width: int = 80) -> str:
        return "\n".join("".join(part[1] for part in line) for line in self.terminal.screen.lines(width))

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not met():  # noqa: ASYNC110 - a screen has no event for it
                await asyncio.sleep(0.01)

    async def sees(self, words: str) -> None:
        await self.until(lambda: words in self.text() or words in self.terminal.view.notice)


@pytest.fixture
async def desk(home: Path) -> AsyncIterator[Desk]:
    async with LocalRig(home) as rig:
        client = await Client(home / "chat.sock", "eve", name="Eve").__aenter__()
        with create_pipe_input() as keyboard:
            screen = terminal.Terminal(
                home / "chat.sock", client, may_become=True, source=keyboard, screen=DummyOutput()
            )
            running = asyncio.create_task(screen.run())
            desk = Desk(rig=rig, terminal=screen, keyboard=keyboard, running=running)
            await desk.sees("No threads yet")
            yield desk
            if not running.done():
                keyboard.send_text("\x03\x04")
            await asyncio.wait_for(running, PATIENCE)


async def _ask(desk: Desk) -> str:
    """Have a thread on the screen in which the bridge asks something; return the card's id."""
    desk.keyboard.send_text("it fails\r")
    posted = await desk.rig.next_event()
    assert isinstance(posted, events.Posted)
    assert (posted.author.name, posted.text) == ("Eve", "it fails")
    card = await desk.rig.adapter.post(posted.lane, ASK, key="ask")
    await desk.sees("[1] Allow once  [2] Deny…")
    return card


async def test_a_card_is_pressed_and_changes_in_place(desk: Desk) -> None:
    card = await _ask(desk)
    desk.keyboard.send_text("1\r")
    pressed = await desk.rig.next_event()
    assert isinstance(pressed, events.Pressed)
    assert (pressed.token, pressed.card) == ("yes", card)
    await desk.rig.adapter.edit(pressed.lane, card, message.text("✓ allowed once by Eve"))
    await desk.sees("✓ allowed once by Eve")
    assert "may I?" not in desk.text()
    desk.keyboard.send_text("1\r")
    await desk.sees("Button 1 is gone")


async def test_a_form_asks_for_its_text(desk: Desk) -> None:
    await _ask(desk)
    desk.keyboard.send_text("#7f3 2\r")
    await desk.until(lambda: desk.terminal.buffer.text == "because ")
    desk.keyboard.send_text("no\r")
    pressed = await desk.rig.next_event()
    assert isinstance(pressed, events.Pressed)
    assert (pressed.token, pressed.text) == ("no", "because no")


async def test_a_form_that_is_left_presses_nothing(desk: Desk) -> None:
    await _ask(desk)
    desk.keyboard.send_text("2\r")
    await desk.until(lambda: desk.terminal.view.form is not None)
    desk.keyboard.send_text("\x1b")
    await desk.sees("Not pressed")
    desk.keyboard.send_text("after all\r")
    said = await desk.rig.next_event()
    assert isinstance(said, events.Posted)
    assert said.text == "after all"


async def test_threads_are_listed_opened_and_left(desk: Desk) -> None:
    await _ask(desk)
    desk.keyboard.send_text("/threads\r")
    await desk.sees("    1  Eve")
    other = await desk.rig.user_posts("another thing")
    await desk.sees(f"*    {other.message}  Maya")
    desk.keyboard.send_text(f"{other.message}\r")
    await desk.until(lambda: desk.terminal.view.thread == int(other.message))
    assert "another thing" in desk.text()
    desk.keyboard.send_text("/new alerts\r")
    await desk.sees("opens a thread in alerts")
    desk.keyboard.send_text("a third\r")
    await desk.rig.next_event()
    third = await desk.rig.next_event()
    assert third.lane == "local:home/alerts/4"
    desk.keyboard.send_text("/open 99\r")
    await desk.sees("There is no thread 99")


async def test_one_goes_on_as_somebody_else(desk: Desk) -> None:
    desk.keyboard.send_text("/as Zoe\r")
    await desk.sees("You are Zoe now")
    desk.keyboard.send_text("hello\r")
    said = await desk.rig.next_event()
    assert isinstance(said, events.Posted)
    assert (said.author.name, said.author.identity) == ("Zoe", "local:home/zoe")
    desk.keyboard.send_text("/as loop\r")
    await desk.sees("the bridge itself")
    assert desk.terminal.client.user == "zoe"


async def test_what_is_refused_can_be_mended(desk: Desk) -> None:
    await _ask(desk)
    desk.terminal.view.channel = "elsewhere"
    desk.keyboard.send_text("lost?\r")
    await desk.sees("there is no thread 1 in channel elsewhere")
    assert desk.terminal.buffer.text == "lost?"


async def test_it_outlives_the_bridge(desk: Desk) -> None:
    await _ask(desk)
    await desk.rig.reconnect()
    desk.keyboard.send_text("still here\r")
    said = await desk.rig.next_event()
    assert isinstance(said, events.Posted)
    assert said.text == "still here"
    await desk.sees("still here")


async def test_help_and_scrolling_stay_in_bounds(desk: Desk) -> None:
    desk.keyboard.send_text("/help\r")
    await desk.sees("PageUp")
    assert max(len(line) for line in desk.text(80).split("\n")) <= 80
    desk.keyboard.send_text("\x1b")
    await desk.sees("No threads yet")
    desk.keyboard.send_text("\x1b[5~\x1b[5~\x1b[6~\x1b[6~\x1b[6~")
    desk.keyboard.send_text("hello\r")
    await desk.sees("hello")
    assert desk.terminal.view.back == 0


@pytest.mark.parametrize("keys", ["\x04", "/quit\r", "half typed\x03\x04"])
async def test_it_is_left_cleanly(desk: Desk, keys: str) -> None:
    desk.keyboard.send_text(keys)
    await asyncio.wait_for(desk.running, PATIENCE)
    assert not desk.terminal.client.connected


async def test_a_terminal_that_goes_away_is_leaving(desk: Desk) -> None:
    desk.keyboard.close()
    await asyncio.wait_for(desk.running, PATIENCE)


async def test_without_a_terminal_it_says_what_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await terminal.run(home / "chat.sock", "eve") == 2
    assert "--script" in capsys.readouterr().err
