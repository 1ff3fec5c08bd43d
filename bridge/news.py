"""What became of the layers, told to the rules. Owns: News. Imports: core, bridge. Effects: reads layers, emits LayerMoved, keeps how far it told.

How far a layer was told is kept after the telling: a crash in between tells the same again, which changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import structlog

from bridge import tracing
from core import events, graph, layers, memory
from core.errors import LoopbridgeError
from core.ports import Changes, Clock, Emit, Layers, Store

log = structlog.get_logger(__name__)
PART = 2 << 20  # characters of pages in one event
CHARS = 20_000  # of one page
MOST_KNOWN = 5_000  # pages of one layer that a rebuilt graph is looked through for


@dataclass(slots=True, kw_only=True)
class News:
    """Call it with a layer's name after its `main` may have moved. `layers` is set once they are built: they call it themselves."""

    store: Store
    clock: Clock
    emit: Emit
    layers: Layers = field(init=False)
    _telling: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def __call__(self, layer: str) -> None:
        """Tell what differs from what was told before. What goes wrong is logged: the next move tells it too."""
        async with self._telling.setdefault(layer, asyncio.Lock()):
            try:
                await self._tell(layer)
            except LoopbridgeError as exc:
                log.warning("layer.not_told", layer=layer, why=str(exc))

    async def catch_up(self) -> None:
        """Bring the team's layers up to their remotes, and tell what a crash left untold."""
        mine = [layers.personal(member) for member in (await self.store.people()).members]
        there = [name for name in mine if await asyncio.to_thread(self.layers.mirror(name).is_dir)]
        for name in (*layers.TEAM, *there):
            try:
                await self.layers.sync(name)
            except LoopbridgeError as exc:
                log.warning("layer.not_synced", layer=name, why=str(exc), remedy=exc.remedy)
            await self(name)

    async def _tell(self, layer: str) -> None:
        key = f"layer-told:{layer}"
        base = await self.store.kept(key) or ""
        changes = await self.layers.changes(layer, base)
        if changes.tip == base:
            return
        if not base:
            changes = replace(changes, gone=await self._vanished(layer, changes))
        pages_now = {**await self._twins(layer, changes), **changes.pages}
        for part, pages in enumerate(_parts(pages_now)):
            files = {page.path: page.text for page in pages}
            await self.emit(
                events.LayerMoved(
                    lane=layers.lane(layer),
                    at=self.clock.now(),
                    layer=layer,
                    base=base,
                    tip=changes.tip,
                    pages=pages,
                    gone=changes.gone if part == 0 else (),
                    rests=tuple(await tracing.rests(self.store, layer, files)),
                    part=part,
                )
            )
        await self.store.keep(key, changes.tip)

    async def _vanished(self, layer: str, changes: Changes) -> tuple[str, ...]:
        """Return paths that the graph knows and the layer has no more: a rebuilt graph may be older than the layer, and nobody else would tell."""
        known = [
            *await self.store.find_nodes(kind="page", prefix=graph.page(layer, ""), limit=MOST_KNOWN),
            *await self.store.find_nodes(kind="memory", prefix=graph.memory(layer, ""), limit=MOST_KNOWN),
        ]
        standing = {node.props.get("path", "") for node in known if not node.props.get("deleted")}
        return tuple(sorted(standing - set(changes.pages) - {""}))

    async def _twins(self, layer: str, changes: Changes) -> Mapping[str, str]:
        """Return files of facts whose names those had that are gone: somebody had copied one, and it still says something."""
        gone = {memory.id_of(path) for path in changes.gone} - {""}
        there = await self.layers.texts(layer, memory.FOLDER) if gone else {}
        return {path: text for path, text in there.items() if memory.id_of(path) in gone}


def _parts(pages: Mapping[str, str]) -> Iterator[tuple[events.Page, ...]]:
    """Yield the pages in portions an event can carry; one without any when there are none."""
    part: list[events.Page] = []
    size = 0
    for path, text in pages.items():
        if part and size + len(text[:CHARS]) > PART:
            yield tuple(part)
            part, size = [], 0
        part.append(events.Page(path=path, text=text[:CHARS]))
        size += len(text[:CHARS])
    yield tuple(part)
