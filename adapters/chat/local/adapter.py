"""The local chat as a chat adapter. Owns: LocalChat. Imports: asyncio, core. Effects: the room's file and its socket.

The room redelivers like any platform: a deed stays until `emit` has returned for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Self

from adapters import cancelling
from adapters.chat.local import render, sockets, wire
from adapters.chat.local.hall import Hall
from adapters.chat.local.records import BOT, PLATFORM, WORKSPACE, Deed, Record, identity_of, user_of
from adapters.chat.local.room import Room
from adapters.chat.local.server import Server
from core.errors import Damaged, LoopbridgeError, Rejected, StorageFull, Unavailable
from core.events import Author, FileRef, Posted
from core.ids import IdentityKey, ThreadKey
from core.message import Caps, Message
from core.ports import Clock, Emit, Finding, History

log = logging.getLogger(__name__)

CAPS = Caps(buttons="numbered", remote=False, max_chars=12_000, edit_every=0.2)
FIRST_WAIT = 1.0  # seconds before an undelivered deed is tried again, doubled up to LONGEST_WAIT
LONGEST_WAIT = 15.0
FULL = "not taken: the disk is full; it is kept here and will be delivered when there is room"
LATER = "not taken yet: the bridge cannot store it now; it is kept here and will be delivered"


class LocalChat:
    """The built-in chat of one home directory."""

    platform = PLATFORM
    caps = CAPS

    def __init__(self, *, home: Path, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._hall = Hall(home / "chat.db")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            # The socket first: whoever holds it is the one bridge of this home.
            bind = partial(sockets.bind, self._home / "chat.sock")
            listener = await cancelling.opened(bind, socket.close)
            stack.callback(listener.close)
            await stack.enter_async_context(self._hall)
            server = Server(self._hall, self._clock)
            stack.push_async_callback(server.close)
            await server.open(listener)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # ── inbound ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(self, emit: Emit) -> None:
        """Hand every deed to `emit`, in order, until cancelled; what `emit` returned for is acked when the next ones are looked for."""
        while True:
            self._hall.settle()
            taken, (deeds, people) = 0, await self._next(0)
            while deeds:
                for deed in deeds:
                    await self._deliver(deed, people, emit)
                    taken = deed.id
                deeds, people = await self._next(taken)
            await self._hall.news()

    async def _deliver(self, deed: Deed, people: Mapping[str, str], emit: Emit) -> None:
        wait = FIRST_WAIT
        while True:
            try:
                return await emit(wire.event(deed, people))
            except Unavailable as error:
                log.warning("chat.local.undelivered", extra={"deed": deed.id, "why": str(error)})
                if wait == FIRST_WAIT:
                    self._hall.notice(deed.user, FULL if isinstance(error, StorageFull) else LATER)
            await self._clock.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    async def _next(self, taken: int) -> tuple[Sequence[Deed], Mapping[str, str]]:
        """Ack the deeds up to `taken`, for as long as it takes; return those that wait, and everybody's names."""
        wait = FIRST_WAIT
        while True:
            try:
                return await self._hall.ask(lambda room: room.next(taken))
            except Unavailable as error:
                if not taken:
                    raise
                log.warning("chat.local.not_acked", extra={"deed": taken, "why": str(error)})
            await self._clock.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    # ── outbound ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under an idempotency key; return the message's id."""
        channel, root = place(thread)
        now = self._clock.now()
        record, fresh = await self._hall.ask(lambda room: room.post(channel, root, message, key=key, at=now))
        if fresh:
            self._hall.announce("message", record)
        return str(record.id)

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace a message that `post` returned."""
        channel, root = place(thread)
        number, now = _number(posted), self._clock.now()
        record, changed = await self._hall.ask(
            lambda room: room.repost(channel, root, number, message, at=now)
        )
        if changed:
            self._hall.announce("edited", record)

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone."""
        channel, root = place(thread)
        now, user = self._clock.now(), user_of(to)
        record, fresh = await self._hall.ask(
            lambda room: room.post(channel, root, message, key=key, at=now, to=user)
        )
        if fresh:
            self._hall.announce("whisper", record)

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent)."""
        number = _number(message)
        record, fresh = await self._hall.ask(lambda room: room.react(BOT, number, emoji))
        if fresh:
            self._hall.announce("reaction", record)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def history(self, thread: ThreadKey, *, upto: str, limit: int) -> History:
        """Return the thread up to and including message `upto`, the bridge's own posts as its plain text."""
        channel, root = place(thread)
        last = _number(upto)
        return await self._hall.ask(lambda room: _history(room, channel, root, upto=last, limit=limit))

    async def fetch(self, file: FileRef, into: Path, *, max_bytes: int) -> None:
        """Write an uploaded file to `into`. Raises Rejected when it is unknown or larger than `max_bytes`."""
        content = await self._hall.ask(lambda room: room.content(file.id))
        if content is None:
            raise Rejected(f"the file {file.name!r} is not in the local chat")
        if len(content) > max_bytes:
            raise Rejected(f"the file {file.name!r} has {len(content)} bytes; at most {max_bytes} are taken")
        await asyncio.to_thread(into.write_bytes, content)

    async def probe(self) -> Sequence[Finding]:
        """Check the room's file and its socket."""
        findings = []
        for name, check in (("file", self._sound), ("socket", self._reachable)):
            try:
                detail = await check()
            except LoopbridgeError as error:
                found = Finding(name=f"local chat: {name}", ok=False, detail=str(error), remedy=error.remedy)
            else:
                found = Finding(name=f"local chat: {name}", ok=True, detail=detail)
            findings.append(found)
        return findings

    async def _sound(self) -> str:
        if not await self._hall.ask(lambda room: room.sound()):
            raise Damaged("chat.db does not hold together", remedy="Put a backup of it in its place.")
        return "chat.db can be read and written"

    async def _reachable(self) -> str:
        await asyncio.to_thread(lambda: sockets.connect(self._home / "chat.sock").close())
        return "terminals can connect"


def place(thread: ThreadKey) -> tuple[str, int]:
    """Return the channel and the root message of a thread's key. Raises Rejected for a key of another platform."""
    head, _, rest = thread.partition("/")
    channel, _, root = rest.rpartition("/")
    if head != f"{PLATFORM}:{WORKSPACE}" or not channel:
        raise Rejected(f"{thread} is not a thread of the local chat")
    return channel, _number(root)


def _number(identifier: str) -> int:
    if not (identifier.isascii() and identifier.isdigit()):
        raise Rejected(f"{identifier!r} is not a message of the local chat")
    return int(identifier)


def _history(room: Room, channel: str, root: int, *, upto: int, limit: int) -> History:
    """Read a thread in the room's own thread: a long one would hold up the event loop."""
    records, total = room.thread(channel, root, upto=upto, limit=limit)
    people = room.people()
    messages = tuple(_remembered(record, people) for record in records)
    return History(messages=messages, left_out=total - len(messages))


def _remembered(record: Record, people: Mapping[str, str]) -> Posted:
    author = Author(identity=identity_of(record.author), name=record.name, bot=record.bot)
    if record.body is None:
        return wire.posted(record, record.text, author, people)
    return Posted(
        lane=record.thread,
        at=record.at,
        message=str(record.id),
        author=author,
        text=render.plain(record.body, people),
    )
