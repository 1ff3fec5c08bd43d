"""The ports: what the bridge needs of the outside, said by the side that needs it. Imports: core only. Effects: none.

Every method raises from `core.errors`: `Unavailable` (and its branches) when the same call may pass later, `Rejected` when it
will not, `Damaged` when stored state cannot be read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from core.asks import Ask
from core.desk import Desk, Outcome
from core.effects import Effect
from core.events import Event, FileRef, Posted
from core.graph import Edge, Node
from core.ids import CallId, CardKey, IdentityKey, LoopId, ThreadKey, TurnId
from core.journal import Batch, Tip
from core.loop import Loop
from core.message import Caps, Message
from core.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of `doctor`: what was tried, whether it worked, what to do if not."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


class Clock(Protocol):
    """Time, passed in: `now` is aware (UTC), `monotonic` is seconds."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


# ── sandbox ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """A host file, folder or socket shown inside at `dest` (absolute)."""

    source: Path
    dest: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one box. `memory_bytes` counts the whole box, `data_bytes` each process."""

    processes: int = 512
    open_files: int = 4096
    file_bytes: int = 2 << 30
    data_bytes: int = 4 << 30
    memory_bytes: int = 6 << 30
    tmp_bytes: int = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Everything one sandbox is: what it sees, where it starts, what it may use up. No network, ever."""

    name: str  # the hostname inside, [a-z0-9-]
    cwd: str
    binds: tuple[Bind, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)  # read-only contents by absolute path inside
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command in a box ended. `code` is negative for a signal; output past the cap is dropped and `cut` is set."""

    code: int
    stdout: bytes
    stderr: bytes
    cut: bool = False


class Sandbox(Protocol):
    """A backend that runs programs boxed in. Its checks are in `core.testing.sandbox_contract`."""

    name: str

    def owner(self) -> tuple[int, int] | None:
        """Return the (uid, gid) that writable binds and sockets must belong to, or None for the bridge's own."""

    def write_launcher(self, box: Box, program: Sequence[str], at: Path) -> None:
        """Write an executable at `at` that enters the box and execs `program` followed by its own arguments."""

    async def run(
        self,
        box: Box,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout: float = 60.0,
        max_output: int = 1 << 20,
    ) -> Finished:
        """Run one command in the box to its end. A command that outlives `timeout` seconds is killed: `Unavailable`."""

    async def run_to_file(
        self, box: Box, argv: Sequence[str], out: Path, *, timeout: float = 60.0, max_output: int = 512 << 20
    ) -> Finished:
        """Like `run`, but standard output goes through a pipe into the host file `out`, `max_output` bytes at most."""

    async def probe(self) -> Sequence[Finding]:
        """Start a box and say what holds here."""


# ── gateway ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Metered:
    """One answered model request of a loop. Tokens are counts; `cost_usd` is dollars."""

    loop: LoopId
    request: str
    model: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRefused:
    """A tool in the box tried to reach a host that is not on the allowlist."""

    loop: LoopId
    host: str
    port: int
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRefused:
    """The model's side answered with an error, or could not be reached (`status` 0)."""

    loop: LoopId
    status: int
    why: str
    at: datetime


GatewayReport = Metered | EgressRefused | ModelRefused


class Gateway(AbstractAsyncContextManager["Gateway"], Protocol):
    """The only ways out of a box: the model's socket and the egress socket, both per loop."""

    async def open(
        self, loop: LoopId, *, model_socket: Path, egress_socket: Path, budget_usd: float | None
    ) -> None:
        """Listen for this loop (idempotent). `budget_usd` is what it may still spend; None means no cap."""

    async def close(self, loop: LoopId) -> None:
        """Stop listening for this loop and remove its sockets (idempotent)."""


Emit = Callable[[Event], Awaitable[None]]  # returns once the event is durable


# ── agent ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One uninterrupted stretch of a turn: from a prompt (or a resume) to a result, a parking or an end."""

    loop: LoopId
    thread: ThreadKey
    turn: TurnId
    number: int
    launcher: Path
    cwd: str
    session: str  # a UUID of our own choosing
    resume: bool
    prompt: str  # empty when `resume` is to carry on at a deferred call
    system: str
    model: str
    budget_usd: float | None = None
    park_after: float = 120.0  # seconds a call is held open before the session is parked


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a tool call. `updated_input` is the whole input that is to run, when it was edited."""

    decision: Literal["allow", "deny"]
    reason: str = ""
    updated_input: str | None = None  # JSON


class AgentRunner(AbstractAsyncContextManager["AgentRunner"], Protocol):
    """Runs Claude sessions. What happens in them comes out as events through `emit`, each awaited until durable."""

    async def run(self, leg: Leg, emit: Emit) -> None:
        """Run a leg to its end. Exactly one of TurnResult, TurnParked or TurnBroke is emitted last."""

    async def prewarm(self, leg: Leg) -> None:
        """Start the session's process before its prompt is ready (best effort)."""

    def answer(self, loop: LoopId, call: CallId, verdict: Verdict) -> bool:
        """Hand a decision to a call that is held open; False when no live session holds it."""

    async def interrupt(self, loop: LoopId) -> bool:
        """Ask the running turn to stop; False when none runs."""

    async def close(self, loop: LoopId) -> None:
        """End the loop's process, if any."""


# ── git ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit that came out of a box and was judged. `files` are (path, added, removed); binary counts as (path, 0, 0)."""

    sha: str
    parents: tuple[str, ...]
    author: str
    subject: str
    at: datetime
    files: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a pack held: its tip, the new commits (oldest first), and why it may not land (empty when it may)."""

    tip: str
    commits: tuple[Commit, ...]
    objections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """The state of a clone inside a box: its tip, and paths with changes that no commit holds.

    `tips` are the commits its branches point at, each once; none when they are too many to tell.
    """

    tip: str
    dirty: tuple[str, ...]
    tips: tuple[str, ...] = ()


class Git(Protocol):
    """Bare mirrors on the host, clones inside boxes, and the one way from the latter to the former."""

    async def sync(self, repo: str) -> str:
        """Fetch the repo's mirror from its origin, if it can be reached; return the commit of its default branch.

        Raises BadInput for an unknown name, Unavailable when the mirror is new and the origin cannot be reached.
        """

    async def resolve(self, repo: str, branch: str) -> str:
        """Return the commit a branch of the mirror points at. Raises BadInput with the nearest names."""

    def mirror(self, repo: str) -> Path:
        """Return the folder of the repo's bare mirror on the host."""

    async def clone(self, repo: str, commit: str, branch: str, box: Box) -> None:
        """Clone the mirror inside `box` (mirror bound at /mirror/<repo>.git) into its cwd, on a new `branch` at `commit`."""

    async def status(self, box: Box) -> WorkTree:
        """Look at the clone from inside a box without network."""

    async def diff(self, box: Box, base: str) -> str:
        """Return the diff of the clone against `base`, made inside the box: untrusted text."""

    async def take_in(self, repo: str, branch: str, base: str, box: Box) -> Judged:
        """Bring `branch`'s new commits out of the box as a pack, index it in quarantine and judge every commit.

        Raises Refused when the pack itself cannot be taken (forged, cut, too large).
        """

    async def land(self, repo: str, branch: str, judged: Judged) -> str:
        """Move the mirror's `branch` to the judged tip and push it to the origin; return where it landed, for people.

        Idempotent. Raises Refused when the branch moved elsewhere meanwhile.
        """


# ── chat ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Messages of a thread, oldest first; `left_out` counts those past the limit."""

    messages: tuple[Posted, ...]
    left_out: int = 0


class ChatAdapter(AbstractAsyncContextManager["ChatAdapter"], Protocol):
    """One chat platform. Its checks are in `core.testing.chat_contract`. Entering it connects, leaving it ends every task."""

    platform: str
    caps: Caps

    async def listen(self, emit: Emit) -> None:
        """Hand every inbound event to `emit` until cancelled; the platform is acked only after `emit` returned."""

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under an idempotency key; return the platform's id of the (first) message. Twice with one key posts once."""

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace a message that `post` returned."""

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone where the platform can, else in the thread."""

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent)."""

    async def history(self, thread: ThreadKey, *, upto: str, limit: int) -> History:
        """Return the thread up to and including message `upto`: its root and the newest `limit` messages."""

    async def fetch(self, file: FileRef, into: Path, *, max_bytes: int) -> None:
        """Download a file of the chat. Raises Rejected when it is too large or not the platform's own."""

    async def probe(self) -> Sequence[Finding]:
        """Test tokens, scopes and the connection, for `doctor`."""


# ── store ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A stored event that waits to be handled, by its sequence number."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A stored effect that waits to be carried out. `attempts` counts earlier tries; `leased` ones may have begun before a crash."""

    id: int
    effect: Effect
    attempts: int = 0
    leased: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """A piece of the graph: the nodes met and the edges between them."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()


class Store(AbstractAsyncContextManager["Store"], Protocol):
    """The one database. Its checks are in `core.testing.store_contract`. Every write is durable when its call returns."""

    async def arrive(self, events: Sequence[Event]) -> Sequence[Arrival | None]:
        """Store events; None stands for one whose dedup key was seen before."""

    async def waiting(self) -> Sequence[Arrival]:
        """Return the events that no `settle` has covered, oldest first."""

    async def desk(self, thread: ThreadKey) -> Desk:
        """Return the lane's state: newest loop, its open asks and newest 100 settled ones, everybody, earlier loops."""

    async def settle(self, arrival: Arrival, outcome: Outcome) -> Sequence[Job]:
        """Commit an event's outcome in one transaction; return the effects as jobs.

        A pending Show of the same card that no one began is superseded (it never comes back from `jobs`). An event settled
        before, or an effect whose key exists, changes nothing. A node told again takes the new text (none given leaves it) and
        adds the new props; one whose props say `deleted` loses its text for good. Edges make the nodes they lack.
        """

    async def jobs(self) -> Sequence[Job]:
        """Return the effects not carried out yet, by priority then age."""

    async def lease(self, job: int) -> None:
        """Mark a job as begun."""

    async def postpone(self, job: int, *, until: datetime, why: str) -> None:
        """Count a failed try and put the job off."""

    async def finish(
        self, job: int, *, card: CardKey | None = None, posted: str = "", failed: str = ""
    ) -> None:
        """Mark a job as over (with `failed`: given up, and why) and remember which message shows the card."""

    async def card(self, card: CardKey) -> str | None:
        """Return the platform's id of the message that shows a card."""

    async def loop(self, loop: LoopId) -> Loop | None: ...
    async def loops(self, *, live_only: bool = True, limit: int = 50) -> Sequence[Loop]:
        """Return loops, the last active first."""

    async def find_loop(self, prefix: str) -> Sequence[Loop]:
        """Return the loops whose id starts with `prefix` (four characters or more)."""

    async def asks_due(self, now: datetime) -> Sequence[tuple[Ask, str]]:
        """Return open asks whose reminder ("remind", not sent yet) or expiry ("expire") has come."""

    async def people(self) -> People: ...
    async def thread_messages(self, thread: ThreadKey, *, limit: int) -> tuple[Sequence[Node], int]:
        """Return a thread's newest `limit` message nodes (and its first), oldest first, and how many there are in all."""

    async def nodes(self, keys: Sequence[str]) -> Sequence[Node]: ...
    async def find_nodes(self, *, kind: str, prefix: str, limit: int = 5) -> Sequence[Node]:
        """Return nodes of a kind whose key starts with `prefix`."""

    async def walk(self, start: str, *, depth: int, limit: int = 500) -> Walk:
        """Return what is reached from a node by edges in either direction, breadth first."""

    async def spent(self, *, loop: LoopId | None = None, since: datetime | None = None) -> tuple[float, int]:
        """Return dollars and tokens spent."""

    async def keep(self, key: str, value: str) -> None:
        """Remember a small value of the bridge's own (a watermark, a secret's seed)."""

    async def kept(self, key: str) -> str | None: ...
    async def transcript(self, session: str) -> Sequence[str]:
        """Return a session's transcript entries (JSON), oldest first."""

    async def transcribe(self, session: str, entries: Sequence[str]) -> None:
        """Append transcript entries (JSON)."""


# ── journal ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Ledger(Protocol):
    """What the store has for the journal: lines, each stored with its event, until a commit holds them."""

    async def batch(self, limit: int = ...) -> Batch: ...
    async def written(self, upto: int) -> None: ...  # lets go of the lines up to `upto`
    async def lift(self, past: int) -> None:
        """Number what waits anew, beginning after `past`."""

    async def baseline(self, past: int) -> int: ...  # everything as lines behind `past`; returns how many
    async def digest(self, upto: int, *, most: int) -> str:
        """Return the graph's digest if lines up to `upto` tell all of it and it has `most` nodes at most, else ""."""


class Journal(Protocol):
    """Threads and loops as lines in a git repository."""

    async def tip(self) -> Tip: ...
    async def append(self, batch: Batch, *, clean: Callable[[str], str]) -> Tip:
        """Commit a batch, each line of JSON as `clean` gives it back. Raises Refused when lines in between are missing."""

    async def noted(self, graph: str) -> None:
        """Commit the digest of the graph that all lines together tell."""

    async def adopt(self) -> bool:
        """Begin with what the remote holds, when there is nothing here yet."""

    async def push(self) -> None:
        """Bring the remote, if there is one, up to the newest commit. Raises Unavailable, Rejected."""

    async def tidy(self) -> None: ...
