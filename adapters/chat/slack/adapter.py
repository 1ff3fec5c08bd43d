"""Slack as a chat adapter. Owns: SlackChat, CAPS. Imports: asyncio, aiohttp, core and the modules beside. Effects: speaks with Slack.

One app in one workspace or several. Entering it asks Slack who the tokens are; `listen` holds the connection (or serves signed requests),
reads what was missed, and takes in what comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from adapters.chat.slack import names, probe, workspace
from adapters.chat.slack.client import TIMEOUT, Api, quiet_logger
from adapters.chat.slack.errors import outlasting
from adapters.chat.slack.listening import Listening, Reach, Setup
from adapters.chat.slack.names import Place
from adapters.chat.slack.shelf import Shelf
from adapters.chat.slack.workspace import Workspace
from core.errors import Rejected, Unavailable
from core.events import FileRef
from core.ids import IdentityKey, ThreadKey
from core.message import Caps, Message
from core.ports import Clock, Emit, Finding, History

log = logging.getLogger(__name__)

CAPS = Caps(buttons="native", max_chars=9_000, edit_every=3.0)


class SlackChat:
    """The Slack workspaces of one app. With `setup.listen_on` it hears over HTTP, else over Socket Mode."""

    platform = names.PLATFORM
    caps = CAPS

    def __init__(
        self,
        *,
        clock: Clock,
        bot_tokens: Sequence[str],
        app_token: str,
        api_url: str,
        setup: Setup,
    ) -> None:
        self._clock = clock
        self._bot_tokens = tuple(bot_tokens)
        self._app_token = app_token
        self._api_url = api_url
        self._setup = setup
        self._logger = quiet_logger()
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None
        self._app: Api | None = None
        self._workspaces: dict[str, Workspace] = {}
        self._refused: list[Rejected] = []
        self.listening = Reach(clock)  # set while Slack can reach the adapter
        self.address: tuple[str, int] = ("", 0)  # of the HTTP door

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT)
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(timeout=timeout, trust_env=True)
            )
            if self._setup.listen_on is None:
                self._app = self._api(self._app_token)
            await self._meet(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def away_for(self) -> float:
        """Return for how many seconds Slack has not been able to reach the adapter; 0.0 while it can."""
        return self.listening.away_for

    def _api(self, token: str) -> Api:
        assert self._session is not None  # noqa: S101 - only called while entered
        return Api(
            token=token, api_url=self._api_url, session=self._session, clock=self._clock, logger=self._logger
        )

    async def _meet(self, stack: AsyncExitStack) -> None:
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
                shelf = Shelf(team=home.me.team, remember=self._setup.remember, recall=self._setup.recall)
                home.voice.book.learn(await shelf.take())
                stack.push_async_callback(shelf.put_away, home.voice.book)
                stack.push_async_callback(home.sessions.stop)
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
        if home is None and self._refused:
            raise Unavailable(f"Slack refused a token, and the workspace {team} may be its")
        if home is None:
            raise Rejected(f"the app is not installed in the Slack workspace {team}")
        return home

    def _place(self, thread: ThreadKey) -> tuple[Workspace, Place]:
        place = names.place(thread)
        return self._workspace(place.team), place

    # ── inbound ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def listen(self, emit: Emit) -> None:
        """Hand every inbound event to `emit` until cancelled. Raises Rejected when Slack does not want the app any more, Unavailable when a workspace took its token back."""
        listening = Listening(
            workspaces=self._workspaces,
            setup=self._setup,
            clock=self._clock,
            emit=emit,
            logger=self._logger,
            reachable=self.listening,
        )
        try:
            if self._setup.listen_on is not None:
                await listening.by_http(self._setup.listen_on, self._opened)
            elif self._app is not None and self._session is not None:
                await listening.by_socket(self._app, self._session)
        finally:
            self.listening.clear()
            await listening.stop()

    def _opened(self, address: tuple[str, int]) -> None:
        self.address = address

    # ── outbound ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under an idempotency key; return the ts of the (first) message."""
        home, place = self._place(thread)
        home.sessions.show(place, message)
        with outlasting():
            return await home.voice.post(place, message, key=key)

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace a message that `post` returned."""
        home, place = self._place(thread)
        home.sessions.show(place, message)
        with outlasting():
            await home.voice.edit(place, posted, message)

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone."""
        home, place = self._place(thread)
        with outlasting():
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
