"""The port `Git`, put together. Owns: GitHost. Imports: core. Effects: those of its parts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from adapters.git import judge, leftovers, mirror, names, promote, quarantine, safe, workspace
from core import errors, ports

AUTHOR = workspace.Author(name="Loopbridge agent", email="agent@loopbridge.invalid")
KEPT = timedelta(days=7)  # how long judged work that never landed stays in quarantine
LEAST = (2, 38)
_VERSION = re.compile(r"git version (\d+)\.(\d+)")
_GLOBALS = "[safe]\n\tdirectory = *\n"


class GitHost:
    """Mirrors under `<home>/repos`, packs under `<home>/quarantine`, clones in boxes of `sandbox`.

    `origins` are addresses (or absolute paths) by repository name; `grants` are variables (SSH_AUTH_SOCK, say; no secrets) that
    only the commands that speak to an origin get. Raises BadInput for names and addresses that can't be used.
    """

    def __init__(
        self,
        *,
        home: Path,
        sandbox: ports.Sandbox,
        origins: Mapping[str, str],
        clock: ports.Clock,
        protected: Sequence[str] = judge.PROTECTED,
        max_pack_bytes: int = 256 << 20,
        max_file_bytes: int = 20 << 20,
        author: workspace.Author = AUTHOR,
        grants: Mapping[str, str] | None = None,
    ) -> None:
        self._repos = home / "repos"
        self._packs = home / "quarantine"
        self._pack_bytes = max_pack_bytes
        self._clock = clock
        self._git = git = safe.SafeGit(globals_at=self._repos / "host.gitconfig", grants=grants)
        self._mirrors = mirror.Mirrors(git, root=self._repos, origins=origins)
        self._workspace = workspace.Workspace(sandbox, author=author)
        self._quarantine = quarantine.Quarantine(
            git,
            root=self._packs,
            rules=judge.Rules(protected=protected, file_bytes=max_file_bytes, asks=True),
            pack_bytes=max_pack_bytes,
        )
        self._promotion = promote.Promotion(git, mirrors=self._mirrors, quarantine=self._quarantine)

    async def sweep(self) -> None:
        """Make the folders and clear what a crash left. To be called once, before anything else, by the home's one owner."""
        await asyncio.to_thread(self._sweep)

    async def probe(self) -> Sequence[ports.Finding]:
        """Start git and say whether it will do. Also loads what the first command would otherwise wait 0.4 s for."""
        done = await self._git.run(safe.NOWHERE, "version")
        found = _VERSION.search(done.text)
        ok = found is not None and (int(found[1]), int(found[2])) >= LEAST
        return (
            ports.Finding(
                name="git",
                ok=ok,
                detail=names.clean(done.text or done.err, 100),
                remedy="" if ok else f"Install git {LEAST[0]}.{LEAST[1]} or newer.",
            ),
        )

    async def sync(self, repo: str, *, fetch: bool = True) -> str:
        """Fetch the mirror if the origin can be reached (and `fetch` is set); return the commit of the default branch."""
        if not fetch and (held := await self._mirrors.held_default(repo)):
            return held
        return await self._mirrors.sync(repo)

    async def resolve(self, repo: str, branch: str) -> str:
        """Return the commit a branch of the mirror points at."""
        return await self._mirrors.resolve(repo, branch)

    def mirror(self, repo: str) -> Path:
        """Return the folder of the bare mirror."""
        return self._mirrors.path(repo)

    async def clone(
        self, repo: str, commit: str, branch: str, box: ports.Box, *, also: Sequence[ports.Checkout] = ()
    ) -> None:
        """Clone the mirror into the box's cwd on a new branch; a finished clone is left alone. Raises Unavailable, Damaged."""
        plans = [*also]
        if repo:
            mirror = self._mirrors.path(repo)
            plans.append(ports.Checkout(name=repo, mirror=mirror, commit=commit, branch=branch, into=box.cwd))
        try:
            await self._workspace.clone(plans, box)
        except errors.Unavailable:
            if repo:
                await self._mirrors.check(repo)
            raise

    async def status(self, box: ports.Box) -> ports.WorkTree:
        """Look at the clone from inside a box."""
        return await self._workspace.status(box)

    async def diff(self, box: ports.Box, base: str) -> str:
        """Return the diff of the clone's files against `base`: untrusted text."""
        return await self._workspace.diff(box, base)

    async def take_in(self, repo: str, branch: str, base: str, box: ports.Box) -> ports.Judged:
        """Bring the branch's commits since `base` into quarantine and judge each. Raises Refused."""
        path = self._mirrors.path(repo)
        names.branch(branch)
        async with self._quarantine.folder(repo) as folder:
            plan = ports.Checkout(name=repo, mirror=path, commit=base, branch=branch, into=box.cwd)
            await self._workspace.export(plan, box, folder / "export", self._pack_bytes)
            trusted = await self._mirrors.default(repo)
            return await self._quarantine.judge(repo, path, folder, base=base, trusted=trusted)

    async def land(self, repo: str, branch: str, judged: ports.Judged) -> str:
        """Move the mirror's branch to the judged tip and push it; return where it landed, for people.

        Refuses whatever has objections: a caller who holds a person's consent hands in the judgement without them.
        """
        return await self._promotion.land(repo, branch, judged)

    def _sweep(self) -> None:
        for folder in (self._repos, self._packs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Origins on this machine may belong to somebody else; their own git asks for this in a file, not in a variable.
        (self._repos / "host.gitconfig").write_text(_GLOBALS)
        leftovers.sweep(self._repos, self._packs, before=(self._clock.now() - KEPT).timestamp())
