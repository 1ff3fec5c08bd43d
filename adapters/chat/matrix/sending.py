"""What goes out, once. Owns: Sending. Imports: core. Effects: sends, edits, reacts, uploads; notes what was sent under which key.

The transaction id of an event comes from its key: the server takes it once from this device while it remembers. After that a try whose
end is unknown is looked for in the thread, by a mark in its content, before it is sent again.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final
from uuid import uuid4

from adapters.chat.matrix import polls, render, signs, wire
from adapters.chat.matrix.client import Client
from adapters.chat.matrix.faults import Refusal
from adapters.chat.matrix.names import Place
from adapters.chat.matrix.notebook import Notebook, Seat
from adapters.chat.matrix.pace import Pace, Rank
from core.errors import Rejected
from core.ids import derived
from core.message import Attachment, Checklist, Message
from core.ports import Clock

REMEMBERED: Final = (
    20 * 60.0
)  # seconds for which the server surely knows a transaction id (it keeps them about 30 minutes)
LOOKED_AT: Final = 300  # newest events of a thread that are searched for an earlier try
MESSAGE: Final = "m.room.message"
DUPLICATE: Final = "M_DUPLICATE_ANNOTATION"
Content = Mapping[str, Any]


class Sending:
    """Posts, edits and reactions of the bot. `hosts` are those whose links stay links."""

    def __init__(
        self, client: Client, notebook: Notebook, clock: Clock, *, hosts: Sequence[str] = ()
    ) -> None:
        self._client = client
        self._notebook = notebook
        self._clock = clock
        self._hosts = hosts
        self._pace = Pace(clock)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _render(self, room: str, message: Message, *, most: int = render.MOST) -> render.Rendered:
        return render.render(
            message, lambda user: self._client.name(room, user), most=most, hosts=self._hosts
        )

    # ── posting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, place: Place, message: Message, *, key: str, answering: str = "") -> str:
        """Post under a key, into a thread; return the first event's id. `answering` is the user it is an answer to."""
        reply = self._notebook.latest(*place, answering) if answering else ""
        if answering and not reply:
            # There is nothing of theirs to reply to: a reaction, say. Their name tells whom "you" means.
            name = self._client.name(place.room, answering)
            message = replace(message, title=": ".join(part for part in (name, message.title) if part))
        told = self._render(place.room, message)
        events: list[str] = []
        sheets = told.sheets or (render.Sheet(text="", html=""),)
        for part, sheet in enumerate(sheets):
            offer = _offer_of(message, events[0] if events else "") if part == len(sheets) - 1 else {}
            make = partial(self._sheet, sheet, told.called if part == 0 else (), offer)
            events.append(await self._once(place, key, part, make, reply))
        for part, file in enumerate(told.files, len(events)):
            await self._once(place, key, part, partial(self._file, place.room, file), "")
        await self._offer(place.room, events[-1], events[0], message)
        if poll := polls.of(message):
            await self._ask(place, poll, key=key, part=len(events) + len(told.files), card=events[0])
        return events[0]

    async def _ask(self, place: Place, poll: polls.Poll, *, key: str, part: int, card: str) -> None:
        """Put a poll after its card, and remember what its answers stand for."""

        async def make(mark: str) -> Content:
            return {**polls.start(poll), render.KEY: mark}

        event = await self._once(place, key, part, make, "", kind=polls.START)
        given = {answer: str(token) for answer, (_, token) in poll.answers.items()}
        self._notebook.show(event, card, given, self._now())
        self._notebook.ask(event, card, self._now())

    async def _sheet(self, sheet: render.Sheet, called: Sequence[str], offer: Content, mark: str) -> Content:
        return {**render.content(sheet, called, mark), **offer}

    async def _file(self, room: str, file: Attachment, mark: str) -> Content:
        data = file.content.encode(errors="replace")
        name = file.name.rpartition("/")[2][:200] or "file.txt"
        mime = mimetypes.guess_type(name)[0] or "text/plain"
        where = await self._client.upload(name, mime, data, encrypt=self._client.encrypted(room))
        return {
            "msgtype": "m.file",
            "body": name,
            "filename": name,
            "info": {"mimetype": mime, "size": len(data)},
            "m.mentions": {},
            render.KEY: mark,
            **where,
        }

    async def _once(
        self,
        place: Place,
        key: str,
        part: int,
        make: Callable[[str], Awaitable[Content]],
        reply: str,
        kind: str = MESSAGE,
    ) -> str:
        """Send a part of a post unless the server took it already; return its event."""
        mark = derived("matrix", self._client.device, key, str(part))
        known = self._notebook.posting(key, part)
        event = known.event if known else ""
        if known and not event and self._now() - known.at > REMEMBERED:
            event = await self._search(place, mark)
        if not event:
            self._notebook.intend(key, part, place.room, self._now())
            told = await make(mark)
            if render.size(told) > render.LARGEST:
                raise Rejected("the message is larger than Matrix takes")
            event = await self._into(place, told, reply, mark, kind)
        if not (known and known.event):
            self._notebook.took(key, part, event)
            self._notebook.sit(event, Seat(place.room, place.root, self._client.user), self._now())
        return event

    async def _into(self, place: Place, told: Content, reply: str, txn: str, kind: str) -> str:
        """Send a content into a thread; as a plain reply where the server lets no thread begin."""
        last = reply or self._notebook.latest(*place)
        inside = render.in_thread(told, place.root, last, real=bool(reply))
        try:
            return await self._send(place.room, kind, inside, txn)
        except Refusal as refusal:
            if refusal.status != 400 or refusal.code != "M_UNKNOWN":
                raise
        beside = {**told, "m.relates_to": {"m.in_reply_to": {"event_id": place.root}}}
        return await self._send(place.room, kind, beside, f"{txn}r")

    async def _send(self, room: str, kind: str, content: Content, txn: str, rank: Rank = Rank.POST) -> str:
        async with self._pace.turn(rank):
            return await self._client.send(room, kind, content, txn)

    async def _search(self, place: Place, mark: str) -> str:
        """Return the event of an earlier try, "" when it never arrived."""
        left = LOOKED_AT
        async for raw in self._client.thread(*place):
            if raw.get("sender") == self._client.user:
                clear = self._client.open(place.room, raw)
                if clear is not None and wire.fields(clear, "content").get(render.KEY) == mark:
                    return wire.words(raw, "event_id")
            left -= 1
            if not left:
                break
        return ""

    async def _offer(self, room: str, event: str, card: str, message: Message) -> None:
        """Remember what the signs under a message stand for, then put those that decide on it."""
        given = _given(message)
        if given:
            self._notebook.show(event, card, given, self._now())
        for sign in signs.seeded(message):
            await self.react(room, event, sign)

    # ── changing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def edit(self, place: Place, posted: str, message: Message) -> None:
        """Replace a post of ours. Raises Rejected when it is none, or is gone."""
        known = self._notebook.posted(posted)
        if known is not None and known.gone:
            raise Rejected("the message was taken away")
        if known is None:
            await self._ours(place.room, posted)
        if any(isinstance(block, Checklist) for block in message.blocks):
            self._pace.edit(posted)  # it tells of progress, which has time
        told = self._render(place.room, message, most=1)
        new = render.content(told.sheets[0] if told.sheets else render.Sheet(text="", html=""), told.called)
        new |= _offer_of(message, posted)
        await self._send(place.room, MESSAGE, render.edit_of(posted, new), uuid4().hex, Rank.EDIT)
        await self._offer(place.room, posted, posted, message)
        for number, file in enumerate(told.files):
            key = f"edit:{posted}:{derived(file.name, file.content)}"
            await self._once(place, key, number, partial(self._file, place.room, file), "")
        asked = self._notebook.polls(posted)
        if polls.of(message) is None:
            await self._end(place, [event for event, open_ in asked.items() if open_], str(new["body"]))
        for surplus in self._notebook.parts(known.key)[1:] if known else ():
            if not surplus.gone and surplus.event not in asked:
                async with self._pace.turn(Rank.EDIT):
                    await self._client.redact(place.room, surplus.event, derived("redact", surplus.event))
                self._notebook.gone(surplus.event)

    async def _end(self, place: Place, events: Sequence[str], words: str) -> None:
        """End polls: their question is settled."""
        for event in events:
            txn = derived("poll", self._client.device, event)
            await self._send(place.room, polls.END, polls.end(event, words), txn)
            self._notebook.ended(event)

    async def _ours(self, room: str, event: str) -> None:
        raw = await self._client.event(room, event)
        redacted = "redacted_because" in wire.fields(raw, "unsigned") or not raw.get("content")
        if raw.get("sender") != self._client.user or redacted:
            raise Rejected("that message is not one of ours that can be changed")

    async def react(self, room: str, event: str, sign: str) -> None:
        """Put a sign on an event; once is enough."""
        told = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": sign}}
        txn = derived("react", self._client.device, event, sign)
        try:
            await self._send(room, "m.reaction", told, txn, Rank.SIGN)
        except Refusal as refusal:
            if refusal.code != DUPLICATE:
                raise


def _given(message: Message) -> dict[str, str]:
    return {signs.plain_sign(sign): str(button.token) for sign, button in signs.assigned(message).items()}


def _offer_of(message: Message, card: str) -> dict[str, Any]:
    """Return what a message's content says of its signs, for a device whose notebook does not know it: never their tokens."""
    given = _given(message)
    return {render.OFFER: {"signs": list(given), "card": card}} if given else {}
