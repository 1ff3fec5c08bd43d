"""The graph's rows. Owns: how facts are written. Imports: core.graph, adapters.store. Effects: through the Hand.

Edges name nodes by key. A node nobody told of yet gets a stub, which the first telling fills: the order of facts does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import get_args

from adapters.store import codec
from adapters.store.codec import micros
from adapters.store.hand import Hand
from core import graph

KINDS = frozenset(get_args(graph.NodeKind))
KNOWN = "SELECT id, text, props, stub FROM node WHERE key = :key"
ID_OF = "SELECT id FROM node WHERE key = :key"
NODE = (
    "INSERT INTO node (id, key, kind, audience, at, text, props, stub)"
    " VALUES (:id, :key, :kind, :audience, :at, :text, :props, :stub)"
)
TOLD = "UPDATE node SET kind = :kind, audience = :audience, at = :at, text = :text, props = :props, stub = 0 WHERE id = :id"
TOLD_AGAIN = "UPDATE node SET text = :text, props = :props WHERE id = :id"
EDGE = "INSERT INTO edge (src, kind, dst, at) VALUES (:src, :kind, :dst, :at) ON CONFLICT (src, kind, dst) DO NOTHING"


def write(facts: Sequence[graph.Fact], hand: Hand) -> Sequence[graph.Fact]:
    """Write nodes and edges; return them without the nodes that were known just so. Raises ValueError for an instant without a time zone."""
    known: dict[str, int] = {}
    news: list[graph.Fact] = []
    for fact in facts:
        if isinstance(fact, graph.Node):
            known[fact.key], new = _node(fact, hand)
            if not new:
                continue
        news.append(fact)
    hand.many(
        EDGE,
        [
            {
                "src": _id(edge.src, edge, known, hand),
                "kind": edge.kind,
                "dst": _id(edge.dst, edge, known, hand),
                "at": micros(edge.at),
            }
            for edge in facts
            if isinstance(edge, graph.Edge)
        ],
    )
    return news


def _node(node: graph.Node, hand: Hand) -> tuple[int, bool]:
    """Return the node's id, and whether anything about it is new."""
    at = micros(node.at)
    row = hand.row(KNOWN, key=node.key)
    if row is None:
        return _new(node.key, node.kind, node.audience, at, node.text, _props(node.props), hand), True
    identifier: int = row["id"]
    if row["stub"]:
        hand.run(
            TOLD,
            id=identifier,
            kind=node.kind,
            audience=node.audience,
            at=at,
            text=node.text,
            props=_props(node.props),
        )
        return identifier, True
    merged = {**codec.props(row["props"]), **node.props}
    # Whoever names a thing without its text says nothing of the text. What was deleted stays so, even if it is told of late.
    text = "" if merged.get("deleted") else node.text or row["text"]
    new = (text, props := _props(merged)) != (row["text"], row["props"])
    if new:
        hand.run(TOLD_AGAIN, id=identifier, text=text, props=props)
    return identifier, new


def _id(key: str, edge: graph.Edge, known: dict[str, int], hand: Hand) -> int:
    if key not in known:
        found = hand.value(ID_OF, key=key)
        known[key] = _stub(key, edge, hand) if found is None else found
    return known[key]


def _stub(key: str, edge: graph.Edge, hand: Hand) -> int:
    kind = key.partition(":")[0]
    return _new(key, kind if kind in KINDS else "note", "bridge", micros(edge.at), "", "{}", hand, stub=1)


def _new(
    key: str, kind: str, audience: str, at: int, text: str, props: str, hand: Hand, *, stub: int = 0
) -> int:
    identifier = hand.next_id("node")
    hand.run(
        NODE, id=identifier, key=key, kind=kind, audience=audience, at=at, text=text, props=props, stub=stub
    )
    return identifier


def _props(props: Mapping[str, str]) -> str:
    return (
        json.dumps(dict(props), ensure_ascii=False, sort_keys=True, separators=(",", ":")) if props else "{}"
    )
