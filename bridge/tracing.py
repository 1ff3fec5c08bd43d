"""What the facts of one's own layer rest on, where the graph does not know. Owns: rests. Imports: core. Effects: reads the store.

No journal holds a member's own layer, so a rebuilt graph learns from the layer's files alone what is in it: each names its source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core import graph, layers, memory
from core.events import Rests
from core.graph import Node
from core.memory import Memo
from core.ports import Store


async def rests(store: Store, layer: str, pages: Mapping[str, str]) -> Sequence[Rests]:
    """Return which messages the facts among a member's files (path → text) rest on, as far as the graph does not say and knows them."""
    if layers.owner(layer) is None:
        return ()
    facts = [memo for path, text in pages.items() if (memo := memory.read(path, text)) is not None]
    found = []
    for memo in facts:
        fact = graph.memory(layer, memo.id)
        if await store.out_of(fact, "distilled_from", limit=1):
            continue
        found += [
            Rests(fact=fact, source=node.key, how=graph.changed(node, since=memo.when))
            for node in await _source(store, memo)
        ]
    return found


async def _source(store: Store, memo: Memo) -> Sequence[Node]:
    """Return the message a fact rests on, when it is known: by its key, else by its address, else the one the fact came by."""
    if not memo.rests and memo.source:
        linked = await store.linked([memo.source])
        if linked:
            return list(linked.values())
    key = memo.rests or memo.origin
    return [node for node in await store.nodes([key]) if node.kind == "message"] if key else []
