"""Facts whose source was edited or deleted: flagged once, marked or left out wherever they are told. Owns: nothing. Effects: temp files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from adapters.store.store import SqlStore
from bridge.board import Boards
from bridge.claims import Claims
from bridge.looks import Looks
from bridge.whys import Whys
from core import events, graph, layers, memory
from core.desk import Desk, Outcome
from core.effects import Look, Retrace
from core.graph import Edge, Fact, Node
from core.ids import MemberId, message_key
from core.memory import Memo
from core.step import step
from core.testing import store_rig
from core.testing.fake_layers import FakeLayers
from core.testing.fakes import FakeClock
from core.testing.store_rig import LANE, MAYA, at
from tests.unit.story import Story, who, words
from tests.unit.test_capsules import TOLD, graph_of, loop, made, said, searched
from tests.unit.test_narrower import PEOPLE

MINE = layers.personal(store_rig.MEMBER)
SOURCE = message_key(LANE, "70")
TEXT = "The login test needs Redis"
HANDLE = f"m{memory.identify(TEXT)[:3]}"


def fact(layer: str = layers.NOTES, source: str = "70") -> tuple[Fact, ...]:
    node = Node(
        key=graph.memory(layer, memory.identify(TEXT)), kind="memory", audience=layers.audience(layer), at=at(3), text=TEXT,
        props={"layer": layer, "path": memory.place(TEXT), "deleted": ""},
    )  # fmt: skip
    return node, Edge(
        src=node.key, kind="distilled_from", dst=graph.message(message_key(LANE, source)), at=at(3)
    )


@asynccontextmanager
async def remembered(home: Path, *more: tuple[Fact, ...]) -> AsyncIterator[SqlStore]:
    async with graph_of(home, "a", (*TOLD, said(70, "it needs Redis"), fact(), *more)) as store:
        await store_rig.settled(store, 60, PEOPLE)
        yield store


async def changes(store: SqlStore, how: Literal["edited", "deleted"], number: int = 90) -> list[events.Event]:
    """Change the source as a platform does, and let the bridge follow."""
    heard: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        heard.append(event)

    props: dict[str, Any] = {how: at(5).isoformat()}
    await store_rig.settled(
        store, number, Outcome(facts=said(70, "" if how == "deleted" else "it does not", **props))
    )
    claims = Claims(store=store, clock=FakeClock(), emit=emit)
    await claims.retrace(Retrace(key="r", lane=LANE, message=SOURCE, how=how, at=at(5)))
    for event in heard:
        outcome = step(Desk(thread=layers.lane(layers.KNOWLEDGE)), event, Story().house)
        await store_rig.settled(store, number + 1, outcome)
    return heard


async def looked(store: SqlStore, what: Any, argument: str = "") -> str:
    memo = Memo(id=memory.identify(TEXT), text=TEXT, by="Maya", path=memory.place(TEXT))
    files = {memo.path: memory.spell(memo)}
    nothing: Any = None
    looks = Looks(
        store=store, works=nothing, clock=FakeClock(), whys=Whys(store=store, repos=("app",)), secret="s",
        boards=Boards(store=store, clock=FakeClock()), layers=FakeLayers(**{layers.NOTES: files, MINE: files}), promoting=nothing,
    )  # fmt: skip
    return words(await looks(Look(key="k", lane=LANE, what=what, argument=argument, to=MAYA, loop=loop().id)))


async def test_a_fact_that_rests_on_what_stands_is_told_as_it_is(home: Path) -> None:
    async with remembered(home) as store:
        assert TEXT in (await made(store, loop())).text
        assert "since" not in await looked(store, "memory")
        told = await looked(store, "why", HANDLE)
        assert f"“{TEXT}”" in told
        assert "https://chat.example/70" in told
        assert "it needs Redis" in told


async def test_a_fact_whose_source_was_edited_goes_on_with_a_mark(home: Path) -> None:
    async with remembered(home) as store:
        await changes(store, "edited")
        capsule = (await made(store, loop())).text
        assert TEXT in capsule
        assert 'changed="its source was edited since"' in capsule
        assert 'changed="its source was edited since"' in (await searched(store, query="redis"))[0]
        assert f"{HANDLE} · {TEXT} · Maya · its source was edited since" in await looked(store, "memory")
        told = await looked(store, "why", HANDLE)
        assert "to be looked at again: a source was edited" in told
        assert "it does not" in told


async def test_a_fact_whose_source_was_deleted_is_given_to_no_later_loop(home: Path) -> None:
    async with remembered(home) as store:
        await changes(store, "deleted")
        capsule = await made(store, loop())
        assert TEXT not in capsule.text
        assert "1 fact whose source was deleted" in capsule.left_out
        assert TEXT not in (await searched(store, query="redis"))[0]
        listed = await looked(store, "memory")
        assert f"{TEXT} · Maya · its source was deleted since" in listed
        assert "`/loop remember` with the same words keeps it" in listed
        told = await looked(store, "why", HANDLE)
        assert "to be looked at again: a source was deleted" in told
        assert "(deleted)" in told
        # Somebody says it again: from now on it rests on that.
        again = events.Remembered(
            lane=LANE, at=at(600), layer=layers.NOTES, memo=memory.identify(TEXT), handle=HANDLE, path=memory.place(TEXT), text=TEXT,
            author=who("maya"), origin=f"message:{LANE}#71", source=f"message:{LANE}#71", known=True,
        )  # fmt: skip
        await store_rig.settled(store, 95, step(Desk(thread=LANE), again, Story().house))
        assert TEXT in (await made(store, loop())).text
        assert "since" not in await looked(store, "memory")


async def test_what_was_said_elsewhere_as_well_still_stands(home: Path) -> None:
    async with remembered(home, said(71, "Redis it is"), fact(source="71")) as store:
        assert await changes(store, "deleted") == []
        assert TEXT in (await made(store, loop())).text


async def test_ones_own_fact_is_flagged_for_oneself_alone(home: Path) -> None:
    async with remembered(home, fact(MINE)) as store:
        (event,) = await changes(store, "edited")
        assert isinstance(event, events.SourceChanged)
        assert (event.claims, set(event.facts)) == ((), {fact()[0].key, fact(MINE)[0].key})  # type: ignore[union-attr]
        (own,) = await store.nodes([graph.memory(MINE, memory.identify(TEXT))])
        assert (own.audience, own.props["how"]) == (f"member:{store_rig.MEMBER}", "edited")
        outcome = step(Desk(thread=layers.lane(layers.KNOWLEDGE)), event, Story().house)
        assert [graph.alone(each) for each in outcome.facts] == [each.audience != layers.EVERYBODY for each in outcome.facts if isinstance(each, Node)]  # fmt: skip
        assert "its source was edited since" in await looked(store, "memory", "me")


@pytest.mark.parametrize(
    ("asked", "answer"), [("m000", "No fact is called `m000`"), ("#" + HANDLE.upper(), f"“{TEXT}”")]
)
async def test_why_of_a_fact_is_asked_by_its_handle(home: Path, asked: str, answer: str) -> None:
    other = replace(fact(layers.personal(MemberId("other")))[0], text="another's")  # type: ignore[arg-type]
    async with remembered(home, (other,)) as store:
        told = await looked(store, "why", asked)
        assert answer in told
        assert "another's" not in told


async def test_facts_of_one_beginning_are_told_apart(home: Path) -> None:
    twin = replace(fact()[0], key=graph.memory(layers.NOTES, HANDLE[1:] + "0" * 9), text="Another fact")  # type: ignore[arg-type]
    async with remembered(home, (twin,)) as store:
        told = await looked(store, "why", HANDLE)
        assert "That could be any of these." in told
        assert "Another fact" in told
        assert "Another fact" in await looked(store, "why", HANDLE + "000")
