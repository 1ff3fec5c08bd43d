"""What a rule looks at and what it answers. Owns: Desk, House, Outcome. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from core.asks import Ask
from core.decided import Mark
from core.effects import Effect
from core.events import Spent
from core.graph import Fact
from core.ids import LoopId, ThreadKey
from core.loop import Loop
from core.people import Identity, Member, People
from core.policy import Policy
from core.proposals import Proposal
from core.schedules import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The state of one lane: its newest loop, that loop's asks (open ones and the newest settled), and everybody."""

    thread: ThreadKey
    loop: Loop | None = None
    asks: tuple[Ask, ...] = ()
    people: People = field(default_factory=People)
    follows: ThreadKey | None = None  # the thread whose loop is followed from this one
    earlier: tuple[LoopId, ...] = ()  # loops this thread had before
    decisions: tuple[Mark, ...] = ()  # live ones that touch the thread or its loop's repo, newest first
    schedules: tuple[Schedule, ...] = ()  # of this thread, oldest first
    proposals: tuple[Proposal, ...] = ()  # of this thread: the open ones and the newest settled


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the settings say, as far as rules care. `secret` seeds tokens; `claim_code` is empty once somebody claimed."""

    policy: Policy
    secret: str
    claim_code: str = ""
    repos: tuple[str, ...] = ()
    default_repo: str = ""
    model: str = ""
    budget_usd: float | None = None
    ask_expires: timedelta = timedelta(hours=24)
    ask_reminds: timedelta = timedelta(hours=4)
    max_task_chars: int = 20_000
    zone: str = "UTC"  # of times people schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be true after an event; committed as one transaction together with the event itself."""

    loop: Loop | None = None  # as it is now; None leaves it
    asks: tuple[Ask, ...] = ()  # new or changed
    members: tuple[Member, ...] = ()
    identities: tuple[Identity, ...] = ()
    facts: tuple[Fact, ...] = ()
    effects: tuple[Effect, ...] = ()
    unfollowed: tuple[ThreadKey, ...] = ()  # threads that follow no loop any more
    spent: Spent | None = None
    schedules: tuple[Schedule, ...] = ()  # new or changed
    proposals: tuple[Proposal, ...] = ()  # new or changed
