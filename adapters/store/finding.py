"""Finding nodes: by words, by the links people wrote, by what hangs on a thread. Owns: the capsule's questions. Imports: core, adapters.store. Effects: through the Hand.

Each question looks at a bounded number of rows, however large the graph is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import islice

from adapters.store import search, walks
from adapters.store.hand import Hand
from core import asides, decided, graph, ids
from core.audience import Sight

PER_TERM = 2_000  # newest matches looked at for each word
MOST_TERMS = 16
LENGTH = 600  # characters of a usual text: longer ones hold words by chance
FLATTENING = 1.2
# What was said in the thread itself is looked through whatever is newer elsewhere.
HERE = "SELECT id, text FROM node WHERE audience = :thread AND kind = 'message' AND text <> '' ORDER BY at DESC, id DESC LIMIT :limit"
LINKED = (
    f"SELECT {walks.FIELDS} FROM node WHERE json_extract(props, '$.permalink') >= :link"  # noqa: S608 - a constant
    " AND json_extract(props, '$.permalink') < :past AND kind = 'message'"
    " ORDER BY json_extract(props, '$.permalink'), id LIMIT :limit"
)
NAMED = ", ".join(f"node.{field}" for field in walks.FIELDS.split(", "))
# What hangs on a node by one kind of edge, newest first. INDEXED: what joins must not turn the order of the walk around.
ONTO = (
    f"SELECT {NAMED} FROM edge INDEXED BY edge_back CROSS JOIN node ON node.id = edge.src WHERE edge.dst ="  # noqa: S608 - constants
    " (SELECT id FROM node WHERE key = :key) AND edge.kind = :kind ORDER BY edge.src DESC LIMIT :limit"
)
FROM = (
    f"SELECT {NAMED} FROM edge CROSS JOIN node ON node.id = edge.dst WHERE edge.src ="  # noqa: S608 - constants
    " (SELECT id FROM node WHERE key = :key) AND edge.kind = :kind ORDER BY edge.dst DESC LIMIT :limit"
)
GIVEN = (
    f"SELECT {NAMED} FROM edge CROSS JOIN node ON node.id = edge.dst WHERE edge.src ="  # noqa: S608 - constants
    " (SELECT id FROM node WHERE key = :key) AND edge.kind = 'ingested' ORDER BY edge.at, node.at, node.key LIMIT :limit"
)
MOST_GIVEN = 5_000
MOST_ALIKE = 4  # addresses that begin the same
LAST_CHARACTER = "\U0010ffff"
MOST_MARKS = 40  # of one thread or repository
DISTILLED = (
    f"SELECT {NAMED} FROM json_each(:keys) CROSS JOIN node AS origin ON origin.key = json_each.value"  # noqa: S608 - constants
    " CROSS JOIN edge INDEXED BY edge_back ON edge.dst = origin.id AND edge.kind = 'distilled_from'"
    " CROSS JOIN node ON node.id = edge.src LIMIT :limit"
)


def by_words(words: str, sight: Sight, kinds: Sequence[str], limit: int, hand: Hand) -> Sequence[graph.Node]:
    """Return the nodes a reader sees that hold the words, the best first: rare words count for more than common ones."""
    wanted = search.terms(words)[:MOST_TERMS]
    if not wanted:
        return ()
    met: dict[str, set[int]] = {}
    often: dict[str, float] = {}
    many = not search.among_kept(kinds)
    here = (
        list(hand.rows(HERE, thread=sight.thread, limit=PER_TERM))
        if many and "message" in (kinds or ("message",))
        else []
    )
    for term in wanted:
        kept = _newest(search.MET_KEPT, term, sight, kinds, hand)
        met[term] = {*kept, *(row["id"] for row in here if term in row["text"].lower())}
        if many:
            met[term].update(_newest(search.MET, term, sight, kinds, hand))
        often[term] = max(1, len(met[term]))
    weights = {term: math.log(1 + max(often.values()) / often[term]) for term in wanted if met[term]}
    scores: dict[int, float] = {}
    for term, weight in weights.items():
        for row in met[term]:
            scores[row] = scores.get(row, 0.0) + weight
    best = sorted(scores, key=lambda row: (-scores[row], -row))[:PER_TERM]
    read = (walks.node(hand.only(walks.NODE_BY_ID, id=row)) for row in best)
    # Words to the bridge itself tell nobody anything, and take the place of nothing that does.
    found = list(islice((node for node in read if node.kind != "message" or asides.said(node)), limit * 3))
    found.sort(key=lambda node: (-_score(node.text, weights), -node.at.timestamp(), node.key))
    return found[:limit]


def _newest(statement: str, term: str, sight: Sight, kinds: Sequence[str], hand: Hand) -> list[int]:
    return list(
        hand.column(
            statement,
            words=f'"{term}"',
            most=PER_TERM,
            kinds=json.dumps(list(kinds)),
            exact=json.dumps(sight.exact),
            channel=sight.channel,
        )
    )


def _score(text: str, weights: Mapping[str, float]) -> float:
    words = text.lower()
    length = FLATTENING * (0.25 + 0.75 * len(words) / LENGTH)
    return sum(
        weight * count * (FLATTENING + 1) / (count + length)
        for term, weight in weights.items()
        if (count := words.count(term))
    )


def linked(links: Sequence[str], hand: Hand) -> Mapping[str, graph.Node]:
    """Return the messages that permalinks lead to, by link; a link nobody saw is missing. What follows a `?` only says how to get there.

    Facts and decisions name the link of what they rest on, too, and files of facts are what an agent may have written: they lead nowhere.
    """
    found: dict[str, graph.Node] = {}
    for link in filter(None, links):
        place = link.partition("?")[0]
        for row in hand.rows(LINKED, link=place, past=place + LAST_CHARACTER, limit=MOST_ALIKE):
            node = walks.node(row)
            if node.props["permalink"].partition("?")[0] == place:
                found[link] = node
                break
    return found


def onto(key: str, kind: str, limit: int, hand: Hand) -> Sequence[graph.Node]:
    """Return what has an edge of this kind to a node, the newest first."""
    return [walks.node(row) for row in hand.rows(ONTO, key=key, kind=kind, limit=limit)]


def out_of(key: str, kind: str, limit: int, hand: Hand) -> Sequence[graph.Node]:
    """Return what a node has an edge of this kind to, the newest first."""
    return [walks.node(row) for row in hand.rows(FROM, key=key, kind=kind, limit=limit)]


def given(loop: ids.LoopId, hand: Hand) -> Sequence[graph.Node]:
    """Return what a loop was given, in the order it was."""
    return [walks.node(row) for row in hand.rows(GIVEN, key=graph.loop(loop), limit=MOST_GIVEN)]


def marks(thread: ids.ThreadKey, repo: str, hand: Hand) -> tuple[decided.Mark, ...]:
    """Return the live decisions that touch a thread or a repository and that those in the thread could have read, newest first."""
    sight = Sight(thread=thread)
    keys = [graph.thread(thread), *([graph.repo(repo)] if repo else [])]
    near = {node.key: node for key in keys for node in onto(key, "touches", MOST_MARKS, hand)}
    found = (
        decided.of(node) for node in near.values() if node.kind == "decision" and sight.sees(node.audience)
    )
    return tuple(
        sorted((mark for mark in found if mark.live), key=lambda mark: (mark.at, mark.key), reverse=True)
    )


def distilled(sources: Sequence[str], limit: int, hand: Hand) -> Sequence[graph.Node]:
    """Return what was distilled from any of these nodes, each once."""
    rows = hand.rows(DISTILLED, keys=json.dumps(list(sources)), limit=limit)
    return list({row["key"]: walks.node(row) for row in rows}.values())
