"""What forgetting does to facts and small values. Owns: Scope, its rules. Imports: core. Effects: none.

The same rules go over the database and over the journal's lines, key by key and prop by prop, so that a rebuild from what is left
tells the graph that is left. What it does to loops, asks, proposals and whole lines is `core.forget_records`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from core import graph, layers
from core.graph import Edge, Fact, Node
from core.ids import MemberId

SOMEBODY = "somebody"
FORGOTTEN = "forgotten"
KEPT_PROPS = frozenset({"bot", "id", "edited", "deleted", "size"})  # of a message or file that is emptied
SAID = frozenset({"answer", "edit"})  # choices that are words of whoever chose
HELD = "memory:held:"  # facts that wait for a word on where they are to be kept
COMMANDS = "chat:slack:slack:commands"  # taken from Slack, and not carried out yet
# What a chat's adapter finds out again, or does without: where its posts are, and what the fields of forms begin with.
FOUND_AGAIN = ("chat:slack:slack:pages:", "chat:discord:discord:form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is to be forgotten, as keys of nodes; every set is complete before anything changes."""

    emptied: frozenset[str] = frozenset()  # messages and files: text and names go
    wordless: frozenset[str] = (
        frozenset()
    )  # turns whose prompt carried the words, titles of proposals: text goes
    begun: frozenset[str] = frozenset()  # loops that the person began: their task is the person's words
    decided: frozenset[str] = frozenset()  # decisions of the person: the name and the reason go
    renamed: Mapping[str, str] = field(
        default_factory=dict
    )  # nodes whose key says who or what it was, old key → new key
    gone: frozenset[str] = frozenset()  # nodes that go with their edges
    lanes: frozenset[str] = frozenset()  # threads that go as a whole
    loops: frozenset[str] = frozenset()  # loops in threads that the person wrote in
    given: frozenset[str] = frozenset()  # loops anywhere that were given the words in a capsule
    attached: frozenset[str] = frozenset()  # files, as the platform calls them
    titles: frozenset[str] = frozenset()  # that the person gave to loops
    identities: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    at: str = ""  # when, as props say it

    def fact(self, fact: Fact) -> Fact | None:
        """Return what is left of a fact."""
        if isinstance(fact, Edge):
            if fact.src in self.gone or fact.dst in self.gone:
                return None
            src, dst = self.renamed.get(fact.src, fact.src), self.renamed.get(fact.dst, fact.dst)
            return fact if (src, dst) == (fact.src, fact.dst) else replace(fact, src=src, dst=dst)
        return self.node(fact)

    def node(self, node: Node) -> Node | None:
        """Return what is left of a node."""
        key = node.key
        if key in self.gone:
            return None
        if key in self.renamed:
            node = replace(node, key=self.renamed[key])
            if node.kind == "person":
                return replace(node, text=SOMEBODY, props={})
        if key in self.emptied:
            kept = {name: value if name in KEPT_PROPS else "" for name, value in node.props.items()}
            return replace(node, text="", props={**kept, "deleted": self.at})
        if key in self.wordless:
            node = replace(node, text="")
        if key in self.begun:
            return replace(node, text="", props={**node.props, "title": FORGOTTEN, "driver": SOMEBODY})
        if key in self.decided and key.startswith(graph.MARK):
            return replace(
                node,
                text="",
                props={
                    **node.props,
                    "owner": SOMEBODY,
                    "marker": SOMEBODY,
                    "permalink": "",
                    "deleted": self.at,
                },
            )
        if key in self.decided:
            # One that answers a part of an ask leaves it open.
            said = node.props.get("choice") in SAID or node.props.get("state") == "open"
            text = "" if said else self.nameless(node.text)
            return replace(node, text=text, props={**node.props, "reason": ""})
        return node

    def nameless(self, text: str) -> str:
        """Return a text without the person's names."""
        for name in sorted(self.names, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", SOMEBODY, text)
        return text

    def stays(self, key: str) -> bool:
        """Whether what a node says is not to be forgotten."""
        return not (key in self.emptied or key in self.gone or key in self.decided)

    def small(self, key: str, value: str) -> str | None:
        """Return what is left of a small value that was kept, None when it goes. Raises ValueError for one that is not as it was written."""
        if key.startswith(FOUND_AGAIN) or key in {
            f"layer-told:{layers.personal(member)}" for member in map(MemberId, self.members)
        }:
            return None
        if key.startswith(HELD) and value:
            return None if any(self._named(text) for text in _texts(json.loads(value))) else value
        if key == COMMANDS and value:
            left = [
                each
                for each in json.loads(value)
                if f"slack:{each['team']}/{each['user']}" not in self.identities
            ]
            return json.dumps(left)
        return value

    def _named(self, text: str) -> bool:
        """Whether a text is the key of somebody, of a thread or of a message in one, that is to be forgotten."""
        return text in self.identities or text.removeprefix("message:").partition("#")[0] in self.lanes


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(part)
