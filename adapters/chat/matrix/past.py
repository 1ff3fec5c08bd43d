"""What a thread held before. Owns: Past. Imports: core. Effects: reads the thread from the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from adapters.chat.matrix import wire
from adapters.chat.matrix.client import Client
from adapters.chat.matrix.faults import Refusal
from adapters.chat.matrix.hearing import Hearing
from adapters.chat.matrix.names import Place
from adapters.chat.matrix.notebook import Notebook, Seat
from core.events import Posted
from core.ports import Clock, History

MOST: Final = 5_000  # events of a thread that are looked at
REPLIES: Final = 200  # plain replies of a thread that are fetched one by one


class Past:
    """Reads threads, edits applied, what was taken away left out."""

    def __init__(self, client: Client, notebook: Notebook, hearing: Hearing, clock: Clock) -> None:
        self._client = client
        self._notebook = notebook
        self._hearing = hearing
        self._clock = clock

    async def read(self, place: Place, *, upto: str, limit: int) -> History:
        """Return the thread's root and its newest `limit` messages up to and including `upto`, oldest first."""
        raws = await self._events(place)
        known = [each["event_id"] for each in raws]
        if upto in known:
            raws = raws[: known.index(upto) + 1]
        messages = [said for raw in raws if (said := self._message(place, raw))]
        root = messages[:1] if messages and messages[0].message == place.root else []
        rest = messages[len(root) :]
        kept = rest[max(0, len(rest) - limit) :]
        return History(messages=tuple(root + kept), left_out=len(rest) - len(kept))

    async def _events(self, place: Place) -> list[dict[str, Any]]:
        """Return the thread's events as the server has them, oldest first: root, thread, and what plainly replies in it."""
        inside: list[dict[str, Any]] = []
        async for raw in self._client.thread(*place):
            inside.append(raw)
            if len(inside) >= MOST:
                break
        inside.reverse()
        have = {raw.get("event_id") for raw in inside}
        apart = [event for event in self._notebook.company(*place) if event not in have | {place.root}][
            -REPLIES:
        ]
        for event in (place.root, *apart):
            if (found := await self._event(place.room, event)) is not None:
                _insert(inside, found, first=event == place.root)
        return [raw for raw in inside if wire.words(raw, "event_id")]

    async def _event(self, room: str, event: str) -> dict[str, Any] | None:
        try:
            return await self._client.event(room, event)
        except Refusal as refusal:
            if refusal.status not in (403, 404):
                raise
            return None

    def _message(self, place: Place, raw: Mapping[str, Any]) -> Posted | None:
        """Return an event as the message it is now; None for what is gone, no message, or cannot be read."""
        if "redacted_because" in wire.fields(raw, "unsigned"):
            return None
        clear = self._client.open(place.room, raw)
        if clear is None:
            return None
        edit = wire.edition(raw)
        newest = self._client.open(place.room, edit) if edit is not None else None
        if newest is not None:
            clear = wire.edited(clear, newest)
        heard = wire.read(clear, place.room, self._hearing.me, self._clock.now())
        if not isinstance(heard, wire.Said):
            return None
        self._notebook.sit(heard.event, Seat(place.room, place.root, heard.sender), heard.at.timestamp())
        said = self._hearing.posted(place.room, heard, place)
        return said if isinstance(said, Posted) else None


def _insert(inside: list[dict[str, Any]], raw: dict[str, Any], *, first: bool) -> None:
    """Put an event where its time says; the root goes first, whatever the clocks say."""
    if first:
        inside.insert(0, raw)
        return
    at = raw.get("origin_server_ts")
    when = at if isinstance(at, int) else 0
    place = next(
        (
            number
            for number in range(len(inside), 0, -1)
            if inside[number - 1].get("origin_server_ts", 0) <= when
        ),
        0,
    )
    inside.insert(place, raw)
