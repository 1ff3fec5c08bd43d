"""Everything that can be asked of the edge. Owns: the Effect union and priorities. Imports: core. Effects: none (it names them).

An effect is carried out at least once, under its `key`: the key is what makes doing it twice harmless. `priority` orders what
waits for one thread: lower goes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Literal

from core.events import Author, Page, Posted, Pressed
from core.events.context import Wants
from core.ids import CallId, CardKey, IdentityKey, LoopId, MessageKey, ThreadKey, TurnId
from core.message import Message
from core.references import Reference


class Priority(IntEnum):
    """What overtakes what on the way to one thread."""

    ASK = 0
    ANSWER = 1
    STATUS = 2
    PROGRESS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What every effect has."""

    key: str
    lane: ThreadKey
    priority: Priority = Priority.ANSWER


# ── to the chat ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Doing):
    """Post a message. With `card`, the message can be found again by that name and replaced by `Show`."""

    message: Message
    card: CardKey = CardKey("")
    kind: Literal["say"] = "say"


@dataclass(frozen=True, slots=True, kw_only=True)
class Show(Doing):
    """Make the card show this: edit its message, or post it if there is none yet. A newer Show of a card supersedes a waiting one."""

    card: CardKey
    message: Message
    kind: Literal["show"] = "show"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisper(Doing):
    """Say something to one person alone where the platform can, else in the thread."""

    to: IdentityKey
    message: Message
    kind: Literal["whisper"] = "whisper"


@dataclass(frozen=True, slots=True, kw_only=True)
class React(Doing):
    """Put an emoji (its Unicode form) on a message."""

    message: str
    emoji: str
    kind: Literal["react"] = "react"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look(Doing):
    """Read something and post it for whoever asked: `why`, `log`, `diff`, `files`, `list`, `context`, `usage`."""

    what: Literal[
        "why",
        "log",
        "diff",
        "files",
        "list",
        "context",
        "usage",
        "people",
        "details",
        "focus",
        "memory",
        "decisions",
    ]
    argument: str
    to: IdentityKey
    loop: LoopId = LoopId("")
    kind: Literal["look"] = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay(Doing):
    """Take an event to the thread it is meant for."""

    event: Posted | Pressed
    kind: Literal["relay"] = "relay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow(Doing):
    """Find the loop whose id begins with `prefix` and have this thread follow it; an empty prefix ends that."""

    prefix: str
    author: Author
    message: str
    kind: Literal["follow"] = "follow"


# ── to memory and focus ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember(Doing):
    """Keep a fact: `text`, or where that is empty or a link, the message it leads to; answered by Remembered, RememberHeld or NotDone."""

    text: str
    author: Author
    message: str
    reply_to: str = ""
    personal: bool = False
    via: str = ""
    kind: Literal["remember"] = "remember"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(Doing):
    """Keep what was held: for the team with `share`, else in the layer of whoever asked; answered by Remembered or NotDone."""

    held: str
    share: bool
    author: Author
    press: str
    via: str = ""
    kind: Literal["share"] = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget(Doing):
    """Take the one fact that words stand for out of a layer; answered by Forgotten or NotDone."""

    words: str
    author: Author
    message: str
    personal: bool = False
    via: str = ""
    kind: Literal["forget"] = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reindex(Doing):
    """Bring a layer's index of facts up to its files."""

    layer: str
    kind: Literal["reindex"] = "reindex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Jot(Doing):
    """Pin a line, take pin number `words` off, or put a line into the inbox; answered by Jotted or NotDone."""

    what: Literal["pin", "unpin", "inbox"]
    words: str
    author: Author
    message: str
    via: str = ""
    kind: Literal["jot"] = "jot"


# ── to the context ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Refer(Doing):
    """Look up what somebody pointed at; answered by Referred. An empty loop: the thread has none."""

    wants: Wants
    reference: Reference
    author: Author
    message: str
    via: str = ""
    words: str = ""
    loop: LoopId = LoopId("")
    kind: Literal["refer"] = "refer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assemble(Doing):
    """Write the loop's capsule anew, if its folder stands; answered by CapsuleMade."""

    loop: LoopId
    kind: Literal["assemble"] = "assemble"


# ── to the layers ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote(Doing):
    """Bring the loop's work in some layers to everybody; answered for each by Promoted, Proposed or NotPromoted."""

    loop: LoopId
    turn: TurnId | None
    request: str
    layers: tuple[str, ...]
    summary: str
    kind: Literal["promote"] = "promote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weigh(Doing):
    """Find the open proposal whose id begins with `prefix` and take somebody's word to its own lane, as ProposalWeighed."""

    prefix: str
    choice: Literal["merge", "reject", "edit"]
    words: str
    author: Author
    message: str
    kind: Literal["weigh"] = "weigh"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeProposal(Doing):
    """Merge what was reviewed in a round; answered by ProposalMerged, ProposalRenewed or ProposalStuck."""

    proposal: str
    round: int
    reviewer: str
    author: Author
    via: str = ""
    kind: Literal["merge_proposal"] = "merge_proposal"


# ── to the loop ──────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadThread(Doing):
    """Fetch what the thread held before; answered by ThreadRead."""

    loop: LoopId
    upto: str  # the message that started the loop
    kind: Literal["read_thread"] = "read_thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare(Doing):
    """Make the loop's folder: mirror, clone, capsule, lock, launcher; answered by Prepared or PrepareFailed."""

    loop: LoopId
    attempt: int
    kind: Literal["prepare"] = "prepare"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLeg(Doing):
    """Run one leg of a turn; answered by TurnResult, TurnParked, TurnBroke or, after a crash of the bridge, TurnInterrupted."""

    loop: LoopId
    turn: TurnId
    leg: int
    session: str
    resume: bool
    prompt: str
    plan: bool = False  # the session looks and plans, and changes nothing
    kind: Literal["run_leg"] = "run_leg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Doing):
    """Hand a verdict to a call that waits; answered by VerdictLost when nothing waits for it."""

    loop: LoopId
    turn: TurnId
    leg: int
    call: CallId
    decision: Literal["allow", "deny"]
    reason: str = ""
    updated_input: str = ""
    kind: Literal["rule"] = "rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore(Doing):
    """Do one of the bridge's own jobs: `due` is the instant it was due at, `since` the one before."""

    job: str
    due: datetime
    since: datetime | None = None
    kind: Literal["chore"] = "chore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distil(Doing):
    """Look for what is to be distilled of this thread, or since an instant of its channel; answered by DistillDue."""

    what: Literal["new", "thread", "loop", "since"]
    author: Author
    message: str
    since: datetime | None = None
    kind: Literal["distil"] = "distil"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadClaims(Doing):
    """Find what pages of a layer claim, and on which messages; answered by ClaimsRead."""

    layer: str
    tip: str
    pages: tuple[Page, ...]
    gone: tuple[str, ...] = ()
    kind: Literal["read_claims"] = "read_claims"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrace(Doing):
    """Find what was distilled from a message that changed; answered by SourceChanged."""

    message: MessageKey
    how: Literal["edited", "deleted"]
    at: datetime
    kind: Literal["retrace"] = "retrace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt(Doing):
    """Stop the running turn."""

    loop: LoopId
    kind: Literal["interrupt"] = "interrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeWork(Doing):
    """Bring the turn's commits out of the box and land them on the loop's branch; answered by WorkTaken or WorkStuck."""

    loop: LoopId
    turn: TurnId
    leg: int
    kind: Literal["take_work"] = "take_work"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLoop(Doing):
    """End the loop's process and sockets; with `archive`, its folder may be packed away."""

    loop: LoopId
    archive: bool = False
    kind: Literal["close_loop"] = "close_loop"


Effect = (
    Say
    | Show
    | Whisper
    | React
    | Look
    | Relay
    | Follow
    | Refer
    | Assemble
    | Remember
    | Share
    | Forget
    | Reindex
    | Jot
    | Promote
    | Weigh
    | MergeProposal
    | ReadThread
    | Prepare
    | RunLeg
    | Rule
    | Chore
    | Distil
    | ReadClaims
    | Retrace
    | Interrupt
    | TakeWork
    | CloseLoop
)
CHAT = (Say, Show, Whisper, React, Look)
