"""What the graph hears of a layer. Owns: what is told after a rebuild; over a real store and layers in memory."""

from __future__ import annotations

from pathlib import Path

from adapters.store.store import SqlStore
from bridge.news import News
from core import desk, events, graph, layers, memory
from core.ids import ThreadKey
from core.testing.fake_layers import FakeLayers
from core.testing.fakes import START, FakeClock

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
