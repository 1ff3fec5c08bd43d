"""Bare mirrors of origins. Owns: Mirrors. Imports: core. Effects: `<home>/repos/<name>.git`, fetches from origins.

A mirror's refs are the origin's branches, plus the branches of our own loops (`loop/*`), which a fetch never touches. It keeps
no address and no credential, because boxes read it; it is never collected or pruned, because their clones borrow its objects.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.git import leftovers, names, safe
from core import errors

log = logging.getLogger(__name__)

_FSCK_BROKEN = 2 | 4 | 8 | 128  # connections, packs, refs, or git itself: content that is merely odd counts 1
REFSPECS = ("+refs/heads/*:refs/heads/*", "^refs/heads/loop/*")
FETCH = safe.Bounds(seconds=600.0, memory=8 << 30)
_CHECK = safe.Bounds(seconds=300.0)
_HEADS = re.compile(r"^([0-9a-f]{40})\trefs/heads/([^\t\n]+)(?:\t([ *]))?$", re.MULTILINE)
_DEFAULT = re.compile(r"^ref: refs/heads/(.+)\tHEAD$", re.MULTILINE)


@dataclass(slots=True)
class Turn:
    """Whose turn it is at one repository. `begun` and `tip` let those who waited for a sync share its outcome."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    tip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What an origin or a mirror holds: branches by name, and the name of the default one (empty when it has none)."""

    heads: Mapping[str, str]
    default: str


class Mirrors:
    """The mirrors of one home directory. Every change of a mirror happens under its `held` lock."""

    def __init__(self, git: safe.SafeGit, *, root: Path, origins: Mapping[str, str]) -> None:
        self._git = git
        self._root = root
        self._origins = {names.repo(name): names.origin(name, url) for name, url in origins.items()}
        self._turns = {name: Turn() for name in origins}

    def path(self, repo: str) -> Path:
        """Return the mirror's folder. Raises BadInput for an unknown name."""
        self.origin(repo)
        return self._root / f"{repo}.git"

    def origin(self, repo: str) -> str:
        """Return the origin's address. Raises BadInput with the nearest names."""
        if repo not in self._origins:
            raise errors.BadInput(
                f"There is no repository called “{names.clean(repo, 60)}”.",
                remedy=_nearest(repo, self._origins, "Add one to the configuration first."),
            )
        return self._origins[repo]

    @asynccontextmanager
    async def held(self, repo: str) -> AsyncIterator[Path]:
        """Hold the mirror alone. Raises BadInput for an unknown name."""
        path = self.path(repo)
        async with self._turns[repo].lock:
            yield path

    async def sync(self, repo: str) -> str:
        """Bring the mirror up to its origin; return the commit of its default branch.

        An origin that cannot be reached leaves the mirror as it is. Raises BadInput for an unknown name or an empty origin,
        Unavailable when there is no mirror yet either, Damaged when the mirror cannot be read.
        """
        self.origin(repo)
        turn = self._turns[repo]
        asked = turn.begun
        async with turn.lock:
            if turn.begun > asked and turn.tip:
                return turn.tip
            turn.begun, turn.tip = turn.begun + 1, ""
            turn.tip = await self._sync(repo)
            return turn.tip

    async def resolve(self, repo: str, branch: str) -> str:
        """Return the commit of a branch. Raises BadInput with the nearest names."""
        heads = await self.heads(repo)
        if branch not in heads:
            raise errors.BadInput(
                f"“{repo}” has no branch “{names.clean(branch, 60)}”.",
                remedy=_nearest(branch, heads, "It has no branches at all; push one first."),
            )
        return heads[branch]

    async def heads(self, repo: str) -> Mapping[str, str]:
        """Return the mirror's branches: name → commit. Empty when there is no mirror yet."""
        path = self.path(repo)
        return (await self._state(path)).heads if await asyncio.to_thread(path.is_dir) else {}

    async def default(self, repo: str) -> str:
        """Return the commit of the mirror's default branch, or an empty string."""
        state = await self._state(self.path(repo))
        return state.heads.get(state.default, "")

    async def held_default(self, repo: str) -> str:
        """Return what `default` does, and an empty string when there is no mirror yet."""
        return await self.default(repo) if await asyncio.to_thread(self.path(repo).is_dir) else ""

    async def check(self, repo: str) -> None:
        """Look for what is missing or broken in a mirror. Raises Damaged."""
        await self._check(self.path(repo))

    async def _check(self, path: Path) -> None:
        done = await self._git.run(path, "fsck", "--full", "--no-dangling", "--no-progress", bounds=_CHECK)
        if done.code & _FSCK_BROKEN:
            raise safe.damaged(path, done)

    async def _sync(self, repo: str) -> str:
        path = self.path(repo)
        listed = await self._listed(repo)
        if not await asyncio.to_thread(path.is_dir):
            await self._make(repo, path, listed)
        state = await self._state(path)
        if isinstance(listed, errors.Unavailable):
            log.warning("git.origin_unreachable", extra={"repo": repo, "why": str(listed)})
        elif listed.default:
            state = await self._follow_if_possible(repo, path, listed, state)
        if not state.default:
            raise _empty(repo)
        return state.heads[state.default]

    async def _listed(self, repo: str) -> _State | errors.Unavailable:
        asked = ("ls-remote", "--symref", "--end-of-options", self.origin(repo), "HEAD", "refs/heads/*")
        try:
            done = await self._git.run(safe.NOWHERE, *asked, remote=True)
        except errors.StorageFull:
            raise
        except errors.Unavailable as late:
            return late
        if done.code != 0:
            return errors.Unavailable(
                f"The origin of “{repo}” can't be reached: {names.told(done.err)}.",
                remedy="Check its address and the bridge's access to it, then try again.",
            )
        heads = {name: sha for sha, name, _ in _HEADS.findall(done.text)}
        said = _DEFAULT.search(done.text)
        return _State(heads=heads, default=_default(said[1] if said else "", heads))

    async def _make(self, repo: str, path: Path, listed: _State | errors.Unavailable) -> None:
        if isinstance(listed, errors.Unavailable):
            raise listed
        if not listed.default:
            raise _empty(repo)
        new = self._root / f".new-{secrets.token_hex(8)}"
        await asyncio.to_thread(self._root.mkdir, mode=0o700, parents=True, exist_ok=True)
        try:
            # Boxes run as another user, who has to read what the host wrote whatever its umask is.
            init = await self._git.run(new, "init", "-q", "--bare", "--template=", "--shared=0644")
            if init.code != 0:
                raise safe.damaged(new, init)
            await self._git.ask(new, "config", "gc.auto", "0")
            await self._follow(repo, new, listed, _State(heads={}, default=""))
            await asyncio.to_thread(os.rename, new, path)
        finally:
            await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)

    async def _state(self, path: Path) -> _State:
        form = "--format=%(objectname)%09%(refname)%09%(HEAD)"
        rows = _HEADS.findall(await self._git.ask(path, "for-each-ref", form, "refs/heads/"))
        return _State(
            heads={name: sha for sha, name, _ in rows},
            default=next((name for _, name, mark in rows if mark == "*"), ""),
        )

    async def _follow_if_possible(self, repo: str, path: Path, listed: _State, mine: _State) -> _State:
        try:
            return await self._follow(repo, path, listed, mine)
        except errors.StorageFull:
            raise
        except errors.Unavailable as broke_off:
            if not mine.default:
                raise
            log.warning("git.fetch_broke_off", extra={"repo": repo, "why": str(broke_off)})
            return mine

    async def _follow(self, repo: str, path: Path, listed: _State, mine: _State) -> _State:
        """Make a mirror's branches and HEAD its origin's. Raises Unavailable, Damaged."""
        if _shared(mine.heads) != _shared(listed.heads):
            await self._copy(repo, path)
        elif mine.default == listed.default:
            return mine
        await self._git.ask(path, "symbolic-ref", "HEAD", f"refs/heads/{listed.default}")
        return await self._state(path)

    async def _copy(self, repo: str, path: Path) -> None:
        fetch = ("fetch", "-q", "--prune", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
        try:
            done = await self._git.run(
                path, *fetch, "--end-of-options", self.origin(repo), *REFSPECS, remote=True, bounds=FETCH
            )
        except errors.Unavailable:
            await asyncio.to_thread(leftovers.clear_locks, path)
            raise
        if done.code == 0:
            return
        await asyncio.to_thread(leftovers.clear_locks, path)
        await self._check(path)
        raise errors.Unavailable(
            f"Fetching “{repo}” broke off: {names.told(done.err)}.",
            remedy="Try again; the branches fetched before are unchanged.",
        )


def _empty(repo: str) -> errors.BadInput:
    return errors.BadInput(f"The origin of “{repo}” has no commits.", remedy="Push a first commit to it.")


def _shared(heads: Mapping[str, str]) -> dict[str, str]:
    return {name: sha for name, sha in heads.items() if not name.startswith("loop/")}


def _default(said: str, heads: Mapping[str, str]) -> str:
    """Return the default branch: the one the origin names, else the usual names, else the first."""
    for name in (said, "main", "master", *sorted(heads)):
        if name in heads:
            return name
    return ""


def _nearest(name: str, known: Mapping[str, str], none: str) -> str:
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.4) or sorted(known)[:3]
    return f"Did you mean {', '.join(f'“{names.clean(one, 60)}”' for one in near)}?" if near else none
