"""What is read of events, effects, loops and asks. Owns: one function per question. Imports: core, adapters.store. Effects: through the Hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from adapters.store import finding, proposals, schedules
from adapters.store.codec import instant, micros
from adapters.store.hand import Hand
from core import asks, desk, ids, loop, people, ports

SETTLED_ASKS = 100
WAITING = "SELECT id, kind, payload FROM event WHERE handled_at IS NULL ORDER BY id"
JOBS = "SELECT id, kind, payload, state, attempts, not_before FROM effect WHERE over_at IS NULL ORDER BY priority, id"
FOLLOWED = "SELECT loop.thread FROM follow JOIN loop ON loop.id = follow.loop WHERE follow.thread = :thread AND loop.live = 1"
NEWEST_LOOP = "SELECT seq, id, live, body FROM loop WHERE thread = :thread ORDER BY seq DESC LIMIT 1"
EARLIER_LOOPS = "SELECT id FROM loop WHERE thread = :thread AND seq < :seq ORDER BY seq"
ASKS = (
    "SELECT body FROM ask WHERE loop = :loop AND (state = 'open' OR id IN"
    " (SELECT id FROM ask WHERE loop = :loop AND state <> 'open' ORDER BY asked_at DESC, id LIMIT :limit))"
    " ORDER BY asked_at, id"
)
CARD = "SELECT posted FROM card WHERE key = :key"
LOOP = "SELECT body FROM loop WHERE id = :id"
LIVE_LOOPS = "SELECT body FROM loop WHERE live = 1 ORDER BY updated_at DESC, seq DESC LIMIT :limit"
LOOPS = "SELECT body FROM loop ORDER BY updated_at DESC, seq DESC LIMIT :limit"
FIND_LOOP = "SELECT body FROM loop WHERE id >= :prefix AND id < :past ORDER BY id LIMIT 20"
DUE = (
    "SELECT body, expires_at <= :now AS expired FROM ask"
    " WHERE state = 'open' AND (expires_at <= :now OR (remind_at <= :now AND reminded = 0)) ORDER BY asked_at, id"
)
OPEN = "SELECT body FROM ask WHERE state = 'open' ORDER BY asked_at, id"
MEMBERS = "SELECT id, name, role, claimed FROM member ORDER BY name, id"
IDENTITIES = "SELECT key, member FROM identity ORDER BY key"
SPENT = "SELECT coalesce(sum(cost_usd), 0.0) AS dollars, coalesce(sum(tokens), 0) AS tokens FROM spend"
SPENT_BY_LOOP = f"{SPENT} WHERE loop = :loop AND at >= :since"
SPENT_BY_ALL = f"{SPENT} WHERE at >= :since"
KEPT = "SELECT value FROM watermark WHERE key = :key"
TRANSCRIPT = "SELECT entry FROM session_entry WHERE session = :session ORDER BY number"
LAST_CHARACTER = "\U0010ffff"


def waiting(hand: Hand) -> Sequence[ports.Arrival]:
    """Return the events that are not handled."""
    return [
        ports.Arrival(seq=row["id"], event=hand.codec.event(row["kind"], row["payload"]))
        for row in hand.rows(WAITING)
    ]


def jobs(hand: Hand) -> Sequence[ports.Job]:
    """Return the effects that are not over."""
    return [
        ports.Job(
            id=row["id"],
            effect=hand.codec.effect(row["kind"], row["payload"]),
            attempts=row["attempts"],
            leased=row["state"] == "leased",
            not_before=None if row["not_before"] is None else instant(row["not_before"]),
        )
        for row in hand.rows(JOBS)
    ]


def lane(thread: ids.ThreadKey, everybody: people.People, hand: Hand) -> desk.Desk:
    """Return a lane's state."""
    newest = hand.row(NEWEST_LOOP, thread=thread)
    followed = hand.value(FOLLOWED, thread=thread) if newest is None or not newest["live"] else None
    follows = None if followed is None else ids.ThreadKey(str(followed))
    own = schedules.of_thread(thread, hand)
    proposed = proposals.of_thread(thread, hand)
    if newest is None:
        marks = finding.marks(thread, "", hand)
        return desk.Desk(
            thread=thread,
            people=everybody,
            follows=follows,
            schedules=own,
            decisions=marks,
            proposals=proposed,
        )
    found = hand.column(ASKS, loop=newest["id"], limit=SETTLED_ASKS)
    earlier = hand.column(EARLIER_LOOPS, thread=thread, seq=newest["seq"])
    known = hand.codec.load(loop.Loop, newest["body"])
    return desk.Desk(
        thread=thread,
        loop=known,
        asks=tuple(hand.codec.load(asks.Ask, body) for body in found),
        people=everybody,
        follows=follows,
        earlier=tuple(ids.LoopId(identifier) for identifier in earlier),
        schedules=own,
        proposals=proposed,
        decisions=finding.marks(thread, known.repo, hand),
    )


def card(key: ids.CardKey, hand: Hand) -> str | None:
    """Return which message shows a card."""
    return cast(str | None, hand.value(CARD, key=key))


def one_loop(identifier: ids.LoopId, hand: Hand) -> loop.Loop | None:
    """Return a loop by its whole id."""
    body = hand.value(LOOP, id=identifier)
    return None if body is None else hand.codec.load(loop.Loop, body)


def loops(live_only: bool, limit: int, hand: Hand) -> Sequence[loop.Loop]:
    """Return loops, the last active first."""
    found = hand.column(LIVE_LOOPS if live_only else LOOPS, limit=limit)
    return [hand.codec.load(loop.Loop, body) for body in found]


def find_loop(prefix: str, hand: Hand) -> Sequence[loop.Loop]:
    """Return loops by the beginning of their id."""
    found = hand.column(FIND_LOOP, prefix=prefix, past=prefix + LAST_CHARACTER)
    return [hand.codec.load(loop.Loop, body) for body in found]


def due(now: int, hand: Hand) -> Sequence[tuple[asks.Ask, str]]:
    """Return open asks whose moment came. One that is to be reminded of and expired at once is expired."""
    return [
        (hand.codec.load(asks.Ask, row["body"]), "expire" if row["expired"] else "remind")
        for row in hand.rows(DUE, now=now)
    ]


def open_asks(hand: Hand) -> Sequence[asks.Ask]:
    """Return the asks that wait for somebody, oldest first."""
    return [hand.codec.load(asks.Ask, body) for body in hand.column(OPEN)]


def everybody(hand: Hand) -> people.People:
    """Return all members and identities."""
    return people.People(
        members={
            ids.MemberId(row["id"]): people.Member(
                id=row["id"], name=row["name"], role=row["role"], claimed=bool(row["claimed"])
            )
            for row in hand.rows(MEMBERS)
        },
        identities={
            ids.IdentityKey(row["key"]): ids.MemberId(row["member"]) for row in hand.rows(IDENTITIES)
        },
    )


def spent(loop_id: ids.LoopId | None, since: datetime | None, hand: Hand) -> tuple[float, int]:
    """Return dollars and tokens."""
    start = micros(since) if since is not None else -(1 << 62)
    if loop_id is None:
        row = hand.only(SPENT_BY_ALL, since=start)
    else:
        row = hand.only(SPENT_BY_LOOP, loop=loop_id, since=start)
    return float(row["dollars"]), int(row["tokens"])


def kept(key: str, hand: Hand) -> str | None:
    """Return a remembered value."""
    return cast(str | None, hand.value(KEPT, key=key))


def transcript(session: str, hand: Hand) -> Sequence[str]:
    """Return a session's entries."""
    return list(hand.column(TRANSCRIPT, session=session))
