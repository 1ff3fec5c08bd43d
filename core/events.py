"""Everything that can happen. Owns: the Event union. Imports: core.ids. Effects: none.

An event names its `lane` (the thread it belongs to: events of one lane are handled one after another) and its `dedup` (a natural
key: the same happening told twice has the same one). Instants are aware; money is US dollars; `digest` is a SHA-256 in hex.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.ids import AskId, CallId, IdentityKey, LoopId, ThreadKey, Token, TurnId


def aware(at: datetime) -> datetime:
    """Return `at`, or raise ValueError when it has no time zone."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote or pressed, as the platform says. `name` is untrusted text."""

    identity: IdentityKey
    name: str
    bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """A file in the chat: the platform's id of it, its name, its size in bytes."""

    id: str
    name: str
    size: int = 0
    mime: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What every event has."""

    lane: ThreadKey
    at: datetime

    def __post_init__(self) -> None:
        aware(self.at)

    @property
    def dedup(self) -> str:
        """Return the natural key of this happening."""
        raise NotImplementedError


# ── from the chat ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(Happening):
    """Somebody wrote in a thread. `addressed`: the bot was mentioned (and the mention taken out of `text`), or it is a DM."""

    message: str
    author: Author
    text: str
    addressed: bool = False
    mentions: tuple[IdentityKey, ...] = ()
    reply_to: str = ""
    files: tuple[FileRef, ...] = ()
    permalink: str = ""
    via: str = ""  # the thread it was written in, when that one follows the loop of this one
    kind: Literal["posted"] = "posted"

    @property
    def dedup(self) -> str:
        return f"posted:{self.lane}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(Happening):
    """Somebody changed a message of theirs; `text` is the whole new text."""

    message: str
    author: Author
    text: str
    kind: Literal["edited"] = "edited"

    @property
    def dedup(self) -> str:
        return f"edited:{self.lane}#{self.message}@{self.at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(Happening):
    """A message was taken away."""

    message: str
    kind: Literal["deleted"] = "deleted"

    @property
    def dedup(self) -> str:
        return f"deleted:{self.lane}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(Happening):
    """Somebody pressed a button, or did what stands for it (a reaction, a typed number). `text` is the form's answer."""

    press: str  # the platform's id of this press
    card: str  # the platform's id of the message that holds the button
    token: Token
    author: Author
    text: str = ""
    via: str = ""  # as for Posted
    kind: Literal["pressed"] = "pressed"

    @property
    def dedup(self) -> str:
        return f"pressed:{self.lane}#{self.press}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed(Happening):
    """Somebody asked to follow (or, with `stop`, not to follow any more) this thread's loop from another thread."""

    loop: LoopId
    follower: ThreadKey
    author: Author
    message: str
    stop: bool = False
    kind: Literal["followed"] = "followed"

    @property
    def via(self) -> str:
        """Return the thread it was asked in."""
        return self.follower

    @property
    def dedup(self) -> str:
        return f"followed:{self.loop}:{self.follower}#{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRead(Happening):
    """The messages of a thread from before the bridge saw it, oldest first. `left_out` counts those past the bound."""

    loop: LoopId
    messages: tuple[Posted, ...]
    left_out: int = 0
    failed: str = ""
    kind: Literal["thread_read"] = "thread_read"

    @property
    def dedup(self) -> str:
        return f"read:{self.loop}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted(Happening):
    """The console let somebody in with a role (the chat has `/loop people` for it)."""

    identity: IdentityKey
    name: str
    role: Literal["admin", "member", "guest"]
    kind: Literal["admitted"] = "admitted"

    @property
    def dedup(self) -> str:
        return f"admitted:{self.identity}:{self.role}"


# ── from the agent and its box ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class OfLoop(Happening):
    """What every event of a loop has."""

    loop: LoopId


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared(OfLoop):
    """The loop's folder stands: clone at `base` on `branch`, capsule with `digest`. Counts say what the capsule holds."""

    base: str
    branch: str
    digest: str
    attempt: int
    messages: tuple[str, ...] = ()  # node keys of what was ingested
    people: int = 0
    files: int = 0
    pages: int = 0
    loops: int = 0
    left_out: tuple[str, ...] = ()  # sentences
    kind: Literal["prepared"] = "prepared"

    @property
    def dedup(self) -> str:
        return f"prepared:{self.loop}:{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareFailed(OfLoop):
    """The loop's folder could not be made."""

    what: str
    remedy: str
    attempt: int
    kind: Literal["prepare_failed"] = "prepare_failed"

    @property
    def dedup(self) -> str:
        return f"prepare_failed:{self.loop}:{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTurn(OfLoop):
    """What every event of a turn has. `leg` counts the stretches of a turn from 1."""

    turn: TurnId
    leg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnQueued(OfTurn):
    """The leg waits for a place to start; `ahead` counts those before it."""

    ahead: int
    kind: Literal["turn_queued"] = "turn_queued"

    @property
    def dedup(self) -> str:
        return f"queued:{self.turn}:{self.leg}:{self.ahead}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted(OfTurn):
    """The agent has the prompt."""

    session: str
    kind: Literal["turn_started"] = "turn_started"

    @property
    def dedup(self) -> str:
        return f"started:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSaid(OfTurn):
    """Text the agent wrote between tool calls. `number` counts them within the leg."""

    number: int
    text: str
    kind: Literal["agent_said"] = "agent_said"

    @property
    def dedup(self) -> str:
        return f"said:{self.turn}:{self.leg}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled(OfTurn):
    """The agent wants to use a tool and waits for a verdict. `input` is JSON; `digest` covers tool and input."""

    call: CallId
    tool: str
    input: str
    digest: str
    why: str = ""  # what the agent said just before
    kind: Literal["tool_called"] = "tool_called"

    @property
    def dedup(self) -> str:
        return f"called:{self.turn}:{self.leg}:{self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnded(OfTurn):
    """A tool call is over. `note` is a word about the result for the card ("1 failed"), from untrusted output."""

    call: CallId
    ok: bool
    note: str = ""
    kind: Literal["tool_ended"] = "tool_ended"

    @property
    def dedup(self) -> str:
        return f"ended:{self.turn}:{self.leg}:{self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult(OfTurn):
    """The leg came to its result. When `error` is set the model's side failed and the turn can be tried again."""

    text: str
    session: str
    error: str = ""
    remedy: str = ""
    kind: Literal["turn_result"] = "turn_result"

    @property
    def dedup(self) -> str:
        return f"result:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParked(OfTurn):
    """The session was put away at a call that waits for a person; `session` resumes at exactly that call."""

    call: CallId
    session: str
    kind: Literal["turn_parked"] = "turn_parked"

    @property
    def dedup(self) -> str:
        return f"parked:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBroke(OfTurn):
    """The agent's process ended without a result, or could not be started."""

    what: str
    remedy: str = ""
    stopped: bool = False  # a person asked for it
    lost: bool = False  # its session cannot be picked up again
    kind: Literal["turn_broke"] = "turn_broke"

    @property
    def dedup(self) -> str:
        return f"broke:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnInterrupted(OfTurn):
    """The bridge itself went away while the leg ran, and is back after `down_for` seconds."""

    down_for: float
    kind: Literal["turn_interrupted"] = "turn_interrupted"

    @property
    def dedup(self) -> str:
        return f"interrupted:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictLost(OfTurn):
    """A verdict found no live session that holds its call."""

    call: CallId
    kind: Literal["verdict_lost"] = "verdict_lost"

    @property
    def dedup(self) -> str:
        return f"verdict_lost:{self.turn}:{self.leg}:{self.call}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTaken:
    """A commit that left the box; `files` are (path, added, removed)."""

    sha: str
    parents: tuple[str, ...]
    subject: str
    at: datetime
    files: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTaken(OfTurn):
    """The turn's commits were judged; unless there are objections they landed at `where`. `dirty` paths hold no commit yet."""

    repo: str
    branch: str
    commits: tuple[CommitTaken, ...] = ()
    dirty: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    where: str = ""
    kind: Literal["work_taken"] = "work_taken"

    @property
    def dedup(self) -> str:
        return f"taken:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStuck(OfTurn):
    """The turn's commits could not be brought out; they are still in the box."""

    what: str
    remedy: str
    kind: Literal["work_stuck"] = "work_stuck"

    @property
    def dedup(self) -> str:
        return f"stuck:{self.turn}:{self.leg}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent(OfLoop):
    """One model request was answered and metered."""

    request: str
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: float
    kind: Literal["spent"] = "spent"

    @property
    def dedup(self) -> str:
        return f"spent:{self.loop}:{self.request}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressDenied(OfLoop):
    """A tool tried to reach a host that is not on the allowlist."""

    host: str
    port: int
    why: str
    kind: Literal["egress_denied"] = "egress_denied"

    @property
    def dedup(self) -> str:
        return f"egress:{self.loop}:{self.host}:{self.port}:{self.at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed(OfLoop):
    """The model's side answered with an error (`status` 0: could not be reached)."""

    status: int
    why: str
    kind: Literal["model_failed"] = "model_failed"

    @property
    def dedup(self) -> str:
        return f"model_failed:{self.loop}:{self.at.isoformat()}"


# ── from the clock and the bridge itself ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDue(OfLoop):
    """An ask's next moment came: a reminder or its expiry."""

    ask: AskId
    stage: Literal["remind", "expire"]
    kind: Literal["ask_due"] = "ask_due"

    @property
    def dedup(self) -> str:
        return f"due:{self.ask}:{self.stage}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulsed(OfLoop):
    """Time passes while a turn runs: the card's clock may need a new reading."""

    kind: Literal["pulsed"] = "pulsed"

    @property
    def dedup(self) -> str:
        return f"pulse:{self.loop}:{self.at.isoformat()}"


Event = (
    Posted | Edited | Deleted | Pressed | Followed | ThreadRead | Admitted
    | Prepared | PrepareFailed
    | TurnQueued | TurnStarted | AgentSaid | ToolCalled | ToolEnded | TurnResult | TurnParked | TurnBroke | TurnInterrupted
    | VerdictLost | WorkTaken | WorkStuck | Spent | EgressDenied | ModelFailed | AskDue | Pulsed
)  # fmt: skip
