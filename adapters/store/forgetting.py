"""Taking people and threads out of the database. Owns: scopes and purges. Imports: core, adapters.store. Effects: through the Hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from adapters.store import facts, journal, proposals, schedules, walks, writes
from adapters.store.hand import Hand
from core import asks, forget, graph, ids, layers, loop

SIGNED = (
    "SELECT node.key AS key, node.kind AS kind, node.audience AS audience FROM edge JOIN node ON node.id = edge.src"
    " WHERE edge.kind = 'by' AND edge.dst = (SELECT id FROM node WHERE key = :key) ORDER BY node.key"
)
LEADS_TO = (
    "SELECT b.key FROM edge JOIN node b ON b.id = edge.dst WHERE edge.kind = :kind"
    " AND edge.src = (SELECT id FROM node WHERE key = :key) AND b.kind = :node ORDER BY b.key"
)
COMES_FROM = (
    "SELECT a.key FROM edge JOIN node a ON a.id = edge.src WHERE edge.kind = :kind"
    " AND edge.dst = (SELECT id FROM node WHERE key = :key) ORDER BY a.key"
)
OF_THREAD = "SELECT key FROM node WHERE audience = :thread ORDER BY key"
BEGINNING = "SELECT key FROM node WHERE key >= :prefix AND key < :past ORDER BY key"
LOOPS_OF = "SELECT id FROM loop WHERE thread = :thread ORDER BY seq"
# Loops that wait for somebody to share what a person could read.
LOOPS_WAITING = (
    "SELECT DISTINCT loop.id FROM loop, json_each(loop.body, '$.wanted') AS wanted, json_each(wanted.value, '$.readers') AS reader"
    " WHERE reader.value = :key ORDER BY loop.id"
)
ASKS_OF = "SELECT id FROM ask WHERE loop = :loop ORDER BY id"
BUSY = "SELECT count(*) FROM event WHERE handled_at IS NULL"
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
UNSAY = "UPDATE event SET payload = '{}' WHERE lane = :lane"
UNSAY_NAMED = "UPDATE event SET payload = '{}' WHERE instr(payload, '\"' || :word || '\"')"
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
BODY = "SELECT body FROM loop WHERE id = :id"
WORDLESS = "UPDATE turn SET prompt = '' WHERE loop = :loop"
ASKS_BY = "SELECT body FROM ask WHERE id IN (SELECT ask FROM decision WHERE member = :member)"
NAMELESS = "UPDATE decision SET member = '', decider = :name, reason = '' WHERE member = :member"
NO_LOOP = (
    "DELETE FROM decision WHERE loop = :loop",
    "DELETE FROM ask WHERE loop = :loop",
    "DELETE FROM turn WHERE loop = :loop",
    "DELETE FROM follow WHERE loop = :loop",
    "DELETE FROM loop WHERE id = :loop",
)
NO_SESSION = "DELETE FROM session_entry WHERE session = :session"
NO_MEMBER = ("DELETE FROM identity WHERE member = :member", "DELETE FROM member WHERE id = :member")
SMALL = "SELECT key, value FROM watermark"
UNKEEP = "DELETE FROM watermark WHERE key = :key"
# What an effect noted of itself, once nothing is to be done of it any more.
UNNOTED = (
    "DELETE FROM watermark WHERE key >= 'effect:' AND key < 'effect;' AND NOT EXISTS"
    " (SELECT 1 FROM effect WHERE effect.over_at IS NULL AND 'effect:' || effect.key = watermark.key)"
)
PAST = "\U0010ffff"


def busy(hand: Hand) -> int:
    """Return how many events wait to be handled."""
    count: int = hand.value(BUSY)
    return count


def of_person(
    people: Mapping[str, str], members: Sequence[str], names: Iterable[str], at: str, hand: Hand
) -> forget.Scope:
    """Return the scope of a person. `people` maps their accounts to what their nodes are called afterwards."""
    signed = [row for key in people for row in hand.rows(SIGNED, key=graph.person(ids.IdentityKey(key)))]
    messages = [row["key"] for row in signed if row["kind"] == "message"]
    files = {
        key: f"{graph.file(ids.MessageKey(message.partition(':')[2]), forget.FORGOTTEN)}-{number}"
        for message in messages
        for number, key in enumerate(hand.column(LEADS_TO, key=message, kind="links", node="file"), start=1)
    }
    lanes = sorted({row["audience"] for row in signed if row["kind"] in ("message", "loop")})
    turns = {
        key
        for message in messages
        for key in hand.column(COMES_FROM, key=message, kind="ingested")
        if key.startswith("turn:")
    }
    marked = {
        key
        for message in messages
        for key in hand.column(COMES_FROM, key=message, kind="distilled_from")
        if key.startswith(graph.MARK)
    }
    waiting = {key for account in people for key in hand.column(LOOPS_WAITING, key=account)}
    own = [key for member in members for key in hand.column(OF_THREAD, thread=_own(member)[1])]
    facts_of = {row["key"] for row in signed if row["kind"] == "memory"} | set(_repeated(messages, hand))
    return forget.Scope(
        emptied=frozenset(messages) | frozenset(files) | frozenset(facts_of - set(own)),
        wordless=frozenset(turns),
        begun=frozenset(row["key"] for row in signed if row["kind"] == "loop"),
        decided=frozenset(row["key"] for row in signed if row["kind"] == "decision") | marked,
        renamed={graph.person(ids.IdentityKey(key)): new for key, new in people.items()} | files,
        gone=frozenset(own),
        loops=frozenset(key for lane in lanes for key in hand.column(LOOPS_OF, thread=lane)) | waiting,
        identities=frozenset(people),
        members=frozenset(members),
        names=frozenset(name for name in names if name),
        at=at,
    )


def _repeated(messages: Sequence[str], hand: Hand) -> Iterator[str]:
    """Yield the facts that say what one of these messages says, word for word: somebody else had it remembered."""
    for message in messages:
        for key in list(hand.column(COMES_FROM, key=message, kind="distilled_from")):
            if key.startswith("memory:"):
                fact, said = (" ".join(hand.only(NODE, key=name)["text"].split()) for name in (key, message))
                if fact == said:
                    yield key


def of_thread(thread: str, at: str, hand: Hand) -> forget.Scope:
    """Return the scope of a thread: everything that only those in it could see."""
    loops = list(hand.column(LOOPS_OF, thread=thread))
    prefixes = [f"message:{thread}#", f"file:{thread}#"]
    prefixes += [f"{kind}:{key}." for key in loops for kind in ("turn", "tool_call")]
    gone = {graph.thread(ids.ThreadKey(thread)), *hand.column(OF_THREAD, thread=thread)}
    gone |= {key for prefix in prefixes for key in hand.column(BEGINNING, prefix=prefix, past=prefix + PAST)}
    gone |= {graph.loop(key) for key in loops}
    for key in loops:
        for ask in hand.column(ASKS_OF, loop=key):
            gone |= {graph.ask(ask), graph.decision(ask)}
    return forget.Scope(gone=frozenset(gone), lanes=frozenset({thread}), loops=frozenset(loops), at=at)


def pages(scope: forget.Scope, hand: Hand) -> tuple[Sequence[str], Sequence[str]]:
    """Return the commits that the scope's loops made, and the nodes distilled from what is forgotten."""
    commits = []
    for key in sorted(scope.loops):
        for turn in list(hand.column(BEGINNING, prefix=f"turn:{key}.", past=f"turn:{key}." + PAST)):
            commits += list(hand.column(LEADS_TO, key=turn, kind="produced", node="commit"))
    distilled = {
        key
        for source in sorted(scope.emptied | scope.gone)
        for key in hand.column(COMES_FROM, key=source, kind="distilled_from")
        if key not in scope.gone
    }
    return commits, sorted(distilled)


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
    schedules.purge(scope, hand)
    proposals.purge(scope, hand)
    for member in scope.members:
        for body in list(hand.column(ASKS_BY, member=member)):
            writes.put_ask(scope.ask(hand.codec.load(asks.Ask, body)), hand)
        hand.run(NAMELESS, member=member, name=forget.SOMEBODY)
        for statement in NO_MEMBER:
            hand.run(statement, member=member)


def _unsay(scope: forget.Scope, hand: Hand) -> None:
    """Take the words out of what was told and of what is still to be done."""
    for lane in scope.lanes:
        hand.run(UNSAY, lane=lane)
        hand.run(UNDO_ALL, lane=lane)
    for lane in {key.partition(":")[2].partition("#")[0] for key in scope.emptied}:
        hand.run(UNDO, lane=lane)
    for key in sorted(scope.decided):
        row = hand.row(NODE, key=key)
        if row is not None:
            hand.run(UNSHOW, lane=row["audience"])
    for word in scope.identities:
        hand.run(UNSAY_NAMED, word=word)
        hand.run(UNKEYED, word=word)
        hand.run(UNDO_NAMED, word=word)
    told = {
        layers.lane(key.removeprefix("memory:").rpartition("/")[0])
        for key in scope.emptied
        if key.startswith("memory:")
    }
    for lane in told | {_own(member)[0] for member in scope.members}:
        hand.run(UNSAY, lane=lane)
        hand.run(UNDO_ALL, lane=lane)
    _small(scope, hand)


def _small(scope: forget.Scope, hand: Hand) -> None:
    """Take the words out of small values that were kept."""
    hand.run(UNNOTED)
    for row in list(hand.rows(SMALL)):
        left = scope.small(row["key"], row["value"])
        if left is None:
            hand.run(UNKEEP, key=row["key"])
        elif left != row["value"]:
            hand.run(writes.KEEP, key=row["key"], value=left)


def _own(member: str) -> tuple[ids.ThreadKey, str]:
    """Return the lane in which a member's own layer is told, and the audience of what stands in it."""
    layer = layers.personal(ids.MemberId(member))
    return layers.lane(layer), layers.audience(layer)


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
    value = hand.codec.load(loop.Loop, body)
    for session in {value.session, value.turn.session if value.turn else ""}:
        hand.run(NO_SESSION, session=session)
    if value.thread in scope.lanes:
        for statement in NO_LOOP:
            hand.run(statement, loop=key)
        return
    messages = frozenset(
        node.rpartition("#")[2] for node in scope.emptied if node.startswith(f"message:{value.thread}#")
    )
    writes.put_loop(scope.loop(value, messages), hand)
    hand.run(WORDLESS, loop=key)


def compact(path: Path) -> None:
    """Write the file anew, without what was taken out of it: pages that are free still hold old words. Nobody else has it open."""
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("INSERT INTO node_text(node_text) VALUES ('rebuild')")
        connection.execute("INSERT INTO kept_text(kept_text) VALUES ('rebuild')")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
