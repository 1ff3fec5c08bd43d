"""What forgetting does to facts and lines. Owns: Scope, its rules. Imports: core. Effects: none.

The same rules go over the database and over the journal's lines, key by key and prop by prop, so that a rebuild from what is left
tells the graph that is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from core import graph, journal, layers
from core.asks import Ask
from core.graph import Edge, Fact, Node
from core.ids import IdentityKey, MemberId
from core.loop import Loop, Wanted
from core.proposals import Proposal

SOMEBODY = "somebody"
FORGOTTEN = "forgotten"
KEPT_PROPS = frozenset({"bot", "id", "edited", "deleted", "size"})  # of a message or file that is emptied
ENDED = frozenset({"done", "archived"})
HELD = "memory:held:"  # facts that wait for a word on where they are to be kept
COMMANDS = "chat:slack:slack:commands"  # taken from Slack, and not carried out yet
# What a chat's adapter finds out again, or does without: where its posts are, and what the fields of forms begin with.
FOUND_AGAIN = ("chat:slack:slack:pages:", "chat:discord:discord:form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is to be forgotten, as keys of nodes; every set is complete before anything changes."""

    emptied: frozenset[str] = frozenset()  # messages and files: text and names go
    wordless: frozenset[str] = frozenset()  # turns whose prompt carried the words: text goes
    begun: frozenset[str] = frozenset()  # loops that the person began: their task is the person's words
    decided: frozenset[str] = frozenset()  # decisions of the person: the name and the reason go
    renamed: Mapping[str, str] = field(
        default_factory=dict
    )  # nodes whose key says who or what it was, old key → new key
    gone: frozenset[str] = frozenset()  # nodes that go with their edges
    lanes: frozenset[str] = frozenset()  # threads that go as a whole
    loops: frozenset[str] = frozenset()  # loops in threads that the person wrote in
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
            return replace(node, text="")
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
            return replace(node, text=self.nameless(node.text), props={**node.props, "reason": ""})
        return node

    def nameless(self, text: str) -> str:
        """Return a text without the person's names."""
        for name in sorted(self.names, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", SOMEBODY, text)
        return text

    def ask(self, ask: Ask) -> Ask:
        """Return an ask that does not say who decided it."""
        if ask.decided_by not in self.members:
            return ask
        left = replace(ask, decided_by=None, decider=SOMEBODY, reason="")
        return replace(left, answers=(), updated_input="") if ask.choice == "answer" else left

    def loop(self, loop: Loop, messages: frozenset[str]) -> Loop:
        """Return a loop without the person and without what they said; `messages` are the platform's ids of that."""
        loop = replace(
            loop,
            inputs=tuple(entry for entry in loop.inputs if entry.message not in messages),
            held=tuple(held for held in loop.held if held.identity not in self.identities),
            wanted=tuple(self._unread(wanted) for wanted in loop.wanted if self._stays(wanted.key)),
            added=tuple(given for given in loop.added if self._stays(given.key)),
            news=tuple(self.nameless(words) for words in loop.news),
            turn=replace(loop.turn, prompt="", stopped_by=self.nameless(loop.turn.stopped_by))
            if loop.turn
            else None,
        )
        if loop.driver_identity not in self.identities and loop.driver not in self.members:
            return loop
        status = loop.status if loop.status in ENDED else "archived"
        return replace(
            loop,
            task="",
            title=FORGOTTEN,
            driver=MemberId(""),
            driver_identity=IdentityKey(""),
            driver_name=SOMEBODY,
            status=status,
        )

    def proposal(self, proposal: Proposal) -> Proposal | None:
        """Return what is left of a proposal: one of the person's loops goes, one that they decided does not say so."""
        if proposal.by in self.members or proposal.thread in self.lanes:
            return None
        stays = tuple(each for each in proposal.grounds if all(map(self._stays, each.sources)))
        proposal = replace(proposal, grounds=stays)
        if proposal.decided_by not in self.members:
            return proposal
        return replace(proposal, decided_by=None, decider=SOMEBODY, reason="")

    def _unread(self, wanted: Wanted) -> Wanted:
        return replace(wanted, readers=tuple(key for key in wanted.readers if key not in self.identities))

    def _stays(self, key: str) -> bool:
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

    def line(self, line: str) -> str:
        """Return what is left of a line of the journal; it keeps its number. Raises ValueError, KeyError or TypeError."""
        found: dict[str, Any] = json.loads(line)
        before = journal.spell(found)
        at = datetime.fromisoformat(found["at"])
        left = [kept for fact in journal.facts(found) if (kept := self.fact(fact)) is not None]
        if "facts" in found:
            found["facts"] = [journal.told(fact, found["lane"], at) for fact in left]
        if found["lane"] in self.lanes:
            for name in ("asks", "schedules", "proposals"):
                found.pop(name, None)
        self._decisions(found)
        if any(f"{identity}:" in found["dedup"] for identity in self.identities):
            found["dedup"] = ""
        after = journal.spell(found)
        return line if after == before else after

    def _decisions(self, found: dict[str, Any]) -> None:
        """Take the person out of what a line holds beside facts."""
        for body in found.get("asks", ()):
            if body.get("decided_by") in self.members:
                body |= {"decided_by": None, "decider": SOMEBODY, "reason": ""}
                if body.get("choice") == "answer":
                    body |= {"answers": [], "updated_input": ""}
        for body in found.get("schedules", ()):
            if body["driver"] in self.members or body["driver_identity"] in self.identities:
                body |= {
                    "words": "",
                    "driver": "",
                    "driver_identity": "",
                    "driver_name": SOMEBODY,
                    "deleted": True,
                }
        if "proposals" in found:
            found["proposals"] = [body for body in found["proposals"] if body["by"] not in self.members]
        for body in found.get("proposals", ()):
            grounds = body.get("grounds", ())
            body["grounds"] = [each for each in grounds if all(map(self._stays, each["sources"]))]
            if body["decided_by"] in self.members:
                body |= {"decided_by": None, "decider": SOMEBODY, "reason": ""}


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(part)
