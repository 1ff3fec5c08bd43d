"""What could not be read (yet). Owns: Sealed. Imports: core. Effects: asks devices for keys; notes; one word in the thread.

A message whose key is late is kept and tried again when the key comes. If it stays shut, the thread hears it once: silence would look as
if the bot had ignored somebody.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from adapters.chat.matrix import opening, wire
from adapters.chat.matrix.client import Client
from adapters.chat.matrix.hearing import Hearing
from adapters.chat.matrix.identity import Identity
from adapters.chat.matrix.notebook import Notebook
from adapters.chat.matrix.sending import Sending
from core import message
from core.errors import PortError, Unavailable
from core.ids import derived
from core.ports import Clock, Emit

log = logging.getLogger(__name__)
PATIENCE = 20.0  # seconds a key may be late before anybody is told
ASKED = 50  # keys, the newest, that devices are asked for again
CANNOT = (
    "I cannot read what {who} wrote here: the key to it has not reached this device. The message is kept and read as soon as its key"
    " comes. {who} can send it again; if that is not read either, check that {who}'s app lets unverified devices read."
)


class Sealed:
    """Keeps events without a key."""

    def __init__(
        self,
        client: Client,
        notebook: Notebook,
        hearing: Hearing,
        sending: Sending,
        identity: Identity,
        clock: Clock,
    ) -> None:
        self._client = client
        self._notebook = notebook
        self._hearing = hearing
        self._sending = sending
        self._identity = identity
        self._clock = clock
        self._asked: set[str] = set()  # sessions

    @property
    def waiting(self) -> bool:
        """Whether there is something nobody was told of yet."""
        return bool(self._notebook.untold(float("inf")))

    async def keep(self, room: str, raw: Mapping[str, Any]) -> None:
        """Keep an event and ask the bot's other devices for its key."""
        event, content = wire.words(raw, "event_id"), wire.fields(raw, "content")
        if not event or wire.words(raw, "sender") == self._client.user:
            return
        session = wire.words(content, "session_id")
        self._notebook.seal(event, room, session, raw, self._clock.now().timestamp())
        await self._ask(event, room, raw)

    async def _ask(self, event: str, room: str, raw: Mapping[str, Any]) -> None:
        session = wire.words(wire.fields(raw, "content"), "session_id")
        if opening.sealed_event(room, raw) is None or session in self._asked:
            return
        try:
            await self._client.request_key(room, raw)
        except PortError as error:
            log.info("chat.matrix.key_not_asked", extra={"event": event, "why": str(error)})
        else:
            self._asked.add(session)

    async def ask_again(self) -> None:
        """Ask the account's devices for the keys that are still missing."""
        self._asked.clear()
        for event, room, raw in list(self._notebook.sealed())[::-1]:
            if len(self._asked) < ASKED:
                await self._ask(event, room, raw)

    async def meet_devices(self) -> None:
        """Judge the account's other devices where they changed; a new one that is trusted may have what others had not."""
        if self._client.own_changed and await self._identity.trust_own():
            await self.ask_again()

    async def retry(self, emit: Emit, sessions: Sequence[str] | None = None) -> None:
        """Read what can be read now: of the sessions whose keys came, or all."""
        for session in sessions if sessions is not None else ("",):
            for event, room, raw in list(self._notebook.sealed(session)):
                clear = self._client.open(room, raw)
                if clear is not None:
                    await self._hearing.take(room, clear, emit)
                    self._notebook.unseal(event)

    async def tell(self) -> None:
        """Say, once a day for a thread and a person, that something there cannot be read."""
        for event, room, raw in self._notebook.untold(self._clock.now().timestamp() - PATIENCE):
            relation, sender = wire.relation_of(wire.fields(raw, "content")), wire.words(raw, "sender")
            at = wire.instant(raw, self._clock.now())
            try:
                place = await self._hearing.lanes.of(room, event, relation, sender=sender, at=at)
                words = CANNOT.format(who=self._client.name(room, sender))
                key = f"sealed:{derived(room, place.root, sender, at.date().isoformat())}"
                await self._sending.post(place, message.text(words), key=key)
            except Unavailable as error:
                log.warning("chat.matrix.not_told", extra={"event": event, "why": str(error)})
                return
            except PortError as error:
                log.warning("chat.matrix.cannot_tell", extra={"event": event, "why": str(error)})
            self._notebook.told(event)
