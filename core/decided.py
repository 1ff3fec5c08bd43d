"""Decisions that people marked. Owns: Mark, which of them bear on a call. Imports: core. Effects: none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core import graph, relevance
from core.ids import derived

HANDLE = re.compile("d[0-9a-f]{2,}")

LIVE, SUPERSEDED, WITHDRAWN = "live", "superseded", "withdrawn"
MOST_TOUCHED = 3  # shown on one ask
ENOUGH = 2  # words in common, or all of a shorter decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A decision of the team: what was decided, by whom, and where it was said."""

    key: str  # of its node
    handle: str  # what people type: "d3f"
    text: str
    owner: str
    at: datetime
    audience: str
    status: str = LIVE
    permalink: str = ""
    source: str = ""  # the message it was made from, as a node's key
    instead: str = ""  # the handle of what superseded it, or of what it superseded

    @property
    def live(self) -> bool:
        return self.status == LIVE


def of(node: graph.Node) -> Mark:
    """Return the mark that a node is."""
    props = node.props
    return Mark(
        key=node.key,
        handle=props.get("handle", ""),
        text=node.text,
        owner=props.get("owner", "?"),
        at=node.at,
        audience=node.audience,
        status=WITHDRAWN if props.get("deleted") else props.get("status", LIVE),
        permalink=props.get("permalink", ""),
        source=props.get("source", ""),
        instead=props.get("instead", ""),
    )


def handle(dedup: str, taken: Sequence[Mark]) -> str:
    """Return the shortest handle for a new mark that none of the others has."""
    whole = f"d{derived('mark', dedup)}"
    used = {mark.handle for mark in taken}
    return next(whole[:size] for size in range(3, len(whole) + 1) if whole[:size] not in used)


def by_handle(marks: Sequence[Mark], name: str) -> Mark | None:
    """Return the live decision that people call so."""
    return next((mark for mark in marks if mark.live and mark.handle == name.lower().lstrip("#")), None)


def bearing(marks: Sequence[Mark], arguments: str) -> tuple[Mark, ...]:
    """Return the live decisions that speak of what a call would do, the nearest first. `arguments` is the call's JSON."""
    said = set(relevance.words(" ".join(_strings(json.loads(arguments)))))
    found: list[tuple[int, Mark]] = []
    for mark in marks:
        meant = set(relevance.words(mark.text))
        common = len(meant & said)
        if mark.live and common and common >= min(ENOUGH, len(meant)):
            found.append((common, mark))
    found.sort(key=lambda pair: (-pair[0], -pair[1].at.timestamp(), pair[1].key))
    return tuple(mark for _, mark in found[:MOST_TOUCHED])


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key in sorted(value) if key != "description" for text in _strings(value[key])]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return []
