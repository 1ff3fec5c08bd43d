"""The journal and what it is written from. Owns: Ledger, Journal. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from core.journal import Batch, Tip


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
