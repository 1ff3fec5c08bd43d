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

from core.ids import CallId, LoopId, TurnId


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
        self, box: Box, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0, max_output: int = 1 << 20
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

    async def open(self, loop: LoopId, *, model_socket: Path, egress_socket: Path, budget_usd: float | None) -> None:
        """Listen for this loop (idempotent). `budget_usd` is what it may still spend; None means no cap."""

    async def close(self, loop: LoopId) -> None:
        """Stop listening for this loop and remove its sockets (idempotent)."""


# ── agent ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One uninterrupted stretch of a turn: from a prompt (or a resume) to a result, a parking or an end."""

    loop: LoopId
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

    async def run(self, leg: Leg, emit: Callable[..., Awaitable[None]]) -> None:
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
    """The state of a clone inside a box: its tip, and paths with changes that no commit holds."""

    tip: str
    dirty: tuple[str, ...]


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


