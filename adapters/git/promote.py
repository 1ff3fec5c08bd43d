"""Landing judged commits. Owns: Promotion. Imports: core. Effects: moves objects and refs of mirrors, pushes to origins.

Every step can be cut short and done again: objects are moved before the ref that needs them, the ref moves only from the value it
was seen at, and pushing what the origin has already changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from pathlib import Path

from adapters.git import mirror, names, pushing, quarantine, safe
from core import errors, ports

log = logging.getLogger(__name__)

_LAST = {".idx": 1}  # git takes a pack for complete once its index is there


class Promotion:
    """Moves judged work from quarantine into its mirror and on to its origin."""

    def __init__(
        self, git: safe.SafeGit, *, mirrors: mirror.Mirrors, quarantine: quarantine.Quarantine
    ) -> None:
        self._git = git
        self._mirrors = mirrors
        self._quarantine = quarantine

    async def land(self, repo: str, branch: str, judged: ports.Judged) -> str:
        """Move `branch` of the mirror to the judged tip and push it; return where it landed.

        Raises Refused when there are objections, when the branch moved elsewhere or when the origin says no, Unavailable when
        the origin cannot be reached or the judged objects are gone.
        """
        names.branch(branch)
        names.sha(judged.tip)
        if judged.objections:
            raise errors.Refused(
                f"The work can't land: {'; '.join(judged.objections)}.",
                remedy="It is kept in the sandbox; let the agent mend its history, then promote again.",
            )
        async with self._mirrors.held(repo) as path:
            await asyncio.to_thread(
                move, self._quarantine.objects(repo, judged.tip), path / "objects" / "pack"
            )
            await self._update(path, branch, judged.tip)
            await self._push(repo, path, branch, judged.tip)
            await asyncio.to_thread(remove, self._quarantine.objects(repo, judged.tip))
        log.info("git.landed", extra={"repo": repo, "branch": branch, "tip": judged.tip})
        return f"origin, branch {branch}"

    async def _update(self, path: Path, branch: str, tip: str) -> None:
        ref = f"refs/heads/{branch}"
        if (await self._git.run(path, "cat-file", "-t", tip)).text != "commit":
            raise errors.Unavailable(
                f"The judged commit {tip[:7]} is no longer at hand.",
                remedy="It is kept in the sandbox; promote again.",
            )
        seen = await self._git.run(path, "rev-parse", "--verify", "-q", ref)
        old = seen.text if seen.code == 0 and names.is_sha(seen.text) else names.ZERO
        if old == tip:
            return
        if old != names.ZERO:
            forward = await self._git.run(path, "merge-base", "--is-ancestor", old, tip)
            if forward.code != 0:
                raise _moved(branch)
        done = await self._git.run(path, "update-ref", ref, tip, old)
        if done.code != 0:
            raise errors.Refused(
                f"The branch {branch} could not be moved: {names.clean(done.err, 200)}",
                remedy="The work is kept in the sandbox; promote again, or under another branch name.",
            )

    async def _push(self, repo: str, path: Path, branch: str, tip: str) -> None:
        done = await pushing.push(self._git, path, self._mirrors.origin(repo), f"{tip}:refs/heads/{branch}")
        if done.state == "ok":
            return
        if done.state == "unreachable":
            raise errors.Unavailable(
                f"The origin of “{repo}” can't be pushed to: {done.words}",
                remedy="Check its address and the bridge's access to it, then try again; the work is kept in the mirror.",
            )
        if done.state == "overtaken":
            raise _moved(branch)
        raise errors.Refused(
            f"The origin refused branch {branch}: {done.reason}{f' ({done.words})' if done.words else ''}",
            remedy="The work is kept in the mirror; mend what the origin asks for, then promote again.",
        )


def move(objects: Path, into: Path) -> None:
    """Move the packs in, indexes last, and make that durable."""
    packs = sorted((objects / "pack").glob("pack-*"), key=lambda path: _LAST.get(path.suffix, 0))
    if not packs:
        return
    for pack in packs:
        pack.chmod(0o444)
        os.replace(pack, into / pack.name)
    folder = os.open(into, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(objects: Path) -> None:
    shutil.rmtree(objects, ignore_errors=True)


def _moved(branch: str) -> errors.Refused:
    return errors.Refused(
        f"The branch {branch} has commits that the work does not contain.",
        remedy="The work is kept in the sandbox; promote it under another branch name, or remove that branch.",
    )
