"""What is to be journalled. Owns: the table `journal`, from an event's outcome to a batch of lines, and back. Imports: core, adapters.store. Effects: through the Hand.

A line is written in the transaction that handles its event and goes away once a commit holds it. The last one that went leaves an
empty row behind: its id is where the numbers go on.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from adapters.store import codec, facts, proposals, schedules, walks, writes
from adapters.store.codec import micros
from adapters.store.hand import Hand
from core import asks, desk, errors, events, graph, ids, journal, layers, loop, people
from core.proposals import Proposal
from core.schedules import Schedule

ADD = "INSERT INTO journal (id, lane, loop, people, line) VALUES (:id, :lane, :loop, :people, :line)"
MARK = "SELECT coalesce(max(id), 0) FROM journal WHERE line = ''"
LINES = "SELECT id, lane, loop, people, line FROM journal WHERE id > :since AND line <> '' ORDER BY id LIMIT :limit"
LAST = "SELECT coalesce(max(id), 0) FROM journal"
DROP = "DELETE FROM journal WHERE id <= :upto"
TURNS = "SELECT number, leg, state, started_at, prompt, answer, spent_usd FROM turn WHERE loop = :loop ORDER BY number"
LOOP = "SELECT seq, body FROM loop WHERE id = :id"
MEMBERS = "SELECT id, name, role, claimed FROM member ORDER BY id"
IDENTITIES = "SELECT key FROM identity WHERE member = :member ORDER BY key"
SEEN = (
    "INSERT INTO event (id, dedup, kind, lane, payload, at, handled_at) VALUES (:id, :dedup, :kind, :lane, '{}', :at, :at)"
    " ON CONFLICT (dedup) DO NOTHING"
)
STAGE = (
    "INSERT INTO journal (id, lane, loop, people, line) VALUES (?, ?, '', 0, ?) ON CONFLICT (id) DO NOTHING"
)
STAGED = "SELECT count(*) FROM journal WHERE line <> ''"
# Upwards in two steps: a number that is taken by the next row would stop the first.
LIFT = ("UPDATE journal SET id = -(id + :by) WHERE line <> ''", "UPDATE journal SET id = -id WHERE id < 0")
UNMARK = "DELETE FROM journal WHERE line = ''"
APART = "journal.apart"
IS_APART = f"SELECT count(*) FROM watermark WHERE key = '{APART}'"  # noqa: S608 - a constant
USED = "SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM node) + (SELECT count(*) FROM loop) + (SELECT count(*) FROM member)"
NODES = "SELECT count(*) FROM node"
OPEN_ASKS = "SELECT body FROM ask WHERE state = 'open'"
ALL_LOOPS = "SELECT id FROM loop ORDER BY seq"


def note(event: events.Event, outcome: desk.Outcome, news: Sequence[graph.Fact], hand: Hand) -> None:
    """Put down what an event's outcome has for the journal, if anything: its new facts, asks, costs."""
    if layers.is_private(event.lane):
        return  # whoever reads the journal reads all of it; the layer itself tells this anew
    news = [fact for fact in news if not graph.alone(fact)]
    changed = outcome.loop is not None and event.kind not in journal.PASSING
    telling = (
        news
        or outcome.asks
        or outcome.schedules
        or outcome.proposals
        or outcome.members
        or outcome.identities
        or outcome.spent
    )
    if not (telling or changed or event.kind in journal.CHAT):
        return
    hand.run(
        ADD,
        id=hand.next_id("journal"),
        lane=event.lane,
        loop="" if outcome.loop is None else outcome.loop.id,
        people=int(bool(outcome.members or outcome.identities)),
        line=_line(event, outcome, news, hand),
    )


def _line(event: events.Event, outcome: desk.Outcome, news: Sequence[graph.Fact], hand: Hand) -> str:
    head: dict[str, Any] = {
        "lane": event.lane,
        "event": event.kind,
        "at": event.at.isoformat(),
        "dedup": event.dedup,
    }
    if news:
        head["facts"] = [journal.told(fact, event.lane, event.at) for fact in news]
    line = codec.spell(head)
    if outcome.asks:
        # What its buttons' tokens are made from is a secret, and of no use to whoever reads the journal rightly.
        bodies = ",".join(hand.codec.dump(replace(ask, nonce="")) for ask in outcome.asks)
        line = f'{line[:-1]},"asks":[{bodies}]}}'
    if outcome.schedules:
        bodies = ",".join(hand.codec.dump(schedule) for schedule in outcome.schedules)
        line = f'{line[:-1]},"schedules":[{bodies}]}}'
    if outcome.proposals:
        bodies = ",".join(hand.codec.dump(proposal) for proposal in outcome.proposals)
        line = f'{line[:-1]},"proposals":[{bodies}]}}'
    if outcome.spent is not None:
        line = f'{line[:-1]},"spent":{hand.codec.dump(outcome.spent)}}}'
    return line


def batch(limit: int, hand: Hand) -> journal.Batch:
    """Return what comes next, as one snapshot."""
    since: int = hand.value(MARK)
    rows = list(hand.rows(LINES, since=since, limit=limit))
    loops = {ids.LoopId(row["loop"]) for row in rows if row["loop"]}
    return journal.Batch(
        since=since,
        upto=rows[-1]["id"] if rows else since,
        entries=tuple(journal.Entry(seq=row["id"], lane=row["lane"], text=row["line"]) for row in rows),
        loops={key: text for key in sorted(loops) if (text := loop_file(key, hand))},
        people=people_file(hand) if any(row["people"] for row in rows) else None,
    )


def loop_file(key: ids.LoopId, hand: Hand) -> str:
    """Return a loop's file: the loop itself, then a line for each of its turns. Empty when there is no such loop."""
    row = hand.row(LOOP, id=key)
    if row is None:
        return ""
    body = hand.codec.dump(journal.abridged(hand.codec.load(loop.Loop, row["body"])))
    turns = (journal.spell(dict(turn)) for turn in hand.rows(TURNS, loop=key))
    return "\n".join([f'{{"order":{row["seq"]},"loop":{body}}}', *turns]) + "\n"


def people_file(hand: Hand) -> str:
    """Return everybody: a line for each member with their accounts."""
    return "".join(
        journal.spell({**dict(row), "identities": list(hand.column(IDENTITIES, member=row["id"]))}) + "\n"
        for row in hand.rows(MEMBERS)
    )


def written(upto: int, hand: Hand) -> None:
    """Let go of the lines that a commit holds."""
    hand.run(DROP, upto=upto)
    hand.run(ADD, id=upto, lane="", loop="", people=0, line="")


def lift(past: int, hand: Hand) -> None:
    """Number the lines that wait anew, beginning after `past`."""
    by = max(0, past - hand.value(MARK))
    for statement in LIFT:
        hand.run(statement, **({"by": by} if ":by" in statement else {}))
    hand.run(UNMARK)
    hand.run(ADD, id=past, lane="", loop="", people=0, line="")
    # From now on the journal tells more than this database knows.
    hand.run(writes.KEEP, key=APART, value="1")
    hand.renumber("journal")


def digest(upto: int, most: int, hand: Hand) -> str:
    """Return the graph's digest when it is told by the lines up to `upto` and no others, and has `most` nodes at most."""
    if hand.value(LAST) != upto or hand.value(NODES) > most or hand.value(IS_APART):
        return ""
    return walks.digest(hand)


def snapshot(hand: Hand) -> tuple[Mapping[ids.LoopId, str], str]:
    """Return every loop's file and everybody's."""
    keys = [ids.LoopId(key) for key in hand.column(ALL_LOOPS)]
    return {key: loop_file(key, hand) for key in keys}, people_file(hand)


# ── back ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def empty(hand: Hand) -> bool:
    """Say whether nothing has happened in this database."""
    return bool(hand.value(USED) == 0)


def stage(entries: Sequence[journal.Entry], hand: Hand) -> None:
    """Lay lines ready, in any order."""
    hand.many(STAGE, [(entry.seq, entry.lane, entry.text) for entry in entries])


def staged(hand: Hand) -> int:
    """Return how many lines lie ready."""
    count: int = hand.value(STAGED)
    return count


def replay(limit: int, hand: Hand) -> int:
    """Take the next lines in their order; return how many there were."""
    rows = list(hand.rows(LINES, since=-1, limit=limit))
    for row in rows:
        with _reading(f"line {row['id']} of the journal"):
            _take(json.loads(row["line"]), hand)
    if rows:
        hand.run(DROP, upto=rows[-1]["id"])
    return len(rows)


def _take(record: Mapping[str, Any], hand: Hand) -> None:
    facts.write(journal.facts(record), hand)
    for body in record.get("asks", ()):
        writes.put_ask(hand.codec.load(asks.Ask, json.dumps(body)), hand)
    for body in record.get("schedules", ()):
        schedules.put(hand.codec.load(Schedule, json.dumps(body)), hand)
    for body in record.get("proposals", ()):
        proposals.put(hand.codec.load(Proposal, json.dumps(body)), hand)
    if "spent" in record:
        writes.put_spend(hand.codec.load(events.Spent, json.dumps(record["spent"])), hand)
    at = micros(datetime.fromisoformat(record["at"]))
    seen = [(record["event"], record["dedup"])] if record["dedup"] else record.get("seen", ())
    for kind, dedup in seen:
        hand.run(SEEN, id=hand.next_id("event"), dedup=dedup, kind=kind, lane=record["lane"], at=at)


def finish(
    seq: int, loops: Sequence[str], everybody: str, standing: Collection[str], hand: Hand
) -> tuple[int, int]:
    """Write what the files of loops and people say, withdraw what is still asked; return how many loops and members there are.

    `standing` are the ids of the loops whose folders are on this machine.
    """
    for body in list(hand.column(OPEN_ASKS)):
        writes.put_ask(journal.withdrawn(hand.codec.load(asks.Ask, body)), hand)
    for proposal in proposals.waiting(hand):
        # Nobody carries a merge on that was begun: it can be asked for again.
        proposals.put(
            replace(proposal, state="open" if proposal.state == "merging" else proposal.state), hand
        )
    with _reading("a loop's file"):
        files = sorted((_lines(text) for text in loops), key=lambda file: int(file[0]["order"]))
        for first, *turns in files:
            value = hand.codec.load(loop.Loop, json.dumps(first["loop"]))
            for turn in turns:
                hand.run(writes.TURN, id=ids.turn_id(value.id, turn["number"]), loop=value.id, **turn)
            writes.put_loop(journal.restored(value, stands=value.id in standing), hand)
    with _reading("the file of people"):
        members = _lines(everybody)
        for row in members:
            member = people.Member(
                id=ids.MemberId(row["id"]), name=row["name"], role=row["role"], claimed=bool(row["claimed"])
            )
            accounts = [
                people.Identity(key=ids.IdentityKey(key), member=member.id) for key in row["identities"]
            ]
            writes.put_people((member,), accounts, hand)
    written(seq, hand)
    hand.renumber("journal")
    return len(files), len(members)


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.split("\n") if line]


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Turn what is not as it was written into Damaged."""
    try:
        yield
    except (ValueError, KeyError, TypeError, IndexError, errors.Damaged) as exc:
        raise errors.Damaged(
            f"The journal cannot be read: {what} is not as it was written. No database was made.",
            remedy="Look at the journal's newest commits with git log, and go back to one that is whole.",
        ) from exc
