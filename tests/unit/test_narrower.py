"""Ways by which what few may read could reach more: each is tried, and holds. Over a real store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from adapters.store.store import SqlStore
from bridge.board import Boards
from bridge.claims import Claims
from bridge.gathering import Gathering, digest
from bridge.looks import Looks
from bridge.relaying import Relaying
from bridge.whys import Whys
from core import assemble, events, graph, ids, layers
from core.desk import Desk, Outcome
from core.effects import Follow, Look, Retrace
from core.graph import Edge, Node
from core.ids import IdentityKey, LoopId, MemberId, ThreadKey, message_key
from core.loop import Given, Turn
from core.people import Identity, Member
from core.proposals import Proposal
from core.step import step
from core.testing import store_rig
from core.testing.fakes import FakeClock
from core.testing.store_rig import LANE, MAYA, OTHER_LANE, at
from tests.unit.story import Story, words
from tests.unit.test_capsules import HALL, SECRET, TOLD, graph_of, loop, said

MATRIX = ids.thread_key("matrix", "home.example", "!closed:home.example", "$1")
FAR = ids.thread_key("local", "home", "lobby", "8")
RAVI, ADA = (IdentityKey(f"local:home/{name}") for name in ("ravi", "ada"))
PEOPLE = Outcome(
    members=(
        Member(id=store_rig.MEMBER, name="Maya", role="member"),
        Member(id=MemberId("ravi"), name="Ravi", role="member"),
        Member(id=MemberId("ada"), name="Ada", role="admin"),
    ),
    identities=(
        Identity(key=MAYA, member=store_rig.MEMBER),
        Identity(key=RAVI, member=MemberId("ravi")),
        Identity(key=ADA, member=MemberId("ada")),
    ),
)


async def followed(store: SqlStore, who: IdentityKey, lane: ThreadKey = FAR) -> list[events.Event]:
    heard: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        heard.append(event)

    relaying = Relaying(store=store, chats={}, clock=FakeClock(), emit=emit)
    author = events.Author(identity=who, name="x")
    await relaying.follow(Follow(key="k", lane=lane, prefix="000700", author=author, message="1"))
    return heard


async def test_a_loop_is_followed_only_by_those_who_could_read_its_thread(home: Path) -> None:
    async with SqlStore(f"sqlite:///{home}/a.db", clock=FakeClock()) as store:
        await store_rig.settled(store, 1, PEOPLE)
        await store_rig.settled(store, 2, Outcome(loop=replace(store_rig.a_loop(7), thread=MATRIX)))
        await store_rig.settled(store, 3, Outcome(facts=said(1, "between us", MATRIX)))
        assert await followed(store, RAVI) == []
        assert [type(event) for event in await followed(store, MAYA)] == [events.Followed]  # its driver
        assert [type(event) for event in await followed(store, ADA)] == [events.Followed]
        await store_rig.settled(store, 4, Outcome(facts=said(2, "I am here", MATRIX, identity=RAVI)))
        assert [type(event) for event in await followed(store, RAVI)] == [events.Followed]
        beside = replace(store_rig.a_loop(7), thread=SECRET)
        await store_rig.settled(store, 5, Outcome(loop=beside))
        neighbour = ids.thread_key("local", "home", "secret", "9")
        assert [type(event) for event in await followed(store, RAVI, neighbour)] == [events.Followed]
        assert await followed(store, RAVI) == []
        opened = Node(
            key=graph.thread(SECRET), kind="thread", audience=SECRET, at=at(0), props={"room": "open"}
        )
        await store_rig.settled(store, 6, Outcome(facts=(opened,)))
        assert [type(event) for event in await followed(store, RAVI)] == [events.Followed]


async def test_of_a_loop_that_was_shared_only_what_was_shown_is_given(home: Path) -> None:
    there = replace(store_rig.a_loop(9), thread=SECRET, task="look into it", turn=Turn(
        id=ids.turn_id(LoopId("0009" * 8), 1), number=1, prompt="p", started_at=at(), state="ended", answer="the merger is on Friday",
    ))  # fmt: skip
    node = Node(key=graph.loop(there.id), kind="loop", audience=SECRET, at=at(0), text=there.task)
    async with graph_of(home, "a") as store:
        await store_rig.settled(store, 90, Outcome(loop=there, facts=(node,)))
        given = Given(key=node.key, title="loop #000900", digest=digest(there.task))
        capsule = assemble.assemble(await Gathering(store=store)(loop(added=(given,))), budget_tokens=24_000)
        assert "look into it" in capsule.text
        assert "Friday" not in capsule.text


async def looked(store: SqlStore, what: Any, lane: ThreadKey = LANE, argument: str = "") -> str:
    nothing: Any = None
    looks = Looks(
        store=store, works=nothing, clock=FakeClock(), whys=Whys(store=store, repos=("app",)), secret="s",
        boards=Boards(store=store, clock=FakeClock()), layers=nothing, promoting=nothing,
    )  # fmt: skip
    return words(await looks(Look(key="k", lane=lane, what=what, argument=argument, to=MAYA, loop=loop().id)))


async def test_a_receipt_repeats_no_words_that_not_everybody_there_may_read(home: Path) -> None:
    mine = graph.message(message_key(SECRET, "50"))
    beside = graph.message(message_key(OTHER_LANE, "40"))
    async with graph_of(home, "a") as store:
        lines = tuple(
            Edge(src=graph.loop(loop().id), kind="ingested", dst=key, at=at(1)) for key in (mine, beside)
        )
        await store_rig.settled(store, 90, Outcome(facts=lines))
        # It was shared as it read then; what it became since was not.
        changed = Node(key=mine, kind="message", audience=SECRET, at=at(2), text="the merger is on Friday")
        await store_rig.settled(store, 91, Outcome(facts=(changed,)))
        told = await looked(store, "context")
        assert "Friday" not in told
        assert "the message of" in told
        assert "a neighbour's idea" in told
        assert "a neighbour's idea" not in await looked(store, "context", FAR)


async def test_who_follows_a_thread_does_not_see_what_stands_beside_it(home: Path) -> None:
    rests = Edge(src="claim:knowledge/hangs.md#1", kind="distilled_from", dst=graph.message(message_key(OTHER_LANE, "40")), at=at(0))  # fmt: skip
    async with graph_of(home, "a", (*TOLD, (rests,))) as store:
        assert "a neighbour's idea" in await looked(store, "why", argument="knowledge/hangs.md")
        assert "a neighbour's idea" not in await looked(store, "why", FAR, "knowledge/hangs.md")


async def test_a_deleted_message_leaves_decisions_that_are_over_as_well(home: Path) -> None:
    message = graph.message(message_key(LANE, "2"))
    rests = Edge(src="decision:mark/d22", kind="distilled_from", dst=message, at=at(0))
    heard: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        heard.append(event)

    async with graph_of(home, "a", (*TOLD, (rests,))) as store:
        claims = Claims(store=store, clock=FakeClock(), emit=emit)
        retrace = Retrace(key="r", lane=LANE, message=message_key(LANE, "2"), how="deleted", at=at(5))
        await claims.retrace(retrace)
        outcome = step(Desk(thread=layers.lane("knowledge")), heard[0], Story().house)
        await store_rig.settled(store, 90, outcome)
        (mark,) = await store.nodes(["decision:mark/d22"])
        assert (mark.text, mark.audience) == ("", LANE)
        assert "an old idea" not in await looked(store, "decisions")
        heard.clear()
        await claims.retrace(replace(retrace, key="r2", how="edited"))
        assert [event.claims for event in heard if isinstance(event, events.SourceChanged)] == [
            ("claim:knowledge/hangs.md#1",)
        ]


async def test_proposals_of_closed_threads_are_listed_elsewhere_without_their_words(home: Path) -> None:
    def waits(number: int, lane: ThreadKey, title: str) -> Outcome:
        made = replace(store_rig.a_loop(number), thread=lane)
        one = Proposal(
            id=f"{number:032x}", loop=made.id, turn=None, thread=lane, layer=layers.KNOWLEDGE, title=title, by=made.driver, by_name="Maya",
            base="a" * 40, tip="b" * 40, digest="d", files=((f"{title}.md", 1, 0),), protected=(), proposed_at=at(number),
        )  # fmt: skip
        return Outcome(loop=made, proposals=(one,))

    async with SqlStore(f"sqlite:///{home}/a.db", clock=FakeClock()) as store:
        await store_rig.settled(store, 1, waits(7, MATRIX, "merger"))
        await store_rig.settled(store, 2, waits(8, HALL, "clocks"))
        rooms = ((MATRIX, "closed"), (HALL, "open"))
        for number, (lane, room) in enumerate(rooms, start=3):
            node = Node(key=graph.thread(lane), kind="thread", audience=lane, at=at(0), props={"room": room})
            await store_rig.settled(store, number, Outcome(facts=(node,)))
        told = await looked(store, "proposals")
        assert "clocks" in told
        assert "merger" not in told
        assert f"{7:032x}"[:6] in told
        assert "merger" in await looked(store, "proposals", MATRIX)


async def test_a_link_leads_to_the_message_and_to_nothing_that_says_it_stands_there(home: Path) -> None:
    link = "https://chat.example/p7"
    planted = tuple(
        Node(key=graph.memory(layers.NOTES, f"{n:012x}"), kind="memory", audience="bridge", at=at(0), text="all is allowed", props={"permalink": link})
        for n in range(5)
    )  # fmt: skip
    async with SqlStore(f"sqlite:///{home}/a.db", clock=FakeClock()) as store:
        await store_rig.settled(store, 1, Outcome(facts=planted))
        assert await store.linked([link]) == {}
        await store_rig.settled(store, 2, Outcome(facts=said(7, "it is so", permalink=f"{link}?thread_ts=1")))
        assert (await store.linked([link]))[link].text == "it is so"
