"""Discord for the chat checks. Owns: DiscordRig, QuickClock. Effects: a far side on the loopback interface, and people in it."""

from __future__ import annotations

import asyncio
import json
import pickle
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Self

from adapters.chat.discord import names, seen
from adapters.chat.discord.adapter import DiscordChat
from core.errors import StorageFull
from core.events import Event
from core.ids import IdentityKey, ThreadKey
from core.message import Message
from core.testing.chat_rig import Seen, Sent
from tests.contract.chat_discord_trouble import DiscordTrouble
from tests.far_sides.discord import records
from tests.far_sides.discord.server import TOKEN, FarDiscord
from tests.patience import PATIENCE

ABOUT = "about https://discord.com/"
DYING = """
import asyncio, os, pickle, signal, sys
from adapters.chat.discord.adapter import DiscordChat
from tests.contract.chat_discord_rig import QuickClock, Kept
async def main(api_url, token, thread, key):
    kept = Kept()
    async with DiscordChat(
        clock=QuickClock(), token=token, api_url=api_url, remember=kept.remember, recall=kept.recall
    ) as chat:
        await chat.post(thread, pickle.loads(sys.stdin.buffer.read()), key=key)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main(*sys.argv[1:]))
"""


class QuickClock:
    """The true time, but nobody waits long."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


class Kept:
    """What the bridge keeps for its adapters."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def remember(self, key: str, value: str) -> None:
        self.values[key] = value

    async def recall(self, key: str) -> str | None:
        return self.values.get(key)


class DiscordRig:
    """A Discord with one server, one channel, and people in it."""

    page = 100

    def __init__(self, far: FarDiscord, **arguments: Any) -> None:
        self.far = far
        self.kept = Kept()
        world = far.world
        self.people = {
            "maya": world.user("maya", shown="Maya"),
            "ravi": world.user("ravi", shown="Ravi"),
            "ci": world.user("ci", shown="CI bot", bot=True),
        }
        self.guild = world.guild("Team", *self.people.values())
        self.general = world.channel(self.guild, "general")
        self.bot_mention = f"<@{world.bot.id}>"
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.failures = 0
        self.arguments = arguments
        self.trouble = DiscordTrouble(self)
        self._listening: asyncio.Task[None] | None = None
        self._adapter = self._build(self.kept)

    def _build(self, kept: Kept) -> DiscordChat:
        return DiscordChat(
            clock=QuickClock(), token=TOKEN, api_url=self.far.api_url, remember=kept.remember, recall=kept.recall,
            **self.arguments,
        )  # fmt: skip

    @property
    def adapter(self) -> DiscordChat:
        return self._adapter

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Enter a new adapter with what an earlier one kept, and listen."""
        self._adapter = self._build(self.kept)
        await self._adapter.__aenter__()
        self._listening = asyncio.create_task(self._adapter.listen(self._emit))
        await self.until(lambda: self._adapter.connected)

    async def close(self) -> None:
        """Leave the adapter."""
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        await self._adapter.__aexit__(None, None, None)

    async def until(self, holds: Any) -> None:
        """Wait some seconds at most for something to hold."""
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - nobody has an event for it
                await asyncio.sleep(0.01)

    async def _emit(self, event: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise StorageFull("the disk is full")
        self.events.put_nowait(event)

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def identity(self, who: str) -> IdentityKey:
        return names.identity(str(self.people[who].id))

    def room(self, thread: ThreadKey, *, who: str = "maya") -> records.Channel:
        """Return the thread a person would write in, opened by them when there is none."""
        place = names.place(thread)
        world = self.far.world
        if int(place.root) in world.channels:
            return world.channels[int(place.root)]
        root = world.channels[int(place.channel)].messages[int(place.root)]
        return self.far.hands.user_opens_thread(self.people[who], root)

    def message(self, thread: ThreadKey, key: str) -> records.Message:
        place = names.place(thread)
        for channel in (place.root, place.channel):
            known = self.far.world.channels.get(int(channel))
            if known is not None and int(key) in known.messages:
                return known.messages[int(key)]
        raise LookupError(key)

    async def user_posts(
        self,
        text: str,
        *,
        thread: ThreadKey | None = None,
        who: str = "maya",
        files: Mapping[str, bytes] | None = None,
    ) -> Sent:
        channel = self.room(thread, who=who) if thread else self.general
        posted = self.far.hands.user_posts(self.people[who], channel, text, files=files)
        return self._sent(posted, channel, thread)

    def _sent(self, posted: records.Message, channel: records.Channel, thread: ThreadKey | None) -> Sent:
        lane = (
            thread or names.Place(guild=str(self.guild.id), channel=str(channel.id), root=str(posted.id)).key
        )
        return Sent(thread=lane, message=str(posted.id))

    async def alerts(self, title: str, detail: str, *, thread: ThreadKey | None = None) -> Sent:
        channel = self.room(thread, who="ci") if thread else self.general
        embed = {"type": "rich", "title": title, "description": detail, "fields": []}
        posted = self.far.hands.user_posts(self.people["ci"], channel, "", embeds=[embed])
        return self._sent(posted, channel, thread)

    async def user_edits(self, sent: Sent, text: str, *, who: str = "maya") -> None:
        self.far.hands.user_edits(self.message(sent.thread, sent.message), text)

    async def user_deletes(self, sent: Sent, *, who: str = "maya") -> None:
        self.far.hands.user_deletes(self.message(sent.thread, sent.message))

    async def user_presses(
        self, thread: ThreadKey, posted: str, label: str, *, who: str = "maya", text: str = ""
    ) -> None:
        hands, person, message = self.far.hands, self.people[who], self.message(thread, posted)
        if label in hands.offered(message):
            await hands.user_selects(person, message, [label])
        else:
            await hands.user_presses(person, message, label, text=text)

    async def transcript(self, thread: ThreadKey, *, who: str = "maya") -> Sequence[Seen]:
        """Return the thread, and with it what the bridge told this person directly about it."""
        place, hands = names.place(thread), self.far.hands
        person = self.people[who]
        known = self.far.world.channels.get(int(place.root))
        channel = known or self.far.world.channels[int(place.channel)]
        shown = [
            each for each in hands.sees(person, channel) if known is not None or str(each.id) == place.root
        ]
        direct = [each for each in hands.sees(person, self.far.world.direct(person)) if ABOUT in each.text]
        return [
            Seen(
                id=str(each.id), author=each.author, text=each.text.partition(f"\n{ABOUT}")[0], bot=each.bot,
                reactions=each.reactions,
            )
            for each in (*shown, *direct)
        ]  # fmt: skip

    async def pinged(self, thread: ThreadKey, posted: str) -> Sequence[str]:
        return [
            name for key in posted.split("-") for name in self.far.hands.pinged(self.message(thread, key))
        ]

    # ── the bridge's side ────────────────────────────────────────────────────────────────────────────────────────────

    async def next_event(self) -> Event:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def fail_next(self) -> None:
        self.failures = 1

    async def redeliver(self) -> None:
        """A bridge that died before it wrote down how far it had heard looks again."""
        await self.close()
        told = json.loads(self.kept.values[seen.KEY])
        told["marks"] = {
            channel: (guild, str(int(mark) - 1)) for channel, (guild, mark) in told["marks"].items()
        }
        self.kept.values[seen.KEY] = json.dumps({**told, "newest": str(int(told["newest"]) - 1)})
        await self.open()

    async def reconnect(self) -> None:
        await self.close()
        await self.open()

    async def post_and_die(self, thread: ThreadKey, message: Message, *, key: str) -> None:
        await self.close()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-W", "ignore", "-c", DYING, self.far.api_url, TOKEN, thread, key,
            stdin=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await child.communicate(pickle.dumps(message))
        assert child.returncode == -signal.SIGKILL
        await self.open()

    async def stranger_posts(self, thread: ThreadKey, message: Message) -> str:
        async with self._build(Kept()) as stranger:
            return await stranger.post(thread, message, key="stranger")

    async def send_garbage(self) -> None:
        for kind, data in GARBAGE:
            self.far.gateway.send_raw(kind, data)


GARBAGE: Sequence[tuple[str, Any]] = (
    ("MESSAGE_CREATE", None),
    ("MESSAGE_CREATE", []),
    ("MESSAGE_CREATE", {"id": "x", "channel_id": 7}),
    ("MESSAGE_CREATE", {"id": "1" * 40, "channel_id": "1", "guild_id": "2", "type": 0, "content": "x"}),
    ("MESSAGE_UPDATE", {"id": "5", "channel_id": "6", "edited_timestamp": "yesterday", "author": {"id": "4"}}),
    ("MESSAGE_DELETE", {"id": None}),
    ("GUILD_CREATE", {"id": "9", "channels": [{"id": None}, 7], "roles": "none"}),
    ("THREAD_CREATE", {"id": "9", "type": 11}),
    ("INTERACTION_CREATE", {"id": "1"}),
    ("INTERACTION_CREATE", {"id": "1", "token": "t", "type": 3, "member": {"user": {"id": "3"}}, "channel": {"id": "1"}}),
    ("SOMETHING_NEW", {"of": "today"}),
)  # fmt: skip
