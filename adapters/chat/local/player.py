"""Plays a chat script over the room's socket. Owns: play, Player, Unmet. Imports: asyncio, core. Effects: acts as the script's people.

Everybody in the script has a connection of their own; what the thread shows is seen through the eyes of the one who acted last.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from adapters.chat.local import render, script
from adapters.chat.local.client import Client
from adapters.chat.local.records import BOT, Record
from core.errors import LoopbridgeError, PortError
from core.message import Message

_NOTHING = Message()


class Unmet(LoopbridgeError):
    """A script waited for or expected something that is not there."""


async def play(
    path: Path, *, socket: Path, out: Callable[[str], None], patience: float = script.PATIENCE
) -> int:
    """Play a script file and return an exit code; what went wrong goes to `out`.

    `patience` is how many seconds a step waits for a bridge that went away.
    """
    try:
        text = await asyncio.to_thread(path.read_text, encoding="utf-8")
        steps = script.parse(text, name=path.name)
        async with Player(socket, out=out, patience=patience) as player:
            for step in steps:
                await player.perform(step)
    except (OSError, UnicodeDecodeError) as exc:
        out(f"{path}: cannot be read: {exc}")
        return 2
    except LoopbridgeError as error:
        out(f"{error}\n{error.remedy}".strip())
        return 1
    return 0


class Player:
    """Carries out steps one after another in a current thread."""

    def __init__(
        self, socket: Path, *, out: Callable[[str], None], patience: float = script.PATIENCE
    ) -> None:
        self.thread = 0
        self._socket = socket
        self._out = out
        self._patience = patience
        self._stack = AsyncExitStack()
        self._people: dict[str, Client] = {}
        self._named: dict[str, script.Person] = {}
        self._channel = "general"
        self._eyes: Client | None = None
        self._own: set[int] = set()
        self._news: list[Record] = []  # every version seen since the last deed
        self._versions: set[tuple[int, int]] = set()  # every version ever seen: several people see the same
        self._stirred = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def perform(self, step: script.Step) -> None:
        """Carry out one step. Raises Unmet, or what the room raises with the step's place put before it."""
        try:
            await self._perform(step)
        except Unmet:
            raise
        except LoopbridgeError as error:
            raise Unmet(f"{step.place}: {error}", remedy=error.remedy) from error

    async def _perform(self, step: script.Step) -> None:
        match step:
            case script.Person():
                self._named[step.user.lower()] = step
            case script.Fresh():
                self.thread, self._channel = 0, step.channel or self._channel
            case script.Turn():
                await self._turn(step)
            case script.Wait():
                await self._wait(step)
            case script.Expect():
                self._expect(step)
            case script.Sleep():
                await asyncio.sleep(step.seconds)
            case script.Show():
                self._out(self._told())
            case script.Say() | script.Press() | script.Change() | script.Remove() | script.React():
                await self._act(step)

    async def _act(
        self, step: script.Say | script.Press | script.Change | script.Remove | script.React
    ) -> None:
        client = await self._person(step.user)
        match step:
            case script.Say():
                self._news.clear()
                posted = await client.post(step.text, channel=self._channel, thread=self.thread)
                self._own.add(posted)
                self.thread = self.thread or posted
                await client.wait_for(lambda record: record.id == posted)
            case script.Press():
                await self._press(client, step)
            case script.Change():
                found = self._newest(
                    step, lambda record: self._by(record, client) and self._shows(record, step.pattern)
                )
                self._news.clear()
                await client.edit(found.id, step.text)
            case script.Remove():
                found = self._newest(
                    step, lambda record: self._by(record, client) and self._shows(record, step.pattern)
                )
                self._news.clear()
                await client.delete(found.id)
            case script.React():
                found = self._newest(step, lambda record: self._shows(record, step.pattern))
                await client.react(found.id, step.emoji)

    async def _press(self, client: Client, step: script.Press) -> None:
        def offered(record: Record) -> bool:
            return (
                record.root == self.thread
                and any(button.label == step.label for button in render.buttons(record.body or _NOTHING))
                and (step.pattern is None or self._shows(record, step.pattern))
            )

        try:
            record = await client.wait_for(offered, step.within)
        except PortError as exc:
            raise self._unmet(step, f'no message offered "{step.label}" within {step.within:g} s') from exc
        button = next(each for each in render.buttons(record.body or _NOTHING) if each.label == step.label)
        if button.wants_text and not step.text:
            raise self._unmet(
                step, f'"{step.label}" asks: {button.wants_text} (answer it: presses … with "text")'
            )
        self._news.clear()
        await client.press(record.id, button, text=step.text)

    async def _wait(self, step: script.Wait) -> None:
        def met() -> bool:
            return any(
                self._shows(record, step.pattern)
                for record in self._news
                if record.root == self.thread
                and record.id not in self._own
                and (record.author == BOT or not step.card)
            )

        try:
            async with asyncio.timeout(step.within):
                while not met():
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError as exc:
            raise self._unmet(
                step, f'nothing showed "{step.pattern.pattern}" within {step.within:g} s'
            ) from exc

    def _expect(self, step: script.Expect) -> None:
        found = any(self._shows(record, step.pattern) for record in self._seen())
        if found is not step.there:
            what = "no message shows" if step.there else "a message shows"
            raise self._unmet(step, f'{what} "{step.pattern.pattern}"')

    async def _turn(self, step: script.Turn) -> None:
        client = await self._somebody()
        for heading in await client.threads(1000):
            if step.pattern.search(heading.text):
                self.thread, self._channel = heading.root, heading.channel
                await client.read(heading.root, channel=heading.channel)
                self._news.clear()
                return
        raise self._unmet(step, f'no thread begins with "{step.pattern.pattern}"')

    # ── people and what they see ─────────────────────────────────────────────────────────────────────────────────────

    async def _person(self, name: str) -> Client:
        user = name.lower()
        if user not in self._people:
            known = self._named.get(user)
            client = Client(
                self._socket,
                user,
                name=known.name if known else name,
                bot=bool(known and known.bot),
                patience=self._patience,
            )
            self._people[user] = await self._stack.enter_async_context(client)
            client.watch = lambda kind, record, text: self._noticed(client, record, text)
        self._eyes = self._people[user]
        return self._eyes

    async def _somebody(self) -> Client:
        return self._eyes or await self._person("onlooker")

    def _noticed(self, client: Client, record: Record | None, text: str) -> None:
        if record is None:
            if text:
                self._out(f"({client.name}: {text})")
        elif (record.id, record.rev) not in self._versions:
            self._versions.add((record.id, record.rev))
            self._news.append(record)
            self._stirred.set()

    def _seen(self) -> list[Record]:
        return self._eyes.messages(self.thread) if self._eyes else []

    def _newest(self, step: script.Step, wanted: Callable[[Record], bool]) -> Record:
        found = next((record for record in reversed(self._seen()) if wanted(record)), None)
        if found is None:
            raise self._unmet(step, "there is no such message")
        return found

    def _by(self, record: Record, client: Client) -> bool:
        return record.author == client.user

    def _shows(self, record: Record, pattern: re.Pattern[str]) -> bool:
        return pattern.search(render.shown(record, self._eyes.names if self._eyes else None)) is not None

    def _told(self) -> str:
        names = self._eyes.names if self._eyes else None
        return render.transcript(self._seen(), mask=False, names=names)

    def _unmet(self, step: script.Step, what: str) -> Unmet:
        told = self._told() if self.thread else "nothing was said yet\n"
        return Unmet(f"{step.place}: {what}. The thread shows:\n{told}")
