"""The journal's words. Owns: Entry, Batch, Tip, how facts are spelled, where a line belongs, what a loop is after a rebuild. Imports: core. Effects: none.

One line stands for one handled event: what it told the graph, its asks, what it cost, and the key under which it is never taken twice.
Lines of one thread stand together; `seq` orders the lines of all threads, so that taking them in that order tells the same graph.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core.asks import Ask
from core.graph import Edge, Fact, Node
from core.ids import LoopId, ThreadKey, platform_of, slug
from core.loop import Loop

TIP = "journal.json"
NEVER = 1 << 62  # no line has this number
PEOPLE = "people.jsonl"
WITHDRAWN = "The bridge was rebuilt from its journal while this waited."
CUT = "The bridge was rebuilt from its journal while this turn ran; what the turn did last is not known."
HOMELESS = "The bridge was rebuilt from its journal on a machine that does not have this loop's folder."
CHAT = frozenset({"posted", "edited", "deleted", "pressed", "followed", "thread_read", "admitted"})
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
PASSING = frozenset({"pulsed", "agent_said", "turn_queued"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line: `text` is a JSON object without its `seq`."""

    seq: int
    lane: ThreadKey
    text: str

    def spelled(self) -> str:
        """Return the line as it stands in a file."""
        return f'{{"seq":{self.seq},{self.text[1:]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is to be journalled next: the lines after `since` up to `upto`, and the files that are written anew.

    `loops` and `people` hold whole files as they are now: nothing but their newest state is of use.
    """

    since: int
    upto: int
    entries: tuple[Entry, ...] = ()
    loops: Mapping[LoopId, str] = field(default_factory=dict)
    people: str | None = None

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of the lines: after a crash it tells whether they were written."""
        return hashlib.sha256("\n".join(entry.text for entry in self.entries).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """What the newest commit says of the journal. `graph` is the graph's digest at `seq`, where it was taken; `batch` tells the last batch."""

    seq: int = 0
    lines: int = 0
    masked: int = (
        0  # lines that a secret was taken out of: a graph told by them differs from the one that was
    )
    since: int = 0
    batch: str = ""
    graph: str = ""

    def spelled(self) -> str:
        """Return the text of its file."""
        return json.dumps(
            {
                "version": 1,
                "seq": self.seq,
                "lines": self.lines,
                "masked": self.masked,
                "since": self.since,
                "batch": self.batch,
                "graph": self.graph,
            },
            indent=1,
        )


def tip(text: str) -> Tip:
    """Return what a tip's file says. Raises ValueError, KeyError or TypeError when it is none."""
    found = json.loads(text)
    if found["version"] != 1:
        raise ValueError("a newer journal")
    return Tip(**{name: found[name] for name in ("seq", "lines", "masked", "since", "batch", "graph")})


def entry(line: str) -> Entry:
    """Return the entry that a file's line spells. Raises ValueError, KeyError or TypeError."""
    found = json.loads(line)
    seq = int(found.pop("seq"))
    return Entry(seq=seq, lane=ThreadKey(found["lane"]), text=spell(found))


def spell(record: Mapping[str, Any]) -> str:
    """Return a record as one compact line of JSON."""
    return _ENCODER.encode(record)


def thread_folder(lane: str) -> str:
    """Return the folder of a thread's lines: its key itself can hold what no path may."""
    name = hashlib.sha256(lane.encode("utf-8", "replace")).hexdigest()[:24]
    return f"threads/{slug(platform_of(lane))}/{name}"


def loop_file(loop: str) -> str:
    """Return the file of a loop."""
    return f"loops/{loop}.jsonl"


def told(fact: Fact, lane: str, at: datetime | None) -> dict[str, Any]:
    """Return a fact as a record of a line: its audience and its instant only where they are not the line's own."""
    record: dict[str, Any]
    if isinstance(fact, Edge):
        record = {"src": fact.src, "edge": fact.kind, "dst": fact.dst}
    else:
        record = {"node": fact.key, "kind": fact.kind}
        if fact.audience != lane:
            record["audience"] = fact.audience
        if fact.text:
            record["text"] = fact.text
        if fact.props:
            record["props"] = dict(fact.props)
    if fact.at != at:
        record["at"] = fact.at.isoformat()
    return record


def facts(line: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Return the facts of a line. Raises ValueError, KeyError or TypeError."""
    at = datetime.fromisoformat(line["at"])
    return tuple(_fact(record, line["lane"], at) for record in line.get("facts", ()))


def _fact(record: Mapping[str, Any], lane: str, at: datetime) -> Fact:
    if "at" in record:
        at = datetime.fromisoformat(record["at"])
    if "edge" in record:
        return Edge(src=record["src"], kind=record["edge"], dst=record["dst"], at=at)
    return Node(
        key=record["node"],
        kind=record["kind"],
        audience=record.get("audience", lane),
        at=at,
        text=record.get("text", ""),
        props=record.get("props", {}),
    )


def overruled(lines: Iterable[str]) -> dict[str, int]:
    """Return the nodes whose earlier texts these lines end, each with the `seq` before which they do: what was edited or deleted.

    A deletion ends every text, even one that is told of later. Raises ValueError, KeyError or TypeError.
    """
    ended: dict[str, int] = {}
    for line in lines:
        if '"event":"edited"' not in line and '"event":"deleted"' not in line:
            continue
        found = json.loads(line)
        for record in found.get("facts", ()):
            if record.get("props", {}).get("deleted"):
                ended[record["node"]] = NEVER
            elif record.get("kind") == "message" and record.get("text"):
                ended[record["node"]] = max(ended.get(record["node"], 0), found["seq"])
    return ended


def without_overruled(line: str, ended: Mapping[str, int]) -> str:
    """Return a line without the texts that later ones ended; taking the lines in order tells the same graph."""
    if not any(spell({"node": key})[1:-1] in line for key in ended):
        return line
    found = json.loads(line)
    for record in found.get("facts", ()):
        if ended.get(record.get("node", ""), 0) > found["seq"]:
            record.pop("text", None)
    return spell(found)


def abridged(loop: Loop) -> Loop:
    """Return a loop as the journal keeps it: its calls are told by the graph and can be very long."""
    turn = loop.turn
    if turn is None or not turn.calls:
        return loop
    return replace(loop, turn=replace(turn, calls=(), steps_before=turn.steps_before + len(turn.calls)))


def restored(loop: Loop, *, stands: bool) -> Loop:
    """Return a loop as it is after a rebuild; `stands`: its folder is on this machine.

    What ran is over, visibly so: whether its last call did something cannot be known, and nothing is run again by itself.
    """
    cut = loop.busy
    if loop.turn is not None:
        loop = replace(loop, turn=replace(loop.turn, state="ended", calls=()))
    if not stands:
        loop = replace(loop, session="", prepared=False)
    if not loop.live or (stands and loop.prepared and not cut and loop.status != "queued"):
        return loop
    return replace(
        loop,
        status="failed",
        notice="",
        failure=CUT
        if cut
        else HOMELESS
        if not stands
        else "The bridge was rebuilt from its journal before this loop began.",
        remedy="Write `/loop retry` to go on.",
    )


def withdrawn(ask: Ask) -> Ask:
    """Return an ask as it is after a rebuild: nobody waits for the answer of an open one any more."""
    return replace(ask, state="withdrawn", reason=WITHDRAWN) if ask.open else ask
