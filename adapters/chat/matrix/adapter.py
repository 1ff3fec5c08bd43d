"""Matrix as a chat adapter. Owns: MatrixChat, Wanted. Imports: asyncio, fcntl, core. Effects: one folder of state, one thread, the homeserver.

The port is served on the caller's event loop; everything behind it runs in the engine's thread (see `engine.py`).
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from nio.crypto import attachments
from nio.exceptions import EncryptionError

from adapters import cancelling
from adapters.chat.matrix import names, probing, render, wire
from adapters.chat.matrix.client import Client
from adapters.chat.matrix.engine import Engine
from adapters.chat.matrix.faults import UNKNOWN_TOKEN, Refusal
from adapters.chat.matrix.hearing import Hearing
from adapters.chat.matrix.identity import Identity
from adapters.chat.matrix.invites import Invites
from adapters.chat.matrix.lanes import Lanes
from adapters.chat.matrix.login import Account, enter
from adapters.chat.matrix.notebook import Notebook
from adapters.chat.matrix.past import Past
from adapters.chat.matrix.sealed import Sealed
from adapters.chat.matrix.sending import Sending
from adapters.chat.matrix.sync import Sync
from core.errors import Rejected, Unavailable
from core.events import Event, FileRef
from core.ids import IdentityKey, ThreadKey
from core.message import Message
from core.ports import Clock, Emit, Finding, History

T = TypeVar("T")
log = logging.getLogger(__name__)
Unsigned = Literal["send", "withhold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How the adapter is configured. `unsigned_devices` says whether devices that their owners did not sign get keys.

    `poll` is for how many seconds the server is asked to wait for news, `silence` how many more it may take to say that there are none,
    `request` how many any other request may take.
    """

    homeserver: str
    account: Account
    recovery_key: str = field(default="", repr=False)
    folder: Path
    allow_servers: tuple[str, ...] = ()
    allow_users: tuple[str, ...] = ()
    ghosts: tuple[str, ...] = ()
    link_hosts: tuple[str, ...] = ()
    unsigned_devices: Unsigned = "send"
    poll: float = 25.0
    silence: float = 60.0
    request: float = 30.0


class Parts:
    """What lives in the engine's thread, wired together."""

    def __init__(self, wanted: Wanted, clock: Clock) -> None:
        self.wanted = wanted
        self.notebook = Notebook(wanted.folder / "state.db")
        self.client = Client(wanted.homeserver, wanted.folder, patience=wanted.request)
        self.client.trusting = wanted.unsigned_devices == "send"
        self.identity = Identity(
            self.client, self.notebook, password=wanted.account.password, recovery_key=wanted.recovery_key
        )
        self.lanes = Lanes(self.client, self.notebook)
        self.sending = Sending(self.client, self.notebook, clock, hosts=wanted.link_hosts)
        self.hearing = Hearing(
            client=self.client, notebook=self.notebook, lanes=self.lanes, clock=clock, ghosts=wanted.ghosts
        )
        self.past = Past(self.client, self.notebook, self.hearing, clock)
        self.sealed = Sealed(self.client, self.notebook, self.hearing, self.sending, self.identity, clock)
        self.invites = Invites(self.client, servers=wanted.allow_servers, users=wanted.allow_users)
        self.sync = Sync(
            self.client, self.notebook, self.hearing, self.sealed, self.invites, clock, poll=wanted.poll,
            silence=wanted.silence,
        )  # fmt: skip
        self.clock = clock

    async def begin(self) -> None:
        """Open the state, become the device, vouch for it, learn the rooms."""
        self.notebook.open()
        self.notebook.forget(self.clock.now().timestamp())
        self.client.begin()
        await enter(self.client, self.notebook, self.wanted.account, self.wanted.folder)
        try:
            await self.identity.ensure()
        except Rejected as error:
            self.identity.trouble = str(error)
        if self.identity.trouble:
            log.warning("chat.matrix.unsigned", extra={"why": self.identity.trouble})
        self.hearing.name = await self._name()
        await self.sync.begin()
        await self.identity.trust_own()

    async def _name(self) -> str:
        try:
            return wire.words(
                await self.client.ask("GET", f"/_matrix/client/v3/profile/{self.client.user}"), "displayname"
            )
        except Refusal:
            return ""

    async def end(self) -> None:
        """Close everything (idempotent)."""
        await self.client.close()
        self.notebook.close()

    async def fetch(self, file: FileRef, max_bytes: int) -> bytes:
        """Return a posted file. Raises Rejected when it is too large, gone, or not what was posted."""
        room, event = names.file_place(file.id)
        clear = self.client.open(room, await self.client.event(room, event))
        content = wire.fields(clear or {}, "content")
        address, keys = wire.address(content), wire.fields(content, "file")
        if not address:
            raise Rejected(f"the file {file.name!r} is gone, or cannot be decrypted")
        data = await self.client.download(address, max_bytes=max_bytes)
        if keys:
            try:
                key, digest = (
                    wire.words(wire.fields(keys, "key"), "k"),
                    wire.words(wire.fields(keys, "hashes"), "sha256"),
                )
                data = attachments.decrypt_attachment(data, _urlsafe(key), digest, wire.words(keys, "iv"))
            except EncryptionError as exc:
                raise Rejected(f"the file {file.name!r} is not what was posted ({exc})") from exc
        return data


class MatrixChat:
    """The bot's device on one homeserver."""

    platform = names.PLATFORM
    caps = render.CAPS

    def __init__(self, wanted: Wanted, clock: Clock) -> None:
        self._wanted = wanted
        self._clock = clock
        self._stack = AsyncExitStack()
        self._engine = Engine("matrix")
        self._parts = Parts(wanted, clock)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            lock = await cancelling.opened(partial(_claim, self._wanted.folder), os.close)
            stack.callback(os.close, lock)
            self._engine, self._parts = Engine("matrix"), Parts(self._wanted, self._clock)
            await stack.enter_async_context(self._engine)
            stack.push_async_callback(self._end)
            await self._engine.do(self._parts.begin())
            self._stack = stack.pop_all()
        return self

    async def _end(self) -> None:
        await self._engine.do(self._parts.end())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def away_for(self) -> float:
        """Return for how many seconds the homeserver has not answered; 0.0 while it does."""
        return self._parts.sync.away_for

    @property
    def _at_work(self) -> Parts:
        if not self._engine.running:
            raise Unavailable("the Matrix adapter is not connected")
        return self._parts

    # ── inbound ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(self, emit: Emit) -> None:
        """Hand everything that happens to `emit` until cancelled.

        Raises Rejected when the access token is no longer taken, and Unavailable when the password gets a new one at the next start.
        """
        here = asyncio.get_running_loop()

        async def deliver(event: Event) -> None:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_emitted(emit, event), here))

        listening = self._at_work.sync.run(deliver)
        await (self._done(listening) if self._wanted.account.password else self._engine.do(listening))

    async def _done(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done. Under a token that died it is not refused for good: it waits for the next one."""
        try:
            return await self._engine.do(work)
        except Refusal as refusal:
            if refusal.code != UNKNOWN_TOKEN:
                raise
            raise Unavailable(str(refusal)) from refusal

    # ── outbound ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under an idempotency key; return the event's id."""
        place = names.place_of(thread)
        return await self._done(self._at_work.sending.post(place, message, key=key))

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace a message that `post` returned."""
        place = names.place_of(thread)
        await self._done(self._at_work.sending.edit(place, posted, message))

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Answer one person, in the thread: Matrix has no word for one person alone there."""
        place, user = names.place_of(thread), names.user_of(to)
        await self._done(self._at_work.sending.post(place, message, key=key, answering=user))

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent)."""
        place = names.place_of(thread)
        await self._done(self._at_work.sending.react(place.room, message, emoji))

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def history(self, thread: ThreadKey, *, upto: str, limit: int) -> History:
        """Return the thread up to and including message `upto`."""
        place = names.place_of(thread)
        return await self._done(self._at_work.past.read(place, upto=upto, limit=limit))

    async def fetch(self, file: FileRef, into: Path, *, max_bytes: int) -> None:
        """Download (and decrypt) a posted file to `into`."""
        content = await self._done(self._at_work.fetch(file, max_bytes))
        await asyncio.to_thread(into.write_bytes, content)

    async def probe(self) -> Sequence[Finding]:
        """Test the server, the token, the crypto store, the device's signature and the clock."""
        parts = self._at_work
        return await self._engine.do(probing.probe(parts.client, parts.identity, self._clock))

    async def make_recovery_key(self) -> str:
        """Keep the account's signing keys with the homeserver, encrypted; return the recovery key that opens them, once."""
        return await self._engine.do(self._at_work.identity.store())

    async def recovery(self) -> str:
        """Put signing keys that were made here into the account's secret storage, if it has none; return the key that opens it, or ""."""
        return await self._engine.do(self._at_work.identity.recovery())


async def _emitted(emit: Emit, event: Event) -> None:
    await emit(event)


def _claim(folder: Path) -> int:
    """Make the folder (0700) and hold its lock: a crypto store has one owner. Raises Rejected when another process holds it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(lock)
        raise Rejected(
            f"another process already uses the Matrix device in {folder}",
            remedy="Only one bridge may own a device. Stop the other one, or give this one a home of its own.",
        ) from exc
    return lock


def _urlsafe(key: str) -> str:
    """Return a file key's base64 as the library reads it."""
    return key.replace("-", "+").replace("_", "/")
