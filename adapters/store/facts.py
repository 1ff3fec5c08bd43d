"""The graph's rows. Owns: how facts are written. Imports: core.graph, adapters.store. Effects: through the Hand.

Edges name nodes by key. A node nobody told of yet gets a stub, which the first telling fills: the order of facts does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from adapters.store import codec, search
from adapters.store.codec import micros
from adapters.store.hand import Hand
from core import graph

KINDS = frozenset(get_args(graph.NodeKind))
KNOWN = "SELECT id, text, props, stub FROM node WHERE key = :key"
THERE = "SELECT key FROM node WHERE key IN (SELECT value FROM json_each(:keys))"
ID_OF = "SELECT id FROM node WHERE key = :key"
NODE = (
    "INSERT INTO node (id, key, kind, audience, at, text, props, stub)"
    " VALUES (:id, :key, :kind, :audience, :at, :text, :props, :stub)"
)
NODES = "INSERT INTO node (id, key, kind, audience, at, text, props, stub) VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
TOLD = "UPDATE node SET kind = :kind, audience = :audience, at = :at, text = :text, props = :props, stub = 0 WHERE id = :id"
TOLD_AGAIN = "UPDATE node SET text = :text, props = :props WHERE id = :id"
EDGE = "INSERT INTO edge (src, kind, dst, at) VALUES (?, ?, ?, ?) ON CONFLICT (src, kind, dst) DO NOTHING"
BATCH = 20  # nodes: from here on it pays to ask for all of them at once


def write(facts: Sequence[graph.Fact], hand: Hand) -> Sequence[graph.Fact]:
    """Write nodes and edges; return them without the nodes that were known just so. Raises ValueError for an instant without a time zone."""
    known = _new_ones(facts, hand)
    told = {key: node for key, (_, node) in known.items()}
    ids = {key: identifier for key, (identifier, _) in known.items()}
    news: list[graph.Fact] = []
    edges: list[graph.Edge] = []
    for fact in facts:
        if isinstance(fact, graph.Edge):
            edges.append(fact)
        elif fact.key not in known or known[fact.key][1] is not fact:
            if told.get(fact.key) == fact:
                continue
            told[fact.key] = fact
            ids[fact.key], new = _node(fact, hand)
            if not new:
                continue
        news.append(fact)
    hand.many(
        EDGE,
        [
            (
                ids.get(edge.src) or _id(edge.src, edge, ids, hand),
                edge.kind,
                ids.get(edge.dst) or _id(edge.dst, edge, ids, hand),
                micros(edge.at),
            )
            for edge in edges
        ],
    )
    return news


def _new_ones(facts: Sequence[graph.Fact], hand: Hand) -> Mapping[str, tuple[int, graph.Node]]:
    """Write the nodes that nobody told of yet, all at once; return the id and the first telling of each by key."""
    first: dict[str, graph.Node] = {}
    for fact in facts:
        if isinstance(fact, graph.Node) and fact.key not in first and codec.clean(fact.key) == fact.key:
            first[fact.key] = fact
    if len(first) < BATCH:
        return {}
    there = set(hand.column(THERE, keys=codec.spell(list(first))))
    found = {key: (hand.next_id("node"), node) for key, node in first.items() if key not in there}
    hand.many(
        NODES,
        [
            (
                identifier,
                key,
                node.kind,
                node.audience,
                micros(node.at),
                node.text,
                spelled(node.props),
            )
            for key, (identifier, node) in found.items()
        ],
    )
    if found:
        ids = [identifier for identifier, _ in found.values()]
        kept = any(search.is_kept(node.kind, key) for key, (_, node) in found.items())
        _enter(ids[0], ids[-1], hand, kept=kept)
    return found


def _node(node: graph.Node, hand: Hand) -> tuple[int, bool]:
    """Return the node's id, and whether anything about it is new."""
    at = micros(node.at)
    row = hand.row(KNOWN, key=node.key)
    if row is None:
        return _new(node.key, node.kind, node.audience, at, node.text, spelled(node.props), hand), True
    identifier: int = row["id"]
    if row["stub"]:
        hand.run(
            TOLD,
            id=identifier,
            kind=node.kind,
            audience=node.audience,
            at=at,
            text=node.text,
            props=spelled(node.props),
        )
        return identifier, True
    merged = {**codec.props(row["props"]), **node.props}
    # Whoever names a thing without its text says nothing of the text. What was deleted stays so, even if it is told of late.
    text = "" if merged.get("deleted") else node.text or row["text"]
    new = (text, props := spelled(merged)) != (row["text"], row["props"])
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
    if text:
        _enter(identifier, identifier, hand, kept=search.is_kept(kind, key))
    return identifier


def _enter(first: int, last: int, hand: Hand, *, kept: bool) -> None:
    """Have the texts of new nodes found by their words."""
    hand.run(search.ENTER, first=first, last=last)
    if kept:
        hand.run(search.ENTER_KEPT, first=first, last=last)


def spelled(props: Mapping[str, str]) -> str:
    """Return props as a row keeps them."""
    return codec.spell(dict(sorted(props.items()))) if props else "{}"
