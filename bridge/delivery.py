"""Effects to the chat, carried out. Owns: Delivery. Imports: core, bridge. Effects: posts and edits through the chat ports.

At least once, each under its key: the platform (or its adapter) makes a repeated key harmless. 429 is waited out, what cannot be
reached is tried again for as long as it takes, what is refused for good is logged and given up.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial

import structlog

from bridge.outbox import Outbox, card_of
from bridge.supervise import Supervisor, backoff
from core import ids
from core.effects import Look, React, Say, Show, Whisper
from core.errors import RateLimited, Rejected, Unavailable
from core.ids import CardKey, ThreadKey
from core.message import Message
from core.ports import ChatAdapter, Clock, Job, Store

log = structlog.get_logger(__name__)
PRIVATE = frozenset({"list", "usage", "memory"})  # answers that concern the asker alone
UNKNOWN_PACE = 3.0  # seconds between two edits of a card, until its chat is connected and says better
SHOWN = 2_000  # cards whose present content is remembered
LINGER = 30.0  # seconds a lane remembers when its cards were edited


class Delivery:
    """Carries out what is to be said, a worker per thread."""

    def __init__(
        self,
        *,
        store: Store,
        chats: Mapping[str, ChatAdapter],
        clock: Clock,
        answer: Callable[[Look], Awaitable[Message]],
        supervisor: Supervisor,
        clean: Callable[[Message], Message] = lambda message: message,
    ) -> None:
        self._store = store
        self._chats = chats
        self._clock = clock
        self._answer = answer
        self._supervisor = supervisor
        self._clean = clean
        self._boxes: dict[ThreadKey, Outbox] = {}
        self._news: dict[ThreadKey, asyncio.Event] = {}
        self._shown: OrderedDict[CardKey, tuple[str, Message]] = OrderedDict()  # where, and what it says

    def take(self, jobs: Sequence[Job]) -> None:
        """Queue jobs, each in its thread's outbox."""
        for job in jobs:
            lane = job.effect.lane
            if lane not in self._boxes:
                self._boxes[lane] = Outbox(UNKNOWN_PACE)
                self._news[lane] = asyncio.Event()
                self._supervisor.once(f"delivery {lane}", partial(self._work, lane))
            self._boxes[lane].put([job])
            self._news[lane].set()

    @property
    def pending(self) -> int:
        return sum(len(box) for box in self._boxes.values())

    async def _work(self, lane: ThreadKey) -> None:
        box, news = self._boxes[lane], self._news[lane]
        while True:
            news.clear()
            chat = self._chats.get(ids.platform_of(lane))
            if chat is not None:
                box.edit_every = chat.caps.edit_every
            upcoming = box.next(self._clock.monotonic())
            if upcoming.job is not None:
                await self._try(box, upcoming.job)
                continue
            try:
                await asyncio.wait_for(news.wait(), LINGER if upcoming.wait is None else upcoming.wait)
            except TimeoutError:
                if upcoming.wait is None and not len(box):
                    del self._boxes[lane], self._news[lane]
                    return

    async def _try(self, box: Outbox, job: Job) -> None:
        try:
            posted = await self._carry_out(job)
        except Unavailable as exc:
            pause = backoff(job.attempts, exc)
            log.info("delivery.put_off", why=str(exc), seconds=pause, key=job.effect.key)
            # An edit whose time has not come holds up nothing: what people wait for goes past it.
            early = isinstance(exc, RateLimited) and box.is_edit(job)
            box.put_off(
                job,
                until=self._clock.monotonic() + pause,
                pause=not early and (isinstance(exc, RateLimited) or job.attempts == 0),
                counts=not early,
            )
            await self._remembered(
                self._store.postpone(job.id, until=self._clock.now() + timedelta(seconds=pause), why=str(exc))
            )
        except Rejected as exc:
            log.warning("delivery.given_up", why=str(exc), key=job.effect.key)
            self._finish(job, failed=str(exc))
            box.drop(job.id)
        except Exception as exc:
            log.exception("delivery.failed", key=job.effect.key)
            self._finish(job, failed=repr(exc))
            box.drop(job.id)
        else:
            self._finish(job, posted=posted)
            box.done(job, now=self._clock.monotonic())

    def _finish(self, job: Job, *, posted: str = "", failed: str = "") -> None:
        """Have a receipt stored; what comes next need not wait for it."""
        receipt = self._store.finish(job.id, card=card_of(job.effect), posted=posted, failed=failed)
        self._supervisor.once(f"receipt {job.effect.key}", partial(self._remembered, receipt))

    async def _remembered(self, write: Awaitable[None]) -> None:
        """Store a receipt. A full disk loses the receipt alone: the key keeps a repeated post from showing twice."""
        try:
            await write
        except Unavailable as exc:
            log.warning("delivery.receipt_lost", why=str(exc))

    async def _carry_out(self, job: Job) -> str:
        effect = job.effect
        chat = self._chats.get(ids.platform_of(effect.lane))
        if chat is None:
            raise Unavailable(f"no chat adapter for {effect.lane} is running")
        match effect:
            case Say():
                message = self._clean(effect.message)
                posted = await chat.post(effect.lane, message, key=effect.key)
                if effect.card:
                    self._shows(effect.card, posted, message)
                return posted
            case Show():
                return await self._show(chat, effect.lane, effect.card, self._clean(effect.message))
            case Whisper():
                await chat.whisper(effect.lane, effect.to, self._clean(effect.message), key=effect.key)
            case React():
                await chat.react(effect.lane, effect.message, effect.emoji)
            case Look() if effect.what in PRIVATE:
                await chat.whisper(
                    effect.lane, effect.to, self._clean(await self._answer(effect)), key=effect.key
                )
            case Look():
                return await chat.post(effect.lane, self._clean(await self._answer(effect)), key=effect.key)
            case _:
                raise Rejected(f"{effect.kind} is nothing a chat can do")
        return ""

    async def _show(self, chat: ChatAdapter, lane: ThreadKey, card: CardKey, message: Message) -> str:
        posted, says = self._shown.pop(card, None) or (await self._store.card(card), None)
        if posted is not None and says == message:
            self._shown[card] = posted, message
            return posted  # it says so already
        if posted is None:
            posted = await chat.post(lane, message, key=f"card:{card}")
        else:
            posted = await self._edit(chat, lane, card, posted, message)
        self._shows(card, posted, message)
        return posted

    def _shows(self, card: CardKey, posted: str, message: Message) -> None:
        self._shown[card] = posted, message
        while len(self._shown) > SHOWN:
            self._shown.popitem(last=False)

    async def _edit(
        self, chat: ChatAdapter, lane: ThreadKey, card: CardKey, posted: str, message: Message
    ) -> str:
        try:
            await chat.edit(lane, posted, message)
        except Rejected as exc:
            # Somebody deleted the card: it is posted anew, once per lost message.
            log.info("delivery.card_lost", card=card, why=str(exc))
            return await chat.post(lane, message, key=f"card:{card}:after:{posted}")
        return posted
