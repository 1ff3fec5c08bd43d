"""The Loop aggregate. Owns: Loop, Turn, Call, Step, Input. Imports: core.ids. Effects: none.

A loop is the unit of work of one thread; a turn is one prompt and everything until its result; a leg is one uninterrupted
stretch of a turn (a turn has several when it was parked, interrupted, or when people said something new before its answer).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from core.events import FileRef
from core.ids import AskId, CallId, IdentityKey, LoopId, MemberId, ThreadKey, TurnId, short, slug

Status = Literal["idle", "queued", "running", "waiting", "rfd", "done", "archived", "failed"]
TurnState = Literal["starting", "running", "parked", "adrift", "taking", "ended"]
CallState = Literal["asked", "allowed", "denied", "ended", "failed", "unknown"]
Listen = Literal["driver", "members", "mention"]
ENDED: frozenset[Status] = frozenset({"done", "archived"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Something said to the loop that no prompt has carried yet."""

    message: str
    author: str
    text: str
    at: datetime
    turn: bool = True  # False: context for the next turn, not a turn by itself
    files: tuple[FileRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Something a stranger said in the loop's thread, kept from the loop until a member lets it in."""

    entry: Input
    identity: IdentityKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Something a member wants in the loop's capsule, by its node; its title holds none of its words. `digest` binds what was allowed; empty: everybody here reads it anyway."""

    key: str
    title: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Something of a narrower audience that waits for the word of somebody who could read it. `readers` are such accounts."""

    key: str
    title: str
    digest: str
    readers: tuple[IdentityKey, ...]
    message: str  # where they said so
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Condensing:
    """What a distill loop is given, by keys: messages, oldest first, and claims to reopen; `marks` say up to when threads are covered.

    `quiet`: the clock began it, and it shows itself once it has something to show. `asked`: it waits for somebody's word that what was
    said among few may reach everybody.
    """

    audience: str
    sources: tuple[str, ...]
    claims: tuple[str, ...] = ()
    marks: tuple[tuple[str, datetime], ...] = ()
    left_out: tuple[str, ...] = ()
    quiet: bool = False
    asked: bool = False
    round: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call as the loop remembers it."""

    id: CallId
    leg: int
    tool: str
    input: str
    digest: str
    state: CallState
    at: datetime
    ask: AskId | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn. `adrift`: the bridge went away while calls waited for people; the next decision starts a new leg."""

    id: TurnId
    number: int
    prompt: str
    started_at: datetime
    leg: int = 1
    state: TurnState = "starting"
    session: str = ""
    calls: tuple[Call, ...] = ()
    steps_before: int = 0  # calls that were dropped from `calls` to bound the aggregate
    looked: bool = False  # the thread was looked at again before the answer
    queued_behind: int = 0
    answer: str = ""
    spent_usd: float = 0.0
    breaks: int = 0  # how often its process broke in a row
    trigger: str = ""  # the message that started it
    stopped_by: str = ""  # who wants it to end
    learned: tuple[
        str, ...
    ] = ()  # what its agent promoted to the team's memory, as the end of the turn tells it
    told: tuple[str, ...] = ()  # lines about what it promoted, for its answer
    learned_alone: tuple[str, ...] = ()  # handles of what went into its driver's own memory

    def call(self, identifier: CallId) -> Call | None:
        """Return the newest call with this id."""
        return next((call for call in reversed(self.calls) if call.id == identifier), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """A loop: its context, its agent, its workdir and its one driver."""

    id: LoopId
    thread: ThreadKey
    title: str
    task: str
    driver: MemberId
    driver_identity: IdentityKey
    driver_name: str
    created_at: datetime
    updated_at: datetime
    trigger: str  # the message that started it
    status: Status = "queued"
    repo: str = ""
    branch_from: str = ""
    model: str = ""
    budget_usd: float | None = None
    listen: Listen = "driver"
    with_thread: bool = True  # False: --no-context
    cached: bool = False  # --cached: made from what the mirrors hold, nothing is fetched
    personal: MemberId | None = None  # whose own layer it has; nobody's once somebody else drives it
    private: bool = False  # that layer held pages, so a session has read what only that member may see
    pinned: tuple[tuple[str, str], ...] = ()  # the layers it began with, each with its commit
    planning: bool = False  # --plan, until its plan is approved
    first_base: str = ""  # the commit the clone began at
    base: str = ""  # the newest commit that landed, else the first
    branch: str = ""
    prepared: bool = False
    pristine: bool = False  # nothing was called in it that may change a file: its clone is as it was made
    attempts: int = 0  # how often the folder was made
    session: str = ""  # what a new turn resumes: set once a result was seen
    turns: int = 0
    turn: Turn | None = None
    inputs: tuple[Input, ...] = ()
    tags: tuple[str, ...] = ()
    followers: tuple[ThreadKey, ...] = ()  # other threads that see the loop and may speak to it
    files: tuple[FileRef, ...] = ()  # of the chat, for its inbox
    held: tuple[Held, ...] = ()
    excluded: tuple[str, ...] = ()  # nodes its capsule is not to hold
    added: tuple[Given, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    news: tuple[str, ...] = ()  # what changed in its context and no prompt has told yet
    granted: tuple[str, ...] = ()  # "allow for this loop": rule texts, see core.policy
    spent_usd: float = 0.0
    tokens: int = 0
    receipt: str = ""
    failure: str = ""
    remedy: str = ""
    thread_note: str = ""  # why the earlier thread could not be read
    thread_size: int = (
        0  # how many messages the earlier thread has, those past the bound of a reading included
    )
    notice: str = ""  # a passing word for the card, such as "the model is overloaded; trying again"
    refused: tuple[str, ...] = ()  # hosts the box tried to reach in vain
    schedule: str = ""  # the schedule it runs for
    condenses: Condensing | None = None  # a distill loop
    resting: bool = False  # archived by the clock: a word in its thread takes it out again
    halted: bool = False  # stopped before the first turn began

    @property
    def handle(self) -> str:
        return short(self.id)

    @property
    def work_branch(self) -> str:
        """Return the branch its commits land on: loop/<slug>-<id6>."""
        return f"loop/{slug(self.title)}-{self.handle}"

    @property
    def busy(self) -> bool:
        """Whether a turn is under way (parked and adrift ones included)."""
        return self.turn is not None and self.turn.state != "ended"

    @property
    def live(self) -> bool:
        return self.status not in ENDED


def with_call(turn: Turn, call: Call) -> Turn:
    """Return the turn with this call put in, in place of an earlier state of the same call in the same leg."""
    kept = tuple(known for known in turn.calls if (known.id, known.leg) != (call.id, call.leg))
    return replace(turn, calls=(*kept, call))
