"""What waits for a person before it becomes knowledge. Owns: Proposal, its choices and tokens. Imports: core. Effects: none.

A proposal stands for exact bytes: `digest` covers what every file it touches will hold. When `main` moves so that this would differ,
or the loop promotes something newer, it goes into its next `round`: buttons of an earlier one count no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from core.ids import LoopId, MemberId, ThreadKey, Token, TurnId, derived, short

Choice = Literal["merge", "anyway", "reject", "edit", "diff"]
CHOICES: tuple[Choice, ...] = ("merge", "anyway", "reject", "edit", "diff")
State = Literal["open", "merging", "stale", "merged", "rejected"]
OPEN: frozenset[State] = frozenset({"open", "merging", "stale"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What a claim of a proposal rests on: messages, by their nodes. `how` is what became of one since the claim was written."""

    claim: str  # its node's key
    path: str
    text: str  # as one line
    sources: tuple[str, ...]
    how: str = ""  # "edited" or "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A change of a gated layer. `files` are (path, added, removed); `protected` steer agents, so that an admin alone merges them.

    `base` is where `main` was when it was drafted, `tip` the loop's commit, `commit` the merge. `stale`: it conflicts with `main`.
    """

    id: str
    loop: LoopId
    turn: TurnId | None
    thread: ThreadKey
    layer: str
    title: str
    by: MemberId
    by_name: str
    base: str
    tip: str
    digest: str
    files: tuple[tuple[str, int, int], ...]
    protected: tuple[str, ...]
    proposed_at: datetime
    round: int = 1
    state: State = "open"
    decided_by: MemberId | None = None
    decider: str = ""
    decided_at: datetime | None = None
    reason: str = ""
    commit: str = ""
    unproven: tuple[str, ...] = ()  # what a distill loop claims and cannot prove, for whoever reviews it
    grounds: tuple[Grounds, ...] = ()  # of what it claims anew
    shaken_at: datetime | None = None  # when a message they name changed last, while it waited
    asked: str = ""  # of which changes somebody who wanted to merge was told

    @property
    def changes(self) -> str:
        """Return what names the changes of its sources as they are now, empty when there are none: any further one has another name."""
        if not self.shaken:
            return ""
        when = self.shaken_at.isoformat() if self.shaken_at else ""
        return derived(
            "changes", str(self.round), when, *(f"{each.claim} {each.how}" for each in self.shaken)
        )

    @property
    def shaken(self) -> tuple[Grounds, ...]:
        """Return the claims whose messages were edited or deleted since they were written."""
        return tuple(each for each in self.grounds if each.how)

    @property
    def handle(self) -> str:
        return short(self.id)

    @property
    def branch(self) -> str:
        """Return the branch that holds its commits until it is merged; a rejected one keeps it."""
        return branch(self.id, self.tip)

    @property
    def open(self) -> bool:
        """Whether anything can still become of it."""
        return self.state in OPEN


def shake(grounds: Iterable[Grounds], message: str, how: str) -> tuple[Grounds, ...]:
    """Return the grounds after a message (its node's key) was edited or deleted; what is deleted stays deleted."""
    return tuple(
        replace(each, how=how) if message in each.sources and each.how != "deleted" else each
        for each in grounds
    )


def new_id(loop: LoopId, layer: str, request: str) -> str:
    """Return the id of the proposal that a request of a loop makes, the same whenever it is asked for."""
    return derived("proposal", loop, layer, request)


def branch(identifier: str, tip: str) -> str:
    """Return the branch of one draft of a proposal: it never moves, so that a draft cannot change what somebody decided on meanwhile."""
    return f"proposal/{identifier[:12]}-{tip[:7]}"


def token(secret: str, proposal: Proposal, choice: Choice) -> Token:
    """Return what a button of the proposal's card carries. One that merges in spite of changes is for exactly these."""
    of = (proposal.changes,) if choice == "anyway" else ()
    return Token(derived("proposal", secret, proposal.id, str(proposal.round), choice, *of))


def find(secret: str, known: Iterable[Proposal], pressed: Token) -> tuple[Proposal, Choice] | None:
    """Return the proposal and the choice that a pressed button stands for."""
    pairs = ((proposal, choice) for proposal in known for choice in CHOICES)
    return next((pair for pair in pairs if token(secret, *pair) == pressed), None)
