"""Which thread an event belongs to. Owns: Lanes. Imports: core. Effects: looks events up; notes where they belong.

A thread's root is the event that started it. What plainly replies to something belongs where that belongs; the top of a chain of replies
is the root of a thread that may still come to be, since no thread can start at an event that refers to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from adapters.chat.matrix import wire
from adapters.chat.matrix.client import Client
from adapters.chat.matrix.faults import Refusal
from adapters.chat.matrix.names import Place
from adapters.chat.matrix.notebook import Notebook, Seat
from adapters.chat.matrix.wire import Relation

LONGEST = 100  # replies of a chain that are followed


class Lanes:
    """Finds threads, remembering what it found."""

    def __init__(self, client: Client, notebook: Notebook) -> None:
        self._client = client
        self._notebook = notebook

    async def of(self, room: str, event: str, relation: Relation, *, sender: str, at: datetime) -> Place:
        """Return the thread of an event that refers to `relation`, and note it."""
        if known := self._notebook.seat(event):
            return Place(known.room, known.root)
        if relation.kind == "thread":
            root = relation.event
        elif relation.kind:
            root = await self.at(room, relation.event)
        else:
            root = event
        self._notebook.sit(event, Seat(room, root, sender), at.timestamp())
        return Place(room, root)

    async def at(self, room: str, event: str) -> str:
        """Return the root of the thread that an event of a room belongs to, following what it refers to."""
        passed: list[tuple[str, Mapping[str, Any]]] = []
        root = event
        for _ in range(LONGEST):
            known = self._notebook.seat(root)
            if known is not None and known.room == room:
                root = known.root
                break
            try:
                raw = await self._client.event(room, root)
            except Refusal:
                break  # not there, or not for the bot: the chain begins here as far as it can tell
            passed.append((root, raw))
            relation = wire.relation_of(wire.fields(raw, "content"))
            if relation.kind == "thread":
                root = relation.event
                break
            if not relation.kind or any(relation.event == seen for seen, _ in passed):
                break
            root = relation.event
        for each, found in passed:
            sender, at = wire.words(found, "sender"), found.get("origin_server_ts")
            instant = at / 1000 if isinstance(at, int) else 0.0
            self._notebook.sit(each, Seat(room, root, sender), instant)
        return root
