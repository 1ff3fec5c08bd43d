"""Effects to the chat, against a chat that fails as platforms do and a store that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from adapters.store.store import SqlStore
from bridge.clock import SystemClock
from bridge.delivery import Delivery
from bridge.supervise import Supervisor
from core.desk import Outcome
from core.effects import Effect, Priority, React, Say, Show, Whisper
from core.errors import RateLimited, Rejected, Unavailable
from core.events import Deleted
from core.ids import CardKey, IdentityKey, ThreadKey
from core.message import Caps, Message, text
from core.ports import ChatAdapter
from tests.patience import PATIENCE

LANE = ThreadKey("local:home/general/1")


class Chat:
    """A chat that does what the list of failures says, then works; posts under one key count once."""

    platform = "local"
    caps = Caps(edit_every=0.0)

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.posts: dict[str, Message] = {}
        self.keys: dict[str, str] = {}
        self.order: list[str] = []

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        self._fail()
        if key not in self.keys:
            self.keys[key] = str(len(self.keys) + 1)
            self.posts[self.keys[key]] = message
            self.order.append(key)
        return self.keys[key]

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        self._fail()
        if posted not in self.posts:
            raise Rejected("no such message")
        self.posts[posted] = message
        self.order.append(f"edit {posted}")

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        self._fail()
        self.order.append(f"whisper {to}")

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        self._fail()
        self.order.append(f"react {message}")


class Desk:
    """A delivery over a real store."""

    def __init__(self, store: SqlStore, delivery: Delivery) -> None:
        self.store = store
        self.delivery = delivery
        self._count = 0

    async def ask(self, *effects: Effect) -> None:
        """Commit effects as an event would, and hand them on."""
        self._count += 1
        event = Deleted(lane=LANE, at=SystemClock().now(), message=str(self._count))
        [arrival] = await self.store.arrive([event])
        assert arrival is not None
        self.delivery.take(await self.store.settle(arrival, Outcome(effects=effects)))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true() or self.delivery.pending:  # noqa: ASYNC110 - looked at from outside
                await asyncio.sleep(0.01)


@asynccontextmanager
async def desk(tmp_path: Path, chat: Chat, chats: dict[str, Any] | None = None) -> AsyncIterator[Desk]:
    clock = SystemClock()

    async def nothing(look: Any) -> Message:
        return text("looked")

    async with (
        SqlStore(f"sqlite:///{tmp_path / 'b.db'}", clock=clock) as store,
        Supervisor(clock) as supervisor,
    ):
        given = {"local": cast("ChatAdapter", chat)} if chats is None else chats
        yield Desk(
            store, Delivery(store=store, chats=given, clock=clock, answer=nothing, supervisor=supervisor)
        )


def say(key: str, card: str = "", priority: Priority = Priority.ANSWER) -> Say:
    return Say(key=key, lane=LANE, message=text(key), card=CardKey(card), priority=priority)


def show(key: str, card: str) -> Show:
    return Show(key=key, lane=LANE, message=text(key), card=CardKey(card), priority=Priority.PROGRESS)


async def test_a_card_is_posted_once_and_edited_after(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        await at.ask(show("one", "card"))
        await at.until(lambda: bool(chat.posts))
        await at.ask(show("two", "card"))
        await at.until(lambda: "edit 1" in chat.order)
        assert chat.posts == {"1": text("two")}
        assert await at.store.card(CardKey("card")) == "1"
        assert await at.store.jobs() == []


async def test_a_pause_that_the_platform_asks_for_loses_and_reorders_nothing(tmp_path: Path) -> None:
    chat = Chat(RateLimited("slow down", retry_after=0.2), RateLimited("slow down", retry_after=0.2))
    async with desk(tmp_path, chat) as at:
        await at.ask(say("a"), say("b"), say("c"))
        await at.until(lambda: len(chat.posts) == 3)
        assert chat.order == ["a", "b", "c"]


async def test_what_cannot_be_reached_is_tried_until_it_can(tmp_path: Path) -> None:
    chat = Chat(Unavailable("down"), Unavailable("down"))
    async with desk(tmp_path, chat) as at:
        await at.ask(say("a"))
        await at.until(lambda: chat.order == ["a"])


async def test_what_is_refused_for_good_is_given_up_and_the_rest_goes_on(tmp_path: Path) -> None:
    chat = Chat(Rejected("no such channel"))
    async with desk(tmp_path, chat) as at:
        await at.ask(say("a"), say("b"))
        await at.until(lambda: chat.order == ["b"])
        assert await at.store.jobs() == []


async def test_a_card_that_somebody_deleted_is_posted_anew(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        await at.ask(show("one", "card"))
        await at.until(lambda: bool(chat.posts))
        chat.posts.clear()
        await at.ask(show("two", "card"))
        await at.until(lambda: bool(chat.posts))
        assert await at.store.card(CardKey("card")) == "2"


async def test_a_lost_receipt_does_not_show_a_post_twice(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        effect = say("a", card="ask")
        await chat.post(LANE, effect.message, key=effect.key)
        await at.ask(effect)
        await at.until(lambda: True)
        assert len(chat.posts) == 1
        assert await at.store.card(CardKey("ask")) == "1"


async def test_a_card_that_is_said_anew_is_edited_where_it_was_said_last(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        for effect in (show("one", "card"), say("again", card="card"), show("two", "card")):
            await at.ask(effect)
            await at.until(lambda: True)
        assert chat.order == ["card:card", "again", "edit 2"]
        assert await at.store.card(CardKey("card")) == "2"


async def test_reactions_and_whispers_go_out(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        await at.ask(
            React(key="r", lane=LANE, message="7", emoji="👀", priority=Priority.ASK),
            Whisper(key="w", lane=LANE, to=IdentityKey("local:home/maya"), message=text("psst")),
        )
        await at.until(lambda: len(chat.order) == 2)
        assert chat.order == ["react 7", "whisper local:home/maya"]


async def test_an_edit_that_has_to_wait_lets_what_people_wait_for_pass(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        await at.ask(show("one", "card"))
        await at.until(lambda: bool(chat.posts))
        chat.failures.append(RateLimited("not yet", retry_after=2.0))
        await at.ask(show("two", "card"))
        async with asyncio.timeout(PATIENCE):
            while chat.failures:  # noqa: ASYNC110 - looked at from outside
                await asyncio.sleep(0.01)
        await at.ask(show("three", "card"), say("answer"))
        await at.until(lambda: len(chat.order) == 3)
        assert chat.order == ["card:card", "answer", "edit 1"]
        assert chat.posts["1"] == text("three")


async def test_what_a_card_says_already_is_not_sent_again(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        for effect in (
            show("one", "card"),
            replace(show("two", "card"), message=text("one")),
            show("three", "card"),
        ):
            await at.ask(effect)
            await at.until(lambda: True)
        assert chat.order == ["card:card", "edit 1"]
        assert chat.posts == {"1": text("three")}
        assert await at.store.jobs() == []


async def test_a_failed_edit_is_no_content(tmp_path: Path) -> None:
    chat = Chat()
    async with desk(tmp_path, chat) as at:
        await at.ask(show("one", "card"))
        await at.until(lambda: bool(chat.posts))
        chat.failures.append(Unavailable("the answer was lost"))
        await at.ask(show("two", "card"))
        await at.until(lambda: chat.posts["1"] == text("two"))
        assert chat.order == ["card:card", "edit 1"]


async def test_a_chat_that_connects_late_sets_the_pace_from_then_on(tmp_path: Path) -> None:
    chat, chats = Chat(), dict[str, Any]()
    chat.caps = Caps(edit_every=3600.0)
    async with desk(tmp_path, chat, chats) as at:
        await at.ask(show("one", "card"))
        chats["local"] = chat
        await at.until(lambda: bool(chat.posts))
        await at.ask(show("two", "card"), say("after"))
        async with asyncio.timeout(PATIENCE):
            while "after" not in chat.order:  # noqa: ASYNC110 - looked at from outside
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert chat.order == ["card:card", "after"]
        assert at.delivery.pending == 1
