"""The chats the bridge is in. Owns: Chats. Imports: core, bridge. Effects: connects adapters and listens to them.

Each adapter is connected by a task of its own and tried again, later each time: one that fails disturbs no other. What a platform
refuses (a token that was revoked) is tried again seldom, and said once.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from bridge.supervise import LONGEST, Supervisor, backoff
from bridge.wanted import Build
from config.settings import Settings
from core import events, wording
from core.errors import LoopbridgeError, Unavailable
from core.ids import identity_key, thread_key
from core.ports import ChatAdapter, Clock, Emit
from core.ports.chat import Reconnecting

log = structlog.get_logger(__name__)
CONNECTED, CONNECTING = "connected", "connecting"
FIRST_TRY = 5.0  # seconds that the bridge's readiness waits for platforms
AWAY = 5.0  # seconds after which a lost connection is told of
REFUSED = 600.0  # seconds until something is tried again that was refused for good


class Chats:
    """Keeps the adapters that `builders` make connected, and knows how each is."""

    def __init__(
        self, *, settings: Settings, clock: Clock, supervisor: Supervisor, builders: Mapping[str, Build]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._supervisor = supervisor
        self._builders = builders
        self._states: dict[str, str] = {}
        self._tried: dict[str, asyncio.Event] = {}
        self.connected: dict[str, ChatAdapter] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connected.clear()

    def states(self) -> Mapping[str, str]:
        """Return "connected", "connecting", for how long it reconnects, or what went wrong and what to do, by platform."""
        return {name: self._reconnecting(name) or state for name, state in self._states.items()}

    def _reconnecting(self, name: str) -> str:
        chat = self.connected.get(name)
        away = chat.away_for if isinstance(chat, Reconnecting) else 0.0
        return f"reconnecting for {wording.duration(away)}" if away > AWAY else ""

    async def admit_own_user(self, emit: Emit) -> None:
        """Let the local chat's own user in, before anything they write is judged."""
        if self._settings.chat.local.enabled:
            await emit(self._own_user())

    async def start(self, emit: Emit) -> None:
        """Begin to listen; return once the local chat was tried, and each other one too or some seconds have passed."""
        for name, build in self._builders.items():
            self._states[name] = CONNECTING
            self._tried[name] = asyncio.Event()
            self._supervisor.keep(f"chat {name}", partial(self._stay, name, build, emit))
        if "local" in self._tried:
            await self._tried["local"].wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_TRY):
                for tried in self._tried.values():
                    await tried.wait()

    async def _stay(self, name: str, build: Build, emit: Emit) -> None:
        """Be in a chat, again and again."""
        failures, said = 0, ""
        while True:
            began, pause = self._clock.monotonic(), backoff(failures)
            try:
                await self._listen(name, build, emit)
            except LoopbridgeError as exc:
                pause = backoff(failures, exc) if isinstance(exc, Unavailable) else REFUSED
                self._states[name] = " → ".join(filter(None, (str(exc), exc.remedy)))
                tell = log.info if said == self._states[name] else log.warning
                tell("chat.failed", chat=name, why=str(exc), remedy=exc.remedy, again_in=round(pause, 1))
                said = self._states[name]
            if self._clock.monotonic() - began > LONGEST:
                failures, said = 0, ""
            await self._clock.sleep(pause)
            failures += 1

    async def _listen(self, name: str, build: Build, emit: Emit) -> None:
        try:
            async with await build() as chat:
                self.connected[name] = chat
                self._states[name] = CONNECTED
                self._tried[name].set()
                log.info("chat.connected", chat=name)
                await chat.listen(emit)
        finally:
            self.connected.pop(name, None)
            self._tried[name].set()
            self._states[name] = CONNECTING

    def _own_user(self) -> events.Admitted:
        """Return the admission of the local chat's own user: whoever sits at this machine's console is an admin."""
        user = local_user(self._settings)
        return events.Admitted(
            lane=thread_key("local", "home", "console", "0"),
            at=self._clock.now(),
            identity=identity_key("local", "home", user),
            name=user,
            role="admin",
        )


def local_user(settings: Settings) -> str:
    """Return the name under which the local chat's own user writes."""
    return (settings.chat.local.user or getpass.getuser()).lower()
