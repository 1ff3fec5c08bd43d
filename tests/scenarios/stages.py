"""The chats a story can be played in. Owns: Stage and one stage per platform. Imports: far sides, the local chat's client.

A stage is a far side with people on it; the bridge that plays along is a daemon of its own, so that it can be killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from adapters.chat.matrix import signs
from tests.contract import chat_matrix_rig
from tests.far_sides import synapse
from tests.far_sides.discord.records import Channel, Message
from tests.far_sides.discord.server import TOKEN, FarDiscord
from tests.far_sides.matrix_people import People
from tests.far_sides.slack import Slack
from tests.far_sides.synapse import Account, Synapse
from tests.scenarios.house import PATIENCE, House, Person, Talk, until


class Stage(Protocol):
    """One chat, as the people in it use it. `thread` is whatever names a thread there."""

    claimed: bool  # whether maya is an admin from the start
    environ: dict[str, str]  # what the daemon has to know

    async def opens(self, who: str, text: str) -> object:
        """Begin a thread."""

    async def says(self, who: str, text: str, thread: object) -> None:
        """Write into a thread; `@loop` mentions the bridge."""

    async def alerts(self, text: str, thread: object) -> None:
        """Have another bot write into a thread."""

    async def presses(self, who: str, label: str, thread: object) -> None:
        """Do what stands for pressing the newest button with this label."""

    async def reads(self, who: str, thread: object) -> list[str]:
        """Return what somebody sees of the bridge in a thread, oldest first, whispers included."""


async def sees(
    stage: Stage, thread: object, wanted: str | Callable[[str], bool], *, who: str = "maya"
) -> str:
    """Return the newest message of the bridge that holds `wanted`, once there is one."""
    fits = wanted if callable(wanted) else (lambda text: wanted in text)
    found: list[str] = []
    seen: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while not found:
                seen = await stage.reads(who, thread)
                found = [text for text in seen if fits(text)]
                await asyncio.sleep(0.05)
    except TimeoutError as exc:
        raise AssertionError(f"{wanted!r} was not said:\n" + "\n---\n".join(seen)) from exc
    return found[-1]


class LocalStage:
    """The built-in chat: its far side lives in the bridge itself, so people come once it runs."""

    claimed = True

    def __init__(self, house: House, stack: AsyncExitStack) -> None:
        self.environ: dict[str, str] = {}
        self._house = house
        self._stack = stack
        self._people: dict[str, Person] = {}

    async def _person(self, who: str) -> Person:
        if who not in self._people:
            self._people[who] = await self._stack.enter_async_context(
                self._house.person(who, bot=who == "ci")
            )
        return self._people[who]

    async def _talk(self, who: str, thread: object) -> Talk:
        assert isinstance(thread, int)
        return Talk(await self._person(who), thread)

    async def opens(self, who: str, text: str) -> object:
        return (await (await self._person(who)).opens(text)).root

    async def says(self, who: str, text: str, thread: object) -> None:
        await (await self._talk(who, thread)).says(text)

    async def alerts(self, text: str, thread: object) -> None:
        await self.says("ci", text, thread)

    async def presses(self, who: str, label: str, thread: object) -> None:
        talk = await self._talk(who, thread)
        await until(lambda: f"] {label}" in "\n".join(talk.texts), told=lambda: talk.transcript)
        record = next(
            each
            for each in reversed(talk.records)
            if each.body is not None and f"] {label}" in talk.text(each)
        )
        await talk.presses(record, label)

    async def reads(self, who: str, thread: object) -> list[str]:
        return (await self._talk(who, thread)).texts


class SlackStage:
    """Slack, in one public channel."""

    claimed = False

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self.environ = {
            "LOOPBRIDGE_SLACK__BOT_TOKEN": slack.bot_token,
            "LOOPBRIDGE_SLACK__APP_TOKEN": slack.app_token,
            "LOOPBRIDGE_SLACK__API_URL": slack.base_url,
        }
        for who in ("maya", "ravi"):
            slack.user(who)
        slack.user("ci", name="CI bot", bot=True)
        self._pressed: dict[str, str] = {}

    async def opens(self, who: str, text: str) -> object:
        return (await self._slack.user_posts(who, "general", text)).ts

    async def says(self, who: str, text: str, thread: object) -> None:
        assert isinstance(thread, str)
        await self._slack.user_posts(who, "general", text, thread=thread)

    async def alerts(self, text: str, thread: object) -> None:
        assert isinstance(thread, str)
        await self._slack.bot_posts("ci", "general", text, thread=thread)

    async def presses(self, who: str, label: str, thread: object) -> None:
        assert isinstance(thread, str)
        lines = self._slack.transcript("general", thread)

        def offering() -> list[str]:
            lines[:] = self._slack.transcript("general", thread)
            return [line.ts for line in lines if f"[{label}]" in line.text]

        await until(offering, told=lambda: "\n".join(line.text for line in lines))
        await self._slack.user_presses(who, offering()[-1], label)

    async def reads(self, who: str, thread: object) -> list[str]:
        assert isinstance(thread, str)
        bot = self._slack.team().bot
        # What is told to somebody alone stands in the channel until there is a reply.
        alone = [line for line in self._slack.transcript("general", who=who) if line.to]
        lines = [*alone, *self._slack.transcript("general", thread, who=who)]
        return [line.text for line in lines if line.author in (bot.name, bot.handle)]


class MatrixStage:
    """Matrix, in one encrypted room that maya opens."""

    claimed = False

    def __init__(
        self, synapse: Synapse, people: People, accounts: Mapping[str, Account], bot: Account
    ) -> None:
        self._people = people
        self._accounts = accounts
        self._bot = bot.user
        self._room = ""
        self.environ = {
            "LOOPBRIDGE_MATRIX__HOMESERVER": synapse.url,
            "LOOPBRIDGE_MATRIX__USER_ID": bot.user,
            "LOOPBRIDGE_MATRIX__PASSWORD": bot.password,
        }

    async def _open(self) -> str:
        """Return the room, opened once the bridge is there to be invited."""
        if not self._room:
            others = [self._accounts[who].user for who in ("ravi", "ci")]
            room = str(
                await self._people.ask(
                    "maya", "create", invite=[*others, self._bot], encrypted=True, version=""
                )
            )
            await asyncio.gather(*(self._people.ask(who, "join", room=room) for who in ("ravi", "ci")))
            await self._people.ask("maya", "meet", room=room, users=[*others, self._bot])
            await asyncio.gather(
                *(self._people.ask(who, "meet", room=room, users=[self._bot]) for who in ("ravi", "ci"))
            )
            self._room = room
        return self._room

    async def _send(self, who: str, text: str, root: str, kind: str = "m.text") -> str:
        mentions = {"user_ids": [self._bot]} if "@loop" in text else {}
        content: dict[str, Any] = {
            "msgtype": kind,
            "body": text.replace("@loop", self._bot),
            "m.mentions": mentions,
        }
        if root:
            reply = {"is_falling_back": True, "m.in_reply_to": {"event_id": root}}
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": root, **reply}
        return str(await self._people.ask(who, "send", room=await self._open(), content=content))

    async def opens(self, who: str, text: str) -> object:
        return await self._send(who, text, "")

    async def says(self, who: str, text: str, thread: object) -> None:
        await self._send(who, text, str(thread))

    async def alerts(self, text: str, thread: object) -> None:
        await self._send("ci", text, str(thread), "m.notice")

    async def _shown(self, who: str, thread: object) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = await self._people.ask(who, "thread", room=self._room, root=str(thread))
        return [each for each in shown if each["sender"] == self._bot]

    async def presses(self, who: str, label: str, thread: object) -> None:
        sign = signs.SIGNS[label]
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(PATIENCE):
            while not found:
                shown = await self._shown(who, thread)
                found = [each for each in shown if f"{sign} {label}" in each["content"].get("body", "")]
                await asyncio.sleep(0.1)
        told = {"m.relates_to": {"rel_type": "m.annotation", "event_id": found[-1]["id"], "key": sign}}
        await self._people.ask(who, "send", room=self._room, content=told, kind="m.reaction")

    async def reads(self, who: str, thread: object) -> list[str]:
        return [each["content"].get("body", "") for each in await self._shown(who, thread)]


class DiscordStage:
    """Discord, in one channel of one server; the person who writes first opens the thread."""

    claimed = False

    def __init__(self, far: FarDiscord) -> None:
        self._far = far
        world = far.world
        self._people = {who: world.user(who, shown=who.capitalize()) for who in ("maya", "ravi")}
        self._people["ci"] = world.user("ci", shown="CI bot", bot=True)
        self._general = world.channel(world.guild("Team", *self._people.values()), "general")
        self.environ = {"LOOPBRIDGE_DISCORD__TOKEN": TOKEN, "LOOPBRIDGE_DISCORD__API_URL": far.api_url}

    def _words(self, text: str) -> str:
        return text.replace("@loop", f"<@{self._far.world.bot.id}>")

    def _thread(self, who: str, thread: object) -> Channel:
        assert isinstance(thread, int)
        return self._far.hands.user_opens_thread(self._people[who], self._general.messages[thread])

    async def opens(self, who: str, text: str) -> object:
        return self._far.hands.user_posts(self._people[who], self._general, self._words(text)).id

    async def says(self, who: str, text: str, thread: object) -> None:
        self._far.hands.user_posts(self._people[who], self._thread(who, thread), self._words(text))

    async def alerts(self, text: str, thread: object) -> None:
        self._far.hands.user_posts(self._people["ci"], self._thread("maya", thread), text)

    async def presses(self, who: str, label: str, thread: object) -> None:
        def offering() -> list[Message]:
            return [
                each
                for each in self._thread(who, thread).messages.values()
                if label in {part.get("label") for row in each.components for part in row["components"]}
            ]

        await until(offering, told=lambda: f"nobody offers {label!r}")
        await self._far.hands.user_presses(self._people[who], offering()[-1], label)

    async def reads(self, who: str, thread: object) -> list[str]:
        hands, person = self._far.hands, self._people[who]
        assert isinstance(thread, int)
        channel = self._far.world.channels.get(thread)
        shown = [
            *(hands.sees(person, channel) if channel else ()),
            *hands.sees(person, self._far.world.direct(person)),
        ]
        return [each.text for each in shown if each.bot and each.author != self._people["ci"].shown]


@asynccontextmanager
async def stage(platform: str, house: House, servers: Path) -> AsyncIterator[Stage]:
    """Set a stage up for a house; its daemon has to be started after. `servers` is where the workers of a run share a homeserver."""
    async with AsyncExitStack() as stack:
        made: Stage
        match platform:
            case "local":
                made = LocalStage(house, stack)
            case "slack":
                made = SlackStage(await stack.enter_async_context(Slack()))
            case "matrix":
                made = await _matrix(stack, servers)
            case "discord":
                made = DiscordStage(await stack.enter_async_context(FarDiscord()))
            case _:
                raise ValueError(platform)
        house.environ.update(made.environ)
        yield made


async def _matrix(stack: AsyncExitStack, servers: Path) -> MatrixStage:
    running = stack.enter_context(await asyncio.to_thread(synapse.shared, servers))
    people = await stack.enter_async_context(People(running.url))
    accounts = await chat_matrix_rig.cast(running, people)
    return MatrixStage(running, people, accounts, await running.register("loop"))
