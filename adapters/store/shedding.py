"""Letting go of what nothing reads any more. Owns: shed. Imports: adapters.store. Effects: through the Hand.

What was handled is known again by its key alone, so keys stay for ever; the words of events and effects go. The graph, loops, asks and
the journal hold what is still told of them.
"""

from __future__ import annotations

from adapters.store import writes
from adapters.store.hand import Hand

BATCH = 500  # rows of one transaction: a purge holds up nobody
PASSED = "shed:{}"
TABLES = {"event": "handled_at", "effect": "over_at"}
NEXT = "SELECT id, {over} AS over, length(payload) > 2 AS full FROM {table} WHERE id > :since ORDER BY id LIMIT :limit"
EMPTY = "UPDATE {table} SET payload = '{{}}' WHERE id = :id"
KEPT = "SELECT value FROM watermark WHERE key = :key"


def shed(before: int, hand: Hand) -> int:
    """Empty the payloads of the next rows that were over before an instant (in microseconds); return how many rows were looked at.

    The first row that is not over stops it: what came after is looked at another time.
    """
    return sum(_table(table, over, before, hand) for table, over in TABLES.items())


def _table(table: str, over: str, before: int, hand: Hand) -> int:
    key = PASSED.format(table)
    since = int(hand.value(KEPT, key=key) or 0)
    rows = list(hand.rows(NEXT.format(table=table, over=over), since=since, limit=BATCH))
    looked = 0
    for row in rows:
        if row["over"] is None or row["over"] >= before:
            break
        if row["full"]:
            hand.run(EMPTY.format(table=table), id=row["id"])
        since = row["id"]
        looked += 1
    if looked:
        hand.run(writes.KEEP, key=key, value=str(since))
    return looked
