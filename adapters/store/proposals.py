"""The rows of proposals. Owns: how they are written and read. Imports: core, adapters.store. Effects: through the Hand."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.store.codec import micros
from adapters.store.hand import Hand
from core import forget, forget_records, ids
from core.proposals import Proposal

SETTLED = 20  # of a thread, for buttons that are pressed late
PUT = (
    "INSERT INTO proposal (id, thread, loop, layer, open, proposed_at, body) VALUES (:id, :thread, :loop, :layer, :open, :proposed_at, :body)"
    " ON CONFLICT (id) DO UPDATE SET open = excluded.open, proposed_at = excluded.proposed_at, body = excluded.body"
)
OF_THREAD = (
    "SELECT body FROM proposal WHERE thread = :thread AND (open = 1 OR id IN"
    " (SELECT id FROM proposal WHERE thread = :thread AND open = 0 ORDER BY proposed_at DESC, id LIMIT :limit))"
    " ORDER BY proposed_at, id"
)
OPEN = "SELECT body FROM proposal WHERE open = 1 ORDER BY proposed_at, id"
FIND = "SELECT body FROM proposal WHERE id >= :prefix AND id < :past ORDER BY id LIMIT 20"
ALL = "SELECT body FROM proposal ORDER BY proposed_at, id"
DROP = "DELETE FROM proposal WHERE id = :id"


def put(proposal: Proposal, hand: Hand) -> None:
    """Write a proposal as it is now."""
    hand.run(
        PUT,
        id=proposal.id,
        thread=proposal.thread,
        loop=proposal.loop,
        layer=proposal.layer,
        open=int(proposal.open),
        proposed_at=micros(proposal.proposed_at),
        body=hand.codec.dump(proposal),
    )


def of_thread(thread: ids.ThreadKey, hand: Hand) -> tuple[Proposal, ...]:
    """Return a thread's open proposals and its newest settled ones, oldest first."""
    found = hand.column(OF_THREAD, thread=thread, limit=SETTLED)
    return tuple(hand.codec.load(Proposal, body) for body in found)


def waiting(hand: Hand) -> Sequence[Proposal]:
    """Return the open proposals of all threads, oldest first."""
    return [hand.codec.load(Proposal, body) for body in hand.column(OPEN)]


def find(prefix: str, hand: Hand) -> Sequence[Proposal]:
    """Return the proposals whose id starts with `prefix`, settled ones too; twenty at most."""
    return [
        hand.codec.load(Proposal, body)
        for body in hand.column(FIND, prefix=prefix, past=prefix + "\U0010ffff")
    ]


def everything(hand: Hand) -> Sequence[Proposal]:
    """Return all proposals, oldest first."""
    return [hand.codec.load(Proposal, body) for body in hand.column(ALL)]


def purge(scope: forget.Scope, hand: Hand) -> None:
    """Take out the proposals of threads and people that are to be forgotten, and who decided others."""
    for proposal in everything(hand):
        left = forget_records.proposal(scope, proposal)
        if left is None:
            hand.run(DROP, id=proposal.id)
        elif left != proposal:
            put(left, hand)
