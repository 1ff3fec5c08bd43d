"""One layer of context. Owns: Layer, Overtaken. Imports: core. Effects: one bare repository of the host's own, and its remote.

`main` of the repository is what everybody has: with a remote it moves only to what the remote's `main` holds already. Steps can be
cut short and done again: what was pushed and not noted here comes back with the next fetch. What its commits hold is `history`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import shutil
from pathlib import Path

from adapters.git import history, leftovers, mirror, names, pushing, safe, tree
from core import errors, ports

log = logging.getLogger(__name__)
BEGIN = "Begin"
_FETCH = ("fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--end-of-options")
_CONFLICT = 1  # how merge-tree ends when people have to look


class Overtaken(errors.Unavailable):
    """The remote's `main` moved between looking and pushing."""


class Layer(history.History):
    """The layer `name` at `path`; `remote` is an address or empty. `turn` is held by whoever changes it.

    Methods raise Damaged, StorageFull, and Unavailable when git is missing or too slow.
    """

    what = "layer"
    kept = "Nothing was changed."

    def __init__(
        self, name: str, path: Path, git: safe.SafeGit, *, clock: ports.Clock, remote: str, welcome: str
    ) -> None:
        super().__init__(path, git, clock=clock)
        self.name = name
        self.turn = mirror.Turn()
        self._remote = names.origin(name, remote) if remote else ""
        self._welcome = welcome
        # Where the remote's main was last seen; another address is another remote, of which nothing was seen.
        self._seen = f"refs/loopbridge/seen-{hashlib.sha256(remote.encode()).hexdigest()[:12]}"

    async def make(self) -> None:
        """Make the repository with its first commit if it is missing; a crash leaves none or a whole one."""
        if await asyncio.to_thread(self.path.is_dir):
            return
        new = self.path.parent / f".new-{secrets.token_hex(8)}"
        try:
            await asyncio.to_thread(self.path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
            # Boxes run as another user, who has to read what the host wrote whatever its umask is.
            init = ("init", "-q", "--bare", "--template=", "--shared=0644", "--initial-branch=main")
            done = await self._git.run(new, *init)
            if done.code:
                raise safe.damaged(new, done)
            first = tree.Tree(new, self._git, clock=self._clock)
            await first.commit(BEGIN, {"README.md": self._welcome}, parent="", ref=tree.BRANCH)
            try:
                await asyncio.to_thread(os.rename, new, self.path)
            except OSError:
                # Two loops of one person can begin at once: whoever came first has made it.
                if not await asyncio.to_thread(self.path.is_dir):
                    raise
        finally:
            await asyncio.to_thread(shutil.rmtree, new, ignore_errors=True)

    async def tip(self) -> str:
        """Return the commit of `main`."""
        return await self.newest()

    async def follow(self, *, needed: bool = False) -> str:
        """Bring `main` up to the remote's, or the remote's up to it, and return its commit.

        A remote that cannot be reached leaves it as it is, unless it is `needed`: Unavailable then. Raises Refused when the two have
        nothing in common, or differ in the same places.
        """
        ours = await self.tip()
        if not self._remote:
            return ours
        before = await self.commit_of(self._seen)
        try:
            theirs = await self._fetched()
        except errors.StorageFull:
            raise
        except errors.Unavailable as exc:
            if needed:
                raise
            log.warning("layer.remote_unreachable", extra={"layer": self.name, "why": str(exc)})
            return ours
        if theirs == ours:
            return ours
        if not theirs:
            await self.push(ours)
        elif ours == before or await self._begun(ours) or await self.contains(theirs, ours):
            # Nothing here is missing there, even if the remote's history was written anew.
            await self._ask("update-ref", tree.BRANCH, theirs, ours)
        else:
            await self._join(ours, theirs)
        return await self.tip()

    async def advance(self, new: str, old: str) -> None:
        """Move `main` from `old` to `new`, at the remote first. Raises Overtaken when it is not at `old` any more, Unavailable, Refused."""
        if self._remote:
            await self.push(new)
        done = await self._git.run(self.path, "update-ref", tree.BRANCH, new, old)
        if done.code:
            raise Overtaken(f"The layer {self.name} moved meanwhile.", remedy="Try again.")

    async def push(self, commit: str, *, branch: str = "main") -> None:
        """Push a commit to a branch of the remote. Raises Overtaken, Unavailable, Refused."""
        if not self._remote:
            return
        done = await pushing.push(self._git, self.path, self._remote, f"{commit}:refs/heads/{branch}")
        if done.state == "overtaken":
            raise Overtaken(f"Others were faster on {self.name}: {done.reason}.", remedy="Try again.")
        if done.state == "refused":
            raise errors.Refused(
                f"The remote of {self.name} refused {branch}: {done.reason}{f' ({done.words})' if done.words else ''}",
                remedy="Nothing was changed; mend what the remote asks for, then try again.",
            )
        if done.state == "unreachable":
            raise _unreachable(self.name, done.words)
        if branch == "main":
            await self._ask("update-ref", self._seen, commit)

    async def drop(self, branch: str, tip: str) -> None:
        """Take a branch away, here and at the remote, unless it is at another commit by now; one that is gone already is well."""
        ref = f"refs/heads/{names.branch(branch)}"
        if await self.commit_of(ref) not in ("", tip):
            return
        await self._git.run(self.path, "update-ref", "-d", ref, tip)
        if self._remote:
            done = await pushing.push(self._git, self.path, self._remote, f":refs/heads/{branch}")
            if done.state != "ok":
                log.warning(
                    "layer.branch_left", extra={"layer": self.name, "branch": branch, "why": done.words}
                )

    async def _join(self, ours: str, theirs: str) -> None:
        """Merge what was here before the remote was set with what the remote holds, and push that. Raises Refused."""
        done = await self._git.run(self.path, "merge-tree", "--write-tree", ours, theirs)
        if done.code not in (0, _CONFLICT):
            raise errors.Refused(
                f"The layer {self.name} here and its remote have no history in common, and both hold pages.",
                remedy=f"Point context.{self.name.partition('/')[0]} at an empty repository, or move {self.path} away to begin with the remote's pages.",
            )
        if done.code:
            raise errors.Refused(
                f"The layer {self.name} here and its remote differ in the same places.",
                remedy=f"Merge them once by hand: push {self.path} to a branch of the remote and merge that into main there.",
            )
        made = await self.joined(
            done.text.split("\n", 1)[0], (theirs, ours), "Join what was written before the remote was set",
            author="", committer="",
        )  # fmt: skip
        await self.advance(made, ours)

    async def _fetched(self) -> str:
        """Fetch the remote's `main`; return its commit, or "" when the remote is empty. Raises Unavailable, BadInput."""
        refspec = f"+{tree.BRANCH}:{self._seen}"
        done = await self._git.run(
            self.path, *_FETCH, self._remote, refspec, remote=True, bounds=mirror.FETCH
        )
        if done.code == 0:
            return await self.commit_of(self._seen)
        await asyncio.to_thread(leftovers.clear_locks, self.path)
        if "couldn't find remote ref" not in done.err:
            raise _unreachable(self.name, names.told(done.err))
        listed = await self._git.run(
            safe.NOWHERE, "ls-remote", "--heads", "--end-of-options", self._remote, remote=True
        )
        if listed.code or listed.out:
            raise errors.BadInput(
                f"The remote of {self.name} has branches, but none called main.",
                remedy="Rename its default branch to main, or give an empty repository.",
            )
        return ""

    async def _begun(self, commit: str) -> bool:
        """Say whether there is nothing but the first commit that `make` or the home made."""
        form = ("rev-list", "--max-count=2", "--no-commit-header", "--format=%s%n%cn", commit)
        return await self._ask(*form) == f"{BEGIN}\nLoopbridge"


def _unreachable(name: str, words: str) -> errors.Unavailable:
    return errors.Unavailable(
        f"The remote of {name} can't be reached: {words}.",
        remedy="Check its address under context in config.toml, and the bridge's access to it. Nothing was changed.",
    )
