"""What becomes of the layers of context. Owns: LayerMoved, Page, Rests. Imports: core.events.base. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.events.base import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A text file of a layer as it reads now; `path` is relative to the layer."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rests:
    """A fact and the message it rests on, by their nodes; `how` is what became of that message since the fact was written."""

    fact: str
    source: str
    how: Literal["edited", "deleted", ""] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMoved(Happening):
    """A layer's `main` points at another commit; its lane is `core.layers.lane(layer)`.

    `pages` are the text files that differ, `gone` the paths that are no more. `base` is empty the first time.
    """

    layer: str
    base: str
    tip: str
    pages: tuple[Page, ...] = ()
    gone: tuple[str, ...] = ()
    rests: tuple[Rests, ...] = ()  # what facts of a member's own layer rest on, where the graph did not know
    part: int = 0  # a layer that is told for the first time comes in several
    kind: Literal["layer_moved"] = "layer_moved"

    @property
    def dedup(self) -> str:
        return f"moved:{self.layer}:{self.base}:{self.tip}:{self.part}"
