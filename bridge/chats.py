"""The chats the bridge is in. Owns: Chats. Imports: adapters.registry, core, bridge. Effects: connects adapters and listens to them.

Each adapter is connected by a task of its own and tried again, later each time: one that fails disturbs no other.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Self

import structlog

from adapters import registry
from bridge.supervise import Supervisor
from config.settings import Settings
from core import events
from core.errors import LoopbridgeError
from core.ids import identity_key, thread_key
from core.ports import ChatAdapter, Clock, Emit

log = structlog.get_logger(__name__)
CONNECTED = "connected"


class Chats:
    """Builds the adapters the settings name, keeps them connected, and knows how each is."""

    def __init__(self, *, settings: Settings, clock: Clock, supervisor: Supervisor) -> None:
        self._settings = settings
        self._clock = clock
        self._supervisor = supervisor
        self._states: dict[str, str] = {}
        self._first_try: dict[str, asyncio.Event] = {}
        self.connected: dict[str, ChatAdapter] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connected.clear()

    def states(self) -> Mapping[str, str]:
        """Return "connected", "connecting", or what went wrong, by platform."""
        return dict(self._states)

    async def admit_own_user(self, emit: Emit) -> None:
        """Let the local chat's own user in, before anything they write is judged."""
        if self._settings.chat.local.enabled:
            await emit(self._own_user())

    async def start(self, emit: Emit) -> None:
        """Begin to listen; return once each adapter was tried once."""
        for name, arguments in self._wanted().items():
            self._states[name] = "connecting"
            self._first_try[name] = asyncio.Event()
            self._supervisor.keep(f"chat {name}", partial(self._listen, name, arguments, emit))
        for tried in self._first_try.values():
            await tried.wait()

    def _wanted(self) -> dict[str, dict[str, object]]:
        wanted: dict[str, dict[str, object]] = {}
        if self._settings.chat.local.enabled:
            wanted["local"] = {"home": self._settings.home, "clock": self._clock}
        return wanted

    async def _listen(self, name: str, arguments: dict[str, object], emit: Emit) -> None:
        try:
            async with registry.load(name)(**arguments) as chat:
                self.connected[name] = chat
                self._states[name] = CONNECTED
                self._first_try[name].set()
                log.info("chat.connected", chat=name)
                await chat.listen(emit)
        except LoopbridgeError as exc:
            self._states[name] = str(exc)
            raise
        finally:
            self.connected.pop(name, None)
            self._first_try[name].set()
            if self._states[name] == CONNECTED:
                self._states[name] = "connecting"

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
