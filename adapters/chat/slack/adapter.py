"""Slack as a chat adapter. Owns: SlackChat, CAPS. Imports: asyncio, aiohttp, core and the modules beside. Effects: speaks with Slack.

One app in one workspace or several. Entering it asks Slack who the tokens are; `listen` holds the connection (or serves signed requests),
reads what was missed, and takes in what comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from adapters.chat.slack import backlog, names, probe, workspace
from adapters.chat.slack.client import TIMEOUT, Api, quiet_logger
from adapters.chat.slack.door import Door
from adapters.chat.slack.errand import Errands, Recall, Remember
from adapters.chat.slack.gate import Gate
from adapters.chat.slack.hearing import Hearing, Home
from adapters.chat.slack.line import Line
from adapters.chat.slack.names import Place
from adapters.chat.slack.seen import Seen
from adapters.chat.slack.workspace import Workspace
from core.errors import Rejected
from core.events import FileRef
from core.ids import IdentityKey, ThreadKey
from core.message import Caps, Message
from core.ports import Clock, Emit, Finding, History

log = logging.getLogger(__name__)

CAPS = Caps(buttons="native", max_chars=9_000, edit_every=3.0)
WRITE_EVERY = 5.0  # seconds between two writings of the marks
CATCH_UP = 10.0  # seconds that live events wait for missed ones
GAP = 30.0  # seconds without a connection after which something may have been missed


class SlackChat:
    """The Slack workspaces of one app. With `listen_on` (host, port) it hears over HTTP, else over Socket Mode."""

    platform = names.PLATFORM
    caps = CAPS

    def __init__(
        self,
        *,
        clock: Clock,
        bot_tokens: Sequence[str],
        app_token: str,
        signing_secret: str,
        api_url: str,
        listen_on: tuple[str, int] | None,
        remember: Remember | None,
        recall: Recall | None,
        home: Home | None,
        ping_every: float,
    ) -> None:
        self._clock = clock
        self._bot_tokens = tuple(bot_tokens)
        self._app_token = app_token
        self._signing_secret = signing_secret
        self._api_url = api_url
        self._listen_on = listen_on
        self._remember = remember
        self._recall = recall
        self._home = home
        self._ping_every = ping_every
        self._logger = quiet_logger()
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None
        self._app: Api | None = None
        self._workspaces: dict[str, Workspace] = {}
        self._refused: list[Rejected] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.listening = asyncio.Event()  # set while Slack can reach the adapter
        self.address: tuple[str, int] = ("", 0)  # of the HTTP door

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT)
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(timeout=timeout, trust_env=True)
            )
            stack.push_async_callback(self._stop)
            if self._listen_on is None:
                self._app = self._api(self._app_token)
            await self._meet()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _api(self, token: str) -> Api:
        assert self._session is not None  # noqa: S101 - only called while entered
        return Api(
            token=token, api_url=self._api_url, session=self._session, clock=self._clock, logger=self._logger
        )

    async def _meet(self) -> None:
        """Ask who each token is. One that is refused is left out as long as another is good."""
        self._workspaces, self._refused = {}, []
        for token in self._bot_tokens:
            try:
                home = await workspace.enter(self._api(token), clock=self._clock)
            except Rejected as exc:
                self._refused.append(exc)
                log.error("chat.slack.token_refused", extra={"why": str(exc), "remedy": exc.remedy})  # noqa: TRY400 - no trace wanted
            else:
                self._workspaces[home.me.team] = home
        if not self._workspaces:
            raise (
                self._refused[0]
                if self._refused
                else Rejected(
                    "no bot token for Slack is set",
                    remedy="Set LOOPBRIDGE_SLACK__BOT_TOKEN; docs/slack.md says where it is found.",
                )
            )

    def _workspace(self, team: str) -> Workspace:
        home = self._workspaces.get(team)
        if home is None:
            raise Rejected(f"the app is not installed in the Slack workspace {team}")
        return home

    def _place(self, thread: ThreadKey) -> tuple[Workspace, Place]:
        place = names.place(thread)
        return self._workspace(place.team), place

    # ── inbound ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(self, emit: Emit) -> None:
        """Hand every inbound event to `emit` until cancelled. Raises Rejected when Slack does not want the app any more."""
        seen = {team: Seen(team, remember=self._remember, recall=self._recall) for team in self._workspaces}
        errands = Errands(clock=self._clock, remember=self._remember, recall=self._recall)
        hearing = Hearing(
            workspaces=self._workspaces,
            seen=seen,
            errands=errands,
            clock=self._clock,
            emit=emit,
            spawn=self._spawn,
            home=self._home,
        )
        for marks in seen.values():
            await marks.load()
        for slash in await errands.waiting():
            if slash.team in self._workspaces:
                self._spawn("command", errands.run(slash, self._workspaces[slash.team], hearing.hand_on))
        gate = Gate(
            hearing=hearing,
            me={team: home.me for team, home in self._workspaces.items()},
            logger=self._logger,
        )
        writing = asyncio.create_task(self._write(seen))
        try:
            await self._hold(gate, hearing, seen)
        finally:
            self.listening.clear()
            writing.cancel()
            await self._stop()
            await asyncio.gather(writing, return_exceptions=True)
            for marks in seen.values():
                await marks.write()

    async def _hold(self, gate: Gate, hearing: Hearing, seen: dict[str, Seen]) -> None:
        def connected(away: float) -> None:
            # A short absence needs no look back: Slack tells what was not acked again.
            if away > GAP:
                hearing.lag()
                self._spawn("backlog", self._catch_up(hearing, seen))
            self.listening.set()

        def opened(address: tuple[str, int]) -> None:
            self.address = address
            connected(float("inf"))

        if self._listen_on is not None:
            host, port = self._listen_on
            door = Door(
                host=host,
                port=port,
                secret=self._signing_secret,
                clock=self._clock,
                take=gate.from_http,
                opened=opened,
            )
            await door.run()
        elif self._app is not None and self._session is not None:
            line = Line(
                api=self._app,
                session=self._session,
                clock=self._clock,
                ping_every=self._ping_every,
                take=gate.from_socket,
                connected=connected,
            )
            await line.run()

    async def _catch_up(self, hearing: Hearing, seen: dict[str, Seen]) -> None:
        recovering = asyncio.ensure_future(backlog.recover(self._workspaces, seen, hearing))
        try:
            await asyncio.wait({recovering}, timeout=CATCH_UP)
            hearing.catch_up()
            await recovering
        finally:
            hearing.catch_up()
            recovering.cancel()

    async def _write(self, seen: dict[str, Seen]) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY)
            for marks in seen.values():
                await marks.write()

    def _spawn(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=f"slack {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("chat.slack.task_failed", extra={"task": task.get_name()}, exc_info=error)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ── outbound ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under an idempotency key; return the ts of the (first) message."""
        home, place = self._place(thread)
        return await home.voice.post(place, message, key=key)

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace a message that `post` returned."""
        home, place = self._place(thread)
        await home.voice.edit(place, posted, message)

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone."""
        home, place = self._place(thread)
        await home.voice.whisper(place, to, message, key=key)

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent); a command that is no message has nothing to put it on."""
        home, place = self._place(thread)
        ts = names.target(message)
        if ts != names.NOWHERE:
            await home.react(place, ts, emoji)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def history(self, thread: ThreadKey, *, upto: str, limit: int) -> History:
        """Return the thread up to and including message `upto`, the bridge's own posts as plain text."""
        home, place = self._place(thread)
        return await home.history(place, upto=names.upto(upto), limit=limit)

    async def fetch(self, file: FileRef, into: Path, *, max_bytes: int) -> None:
        """Write a shared file to `into`. Raises Rejected when it is too large, gone, or not Slack's own."""
        home = self._workspace(file.id.partition("/")[0])
        content = await home.content(file, max_bytes=max_bytes)
        await asyncio.to_thread(into.write_bytes, content)

    async def probe(self) -> Sequence[Finding]:
        """Test the tokens, their scopes and the connection."""
        return await probe.findings(list(self._workspaces.values()), self._refused, self._app)
