"""What forgetting leaves of loops, asks, proposals and lines of the journal. Owns: loop, ask, proposal, line. Imports: core. Effects: none.

`core.forget` says what a Scope is. The rules for a record and for its spelling in a line are the same.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from core import graph, journal, wording
from core.asks import Ask
from core.forget import FORGOTTEN, SAID, SOMEBODY, Scope
from core.ids import AskId, IdentityKey, MemberId
from core.loop import Loop, Turn, Wanted
from core.proposals import OPEN, Proposal

ENDED = frozenset({"done", "archived"})


def answered(scope: Scope, loop: Loop) -> bool:
    """Whether what a loop's agent answered was said to the person: they began it, or drive it."""
    theirs = loop.driver_identity in scope.identities or loop.driver in scope.members
    return theirs or graph.loop(loop.id) in scope.begun


def loop(scope: Scope, before: Loop, messages: frozenset[str]) -> Loop:
    """Return a loop without the person and without what they said; `messages` are the platform's ids of that."""
    begun = graph.loop(before.id) in scope.begun
    left = replace(
        journal.abridged(before),
        task="" if begun else before.task,
        title=FORGOTTEN if begun or before.title in scope.titles else before.title,
        inputs=tuple(entry for entry in before.inputs if entry.message not in messages),
        files=tuple(file for file in before.files if file.id not in scope.attached),
        tags=tuple(tag for tag in before.tags if scope.stays(graph.focus(tag))),
        followers=tuple(thread for thread in before.followers if thread not in scope.lanes),
        held=tuple(held for held in before.held if held.identity not in scope.identities),
        wanted=tuple(_unread(scope, wanted) for wanted in before.wanted if scope.stays(wanted.key)),
        added=tuple(given for given in before.added if scope.stays(given.key)),
        news=tuple(scope.nameless(words) for words in before.news),
        notice=scope.nameless(before.notice),
    )
    if left.turn is not None:
        left = replace(left, turn=_turn(scope, left.turn, silent=answered(scope, before)))
    if before.driver_identity not in scope.identities and before.driver not in scope.members:
        return left
    return replace(
        left,
        driver=MemberId(""),
        driver_identity=IdentityKey(""),
        driver_name=SOMEBODY,
        status=left.status if left.status in ENDED else "archived",
    )


def _turn(scope: Scope, turn: Turn, *, silent: bool) -> Turn:
    turn = replace(turn, prompt="", stopped_by=scope.nameless(turn.stopped_by))
    return replace(turn, answer="", told=(), learned=()) if silent else turn


def _unread(scope: Scope, wanted: Wanted) -> Wanted:
    return replace(wanted, readers=tuple(key for key in wanted.readers if key not in scope.identities))


def ask(scope: Scope, before: Ask) -> Ask:
    """Return an ask that does not say who decided it, nor what they answered."""
    answers = tuple(
        "" if _part(before.id, number) in scope.decided else words
        for number, words in enumerate(before.answers)
    )
    left = before if answers == before.answers else replace(before, answers=answers, updated_input="")
    if before.decided_by not in scope.members:
        return left
    left = replace(left, decided_by=None, decider=SOMEBODY, reason="")
    return replace(left, answers=(), updated_input="") if before.choice in SAID else left


def _part(identifier: str, number: int) -> str:
    """Return the node of the decision that answered one of an ask's questions."""
    return graph.decision(AskId(f"{identifier}.{number}"))


def proposal(scope: Scope, before: Proposal) -> Proposal | None:
    """Return what is left of a proposal: one of the person's loops goes, one that they decided does not say so.

    One that rests on what is to be forgotten says no more what it claims; while it waits, it says that its source is gone.
    """
    if before.by in scope.members or before.thread in scope.lanes:
        return None
    left = before
    if rests(scope, before):
        shaken = tuple(
            each if all(map(scope.stays, each.sources)) else replace(each, text="", sources=(), how="deleted")
            for each in before.grounds
        )
        left = replace(
            before,
            title=FORGOTTEN,
            unproven=_unproven(len(before.unproven)),
            grounds=shaken if before.open else tuple(each for each in shaken if each.text),
        )
    if before.decided_by not in scope.members:
        return left
    return replace(left, decided_by=None, decider=SOMEBODY, reason="")


def rests(scope: Scope, before: Proposal) -> bool:
    """Whether a proposal claims something on what is to be forgotten."""
    return not all(scope.stays(source) for each in before.grounds for source in each.sources)


def _unproven(number: int) -> tuple[str, ...]:
    return (f"{wording.count(number, 'claim')}, whose words were forgotten",) if number else ()


def line(scope: Scope, before: str) -> str:
    """Return what is left of a line of the journal; it keeps its number. Raises ValueError, KeyError or TypeError."""
    found: dict[str, Any] = json.loads(before)
    spelled = journal.spell(found)
    at = datetime.fromisoformat(found["at"])
    left = [kept for fact in journal.facts(found) if (kept := scope.fact(fact)) is not None]
    if "facts" in found:
        found["facts"] = [journal.told(fact, found["lane"], at) for fact in left]
    if found["lane"] in scope.lanes:
        for name in ("asks", "schedules", "proposals"):
            found.pop(name, None)
    for body in found.get("asks", ()):
        _ask(scope, body)
    for body in found.get("schedules", ()):
        _schedule(scope, body)
    if "proposals" in found:
        found["proposals"] = [body for body in found["proposals"] if body["by"] not in scope.members]
    for body in found.get("proposals", ()):
        _proposal(scope, body)
    if any(f"{identity}:" in found["dedup"] for identity in scope.identities):
        found["dedup"] = ""
    after = journal.spell(found)
    return before if after == spelled else after


def _ask(scope: Scope, body: dict[str, Any]) -> None:
    answers = [
        "" if _part(body["id"], number) in scope.decided else words
        for number, words in enumerate(body.get("answers", ()))
    ]
    if answers != list(body.get("answers", ())):
        body |= {"answers": answers, "updated_input": ""}
    if body.get("decided_by") in scope.members:
        body |= {"decided_by": None, "decider": SOMEBODY, "reason": ""}
        if body.get("choice") in SAID:
            body |= {"answers": [], "updated_input": ""}


def _schedule(scope: Scope, body: dict[str, Any]) -> None:
    if body["driver"] in scope.members or body["driver_identity"] in scope.identities:
        body |= {"words": "", "driver": "", "driver_identity": "", "driver_name": SOMEBODY, "deleted": True}


def _proposal(scope: Scope, body: dict[str, Any]) -> None:
    gone = [each for each in body.get("grounds", ()) if not all(map(scope.stays, each["sources"]))]
    if gone:
        body |= {"title": FORGOTTEN, "unproven": list(_unproven(len(body.get("unproven", ()))))}
        for each in gone:
            each |= {"text": "", "sources": [], "how": "deleted"}
        if body["state"] not in OPEN:
            body["grounds"] = [each for each in body["grounds"] if each not in gone]
    if body["decided_by"] in scope.members:
        body |= {"decided_by": None, "decider": SOMEBODY, "reason": ""}
