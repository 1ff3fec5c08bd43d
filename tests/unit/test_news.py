"""What the graph hears of a layer. Owns: what is told after a rebuild; over a real store and layers in memory."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from adapters.store.store import SqlStore
from bridge.news import News
from core import desk, events, graph, layers, memory
from core.ids import MemberId, MessageKey, ThreadKey, TurnId
from core.memory import Memo
from core.step import step
from core.testing import store_rig
from core.testing.fake_layers import FakeLayers
from core.testing.fakes import START, FakeClock
from tests.unit.story import Story

NOTES = layers.NOTES


def page(path: str, **more: str) -> graph.Node:
    return graph.Node(
        key=graph.page(NOTES, path), kind="page", audience=layers.audience(NOTES), at=START, text="as it was",
        props={"layer": NOTES, "path": path, **more},
    )  # fmt: skip


async def test_what_went_while_nobody_looked_is_told_to_a_rebuilt_graph(tmp_path: Path) -> None:
    told: list[events.Event] = []

    async def emit(event: events.Event) -> None:
        told.append(event)

    text = "Staging is at db2"
    fact = graph.Node(
        key=graph.memory(NOTES, memory.identify(text)), kind="memory", audience=layers.audience(NOTES), at=START,
        text=text, props={"layer": NOTES, "path": memory.place(text)},
    )  # fmt: skip
    known = (page("stays.md"), page("went.md"), page("went-long-ago.md", deleted="2026-01-01"), fact)
    async with SqlStore(f"sqlite:///{tmp_path}/bridge.db", clock=FakeClock()) as store:
        [arrival] = await store.arrive([events.Deleted(lane=ThreadKey("local:x/y/1"), at=START, message="x")])
        assert arrival is not None
        await store.settle(arrival, desk.Outcome(facts=known))
        news = News(store=store, clock=FakeClock(), emit=emit)
        news.layers = FakeLayers(notes={"stays.md": "still here"})
        await news(NOTES)
        await news(NOTES)
    [moved] = told
    assert isinstance(moved, events.LayerMoved)
    assert [one.path for one in moved.pages] == ["stays.md"]
    assert set(moved.gone) == {"went.md", memory.place(text)}


def own(text: str, *, rests: str = "", source: str = "", origin: str = "") -> Memo:
    return Memo(
        id=memory.identify(text), text=text, by="Maya", when=START, rests=rests, source=source, origin=origin, path=memory.place(text)
    )  # fmt: skip


async def test_ones_own_facts_rest_on_their_messages_again_in_a_rebuilt_graph(tmp_path: Path) -> None:
    mine, lane = layers.personal(MemberId("maya")), ThreadKey("local:home/general/1")
    later = (START + timedelta(hours=1)).isoformat()
    said = [
        graph.Node(
            key=graph.message(MessageKey(f"{lane}#{number}")), kind="message", audience=lane, at=START, text=text, props=props
        )
        for number, text, props in (
            (1, "it stands", {"edited": START.isoformat()}), (2, "it was changed", {"edited": later}),
            (3, "", {"deleted": later}), (4, "by its address", {"permalink": "https://x/4", "edited": later}),
        )
    ]  # fmt: skip
    keys = [node.key for node in said]
    facts = [
        own("It stands", origin=keys[0]), own("It changed", rests=keys[1], origin=keys[0]), own("It went", origin=keys[2]),
        own("An old file", source="https://x/4", origin=keys[0]), own("Nobody knows", origin="message:local:home/general/9#9"),
        own("By itself", origin=graph.turn(TurnId("t"))),
    ]  # fmt: skip
    texts = {memo.path: memory.spell(memo) for memo in facts}
    async with SqlStore(f"sqlite:///{tmp_path}/bridge.db", clock=FakeClock()) as store:
        await store_rig.settled(store, 1, desk.Outcome(facts=tuple(said)))

        async def settle(event: events.Event) -> None:
            told.append(event)
            await store_rig.settled(
                store, 1 + len(told), step(desk.Desk(thread=event.lane), event, Story().house)
            )

        told: list[events.Event] = []
        news = News(store=store, clock=FakeClock(), emit=settle)
        news.layers = FakeLayers(**{mine: texts})
        await news(mine)
        nodes = await store.nodes([graph.memory(mine, memo.id) for memo in facts])
        assert {node.text: graph.flagged(node) for node in nodes} == {
            "It stands": "", "It changed": "edited", "It went": "deleted", "An old file": "edited", "Nobody knows": "", "By itself": "",
        }  # fmt: skip
        assert {node.audience for node in nodes} == {layers.audience(mine)}
        assert [node.key for node in await store.distilled([keys[1]])] == [graph.memory(mine, facts[1].id)]
        [moved] = told
        assert isinstance(moved, events.LayerMoved)
        assert len(moved.rests) == 4
        await store.keep(f"layer-told:{mine}", "")
        await news(mine)
        assert isinstance(told[-1], events.LayerMoved)
        assert not told[-1].rests, (
            "what the graph knows is not told anew: a fact may have been looked at since"
        )
