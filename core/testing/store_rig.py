"""What the store checks work with. Owns: Rig, makers of events and rows. Imports: core. Effects: none (a rig has them)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol

from core import events, ids
from core.asks import Ask
from core.desk import Outcome
from core.effects import Effect, Priority, Say, Show
from core.graph import Edge, Fact, Node, message, thread
from core.ids import AskId, CallId, CardKey, IdentityKey, LoopId, MemberId, ThreadKey
from core.loop import Loop
from core.message import Message, Text
from core.people import Identity
from core.ports import Arrival, Job, Store
from core.testing.fakes import START, FakeClock

LANE = ids.thread_key("local", "home", "general", "1")
OTHER_LANE = ids.thread_key("local", "home", "general", "2")
MAYA = ids.identity_key("local", "home", "maya")
MEMBER = MemberId("a" * 32)


class Rig(Protocol):
    """One place for a store. Opening it again after it was closed finds what was there."""

    clock: FakeClock

    def open(self) -> AbstractAsyncContextManager[Store]:
        """Return a store on the rig's place."""


def at(seconds: float = 0) -> datetime:
    """Return an instant that many seconds after the clock's start."""
    return START + timedelta(seconds=seconds)


def posted(
    number: int, text: str = "hello", *, lane: ThreadKey = LANE, moment: datetime | None = None
) -> events.Posted:
    """Return a message event; its number is the platform's id of it and the second it was written in."""
    return events.Posted(
        lane=lane,
        at=moment or at(number),
        message=str(number),
        author=events.Author(identity=MAYA, name="Maya"),
        text=text,
        mentions=(IdentityKey("local:home/ravi"),),
        files=(events.FileRef(id="f", name="a.txt", size=3),),
    )


def a_loop(number: int = 1, *, lane: ThreadKey = LANE, updated: float = 0) -> Loop:
    """Return a loop whose id is its number in hex, repeated to 32 digits."""
    return Loop(
        id=LoopId(f"{number:04x}" * 8),
        thread=lane,
        title="Fix the tests",
        task="please fix the tests",
        driver=MEMBER,
        driver_identity=MAYA,
        driver_name="Maya",
        created_at=at(),
        updated_at=at(updated),
        trigger="1",
    )


def an_ask(number: int, loop: Loop, *, asked: float = 0, remind: float = 60, expire: float = 120) -> Ask:
    """Return an open ask of a loop; `remind` and `expire` count seconds from the clock's start."""
    return Ask(
        id=AskId(f"{number:032x}"),
        handle=f"{number:03x}",
        loop=loop.id,
        turn=ids.turn_id(loop.id, 1),
        leg=1,
        thread=loop.thread,
        call=CallId(f"call{number}"),
        tool="Bash",
        input='{"command":"make"}',
        digest="d" * 64,
        rule="asks",
        why="to build",
        nonce="n",
        asked_at=at(asked),
        remind_at=at(remind),
        expires_at=at(expire),
    )


def identity(key: IdentityKey = MAYA, member: MemberId = MEMBER) -> Identity:
    """Return an account of a member."""
    return Identity(key=key, member=member)


def say(key: str, *, priority: Priority = Priority.ANSWER, text: str = "hi") -> Say:
    """Return a post."""
    return Say(key=key, lane=LANE, priority=priority, message=words(text))


def show(key: str, card: str = "card", *, text: str = "hi") -> Show:
    """Return a card's next look."""
    return Show(key=key, lane=LANE, card=CardKey(card), priority=Priority.PROGRESS, message=words(text))


def spent(request: str, dollars: float) -> events.Spent:
    """Return a metered request of loop 1: ten tokens."""
    return events.Spent(
        lane=LANE,
        at=at(),
        loop=a_loop().id,
        request=request,
        model="m",
        input_tokens=1,
        output_tokens=2,
        cache_read_tokens=3,
        cache_write_tokens=4,
        cost_usd=dollars,
    )


def words(text: str) -> Message:
    """Return a message of one paragraph."""
    return Message(blocks=(Text(text=text),))


def heard(
    number: int, text: str = "hello", *, lane: ThreadKey = LANE, seconds: float | None = None
) -> tuple[Fact, ...]:
    """Return the facts of a message in a thread."""
    key = message(ids.message_key(lane, str(number)))
    moment = at(number if seconds is None else seconds)
    return (
        Node(key=key, kind="message", audience=lane, at=moment, text=text, props={"by": "Maya"}),
        Edge(src=key, kind="in_thread", dst=thread(lane), at=moment),
    )


async def arrived(store: Store, event: events.Event) -> Arrival:
    """Store an event that is new."""
    (arrival,) = await store.arrive([event])
    assert arrival is not None
    return arrival


async def settled(store: Store, number: int, outcome: Outcome) -> Sequence[Job]:
    """Store message `number` and settle it with an outcome."""
    return await store.settle(await arrived(store, posted(number)), outcome)


async def wanted(store: Store, number: int, *effects: Effect) -> Sequence[Job]:
    """Store message `number` and settle it with these effects."""
    return await settled(store, number, Outcome(effects=effects))
