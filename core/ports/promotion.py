"""The way from a loop's clone of a layer to everybody. Owns: Promotions and what it answers. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.ports.git import Checkout, Judged
from core.ports.sandbox import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """`main` of a layer is at `tip`; `files` are (path, added, removed) since `base`, where it was. Nothing was new if both are the same."""

    base: str
    tip: str
    files: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafted:
    """What a merge of `tip` into `main`, as it is at `base`, would change. `digest` binds the exact bytes, `diff` is for people."""

    base: str
    tip: str
    digest: str
    files: tuple[tuple[str, int, int], ...]
    protected: tuple[str, ...]
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """The work and `main` differ in the same places of these files."""

    files: tuple[str, ...]


class Promotions(Protocol):
    """Takes work out of clones of layers and brings it onto `main`, at once or after somebody reviewed it.

    Every step may be cut short and done again. `request` names one wish to promote: it lands once. Methods raise Refused when a rule
    or the remote says no, Unavailable when the remote cannot be reached.
    """

    async def take(self, layer: str, plan: Checkout, box: Box, *, subject: str) -> Judged:
        """Commit what lies uncommitted in the clone, bring its commits since the plan's out, and judge them.

        Raises Refused when files still hold the marks of a conflict.
        """

    async def land(
        self, layer: str, judged: Judged, *, request: str, subject: str, author: str
    ) -> Landed | Conflict:
        """Bring judged commits onto `main`: as they are where possible, else by a merge in the name of `author`."""

    async def draft(self, layer: str, judged: Judged, *, branch: str) -> Drafted | Conflict:
        """Put judged commits on a branch of their own and say what merging them would change.

        Raises Refused when nobody could review it, or when the branch is at other commits already: a draft never moves one.
        """

    async def drop(self, layer: str, branch: str, tip: str) -> None:
        """Take the branch of a draft away, here and at the remote, unless it is at another commit by now."""

    async def merge(
        self,
        layer: str,
        drafted: Drafted,
        *,
        request: str,
        branch: str,
        subject: str,
        author: str,
        reviewer: str,
    ) -> Landed | Drafted | Conflict:
        """Merge what was reviewed and take its branch away; where the outcome would differ from it, nothing changes and that is returned."""

    async def forget(self, layer: str, request: str) -> None:
        """Let go of the note of what a request did, once it is recorded elsewhere."""

    async def meet(self, layer: str, box: Box) -> Sequence[str]:
        """Merge `main` into the clone and leave the conflicts in its files; return which."""

    async def diff(self, layer: str, base: str, tip: str) -> str:
        """Return what merging `tip` into `base` would change, as untrusted text."""

    async def pages(self, layer: str, base: str, tip: str) -> Mapping[str, str]:
        """Return the text files that merging `tip` into `base` would change, as they would read: path → text, empty for one that goes."""

    def mirror(self, layer: str) -> Path:
        """Return the folder of the layer's bare repository on the host."""
