"""The local chat for the chat checks. Owns: LocalRig, QuickClock. Effects: a room in a temporary home, and people at its socket."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from adapters.chat.local import encoding, render, sockets
from adapters.chat.local.adapter import LocalChat, place
from adapters.chat.local.client import Client
from adapters.chat.local.records import Record, identity_of, thread_of
from core.errors import StorageFull
from core.events import Event
from core.ids import IdentityKey, ThreadKey
from core.message import Message
from core.testing.chat_rig import Seen, Sent
from tests.patience import PATIENCE

NAMES = {"maya": "Maya", "ravi": "Ravi", "ci": "CI bot"}
DYING = """
import asyncio, os, pathlib, signal, sys
from adapters.chat.local import adapter, encoding
from tests.contract.chat_local_rig import QuickClock
async def main(home, thread, key):
    async with adapter.LocalChat(home=pathlib.Path(home), clock=QuickClock()) as chat:
        await chat.post(thread, encoding.decode(sys.stdin.read()), key=key)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main(*sys.argv[1:]))
"""
GARBAGE = (
    b"\xff\xfe\x00junk\n",
    b"[]\n",
    b"{" * 5000 + b"\n",
    b'{"id": 1, "do": "post", "text": {"a": [1]}}\n',
    b'{"id": true, "do": "hello", "user": "../etc", "name": 7}\n',
    b'{"id": 2, "do": "hello", "user": "eve", "name": "\\ud800"}\n',
    b'{"id": 3, "do": "nonsense"}\n',
    b"x" * 70_000 + b"\n",
)


class QuickClock:
    """The true time, but nobody waits long."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))


class LocalRig:
    """A local chat and the people in its room."""

    bot_mention = "@loop"
    page = 100  # there are no pages: more than a screen
    trouble = None

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = AsyncExitStack()
        self._clients: dict[str, Client] = {}
        self._first_seen: dict[int, Record] = {}
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._failures = 0
        self._listening: asyncio.Task[None] | None = None
        self._adapter = LocalChat(home=home, clock=QuickClock())

    @property
    def adapter(self) -> LocalChat:
        return self._adapter

    async def __aenter__(self) -> Self:
        await self._open()
        for user, name in NAMES.items():
            client = Client(self._home / "chat.sock", user, name=name, bot=user == "ci")
            client.watch = self._watch
            self._clients[user] = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()
        await self._close()

    async def _open(self) -> None:
        self._adapter = LocalChat(home=self._home, clock=QuickClock())
        await self._adapter.__aenter__()
        self._listening = asyncio.create_task(self._adapter.listen(self._emit))

    async def _close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        await self._adapter.__aexit__(None, None, None)

    async def _emit(self, event: Event) -> None:
        if self._failures:
            self._failures -= 1
            raise StorageFull("the disk is full")
        self.events.put_nowait(event)

    def _watch(self, kind: str, record: Record | None, text: str) -> None:
        if record is not None:
            self._first_seen.setdefault(record.id, record)

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def client(self, who: str) -> Client:
        return self._clients[who]

    def identity(self, who: str) -> IdentityKey:
        return identity_of(who)

    async def user_posts(
        self,
        text: str,
        *,
        thread: ThreadKey | None = None,
        who: str = "maya",
        files: Mapping[str, bytes] | None = None,
    ) -> Sent:
        client = self._clients[who]
        channel, root = place(thread) if thread else ("general", 0)
        uploaded = [await client.upload(name, content) for name, content in (files or {}).items()]
        posted = await client.post(text, channel=channel, thread=root, files=uploaded)
        return Sent(thread=thread or thread_of(channel, posted), message=str(posted))

    async def alerts(self, title: str, detail: str, *, thread: ThreadKey | None = None) -> Sent:
        return await self.user_posts(f"{title}\n{detail}", thread=thread, who="ci")

    async def user_edits(self, sent: Sent, text: str, *, who: str = "maya") -> None:
        await self._clients[who].edit(int(sent.message), text)

    async def user_deletes(self, sent: Sent, *, who: str = "maya") -> None:
        await self._clients[who].delete(int(sent.message))

    async def user_presses(
        self, thread: ThreadKey, posted: str, label: str, *, who: str = "maya", text: str = ""
    ) -> None:
        client = self._clients[who]
        await client.wait_for(lambda record: record.id == int(posted))
        body = self._first_seen[int(posted)].body
        assert body is not None
        (button,) = [button for button in render.buttons(body) if button.label == label]
        await client.press(int(posted), button, text=text)

    async def transcript(self, thread: ThreadKey, *, who: str = "maya") -> Sequence[Seen]:
        client = self._clients[who]
        channel, root = place(thread)
        return [
            Seen(
                id=str(record.id),
                author=record.name,
                text=render.plain(record.body, client.names) if record.body else record.text,
                bot=record.bot,
                reactions=tuple(emoji for emoji, _ in record.reactions),
            )
            for record in await client.read(root, channel=channel)
        ]

    async def pinged(self, thread: ThreadKey, posted: str) -> Sequence[str]:
        record = await self._clients["maya"].wait_for(lambda record: record.id == int(posted))
        return [who for who, client in self._clients.items() if client.is_called(record)]

    # ── the bridge's side ────────────────────────────────────────────────────────────────────────────────────────────

    async def next_event(self) -> Event:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def fail_next(self) -> None:
        self._failures = 1

    async def redeliver(self) -> None:
        await self._close()
        with closing(sqlite3.connect(self._home / "chat.db")) as db, db:
            db.execute("UPDATE deed SET acked = 0 WHERE id = (SELECT max(id) FROM deed)")
        await self._open()

    async def reconnect(self) -> None:
        await self._close()
        await self._everybody(connected=False)
        await self._open()
        await self._everybody(connected=True)

    async def _everybody(self, *, connected: bool) -> None:
        async with asyncio.timeout(PATIENCE):
            for client in self._clients.values():
                while client.connected is not connected:  # noqa: ASYNC110 - a client has no event for it
                    await asyncio.sleep(0.01)

    async def post_and_die(self, thread: ThreadKey, message: Message, *, key: str) -> None:
        await self._close()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DYING, str(self._home), thread, key, stdin=asyncio.subprocess.PIPE
        )
        await child.communicate(encoding.encode(message).encode())
        assert child.returncode == -signal.SIGKILL
        await self._open()

    async def stranger_posts(self, thread: ThreadKey, message: Message) -> str:
        # A home has one room and one bridge: what another one left there lies in the room.
        posted = await self.adapter.post(thread, message, key="stranger")
        await self.reconnect()
        return posted

    async def send_garbage(self) -> None:
        link = await asyncio.to_thread(sockets.connect, self._home / "chat.sock")
        reader, writer = await asyncio.open_unix_connection(sock=link)
        for line in GARBAGE:
            writer.write(line)
            assert b'"ok":false' in await asyncio.wait_for(reader.readline(), PATIENCE)
        # The same line still takes what is well formed.
        writer.write(b'{"id": 9, "do": "hello", "user": "eve"}\n')
        assert b'"ok":true' in await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.close()
        await writer.wait_closed()
