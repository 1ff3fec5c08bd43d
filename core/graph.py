"""The graph's words. Owns: Node, Edge, their kinds and key functions. Imports: core.ids. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from core.ids import AskId, CallId, IdentityKey, LoopId, MessageKey, ThreadKey, TurnId, derived

NodeKind = Literal[
    "person", "thread", "message", "file", "loop", "turn", "tool_call", "ask", "decision", "commit", "repo", "note", "page",
    "claim", "memory", "focus",
]  # fmt: skip
EdgeKind = Literal[
    "in_thread", "replies_to", "by", "mentions", "links", "spawned", "ingested", "ran", "asked", "decided", "allowed", "produced",
    "touches", "distilled_from", "supersedes", "retracts", "forked_from", "tagged",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A thing the bridge knows of. `audience` names who could see its source (a thread's key, or "bridge")."""

    key: str
    kind: NodeKind
    audience: str
    at: datetime
    text: str = ""
    props: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """How two things hang together, read from `src` to `dst`."""

    src: str
    kind: EdgeKind
    dst: str
    at: datetime


Fact = Node | Edge
OWN = ":personal/"  # in the keys of what stands in a member's own layer


def alone(fact: Fact) -> bool:
    """Whether a fact is of one member's own layer, and so nobody else's to read."""
    if isinstance(fact, Node):
        return fact.audience.startswith("member:")
    return (OWN in fact.src and _is_own(fact.src)) or (OWN in fact.dst and _is_own(fact.dst))


def _is_own(key: str) -> bool:
    return key.partition(":")[2].startswith(OWN[1:])


def flagged(node: Node) -> str:
    """Return what became of a thing's source ("edited", "deleted") since anybody looked at it again, empty when nothing did."""
    props = node.props
    return (props.get("how") or "changed") if props.get("flagged", "") > props.get("reopened", "") else ""


def changed(node: Node, *, since: datetime | None) -> Literal["edited", "deleted", ""]:
    """Return what became of a message after an instant, or at all; one that was deleted before cannot be read any more either."""
    if node.props.get("deleted"):
        return "deleted"
    edited = node.props.get("edited", "")
    return "edited" if edited and (since is None or datetime.fromisoformat(edited) > since) else ""


def since(node: Node) -> str:
    """Return that as words for the agent and for people, empty when nothing happened."""
    how = flagged(node)
    return f"its source was {how} since" if how else ""


def person(identity: IdentityKey) -> str:
    return f"person:{identity}"


def thread(key: ThreadKey) -> str:
    return f"thread:{key}"


def message(key: MessageKey) -> str:
    return f"message:{key}"


def file(key: MessageKey, name: str) -> str:
    return f"file:{key}/{name}"


def loop(key: LoopId) -> str:
    return f"loop:{key}"


def turn(key: TurnId) -> str:
    return f"turn:{key}"


def call(turn_key: TurnId, key: CallId) -> str:
    return f"tool_call:{turn_key}/{key}"


def ask(key: AskId) -> str:
    return f"ask:{key}"


def decision(key: AskId) -> str:
    return f"decision:{key}"


MARK = "decision:mark/"


def mark(dedup: str) -> str:
    """Name a decision that people marked; the other decisions settle asks."""
    return f"{MARK}{derived('mark', dedup)}"


def commit(repo: str, sha: str) -> str:
    return f"commit:{repo}@{sha}"


def repo(name: str) -> str:
    return f"repo:{name}"


def path(repo_name: str, name: str) -> str:
    return f"file:{repo_name}:{name}"


def memory(layer: str, memo: str) -> str:
    return f"memory:{layer}/{memo}"


def layer_of(key: str) -> str:
    """Return the layer that a fact (by its key) stands in."""
    return key.partition(":")[2].rpartition("/")[0]


def focus(tag: str) -> str:
    return f"focus:{tag}"


def claim(layer: str, name: str, n: str) -> str:
    return f"claim:{layer}/{name}#{n}"


def page(layer: str, name: str) -> str:
    return f"page:{layer}/{name}"
