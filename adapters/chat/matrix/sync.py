"""The stream of what happens. Owns: Sync. Imports: core. Effects: long-polls the homeserver; hands events to `emit`; saves how far it came.

The token of an answer is saved once everything in it is durable: what a crash cuts short comes again. A timeline with a gap is filled
from the room's history first. The first start ever takes up nothing of the past.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.chat.matrix import wire
from adapters.chat.matrix.client import Client, Synced
from adapters.chat.matrix.faults import UNKNOWN_TOKEN, Refusal
from adapters.chat.matrix.hearing import Hearing
from adapters.chat.matrix.invites import Invites
from adapters.chat.matrix.notebook import Notebook
from adapters.chat.matrix.sealed import Sealed
from core.errors import RateLimited, Rejected, Unavailable
from core.events import Posted
from core.ports import Clock, Emit

log = logging.getLogger(__name__)
SINCE: Final = "since"
SHORT_POLL: Final = 5.0  # seconds an answer may be waited for while somebody is to be told something
LONGEST: Final = 60.0  # seconds between tries while the server is away
GAP: Final = 20_000  # events of one gap that are filled


class Sync:
    """Reads the stream, from where the last run ended."""

    def __init__(
        self,
        client: Client,
        notebook: Notebook,
        hearing: Hearing,
        sealed: Sealed,
        invites: Invites,
        clock: Clock,
        *,
        poll: float,
        silence: float,
    ) -> None:
        self._client = client
        self._notebook = notebook
        self._hearing = hearing
        self._sealed = sealed
        self._invites = invites
        self._clock = clock
        self._poll = poll
        self._silence = silence
        self._behind = True  # whether the next answer tells of a time when nobody listened
        self._first: Synced | None = None
        self._away_since: float | None = None  # since when the server does not answer the sync

    @property
    def away_for(self) -> float:
        """Return for how many seconds the server has not answered the sync; 0.0 while it does."""
        return 0.0 if self._away_since is None else self._clock.monotonic() - self._away_since

    async def begin(self) -> None:
        """Learn every room's state, as sending needs it. What is new in the answer is taken in by `run`."""
        self._first = await self._client.sync(self._notebook.fact(SINCE), full=True, wait=0.0)
        await self._client.upkeep()

    async def run(self, emit: Emit) -> None:
        """Hand over everything that happens, until cancelled. Raises Rejected when the token is no longer taken."""
        await self._sealed.retry(emit)
        await self._sealed.ask_again()
        failures = 0
        while True:
            try:
                await self._round(emit)
            except Unavailable as error:
                self._behind = True
                if self._away_since is None:
                    self._away_since = self._clock.monotonic()
                pause = min(LONGEST, 0.5 * 2.0**failures) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
                if isinstance(error, RateLimited):
                    pause = max(0.05, error.retry_after)
                else:
                    await self._client.redial(None)
                failures = min(failures + 1, 10)
                log.warning("chat.matrix.away", extra={"why": str(error), "seconds": round(pause, 1)})
                await self._clock.sleep(pause)
            except Refusal as refusal:
                if refusal.code == UNKNOWN_TOKEN:
                    raise
                raise Rejected(
                    f"the homeserver refuses the sync: {refusal}", remedy=refusal.remedy
                ) from refusal
            else:
                failures, self._away_since = 0, None

    async def _round(self, emit: Emit) -> None:
        since = self._notebook.fact(SINCE)
        answer, self._first = self._first, None
        if answer is None:
            wait = min(SHORT_POLL, self._poll) if self._sealed.waiting else self._poll
            if self._away_since is not None:
                wait = 0.0  # that it is there again is to be known at once
            answer = await self._client.sync(since, full=False, wait=wait, silence=self._silence)
        # Devices that are new first: what they sent is read against their keys.
        await self._client.upkeep()
        await self._sealed.meet_devices()
        await self._take(answer, since, emit)
        self._notebook.remember(SINCE, answer.token)
        self._behind = False
        await self._sealed.tell()

    async def _take(self, answer: Synced, since: str, emit: Emit) -> None:
        for room, told in _objects(answer.rooms.get("invite")):
            await self._invites.answer(room, _events(wire.fields(told, "invite_state")))
        known = self._notebook.rooms()
        for room, told in _objects(answer.rooms.get("join")):
            if since:
                heard = 0
                for raw in await self._news(room, told, since, known=room in known):
                    heard += await self._event(room, raw, emit)
                if heard and self._behind:
                    log.warning("chat.matrix.gap", extra={"channel": room, "count": heard})
            self._notebook.enter(room)
        for room, _ in _objects(answer.rooms.get("leave")):
            self._notebook.leave(room)
        if answer.sessions:
            await self._sealed.retry(emit, sorted(set(answer.sessions)))

    async def _news(
        self, room: str, told: Mapping[str, Any], since: str, *, known: bool
    ) -> Sequence[Mapping[str, Any]]:
        """Return what happened in a room, oldest first, gaps filled; of a room just entered, what came after the bot."""
        timeline = wire.fields(told, "timeline")
        events = _events(timeline)
        begun = next(
            (at for at in reversed(range(len(events))) if wire.joins(events[at], self._client.user)), None
        )
        if not known and begun is not None:
            return events[begun + 1 :]
        token = wire.words(timeline, "prev_batch")
        if timeline.get("limited") is not True or not token:
            return events if known else []
        older: list[Mapping[str, Any]] = []
        async for raw in self._client.before(room, token, until=since if known else ""):
            if not known and wire.joins(raw, self._client.user):
                known = True
                break
            older.append(raw)
            if len(older) >= GAP:
                log.warning("chat.matrix.gap_too_long", extra={"channel": room, "count": GAP})
                break
        return [*reversed(older), *events] if known else []

    async def _event(self, room: str, raw: Mapping[str, Any], emit: Emit) -> bool:
        """Take an event in; return whether it was a message of somebody's."""
        clear = self._client.open(room, raw)
        if clear is None:
            await self._sealed.keep(room, raw)
            return False
        return isinstance(await self._hearing.take(room, clear, emit), Posted)


def _objects(told: Any) -> list[tuple[str, Mapping[str, Any]]]:
    pairs = told.items() if isinstance(told, dict) else ()
    return [(room, value) for room, value in pairs if isinstance(value, dict)]


def _events(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    events = told.get("events")
    return [each for each in events if isinstance(each, dict)] if isinstance(events, list) else []
