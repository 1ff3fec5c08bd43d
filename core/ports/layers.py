"""Layers of context. Owns: Layers, Changes. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.ports.git import Checkout


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What became of a layer's text files between two commits: how they read now, and the paths that are no more."""

    tip: str
    pages: Mapping[str, str]
    gone: tuple[str, ...] = ()


class Layers(Protocol):
    """The team's `knowledge` and `notes`, each member's `personal/<member>`: bare repositories on the host, clones in boxes.

    Names are those of `core.layers`. A layer nobody wrote yet is made on first use. Where a remote is set, the bare repository is its
    mirror: reading works without the remote, writing needs it.
    """

    async def sync(self, layer: str, *, fetch: bool = True) -> str:
        """Return the commit of `main`, brought up to the remote first when it can be reached and `fetch` is set."""

    def mirror(self, layer: str) -> Path:
        """Return the folder of the layer's bare repository on the host."""

    async def texts(self, layer: str, folder: str = "") -> Mapping[str, str]:
        """Return the text files of `main` below a folder (or the one of that name), path → text; what is too large or no text is left out."""

    async def changes(self, layer: str, since: str) -> Changes:
        """Return what differs between a commit and `main`; everything, when there is no such commit (or it is empty)."""

    async def write(
        self, layer: str, subject: str, files: Mapping[str, str], *, gone: Sequence[str] = (), by: str
    ) -> str:
        """Commit files of the host's own making onto `main` in the name of `by`, push, and return the commit.

        A push that was overtaken is tried again upon what overtook it. Raises Unavailable when the remote cannot be reached: nothing
        is written then.
        """

    def checkout(self, layer: str, commit: str, branch: str, *, author: str) -> Checkout:
        """Return how the layer is cloned into a loop's box: into /loop/context/<knowledge, notes or personal>."""
