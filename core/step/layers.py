"""What the layers of context hold, as facts. Owns: moved. Imports: core. Effects: none."""

from __future__ import annotations

from core import graph, layers
from core.events import LayerMoved
from core.step import claims, remembering
from core.step.draft import Draft

PAGE_CHARS = 20_000  # of one page in the graph; the whole stands in git


def moved(draft: Draft, event: LayerMoved) -> None:
    """Follow a layer: each page is a node that the layer's audience may see; one that is gone loses its text."""
    remembering.reindex(draft, event)
    claims.read(draft, event)
    audience = layers.audience(event.layer)
    for page in event.pages:
        draft.facts.append(
            graph.Node(
                key=graph.page(event.layer, page.path),
                kind="page",
                audience=audience,
                at=event.at,
                text=page.text[:PAGE_CHARS],
                props={"layer": event.layer, "path": page.path, "tip": event.tip, "deleted": ""},
            )
        )
    for path in event.gone:
        draft.facts.append(
            graph.Node(
                key=graph.page(event.layer, path),
                kind="page",
                audience=audience,
                at=event.at,
                props={"layer": event.layer, "path": path, "tip": event.tip, "deleted": event.at.isoformat()},
            )
        )
