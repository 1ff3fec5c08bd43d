"""What the layers of context hold, as facts. Owns: moved. Imports: core. Effects: none."""

from __future__ import annotations

from core import graph, layers, memory
from core.events import LayerMoved
from core.step import claims, remembering
from core.step.draft import Draft

PAGE_CHARS = 20_000  # of one page in the graph; the whole stands in git


def moved(draft: Draft, event: LayerMoved) -> None:
    """Follow a layer: each page is a node that the layer's audience may see; one that is gone loses its text.

    A fact's file is the node of that fact, and the index of facts is none: each thing is told once.
    """
    remembering.reindex(draft, event)
    claims.read(draft, event)
    for page in event.pages:
        fact = remembering.stands(event, page)
        if fact is not None:
            draft.facts.append(fact)
        elif page.path != memory.TEAM_INDEX:
            draft.facts.append(_page(event, page.path, page.text[:PAGE_CHARS]))
    claims.rests(draft, event)
    for path in event.gone:
        fact = remembering.gone(event, path)
        if fact is not None:
            draft.facts.append(fact)
        elif path != memory.TEAM_INDEX and not memory.id_of(path):
            draft.facts.append(_page(event, path, deleted=event.at.isoformat()))


def _page(event: LayerMoved, path: str, text: str = "", *, deleted: str = "") -> graph.Node:
    return graph.Node(
        key=graph.page(event.layer, path),
        kind="page",
        audience=layers.audience(event.layer),
        at=event.at,
        text=text,
        props={"layer": event.layer, "path": path, "tip": event.tip, "deleted": deleted},
    )
