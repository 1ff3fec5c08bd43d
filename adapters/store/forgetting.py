"""Taking people and threads out of the database. Owns: purge, rehearsed, compact. Imports: core, adapters.store. Effects: through the Hand.

What is to be taken out is `adapters.store.scopes`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from adapters.store import facts, journal, proposals, schedules, walks, writes
from adapters.store.hand import Hand
from core import asks, forget, forget_records, graph, ids, layers, loop

NODE = "SELECT id, key, kind, audience, at, text, props, stub FROM node WHERE key = :key"
CHANGE = "UPDATE node SET key = :key, text = :text, props = :props WHERE id = :id"
EMPTY = "UPDATE node SET text = '' WHERE id = :id"
CUT = (
    "DELETE FROM edge WHERE src = :id",
    "DELETE FROM edge WHERE dst = :id",
    "DELETE FROM node WHERE id = :id",
)
LONELY = (
    "DELETE FROM node WHERE stub = 1 AND NOT EXISTS (SELECT 1 FROM edge WHERE edge.src = node.id)"
    " AND NOT EXISTS (SELECT 1 FROM edge WHERE edge.dst = node.id)"
)
# What has been handled is only known again by its key; nothing reads its payload any more.
# Words stand there in events of every kind, of others and of agents too, so all of them go.
UNSAY = (
    "UPDATE event SET payload = '{}' WHERE handled_at IS NOT NULL AND payload <> '{}'",
    "UPDATE effect SET payload = '{}', result = '' WHERE over_at IS NOT NULL AND (payload <> '{}' OR result <> '')",
)
UNKEYED = "UPDATE event SET dedup = 'forgotten:' || id WHERE instr(dedup, :word || ':')"
# What is still to be done and carries nobody's words is done; what would be posted there goes unsaid.
UNDO = (
    "DELETE FROM effect WHERE lane = :lane"
    " AND (over_at IS NOT NULL OR kind NOT IN ('prepare', 'close_loop', 'read_thread', 'take_work'))"
)
# The same where somebody decided and may have written nothing: what waits there to be done goes on.
UNSHOW = (
    "DELETE FROM effect WHERE lane = :lane AND (over_at IS NOT NULL OR kind IN ('say', 'show', 'whisper'))"
)
UNDO_ALL = "DELETE FROM effect WHERE lane = :lane"
UNDO_NAMED = "DELETE FROM effect WHERE instr(payload, '\"' || :word || '\"')"
# A digest or a list names loops of other threads.
UNDO_TITLED = "DELETE FROM effect WHERE kind IN ('say', 'show', 'whisper') AND instr(payload, :title)"
BODY = "SELECT body FROM loop WHERE id = :id"
WORDLESS = "UPDATE turn SET prompt = '' WHERE loop = :loop"
SILENT = "UPDATE turn SET answer = '' WHERE loop = :loop"
ASK = "SELECT body FROM ask WHERE id = :id"
ASKS_BY = "SELECT ask FROM decision WHERE member = :member"
NAMELESS = "UPDATE decision SET member = '', decider = :name, reason = '' WHERE member = :member"
NO_LOOP = (
    "DELETE FROM decision WHERE loop = :loop",
    "DELETE FROM ask WHERE loop = :loop",
    "DELETE FROM turn WHERE loop = :loop",
    "DELETE FROM follow WHERE loop = :loop",
    "DELETE FROM loop WHERE id = :loop",
)
NO_SESSION = "DELETE FROM session_entry WHERE session = :session"
# What no loop goes on from is read by nobody, and nothing says whose it was.
NO_ORPHANS = (
    "DELETE FROM session_entry WHERE session NOT IN (SELECT coalesce(json_extract(body, '$.session'), '') FROM loop"
    " UNION SELECT coalesce(json_extract(body, '$.turn.session'), '') FROM loop)"
)
NO_MEMBER = ("DELETE FROM identity WHERE member = :member", "DELETE FROM member WHERE id = :member")
SHORTEST_TITLE = 4
SMALL = "SELECT key, value FROM watermark"
UNKEEP = "DELETE FROM watermark WHERE key = :key"
# What an effect noted of itself, once nothing is to be done of it any more.
UNNOTED = (
    "DELETE FROM watermark WHERE key >= 'effect:' AND key < 'effect;' AND NOT EXISTS"
    " (SELECT 1 FROM effect WHERE effect.over_at IS NULL AND 'effect:' || effect.key = watermark.key)"
)


def rehearsed(scope: forget.Scope, hand: Hand) -> tuple[Mapping[ids.LoopId, str], str]:
    """Return the files of all loops and of everybody as they will be after the purge, and change nothing."""
    hand.run("SAVEPOINT rehearsal")
    purge(scope, hand)
    files = journal.snapshot(hand)
    hand.run("ROLLBACK TO rehearsal")
    hand.run("RELEASE rehearsal")
    return files


def purge(scope: forget.Scope, hand: Hand) -> None:
    """Take everything of the scope out, in one transaction."""
    changed = scope.emptied | scope.wordless | scope.begun | scope.decided | frozenset(scope.renamed)
    for key in sorted(changed):
        _change(key, scope, hand)
    for key in sorted(scope.gone):
        _drop(key, hand)
    hand.run(LONELY)
    _unsay(scope, hand)
    for key in sorted(scope.loops):
        _loop(key, scope, hand)
    for lane in scope.lanes:
        hand.run(writes.UNFOLLOW, thread=lane)
    for key in sorted(scope.given):
        _no_session(key, hand)
    hand.run(NO_ORPHANS)
    schedules.purge(scope, hand)
    proposals.purge(scope, hand)
    _asks(scope, hand)
    for member in scope.members:
        hand.run(NAMELESS, member=member, name=forget.SOMEBODY)
        for statement in NO_MEMBER:
            hand.run(statement, member=member)


def _asks(scope: forget.Scope, hand: Hand) -> None:
    """Take the person out of what they decided, as a whole or in one of its questions."""
    known = {key.partition(":")[2].partition(".")[0] for key in scope.decided}
    known |= {ask for member in scope.members for ask in hand.column(ASKS_BY, member=member)}
    for key in sorted(known):
        body = hand.value(ASK, id=key)
        if body is not None:
            writes.put_ask(forget_records.ask(scope, hand.codec.load(asks.Ask, body)), hand)


def _unsay(scope: forget.Scope, hand: Hand) -> None:
    """Take the words out of what was told and of what was done, and what names somebody out of what is still to be done."""
    for statement in UNSAY:
        hand.run(statement)
    for word in scope.identities:
        hand.run(UNKEYED, word=word)
        hand.run(UNDO_NAMED, word=word)
    _undo(scope, hand)
    _small(scope, hand)


def _undo(scope: forget.Scope, hand: Hand) -> None:
    """Take out what is still to be done where the words stood, or with them."""
    told = {key for key in scope.emptied if key.startswith("memory:")}
    silent = scope.lanes | {layers.lane(graph.layer_of(key)) for key in told}
    silent |= {layers.lane(layers.personal(ids.MemberId(member))) for member in scope.members}
    for lane in silent:
        hand.run(UNDO_ALL, lane=lane)
    for lane in {key.partition(":")[2].partition("#")[0] for key in scope.emptied}:
        hand.run(UNDO, lane=lane)
    decided = (hand.row(NODE, key=key) for key in scope.decided)
    changed = (one for one in proposals.everything(hand) if forget_records.proposal(scope, one) != one)
    for lane in {row["audience"] for row in decided if row is not None} | {one.thread for one in changed}:
        hand.run(UNSHOW, lane=lane)
    for title in set(_titles(scope, hand)):
        hand.run(UNDO_TITLED, title=title)


def _titles(scope: forget.Scope, hand: Hand) -> Iterator[str]:
    """Yield the titles of loops that are words to be forgotten; what is very short would be found everywhere."""
    for key in scope.loops:
        body = hand.value(BODY, id=key)
        if body is not None:
            value = hand.codec.load(loop.Loop, body)
            left = "" if value.thread in scope.lanes else forget_records.loop(scope, value, frozenset()).title
            if left != value.title and len(value.title) >= SHORTEST_TITLE:
                yield value.title


def _small(scope: forget.Scope, hand: Hand) -> None:
    """Take the words out of small values that were kept."""
    hand.run(UNNOTED)
    for row in list(hand.rows(SMALL)):
        left = scope.small(row["key"], row["value"])
        if left is None:
            hand.run(UNKEEP, key=row["key"])
        elif left != row["value"]:
            hand.run(writes.KEEP, key=row["key"], value=left)


def _change(key: str, scope: forget.Scope, hand: Hand) -> None:
    row = hand.row(NODE, key=key)
    if row is None:
        return
    left = scope.node(walks.node(row))
    if left is not None:
        # What edges alone have told of has nothing but its key.
        text, props = ("", "{}") if row["stub"] else (left.text, facts.spelled(left.props))
        hand.run(CHANGE, id=row["id"], key=left.key, text=text, props=props)


def _drop(key: str, hand: Hand) -> None:
    row = hand.row(NODE, key=key)
    if row is not None:
        # The full text follows changes of a text, not the end of a row.
        hand.run(EMPTY, id=row["id"])
        for statement in CUT:
            hand.run(statement, id=row["id"])


def _loop(key: str, scope: forget.Scope, hand: Hand) -> None:
    body = hand.value(BODY, id=key)
    if body is None:
        return
    _no_session(key, hand)
    value = hand.codec.load(loop.Loop, body)
    if value.thread in scope.lanes:
        for statement in NO_LOOP:
            hand.run(statement, loop=key)
        return
    # What was said in a thread that follows this one is called by both: the thread and its number there.
    here = f"message:{value.thread}#"
    messages = frozenset(node.removeprefix(here) for node in scope.emptied if node.startswith(here))
    writes.put_loop(forget_records.loop(scope, value, messages), hand)
    hand.run(WORDLESS, loop=key)
    if forget_records.answered(scope, value):
        hand.run(SILENT, loop=key)


def _no_session(key: str, hand: Hand) -> None:
    """Let go of what a loop's sessions said."""
    body = hand.value(BODY, id=key)
    if body is not None:
        value = hand.codec.load(loop.Loop, body)
        for session in {value.session, value.turn.session if value.turn else ""}:
            hand.run(NO_SESSION, session=session)


def compact(path: Path) -> None:
    """Write the file anew, without what was taken out of it: pages that are free still hold old words. Nobody else has it open."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("INSERT INTO node_text(node_text) VALUES ('rebuild')")
        connection.execute("INSERT INTO kept_text(kept_text) VALUES ('rebuild')")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
