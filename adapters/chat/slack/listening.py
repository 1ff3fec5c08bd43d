"""One stretch of listening: what was missed, then what comes. Owns: Listening, Reach, Setup. Imports: core and the modules beside.

Effects: holds the connection, or serves signed requests; remembers up to where everything was heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from adapters.chat.slack import backlog
from adapters.chat.slack.client import Api
from adapters.chat.slack.door import Door
from adapters.chat.slack.errand import Errands, MayStart, Recall, Remember
from adapters.chat.slack.gate import Gate
from adapters.chat.slack.hearing import Hearing
from adapters.chat.slack.hometab import Home
from adapters.chat.slack.line import Line
from adapters.chat.slack.seen import Seen
from adapters.chat.slack.tasks import Tasks
from adapters.chat.slack.workspace import Workspace
from core.errors import Unavailable
from core.ports import Clock, Emit

WRITE_EVERY = 5.0  # seconds between two writings of the marks
CATCH_UP = 10.0  # seconds that live events wait for missed ones
LAST_ACK = 0.5  # seconds for the ack of what ends the listening: Slack would tell it again
GAP = 30.0  # seconds without a connection after which something may have been missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How to listen: over HTTP at `listen_on` (host, port), else over Socket Mode with a ping every so many seconds.

    `remember` and `recall` keep small values for good; `home` says what somebody's home tab shows, `may_start` whose
    commands begin a loop.
    """

    signing_secret: str
    listen_on: tuple[str, int] | None
    ping_every: float
    remember: Remember | None
    recall: Recall | None
    home: Home | None
    may_start: MayStart | None = None


class Reach(asyncio.Event):
    """Set while Slack can reach the adapter; knows since when it can't."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._since = clock.monotonic()

    def clear(self) -> None:
        """Note that Slack can't reach the adapter from now on."""
        if self.is_set():
            self._since = self._clock.monotonic()
        super().clear()

    @property
    def away_for(self) -> float:
        """Return for how many seconds Slack has not been able to; 0.0 while it can."""
        return 0.0 if self.is_set() else self._clock.monotonic() - self._since


class Listening:
    """Listens for all workspaces of the app. `reachable` is set once Slack can reach it."""

    def __init__(
        self,
        *,
        workspaces: Mapping[str, Workspace],
        setup: Setup,
        clock: Clock,
        emit: Emit,
        logger: logging.Logger,
        reachable: Reach,
    ) -> None:
        self._workspaces = workspaces
        self._setup = setup
        self._clock = clock
        self._tasks = Tasks()
        self._seen = {team: Seen(team, remember=setup.remember, recall=setup.recall) for team in workspaces}
        self._shut_out = asyncio.Event()
        self._errands = Errands(
            clock=clock, remember=setup.remember, recall=setup.recall, may_start=setup.may_start
        )
        self._hearing = Hearing(
            workspaces=workspaces,
            seen=self._seen,
            errands=self._errands,
            clock=clock,
            emit=emit,
            spawn=self._tasks.spawn,
            home=setup.home,
            shut_out=self._shut_out.set,
        )
        me = {team: home.me for team, home in workspaces.items()}
        self._gate = Gate(hearing=self._hearing, me=me, logger=logger)
        self._reachable = reachable

    async def by_socket(self, app: Api, session: aiohttp.ClientSession) -> None:
        """Listen over Socket Mode until cancelled. Raises Rejected when Slack does not want the app, Unavailable when a workspace put it out."""
        await self._begin()
        line = Line(
            api=app,
            session=session,
            clock=self._clock,
            ping_every=self._setup.ping_every,
            take=self._gate.from_socket,
            connected=self._connected,
            ended=self._reachable.clear,
        )
        await self._while_wanted(line.run)

    async def by_http(self, at: tuple[str, int], opened: Callable[[tuple[str, int]], None]) -> None:
        """Serve signed requests until cancelled; `opened` hears at which address. Raises Unavailable when a workspace put the app out."""

        def standing(address: tuple[str, int]) -> None:
            opened(address)
            self._connected(float("inf"))

        await self._begin()
        door = Door(
            host=at[0],
            port=at[1],
            secret=self._setup.signing_secret,
            clock=self._clock,
            take=self._gate.from_http,
            opened=standing,
        )
        await self._while_wanted(door.run)

    async def _while_wanted(self, listen: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Listen until a workspace takes its token back: whoever begins anew sees which one is still good."""
        listening = asyncio.create_task(listen())
        shut_out = asyncio.create_task(self._shut_out.wait())
        try:
            await asyncio.wait({listening, shut_out}, return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                await asyncio.sleep(LAST_ACK)
                raise Unavailable("a Slack workspace took its token back")
            listening.result()
        finally:
            listening.cancel()
            shut_out.cancel()
            await asyncio.gather(listening, shut_out, return_exceptions=True)

    async def stop(self) -> None:
        """End what still runs and write down what was heard."""
        await self._tasks.stop()
        await self._write()

    async def _begin(self) -> None:
        for marks in self._seen.values():
            await marks.load()
        for slash in await self._errands.waiting():
            if slash.team in self._workspaces:
                home = self._workspaces[slash.team]
                self._tasks.spawn("command", self._errands.run(slash, home, self._hearing.hand_on))
        self._tasks.spawn("marks", self._write_now_and_then())

    def _connected(self, away: float) -> None:
        # A short absence needs no look back: Slack tells what was not acked again.
        if away > GAP:
            self._hearing.lag()
            self._tasks.spawn("backlog", self._catch_up())
        self._reachable.set()

    async def _catch_up(self) -> None:
        recovering = asyncio.ensure_future(backlog.recover(self._workspaces, self._seen, self._hearing))
        try:
            await asyncio.wait({recovering}, timeout=CATCH_UP)
            self._hearing.catch_up()
            await recovering
        finally:
            self._hearing.catch_up()
            recovering.cancel()
            await asyncio.gather(recovering, return_exceptions=True)

    async def _write_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self._write()

    async def _write(self) -> None:
        for marks in self._seen.values():
            await marks.write()
