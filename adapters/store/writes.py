"""What is written to events, effects and the rest. Owns: one function per unit of the store's writer. Imports: core, adapters.store. Effects: through the Hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.store import facts, proposals, schedules
from adapters.store.codec import micros
from adapters.store.hand import Hand
from core import asks, desk, effects, events, graph, ids, loop, people, ports

Also = Callable[[Sequence[graph.Fact], Hand], None]
ARRIVE = (
    "INSERT INTO event (id, dedup, kind, lane, payload, at, handled_at)"
    " VALUES (:id, :dedup, :kind, :lane, :payload, :at, :handled_at)"
    " ON CONFLICT (dedup) DO NOTHING"
)
REMINDED = "UPDATE ask SET reminded = 1 WHERE id = :id"
HANDLED = "UPDATE event SET handled_at = :now WHERE id = :id AND handled_at IS NULL"
EFFECT = (
    "INSERT INTO effect (id, key, lane, card, priority, kind, payload, state, attempts, result)"
    " VALUES (:id, :key, :lane, :card, :priority, :kind, :payload, 'waiting', 0, '') ON CONFLICT (key) DO NOTHING"
)
SUPERSEDE = (
    "UPDATE effect SET state = 'superseded', over_at = :now"
    " WHERE card = :card AND over_at IS NULL AND state = 'waiting' AND attempts = 0 AND id < :id"
)
LOOP = (
    "UPDATE loop SET thread = :thread, status = :status, live = :live, driver = :driver, updated_at = :updated_at, body = :body"
    " WHERE id = :id"
)
NEW_LOOP = (
    "INSERT INTO loop (seq, id, thread, status, live, driver, updated_at, body)"
    " VALUES (:seq, :id, :thread, :status, :live, :driver, :updated_at, :body)"
)
TURN = (
    "INSERT INTO turn (id, loop, number, leg, state, started_at, prompt, answer, spent_usd)"
    " VALUES (:id, :loop, :number, :leg, :state, :started_at, :prompt, :answer, :spent_usd)"
    " ON CONFLICT (id) DO UPDATE SET leg = excluded.leg, state = excluded.state, prompt = excluded.prompt,"
    " answer = excluded.answer, spent_usd = excluded.spent_usd"
)
ASK = (
    "INSERT INTO ask (id, loop, state, asked_at, remind_at, expires_at, reminded, body)"
    " VALUES (:id, :loop, :state, :asked_at, :remind_at, :expires_at, 0, :body)"
    " ON CONFLICT (id) DO UPDATE SET state = excluded.state, remind_at = excluded.remind_at,"
    " expires_at = excluded.expires_at, body = excluded.body"
)
DECISION = (
    "INSERT INTO decision (ask, loop, state, choice, member, decider, reason, at)"
    " VALUES (:ask, :loop, :state, :choice, :member, :decider, :reason, :at) ON CONFLICT (ask) DO NOTHING"
)
MEMBER = (
    "INSERT INTO member (id, name, role, claimed) VALUES (:id, :name, :role, :claimed)"
    " ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, claimed = excluded.claimed"
)
FOLLOW = "INSERT INTO follow (thread, loop) VALUES (:thread, :loop) ON CONFLICT (thread) DO UPDATE SET loop = excluded.loop"
UNFOLLOW = "DELETE FROM follow WHERE thread = :thread"
IDENTITY = "INSERT INTO identity (key, member) VALUES (:key, :member) ON CONFLICT (key) DO UPDATE SET member = excluded.member"
SPEND = (
    "INSERT INTO spend (loop, request, model, tokens, cost_usd, at) VALUES (:loop, :request, :model, :tokens, :cost_usd, :at)"
    " ON CONFLICT (loop, request) DO NOTHING"
)
LEASE = "UPDATE effect SET state = 'leased' WHERE id = :id AND over_at IS NULL"
POSTPONE = (
    "UPDATE effect SET state = 'waiting', attempts = attempts + 1, not_before = :until, result = :why"
    " WHERE id = :id AND over_at IS NULL"
)
FINISH = (
    "UPDATE effect SET state = :state, result = :result, over_at = :now WHERE id = :id AND over_at IS NULL"
)
UNNOTE = "DELETE FROM watermark WHERE key = (SELECT 'effect:' || key FROM effect WHERE id = :id)"
CARD = (
    "INSERT INTO card (key, posted, at) VALUES (:key, :posted, :now)"
    " ON CONFLICT (key) DO UPDATE SET posted = excluded.posted, at = excluded.at"
)
KEEP = "INSERT INTO watermark (key, value) VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
LAST_ENTRY = "SELECT coalesce(max(number), 0) FROM session_entry WHERE session = :session"
ENTRY = "INSERT INTO session_entry (session, number, entry) VALUES (?, ?, ?)"


def arrive(happened: Sequence[events.Event], hand: Hand) -> Sequence[ports.Arrival | None]:
    """Store events that were not stored before."""
    arrivals: list[ports.Arrival | None] = []
    for event in happened:
        seq = _arrive(event, None, hand)
        arrivals.append(ports.Arrival(seq=seq, event=event) if seq else None)
    return arrivals


def _arrive(event: events.Event, handled_at: int | None, hand: Hand) -> int:
    """Store an event and return its number, or 0 when it was stored before."""
    seq = hand.next_id("event")
    new = hand.run(
        ARRIVE,
        id=seq,
        dedup=event.dedup,
        kind=event.kind,
        lane=event.lane,
        # What is handled already is never handled again: its key is all that is needed of it.
        payload=hand.codec.dump(event) if handled_at is None else "{}",
        at=micros(event.at),
        handled_at=handled_at,
    )
    if new and isinstance(event, events.AskDue) and event.stage == "remind":
        hand.run(REMINDED, id=event.ask)
    return seq if new else 0


def settle(
    event: events.Event, seq: int, outcome: desk.Outcome, also: Also, hand: Hand
) -> Sequence[ports.Job] | None:
    """Write what is true after an event, and the event itself when `seq` is 0; None when that was done before.

    `also` is given the facts that were new.
    """
    now = hand.now()
    if not (hand.run(HANDLED, id=seq, now=now) if seq else _arrive(event, now, hand)):
        return None
    if outcome.loop is not None:
        put_loop(outcome.loop, hand)
        for thread in outcome.loop.followers:
            hand.run(FOLLOW, thread=thread, loop=outcome.loop.id)
    for thread in outcome.unfollowed:
        hand.run(UNFOLLOW, thread=thread)
    for ask in outcome.asks:
        put_ask(ask, hand)
    put_people(outcome.members, outcome.identities, hand)
    for schedule in outcome.schedules:
        schedules.put(schedule, hand)
    for proposal in outcome.proposals:
        proposals.put(proposal, hand)
    news = facts.write(outcome.facts, hand)
    if outcome.spent is not None:
        put_spend(outcome.spent, hand)
    also(news, hand)
    return _effects(outcome.effects, hand)


def put_loop(value: loop.Loop, hand: Hand) -> None:
    """Write a loop and its turn as they are now."""
    events.aware(value.created_at)
    row: dict[str, str | int] = {
        "id": value.id,
        "thread": value.thread,
        "status": value.status,
        "live": int(value.live),
        "driver": value.driver,
        "updated_at": micros(value.updated_at),
        "body": hand.codec.dump(value),
    }
    if not hand.run(LOOP, **row):
        hand.run(NEW_LOOP, seq=hand.next_id("loop", "seq"), **row)
    turn = value.turn
    if turn is not None:
        hand.run(
            TURN,
            id=turn.id,
            loop=value.id,
            number=turn.number,
            leg=turn.leg,
            state=turn.state,
            started_at=micros(turn.started_at),
            prompt=turn.prompt,
            answer=turn.answer,
            spent_usd=turn.spent_usd,
        )


def put_ask(ask: asks.Ask, hand: Hand) -> None:
    """Write an ask as it is now, and its decision when it is settled."""
    hand.run(
        ASK,
        id=ask.id,
        loop=ask.loop,
        state=ask.state,
        asked_at=micros(ask.asked_at),
        remind_at=micros(ask.remind_at),
        expires_at=micros(ask.expires_at),
        body=hand.codec.dump(ask),
    )
    if not ask.open:
        hand.run(
            DECISION,
            ask=ask.id,
            loop=ask.loop,
            state=ask.state,
            choice=ask.choice or "",
            member=ask.decided_by or "",
            decider=ask.decider,
            reason=ask.reason,
            at=micros(ask.decided_at) if ask.decided_at else hand.now(),
        )


def put_people(members: Sequence[people.Member], identities: Sequence[people.Identity], hand: Hand) -> None:
    """Write members and their accounts."""
    for member in members:
        hand.run(MEMBER, id=member.id, name=member.name, role=member.role, claimed=int(member.claimed))
    for identity in identities:
        hand.run(IDENTITY, key=identity.key, member=identity.member)


def put_spend(spent: events.Spent, hand: Hand) -> None:
    """Write what one request cost, once."""
    hand.run(
        SPEND,
        loop=spent.loop,
        request=spent.request,
        model=spent.model,
        tokens=spent.input_tokens + spent.output_tokens + spent.cache_read_tokens + spent.cache_write_tokens,
        cost_usd=spent.cost_usd,
        at=micros(spent.at),
    )


def _effects(wanted: Sequence[effects.Effect], hand: Hand) -> Sequence[ports.Job]:
    jobs: list[ports.Job] = []
    for effect in wanted:
        card = effect.card if isinstance(effect, effects.Show) else None
        number = hand.next_id("effect")
        new = hand.run(
            EFFECT,
            id=number,
            key=effect.key,
            lane=effect.lane,
            card=card,
            priority=int(effect.priority),
            kind=effect.kind,
            payload=hand.codec.dump(effect),
        )
        if not new:
            continue
        if card is not None:
            hand.run(SUPERSEDE, card=card, id=number, now=hand.now())
            jobs = [
                job for job in jobs if not (isinstance(job.effect, effects.Show) and job.effect.card == card)
            ]
        jobs.append(ports.Job(id=number, effect=effect))
    return jobs


def lease(job: int, hand: Hand) -> None:
    """Mark a job as begun."""
    hand.run(LEASE, id=job)


def postpone(job: int, until: datetime, why: str, hand: Hand) -> None:
    """Put a job off after a failed try."""
    hand.run(POSTPONE, id=job, until=micros(until), why=why)


def finish(job: int, card: ids.CardKey | None, posted: str, failed: str, hand: Hand) -> None:
    """Mark a job as over, and say which message shows the card."""
    hand.run(FINISH, id=job, state="failed" if failed else "done", result=failed or posted, now=hand.now())
    hand.run(UNNOTE, id=job)
    if card and posted:
        hand.run(CARD, key=card, posted=posted, now=hand.now())


def keep(key: str, value: str, hand: Hand) -> None:
    """Remember a value."""
    hand.run(KEEP, key=key, value=value)


def transcribe(session: str, entries: Sequence[str], hand: Hand) -> None:
    """Append entries to a transcript."""
    last = hand.value(LAST_ENTRY, session=session)
    hand.many(ENTRY, [(session, number, entry) for number, entry in enumerate(entries, start=last + 1)])
