"""Discord as a chat adapter. Owns: DiscordChat, CAPS. Imports: asyncio, core and the modules beside. Effects: speaks with Discord."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from adapters.chat.discord import names, probe, slash
from adapters.chat.discord.asking import Asking, Completions
from adapters.chat.discord.client import Api
from adapters.chat.discord.drafts import Forms
from adapters.chat.discord.hearing import Hearing
from adapters.chat.discord.names import Me
from adapters.chat.discord.opening import Opening
from adapters.chat.discord.posts import Posts
from adapters.chat.discord.reading import Reading
from adapters.chat.discord.recent import Recall, Remember, Tokens
from adapters.chat.discord.rooms import Rooms
from adapters.chat.discord.seen import Seen
from adapters.chat.discord.sending import Sending
from adapters.chat.discord.speaking import Speaking
from adapters.chat.discord.whispering import Whispering
from core.errors import PortError, Unavailable
from core.events import FileRef
from core.ids import IdentityKey, ThreadKey
from core.message import Caps, Message
from core.ports import Clock, Emit, Finding, History

log = logging.getLogger(__name__)

CAPS = Caps(buttons="native", max_chars=12_000, edit_every=1.5)
WRITE_EVERY = 2.0  # seconds between two writings of the marks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What an entered adapter is made of."""

    api: Api
    seen: Seen
    hearing: Hearing
    asking: Asking
    speaking: Speaking
    whispering: Whispering
    reading: Reading


class DiscordChat:
    """One bot on Discord, in the servers that let it in (those of `guilds` alone, when any are named)."""

    platform = names.PLATFORM
    caps = CAPS

    def __init__(
        self,
        *,
        clock: Clock,
        token: str,
        api_url: str = "",
        guilds: Sequence[str] = (),
        completions: Completions | None = None,
        remember: Remember | None = None,
        recall: Recall | None = None,
        heartbeat_timeout: float = 60.0,
    ) -> None:
        self._clock = clock
        self._token = token
        self._api_url = api_url
        self._guilds = frozenset(guilds)
        self._completions = completions or Completions()
        self._remember = remember
        self._recall = recall
        self._heartbeat_timeout = heartbeat_timeout
        self._made: _Parts | None = None
        self._errands: set[asyncio.Task[None]] = set()
        self._commands = "not registered yet"
        self._listens = False

    async def __aenter__(self) -> Self:
        api = Api(
            token=self._token,
            api_url=self._api_url,
            clock=self._clock,
            heartbeat_timeout=self._heartbeat_timeout,
        )
        try:
            await self._enter(api)
        except BaseException:
            await api.close()
            raise
        return self

    async def _enter(self, api: Api) -> None:
        me = await api.open()
        if not api.reads_content:
            log.warning("chat.discord.no_message_content")
        seen, posts = Seen(self._remember, self._recall), Posts(self._remember, self._recall)
        forms = Forms(self._remember, self._recall, lambda: self._clock.now().timestamp())
        await seen.load(names.id_at(self._clock.now()))
        await posts.load()
        await forms.load()
        await self._register(api, me.application)
        self._made = self._wired(api, me, seen, posts, forms)

    def _wired(self, api: Api, me: Me, seen: Seen, posts: Posts, forms: Forms) -> _Parts:
        tokens, rooms = Tokens(self._clock.monotonic), Rooms(api, me)
        opening = Opening(api=api, rooms=rooms, seen=seen)
        sending = Sending(api, me, posts)
        whispering = Whispering(
            api=api,
            me=me,
            rooms=rooms,
            opening=opening,
            posts=posts,
            forms=forms,
            tokens=tokens,
            sending=sending,
        )
        speaking = Speaking(
            api=api,
            rooms=rooms,
            opening=opening,
            posts=posts,
            forms=forms,
            sending=sending,
            whispering=whispering,
        )
        hearing = Hearing(
            api=api, me=me, rooms=rooms, seen=seen, opening=opening, speaking=speaking, whispering=whispering, clock=self._clock,
            guilds=self._guilds,
        )  # fmt: skip
        asking = Asking(
            api=api, hearing=hearing, speaking=speaking, opening=opening, forms=forms, tokens=tokens,
            clock=self._clock, completions=self._completions,
        )  # fmt: skip
        reading = Reading(api, rooms, hearing)
        return _Parts(
            api=api,
            seen=seen,
            hearing=hearing,
            asking=asking,
            speaking=speaking,
            whispering=whispering,
            reading=reading,
        )

    async def _register(self, api: Api, application: str) -> None:
        """Declare the commands, for the named servers alone when any are named. Doing it again changes nothing."""
        paths = [f"/applications/{application}/guilds/{guild}/commands" for guild in sorted(self._guilds)]
        try:
            for path in paths or [f"/applications/{application}/commands"]:
                await api.call("PUT", path, body=slash.declared())
        except PortError as exc:
            # Mentions and `!loop` work without; `doctor` says what is wrong.
            self._commands = str(exc)
            log.warning("chat.discord.commands_refused", extra={"why": str(exc)})
        else:
            self._commands = ""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        made, self._made = self._made, None
        await _ended(self._errands)
        if made is not None:
            await made.api.close()

    @property
    def away_for(self) -> float:
        """Return for how many seconds Discord has not been able to reach the adapter; 0.0 while it can."""
        return self._made.api.away_for if self._made is not None else 0.0

    @property
    def connected(self) -> bool:
        """Whether Discord's events come in now."""
        return self._made is not None and self._made.api.connected

    @property
    def _parts(self) -> _Parts:
        if self._made is None:
            raise Unavailable("Discord is not connected.")
        return self._made

    # ── inbound ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(self, emit: Emit) -> None:
        """Hand every event to `emit` until cancelled. Raises Rejected when Discord will not have the bot."""
        made = self._parts
        self._listens = True
        tasks = [
            asyncio.create_task(made.api.run(partial(self._hear, made, emit))),
            asyncio.create_task(made.hearing.work(emit)),
            asyncio.create_task(self._write(made.seen)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._listens = False
            await _ended({*tasks, *self._errands})
            await made.seen.write()

    def _hear(self, made: _Parts, emit: Emit, kind: str, raw: object) -> None:
        if kind == "INTERACTION_CREATE":
            self._run(made.asking.take(raw, emit))
        else:
            made.hearing.put(kind, raw)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._errands.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("chat.discord.interaction_broke", exc_info=error)

    async def _write(self, seen: Seen) -> None:
        while True:
            await self._clock.sleep(WRITE_EVERY)
            try:
                await seen.write()
            except Unavailable as exc:
                log.warning("chat.discord.marks_not_written", extra={"why": str(exc)})

    # ── outbound ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under an idempotency key, opening the thread when there is none; return the ids of its messages."""
        return await self._parts.speaking.post(thread, message, key=key)

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace a message that `post` returned."""
        await self._parts.speaking.edit(thread, posted, message)

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone."""
        await self._parts.whispering.whisper(thread, to, message, key=key)

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent)."""
        await self._parts.speaking.react(thread, message, emoji)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def history(self, thread: ThreadKey, *, upto: str, limit: int) -> History:
        """Return a thread's past, the bridge's own posts included."""
        return await self._parts.reading.history(thread, upto=upto, limit=limit)

    async def fetch(self, file: FileRef, into: Path, *, max_bytes: int) -> None:
        """Write an attachment to `into`. Raises Rejected when it is too large or not Discord's."""
        await self._parts.reading.fetch(file, into, max_bytes=max_bytes)

    async def probe(self) -> Sequence[Finding]:
        """Try the token, the intent, the permissions, the commands and the gateway."""
        made = self._parts
        connected = made.api.connected if self._listens else None
        return await probe.look(made.api, made.hearing.me, connected=connected, commands=self._commands)


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
