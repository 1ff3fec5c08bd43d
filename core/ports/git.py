"""Mirrors on the host, clones in boxes. Owns: Git, Checkout, and what is judged. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from core.ports.sandbox import Box


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
class Delicate:
    """A path that commits may change only with a person's consent, and why it matters."""

    path: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a pack held: its tip, the new commits (oldest first), and why it may not land (empty when it may).

    `delicate` is what a person has to allow so that it may land all the same, and `shown` all that the commits do to these paths
    (untrusted text); both are empty when there is nothing to allow, or something that nobody may.
    """

    tip: str
    commits: tuple[Commit, ...]
    objections: tuple[str, ...] = ()
    protected: tuple[str, ...] = ()  # paths that may land but that somebody has to see first
    delicate: tuple[Delicate, ...] = ()
    shown: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTree:
    """The state of a clone inside a box: its tip, and paths with changes that no commit holds.

    `tips` are the commits its branches point at, each once; none when they are too many to tell.
    """

    tip: str
    dirty: tuple[str, ...]
    tips: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A clone to be made in a box: `mirror` on the host is bound at /mirror/<name>.git, the clone goes into the folder `into` inside.

    `author` is who its commits are by; empty means the agent.
    """

    name: str
    mirror: Path
    commit: str
    branch: str
    into: str
    author: str = ""


class Git(Protocol):
    """Bare mirrors on the host, clones inside boxes, and the one way from the latter to the former."""

    async def sync(self, repo: str, *, fetch: bool = True) -> str:
        """Fetch the repo's mirror from its origin, if it can be reached; return the commit of its default branch.

        Without `fetch` a mirror that is there is taken as it is.

        Raises BadInput for an unknown name, Unavailable when the mirror is new and the origin cannot be reached.
        """

    async def resolve(self, repo: str, branch: str) -> str:
        """Return the commit a branch of the mirror points at. Raises BadInput with the nearest names."""

    def mirror(self, repo: str) -> Path:
        """Return the folder of the repo's bare mirror on the host."""

    async def clone(
        self, repo: str, commit: str, branch: str, box: Box, *, also: Sequence[Checkout] = ()
    ) -> None:
        """Clone the mirror inside `box` (mirror bound at /mirror/<repo>.git) into its cwd, on a new `branch` at `commit`.

        What is `also` to be cloned is made in the same run of the box; an empty `repo` means only that.
        """

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
