"""The whole database as lines, for a journal that lost them. Owns: baseline. Imports: core, adapters.store. Effects: through the Hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

from adapters.store import codec, journal, proposals, schedules, walks
from adapters.store.hand import Hand
from core import asks, events, graph, ids
from core import journal as words

NODES = "SELECT key, kind, audience, at, text, props FROM node WHERE stub = 0 AND audience NOT LIKE 'member:%' ORDER BY audience, id"
EDGES = (
    "SELECT a.key AS src, edge.kind AS kind, b.key AS dst, edge.at AS at, a.audience AS audience FROM edge"
    " JOIN node a ON a.id = edge.src JOIN node b ON b.id = edge.dst"
    " WHERE a.audience NOT LIKE 'member:%' AND b.audience NOT LIKE 'member:%' ORDER BY a.audience, edge.src, edge.dst"
)
SEEN = "SELECT lane, kind, dedup FROM event WHERE handled_at IS NOT NULL ORDER BY lane, id"
LOOPS = "SELECT id, thread FROM loop ORDER BY seq"
ASKS = "SELECT body FROM ask WHERE loop = :loop ORDER BY asked_at, id"
SPENT = "SELECT request, model, tokens, cost_usd, at FROM spend WHERE loop = :loop ORDER BY at, request"
CLEAR = "DELETE FROM journal"
TOGETHER = 100
PEOPLE_LANE = "bridge"


def baseline(past: int, hand: Hand) -> int:
    """Lay everything the database holds out as lines behind `past`, in place of those that wait; return how many there are."""
    hand.run(CLEAR)
    hand.run(journal.ADD, id=past, lane="", loop="", people=0, line="")
    hand.renumber("journal")
    count = 0
    for lane, loop, found in _lines(hand):
        people = not count
        record = {
            "lane": lane,
            "event": "baseline",
            "at": codec.instant(hand.now()).isoformat(),
            "dedup": "",
            **found,
        }
        hand.run(
            journal.ADD,
            id=hand.next_id("journal"),
            lane=lane,
            loop=loop,
            people=int(people),
            line=words.spell(record),
        )
        count += 1
    return count


def _lines(hand: Hand) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (lane, loop, what the line says). The first one is always there, and brings the people with it."""
    yield PEOPLE_LANE, "", {}
    nodes = (walks.node(row) for row in hand.rows(NODES))
    yield from _facts((node.audience, node) for node in nodes)
    edges = hand.rows(EDGES)
    yield from _facts(
        (
            row["audience"],
            graph.Edge(src=row["src"], kind=row["kind"], dst=row["dst"], at=codec.instant(row["at"])),
        )
        for row in edges
    )
    for lane, rows in groupby(hand.rows(SEEN), key=lambda row: str(row["lane"])):
        while keys := [[row["kind"], row["dedup"]] for row in islice(rows, TOGETHER)]:
            yield lane, "", {"seen": keys}
    for schedule in schedules.everything(hand):
        yield schedule.thread, "", {"schedules": [hand.codec.plain(schedule)]}
    for proposal in proposals.everything(hand):
        yield proposal.thread, "", {"proposals": [hand.codec.plain(proposal)]}
    for row in list(hand.rows(LOOPS)):
        yield row["thread"], row["id"], {"asks": list(_asks(row["id"], hand))}
        for spent in _spent(row["id"], row["thread"], hand):
            yield row["thread"], "", {"spent": spent}


def _facts(told: Iterable[tuple[str, graph.Fact]]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for lane, group in groupby(told, key=lambda pair: pair[0]):
        while facts := [fact for _, fact in islice(group, TOGETHER)]:
            # Each with its own instant: there is no event they happened at.
            yield lane, "", {"facts": [words.told(fact, lane, None) for fact in facts]}


def _asks(loop: str, hand: Hand) -> Iterator[Any]:
    for body in list(hand.column(ASKS, loop=loop)):
        yield hand.codec.plain(replace(hand.codec.load(asks.Ask, body), nonce=""))


def _spent(loop: str, lane: str, hand: Hand) -> Iterator[Any]:
    for row in list(hand.rows(SPENT, loop=loop)):
        yield hand.codec.plain(
            events.Spent(
                lane=ids.ThreadKey(lane),
                at=codec.instant(row["at"]),
                loop=ids.LoopId(loop),
                request=row["request"],
                model=row["model"],
                input_tokens=row["tokens"],
                output_tokens=0,
                cache_read_tokens=0,
                cache_write_tokens=0,
                cost_usd=row["cost_usd"],
            )
        )
