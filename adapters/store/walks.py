"""What is read of the graph. Owns: nodes, thread messages, walks, the digest. Imports: core.graph, adapters.store. Effects: through the Hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from adapters.store import codec
from adapters.store.codec import instant
from adapters.store.hand import Hand
from core import graph, ids, ports

FIELDS = "key, kind, audience, at, text, props"
NODE = f"SELECT {FIELDS} FROM node WHERE key = :key"  # noqa: S608 - a constant
NODE_BY_ID = f"SELECT {FIELDS} FROM node WHERE id = :id"  # noqa: S608 - a constant
FIND = f"SELECT {FIELDS} FROM node WHERE key >= :prefix AND key < :past AND kind = :kind ORDER BY key LIMIT :limit"  # noqa: S608 - a constant
OF_THREAD = "FROM node WHERE audience = :thread AND kind = 'message'"
COUNT = f"SELECT count(*) {OF_THREAD}"
FIRST = f"SELECT id, {FIELDS} {OF_THREAD} ORDER BY at, id LIMIT 1"
NEWEST = f"SELECT id, {FIELDS} {OF_THREAD} ORDER BY at DESC, id DESC LIMIT :limit"
TALKED = "SELECT DISTINCT audience FROM node INDEXED BY node_said WHERE kind = 'message' AND at > :since ORDER BY audience"
ID_OF = "SELECT id FROM node WHERE key = :key"
OUT = "SELECT src, kind, dst, at FROM edge WHERE src = :id"
BACK = "SELECT src, kind, dst, at FROM edge WHERE dst = :id"
ALL_NODES = (
    # When a stub was made depends on which of its edges came first. What is one member's alone is in no journal, and neither is a
    # stub that only such a thing names.
    "SELECT key, kind, audience, CASE stub WHEN 1 THEN 0 ELSE at END, text, props FROM node WHERE audience NOT LIKE 'member:%'"
    " AND (stub = 0 OR EXISTS (SELECT 1 FROM edge JOIN node a ON a.id = edge.src JOIN node b ON b.id = edge.dst"
    " WHERE (edge.src = node.id OR edge.dst = node.id) AND a.audience NOT LIKE 'member:%' AND b.audience NOT LIKE 'member:%'))"
    " ORDER BY key"
)
ALL_EDGES = (
    "SELECT a.key AS src, edge.kind AS kind, b.key AS dst, edge.at AS at FROM edge"
    " JOIN node a ON a.id = edge.src JOIN node b ON b.id = edge.dst"
    " WHERE a.audience NOT LIKE 'member:%' AND b.audience NOT LIKE 'member:%' ORDER BY a.key, edge.kind, b.key"
)
EDGES_PER_NODE = 4
PREFETCH = 500


def node(row: Any) -> graph.Node:
    """Return the node a row holds."""
    return graph.Node(
        key=row["key"],
        kind=row["kind"],
        audience=row["audience"],
        at=instant(row["at"]),
        text=row["text"],
        props=codec.props(row["props"]),
    )


def nodes(keys: Sequence[str], hand: Hand) -> Sequence[graph.Node]:
    """Return the nodes that exist, in the order of their keys given."""
    found = (hand.row(NODE, key=key) for key in keys)
    return [node(row) for row in found if row is not None]


def find(kind: str, prefix: str, limit: int, hand: Hand) -> Sequence[graph.Node]:
    """Return nodes by the beginning of their key."""
    rows = hand.rows(FIND, kind=kind, prefix=prefix, past=prefix + "\U0010ffff", limit=limit)
    return [node(row) for row in rows]


def thread_messages(thread: ids.ThreadKey, limit: int, hand: Hand) -> tuple[Sequence[graph.Node], int]:
    """Return a thread's first message and its newest, oldest first, and how many it has."""
    total: int = hand.value(COUNT, thread=thread)
    rows = list(hand.rows(NEWEST, thread=thread, limit=limit))
    rows.reverse()
    if total > len(rows):
        rows.insert(0, hand.only(FIRST, thread=thread))
    return [node(row) for row in rows], total


def talked(since: int, hand: Hand) -> Sequence[ids.ThreadKey]:
    """Return the threads in which something was said after an instant."""
    return [ids.ThreadKey(audience) for audience in hand.column(TALKED, since=since)]


def walk(start: str, depth: int, limit: int, hand: Hand) -> ports.Walk:
    """Return what is reached from a node, nearest first: at most `limit` nodes and a few edges for each."""
    first = hand.value(ID_OF, key=start)
    if first is None:
        return ports.Walk()
    met: dict[int, None] = {first: None}
    edges: dict[tuple[int, str, int], int] = {}
    frontier = [first]
    for _ in range(depth):
        reached: list[int] = []
        for identifier in frontier:
            for row in _around(identifier, limit * EDGES_PER_NODE - len(edges), hand):
                other = row["dst"] if row["src"] == identifier else row["src"]
                if other not in met:
                    if len(met) >= limit:
                        continue
                    met[other] = None
                    reached.append(other)
                edges[row["src"], row["kind"], row["dst"]] = row["at"]
        frontier = reached
    named = {identifier: node(hand.only(NODE_BY_ID, id=identifier)) for identifier in met}
    return ports.Walk(
        nodes=tuple(named.values()),
        edges=tuple(
            graph.Edge(src=named[src].key, kind=kind, dst=named[dst].key, at=instant(at))  # type: ignore[arg-type]
            for (src, kind, dst), at in edges.items()
        ),
    )


def _around(identifier: int, limit: int, hand: Hand) -> Iterable[Any]:
    for statement in (OUT, BACK):
        if limit > 0:
            yield from hand.rows(f"{statement} LIMIT :limit", id=identifier, limit=limit)


def digest(hand: Hand) -> str:
    """Return the SHA-256 (hex) of all nodes and edges, however they came in: equal graphs have equal digests."""
    whole = hashlib.sha256()
    for statement in (ALL_NODES, ALL_EDGES):
        for row in hand.rows(statement):
            whole.update(json.dumps(list(row)).encode() + b"\n")
        whole.update(b"\n")
    return whole.hexdigest()
