"""Slack for the chat checks. Owns: SlackRig, TrueClock, Memory, until. Effects: a far side on loopback, and people in it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from typing import Any, Self

from adapters.chat.local import encoding
from adapters.chat.slack import names, plugin, render
from adapters.chat.slack.adapter import SlackChat
from adapters.chat.slack.errand import MayStart
from adapters.chat.slack.hometab import Home
from core.errors import StorageFull
from core.events import Event
from core.ids import IdentityKey, ThreadKey
from core.message import Message
from core.testing.chat_rig import Seen, Sent
from tests.contract.chat_slack_trouble import SlackTrouble
from tests.far_sides.slack import Slack, Times, posting
from tests.patience import PATIENCE

PEOPLE = {"maya": "Maya", "ravi": "Ravi"}
BOT = "ci"
CHANNEL = "general"
GARBAGE = (
    b"", b"not json", b"[]", b"null", b"{}", b"\xff\xfe", b'{"type": "surprise"}', b"payload=%7B", b"payload=[]", b"command=/loop",
    b'{"type": "event_callback", "event": {"type": "message"}}', b'{"type": "event_callback", "event": 7}',
    b'{"type": "block_actions", "actions": [7]}', b'{"type": "view_submission", "view": {"callback_id": "loop_answer"}}',
)  # fmt: skip
DYING = """
import asyncio, json, os, signal, sys
from adapters.chat.local import encoding
from adapters.chat.slack import plugin
from tests.contract.chat_slack_rig import TrueClock
async def main(arguments, thread, key):
    async with plugin.build(clock=TrueClock(), **json.loads(arguments)) as chat:
        await chat.post(thread, encoding.decode(sys.stdin.read()), key=key)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main(*sys.argv[1:]))
"""


class TrueClock:
    """The time as it is."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Memory:
    """What the bridge's store keeps for an adapter, over restarts."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def remember(self, key: str, value: str) -> None:
        self.kept[key] = value

    async def recall(self, key: str) -> str | None:
        return self.kept.get(key)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - the far side has no event for it
            await asyncio.sleep(0.01)


class SlackRig:
    """The Slack adapter, and people in its workspace."""

    bot_mention = "@loop"
    page = 40  # Slack may give fewer than it is asked for

    def __init__(
        self,
        *,
        http: bool = False,
        ping_every: float = 5.0,
        times: Times | None = None,
        home: Home | None = None,
        may_start: MayStart | None = None,
    ) -> None:
        self.slack = Slack(times=times or Times(retry_unit=0.2, trigger=PATIENCE))
        self.memory = Memory()
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.fails = 0
        self._http = http
        self._home = home
        self._may_start = may_start
        self.ping_every = ping_every
        self.trouble = SlackTrouble(self)
        self._stack = AsyncExitStack()
        self._listening: asyncio.Task[None] | None = None
        self._adapter: SlackChat | None = None

    @property
    def adapter(self) -> SlackChat:
        assert self._adapter is not None
        return self._adapter

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.slack)
        self.slack.office.most_shown = self.page
        for handle, name in PEOPLE.items():
            self.slack.user(handle, name=name)
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
        await self._stack.aclose()

    def arguments(self) -> dict[str, Any]:
        """Return what a bridge would be set up with."""
        return {
            "bot_tokens": [team.bot_token for team in self.slack.world.teams.values()],
            "app_token": self.slack.app_token,
            "signing_secret": self.slack.signing_secret,
            "api_url": self.slack.base_url,
        }

    async def open(self) -> None:
        """Enter an adapter and wait until Slack reaches it."""
        self._adapter = chat = self._build(self.memory)
        await chat.__aenter__()
        self._listening = asyncio.create_task(chat.listen(self.emit))
        async with asyncio.timeout(PATIENCE):
            await chat.listening.wait()
        if self._http:
            host, port = chat.address
            self.slack.listens(f"http://{host}:{port}/slack/events")

    def _build(self, memory: Memory) -> SlackChat:
        chat = plugin.build(
            clock=TrueClock(),
            remember=memory.remember,
            recall=memory.recall,
            listen_on=("127.0.0.1", 0) if self._http else None,
            ping_every=self.ping_every,
            home=self._home,
            may_start=self._may_start,
            **self.arguments(),
        )
        assert isinstance(chat, SlackChat)
        return chat

    async def close(self) -> None:
        """Leave the adapter."""
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        if self._adapter is not None:
            await self._adapter.__aexit__(None, None, None)

    async def ended(self) -> None:
        """Wait until the adapter listens no more. Raises what its listening raised."""
        listening, self._listening = self._listening, None
        assert listening is not None
        async with asyncio.timeout(PATIENCE):
            await listening

    async def emit(self, event: Event) -> None:
        """Store an event, unless the disk is full."""
        if self.fails:
            self.fails -= 1
            raise StorageFull("the disk is full")
        self.events.put_nowait(event)

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def identity(self, who: str) -> IdentityKey:
        return names.identity_of(self.slack.team().id, self.slack.user(who).id)

    async def user_posts(
        self,
        text: str,
        *,
        thread: ThreadKey | None = None,
        who: str = "maya",
        files: Mapping[str, bytes] | None = None,
    ) -> Sent:
        place = names.place(thread) if thread else None
        where, root = (place.channel, place.root) if place else (CHANNEL, None)
        if who == BOT:
            posted = await self.slack.bot_posts(BOT, where, text, thread=root)
        else:
            posted = await self.slack.user_posts(who, where, text, thread=root, files=files)
        key = names.thread_of(self.slack.team().id, posted.channel, posted.root)
        return Sent(thread=key, message=posted.ts)

    async def alerts(self, title: str, detail: str, *, thread: ThreadKey | None = None) -> Sent:
        place = names.place(thread) if thread else None
        where, root = (place.channel, place.root) if place else (CHANNEL, None)
        blocks = [{"type": "header", "text": {"type": "plain_text", "text": title}}]
        card = [{"color": "#d00000", "text": detail, "fallback": f"{title}: {detail}"}]
        posted = await self.slack.bot_posts(
            BOT, where, "", thread=root, classic=True, blocks=blocks, attachments=card
        )
        key = names.thread_of(self.slack.team().id, posted.channel, posted.root)
        return Sent(thread=key, message=posted.ts)

    async def user_edits(self, sent: Sent, text: str, *, who: str = "maya") -> None:
        await self.slack.user_edits(who, sent.message, text)

    async def user_deletes(self, sent: Sent, *, who: str = "maya") -> None:
        await self.slack.user_deletes(who, sent.message)

    async def user_presses(
        self, thread: ThreadKey, posted: str, label: str, *, who: str = "maya", text: str = ""
    ) -> None:
        try:
            pressed = await self.slack.user_presses(who, posted, label)
        except LookupError:
            pressed = await self.slack.user_presses(who, posted, render.CHOOSE, choice=label)
        assert pressed.acked
        if text:
            assert (await self.fills_in({"text": text}, who=who)).acked

    async def fills_in(self, values: dict[str, str], *, who: str = "maya") -> Any:
        """Wait for a form and submit it."""
        await until(lambda: self._has_form(who))
        return await self.slack.user_submits(who, values)

    def _has_form(self, who: str) -> bool:
        try:
            return bool(self.slack.view_of(who))
        except LookupError:
            return False

    async def next_event(self) -> Event:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def transcript(self, thread: ThreadKey, *, who: str = "maya") -> Sequence[Seen]:
        place = names.place(thread)
        # What is told to somebody alone stands in the channel until the thread has a reply.
        alone = [line for line in self.slack.transcript(place.channel, who=who) if line.to]
        return [
            Seen(id=line.ts, author=line.author, text=line.text, bot=line.bot, reactions=line.reactions)
            for line in (*self.slack.transcript(place.channel, place.root, who=who), *alone)
        ]

    async def pinged(self, thread: ThreadKey, posted: str) -> Sequence[str]:
        return self.slack.pings(posted)

    # ── the bridge's side ────────────────────────────────────────────────────────────────────────────────────────────

    async def fail_next(self) -> None:
        self.fails = 1

    async def redeliver(self) -> None:
        await self.slack.settled()
        self.slack.redeliver()

    async def reconnect(self) -> None:
        await self.slack.settled()
        await self.close()
        await self.open()

    async def post_and_die(self, thread: ThreadKey, message: Message, *, key: str) -> None:
        await self.close()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DYING, json.dumps(self.arguments()), thread, key,
            stdin=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()},
        )  # fmt: skip
        await child.communicate(encoding.encode(message).encode())
        assert child.returncode == -signal.SIGKILL
        for team in self.slack.world.teams.values():
            self.memory.kept[f"slack:pages:{team.id}"] = ""  # as it would have left them, with this memory
        await self.open()

    async def stranger_posts(self, thread: ThreadKey, message: Message) -> str:
        async with self._build(Memory()) as stranger:
            return await stranger.post(thread, message, key="stranger")

    async def send_garbage(self) -> None:
        await self.slack.send_raw()
        for raw in GARBAGE if self._http else ():
            signed = posting.signed(self.slack.team().app, raw)
            status, _ = await self.slack.deliver(raw, {**signed, "Content-Type": "application/json"})
            assert status in (200, 400, 500)
