"""The room as the event loop sees it. Owns: Hall. Imports: asyncio, core. Effects: one worker thread around the room; tells listeners.

All of the room's work goes through one thread in order, so what listeners are told comes in the order it became durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from adapters import cancelling
from adapters.chat.local import wire
from adapters.chat.local.records import Record
from adapters.chat.local.room import Room
from core.errors import Unavailable

T = TypeVar("T")


class Listener(Protocol):
    """Someone in the hall: a user, and where to put lines for them."""

    user: str

    def tell(self, line: bytes) -> None: ...


class Hall:
    """A room with people in it. Enter it to open the file, leave it to let go of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._room: Room | None = None
        self._worker: ThreadPoolExecutor | None = None
        self._listeners: set[Listener] = set()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="room")
        try:
            await self._in_thread(self._open)
        except BaseException:
            await self._dismiss()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._dismiss()

    async def _dismiss(self) -> None:
        """Let go of the room, once it has done what was asked of it by then."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await cancelling.unbroken(partial(asyncio.to_thread, self._close, worker))

    def _open(self) -> None:
        self._room = Room(self._path)

    def _close(self, worker: ThreadPoolExecutor) -> None:
        left = worker.submit(self._leave)
        worker.shutdown()
        left.result()

    def _leave(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.close()

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        if self._worker is None:
            raise Unavailable("the local chat is closed")
        # A change that was begun is seen through, also when the one who asked for it goes away.
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._worker.submit(_answer, answer, work, arguments)
        return await answer

    async def ask(self, work: Callable[[Room], T]) -> T:
        """Do something with the room in its thread. Raises what the room raises, Unavailable when it is closed."""
        room = self._room
        if room is None:
            raise Unavailable("the local chat is closed")
        return await self._in_thread(work, room)

    # ── who hears what ───────────────────────────────────────────────────────────────────────────────────────────────

    def join(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._listeners.add(listener)

    def leave(self, listener: Listener) -> None:
        """Tell this listener no more (idempotent)."""
        self._listeners.discard(listener)

    def announce(self, kind: wire.Push, record: Record) -> None:
        """Tell everybody about a message; a whisper only its addressee."""
        line = wire.push(kind, wire.spell(record))
        for listener in tuple(self._listeners):
            if record.to in {"", listener.user}:
                listener.tell(line)

    def notice(self, user: str, text: str) -> None:
        """Tell one user something about what they did; it is not kept."""
        line = wire.push("notice", {"text": text})
        for listener in tuple(self._listeners):
            if listener.user == user:
                listener.tell(line)

    # ── what the bridge waits for ────────────────────────────────────────────────────────────────────────────────────

    def stir(self) -> None:
        """Say that there is a deed to deliver."""
        self._news.set()

    async def news(self) -> None:
        """Wait until there is a deed to deliver."""
        await self._news.wait()

    def settle(self) -> None:
        """Say that the deeds are about to be looked through: what comes later stirs again."""
        self._news.clear()


def _answer(answer: asyncio.Future[T], work: Callable[..., T], arguments: tuple[Any, ...]) -> None:
    """Work, and tell the event loop what came of it."""
    try:
        found = work(*arguments)
    except BaseException as exc:  # noqa: BLE001 - carried to whoever awaits it
        settle = partial(_settle, answer, answer.set_exception, exc)
    else:
        settle = partial(_settle, answer, answer.set_result, found)
    with suppress(RuntimeError):  # the event loop is gone and with it everybody who waited
        answer.get_loop().call_soon_threadsafe(settle)


def _settle(answer: asyncio.Future[T], say: Callable[[Any], None], what: Any) -> None:
    if not answer.done():
        say(what)
