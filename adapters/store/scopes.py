"""What is to be forgotten of a person or a thread. Owns: of_person, of_thread, and what is known of them elsewhere. Imports: core, adapters.store. Effects: through the Hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from adapters.store import proposals
from adapters.store.hand import Hand
from core import commands, forget, forget_records, graph, ids, layers, prompts, wording
from core.errors import BadInput
from core.proposals import Proposal

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
TEXT = "SELECT text FROM node WHERE key = :key"
FILE_ID = "SELECT json_extract(props, '$.id') FROM node WHERE key = :key"
RELAYED = (
    "SELECT key, audience FROM node WHERE kind = 'message' AND instr(key, '#' || :thread || '#') ORDER BY key"
)
# Loops that were told what somebody wants changed in a proposal.
EDITED = "SELECT DISTINCT loop FROM turn WHERE instr(prompt, :words) ORDER BY loop"
FOLLOWED = "SELECT loop FROM follow WHERE thread = :thread"
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
    files = _files(messages, hand)
    lanes = sorted({row["audience"] for row in signed if row["kind"] in ("message", "loop")})
    marked = {
        key
        for message in messages
        for key in hand.column(COMES_FROM, key=message, kind="distilled_from")
        if key.startswith(graph.MARK)
    }
    edited = {key for name in names for key in hand.column(EDITED, words=prompts.edited_by(name))}
    waiting = {key for account in people for key in hand.column(LOOPS_WAITING, key=account)}
    own = [key for member in members for key in hand.column(OF_THREAD, thread=_alone(member))]
    facts_of = {row["key"] for row in signed if row["kind"] == "memory"} | set(_repeated(messages, hand))
    begun = {row["key"] for row in signed if row["kind"] == "loop"}
    decided = {row["key"] for row in signed if row["kind"] == "decision"} | marked
    scope = forget.Scope(
        emptied=frozenset(messages) | frozenset(files) | frozenset(facts_of - set(own)),
        wordless=frozenset(_given(messages, hand, by="turn:")),
        begun=frozenset(begun),
        decided=frozenset(decided),
        renamed={graph.person(ids.IdentityKey(key)): new for key, new in people.items()} | files,
        gone=frozenset(own) | frozenset(_tags(begun, hand)),
        loops=frozenset(key for lane in lanes for key in hand.column(LOOPS_OF, thread=lane))
        | waiting
        | edited,
        given=_loops(_given([*messages, *facts_of, *begun, *decided], hand)),
        attached=frozenset(filter(None, (hand.value(FILE_ID, key=key) for key in files))),
        titles=frozenset(_titles(messages, hand)),
        identities=frozenset(people),
        members=frozenset(members),
        names=frozenset(name for name in names if name),
        at=at,
    )
    return _with_proposals(scope, hand)


def _alone(member: str) -> str:
    """Return the audience of what stands in a member's own layer."""
    return layers.audience(layers.personal(ids.MemberId(member)))


def _files(messages: Sequence[str], hand: Hand) -> dict[str, str]:
    """Return what messages brought, each with what it is called afterwards."""
    return {
        key: f"{graph.file(ids.MessageKey(message.partition(':')[2]), forget.FORGOTTEN)}-{number}"
        for message in messages
        for number, key in enumerate(hand.column(LEADS_TO, key=message, kind="links", node="file"), start=1)
    }


def _given(keys: Iterable[str], hand: Hand, *, by: str = "loop:") -> Iterator[str]:
    """Yield the loops whose capsules held any of these nodes, or the turns whose prompts did."""
    for key in keys:
        yield from (one for one in hand.column(COMES_FROM, key=key, kind="ingested") if one.startswith(by))


def _loops(nodes: Iterable[str]) -> frozenset[str]:
    return frozenset(node.partition(":")[2] for node in nodes)


def _tags(loops: Collection[str], hand: Hand) -> Iterator[str]:
    """Yield the tags that none but these loops (by their nodes) ever had."""
    for loop in loops:
        for tag in list(hand.column(LEADS_TO, key=loop, kind="tagged", node="focus")):
            if set(hand.column(COMES_FROM, key=tag, kind="tagged")) <= set(loops):
                yield tag


def _titles(messages: Sequence[str], hand: Hand) -> Iterator[str]:
    """Yield the titles that these messages gave to loops."""
    for key in messages:
        text = hand.value(TEXT, key=key) or ""
        if "rename" not in text.lower():
            continue
        try:
            command = commands.parse(commands.spoken(text) or text)
        except BadInput:
            continue
        if command.word == "rename":
            yield wording.title_of(command.rest)


def _with_proposals(scope: forget.Scope, hand: Hand) -> forget.Scope:
    """Return the scope with what the graph calls the proposals that go, or that rest on what goes; what was merged is the layer's."""
    named: set[str] = set()
    for one in proposals.everything(hand):
        if forget_records.proposal(scope, one) is None or forget_records.rests(scope, one):
            named |= {graph.ask(ids.AskId(one.id)), graph.decision(ids.AskId(one.id))}
            if one.state != "merged":
                named.add(graph.commit(one.layer, one.tip))
    return replace(scope, wordless=scope.wordless | named)


def _repeated(messages: Sequence[str], hand: Hand) -> Iterator[str]:
    """Yield the facts that say what one of these messages says, word for word: somebody else had it remembered."""
    for message in messages:
        for key in list(hand.column(COMES_FROM, key=message, kind="distilled_from")):
            if key.startswith("memory:"):
                fact, said = (" ".join(hand.value(TEXT, key=name).split()) for name in (key, message))
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
    gone |= set(_tags([graph.loop(key) for key in loops], hand))
    # What was said here to a loop of another thread, which this one follows.
    told = [row for row in hand.rows(RELAYED, thread=thread) if row["key"] not in gone]
    messages = [row["key"] for row in told]
    files = _files(messages, hand)
    others = {key for lane in {row["audience"] for row in told} for key in hand.column(LOOPS_OF, thread=lane)}
    scope = forget.Scope(
        emptied=frozenset(messages) | frozenset(files),
        wordless=frozenset(_given(messages, hand, by="turn:")),
        renamed=files,
        attached=frozenset(filter(None, (hand.value(FILE_ID, key=key) for key in files))),
        gone=frozenset(gone),
        lanes=frozenset({thread}),
        loops=frozenset(loops) | others | set(hand.column(FOLLOWED, thread=thread)),
        given=_loops(_given([*gone, *messages], hand)) - set(loops),
        at=at,
    )
    return _with_proposals(scope, hand)


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


def drafts(scope: forget.Scope, hand: Hand) -> Sequence[Proposal]:
    """Return the proposals that nobody merged and that go, or rest on what goes: each has a draft of its words."""
    return [
        one
        for one in proposals.everything(hand)
        if one.state != "merged"
        and (forget_records.proposal(scope, one) is None or forget_records.rests(scope, one))
    ]
