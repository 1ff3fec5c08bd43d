"""From a loop's clone onto a layer's `main`. Owns: Landing. Imports: core. Effects: moves objects and refs of layers, pushes to their remotes.

What a request brought onto `main` is noted in two refs before `main` moves, so that after a crash the same request tells what it did
instead of doing it twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from adapters.git import comparing, judge, layer, names, promote, quarantine, room, safe, saving, workspace
from core import errors, layers, memory, ports

log = logging.getLogger(__name__)
TRIES = 8  # pushes that may be overtaken before somebody hears of it
_NOTES = "refs/loopbridge/landing/"


class Landing:
    """The port `Promotions` over `of`, which returns a layer by its name. `moved` is called after a layer's `main` moved."""

    def __init__(
        self,
        git: safe.SafeGit,
        *,
        of: Callable[[str], Awaitable[layer.Layer]],
        where: Callable[[str], Path],
        sandbox: ports.Sandbox,
        agent: workspace.Author,
        packs: Path,
        moved: Callable[[str], Awaitable[None]],
        pack_bytes: int = 64 << 20,
        file_bytes: int = 5 << 20,
        all_bytes: int = 64 << 20,
        most: int = 1 << 30,
    ) -> None:
        self._git = git
        self._of = of
        self._where = where
        self._moved = moved
        self._pack_bytes = pack_bytes
        self._most = most
        self._workspace = workspace.Workspace(sandbox, author=agent)
        self._saving = saving.Saving(sandbox, agent=agent)
        # In a gated layer a person sees what is protected, first of all; elsewhere nobody would.
        open_, gated = (
            judge.Rules(file_bytes=file_bytes, all_bytes=all_bytes),
            judge.Rules(protected=(), watched=judge.PROTECTED, file_bytes=file_bytes, all_bytes=all_bytes),
        )
        made = [
            quarantine.Quarantine(git, root=packs, rules=rules, pack_bytes=pack_bytes)
            for rules in (open_, gated)
        ]
        self._quarantines = {False: made[0], True: made[1]}

    def mirror(self, layer: str) -> Path:
        """Return the folder of the layer's bare repository on the host."""
        return self._where(layer)

    async def take(self, layer: str, plan: ports.Checkout, box: ports.Box, *, subject: str) -> ports.Judged:
        """Commit what lies uncommitted in the clone, bring its commits since the plan's out, and judge them. Raises Refused."""
        one = await self._of(layer)
        author = workspace.Author(name=names.author(plan.author), email=names.address(plan.author))
        await self._saving.save(plan.branch, box, subject=subject, author=author)
        kept = self._quarantines[layer in layers.GATED]
        async with kept.folder(_key(layer)) as folder:
            await self._workspace.export(plan, box, folder / "export", self._pack_bytes)
            return await kept.judge(_key(layer), one.path, folder, base=plan.commit, trusted=await one.tip())

    async def land(
        self, layer: str, judged: ports.Judged, *, request: str, subject: str, author: str
    ) -> ports.Landed | ports.Conflict:
        """Bring judged commits onto `main`: as they are where possible, else by a merge in the name of `author`."""
        _unobjected(judged)
        one = await self._of(layer)

        async def make(main: str) -> str | ports.Conflict:
            if await one.contains(main, judged.tip):
                return main
            ahead = await one.contains(judged.tip, main)
            tree = await comparing.merged(self._git, one, main, judged.tip, ahead=ahead)
            if isinstance(tree, ports.Conflict):
                return tree
            if layer == layers.NOTES:
                await _unreserved(self._git, one, main, tree)
            if ahead:
                return judged.tip
            return await one.joined(tree, (main, judged.tip), subject, author=author, committer="")

        await self._keep(layer, one, judged.tip)
        made = await self._onto_main(one, request, make)
        await self._moved(layer)
        return made

    async def draft(self, layer: str, judged: ports.Judged, *, branch: str) -> ports.Drafted | ports.Conflict:
        """Put judged commits on a branch of their own and say what merging them would change.

        Raises Refused when nobody could review it, or when the branch is at other commits: somebody may have decided on those.
        """
        _unobjected(judged)
        one = await self._of(layer)
        await self._keep(layer, one, judged.tip)
        async with one.turn.lock:
            main = await one.follow(needed=True)
            found = await comparing.drafted(self._git, one, main, judged.tip, judged.protected)
            if isinstance(found, ports.Drafted) and found.files:
                await _place(self._git, one, names.branch(branch), judged.tip)
                await one.push(judged.tip, branch=branch)
        await self._moved(layer)
        return found

    async def merge(
        self,
        layer: str,
        drafted: ports.Drafted,
        *,
        request: str,
        branch: str,
        subject: str,
        author: str,
        reviewer: str,
    ) -> ports.Landed | ports.Drafted | ports.Conflict:
        """Merge what was reviewed and take its branch away; where the outcome would differ from it, nothing changes and that is returned."""
        one = await self._of(layer)
        other: list[ports.Drafted] = []

        async def make(main: str) -> str | ports.Conflict:
            now = await comparing.drafted(self._git, one, main, drafted.tip, drafted.protected)
            if isinstance(now, ports.Conflict):
                return now
            if now.digest != drafted.digest:
                other.append(now)
                return main
            tree = await comparing.merged(self._git, one, main, drafted.tip)
            if isinstance(tree, ports.Conflict):
                return tree
            words = f"{subject}\n\nReviewed-by: {names.author(reviewer)} <{names.address(reviewer)}>"
            return await one.joined(tree, (main, drafted.tip), words, author=author, committer=reviewer)

        made = await self._onto_main(one, request, make)
        await self._moved(layer)
        if other:
            return other[-1]
        if isinstance(made, ports.Landed):
            await one.drop(branch, drafted.tip)
        return made

    async def drop(self, layer: str, branch: str, tip: str) -> None:
        """Take the branch of a draft away, here and at the remote, unless it is at another commit by now."""
        one = await self._of(layer)
        async with one.turn.lock:
            await one.drop(branch, tip)

    async def forget(self, layer: str, request: str) -> None:
        """Let go of the note of what a request did, once it is recorded elsewhere."""
        one = await self._of(layer)
        for end in ("old", "new"):
            await self._git.run(one.path, "update-ref", "-d", _note(request, end))

    async def meet(self, layer: str, box: ports.Box) -> Sequence[str]:
        """Merge `main` into the clone and leave the conflicts in its files; return which."""
        return await self._saving.meet(f"/mirror/context/{layers.folder(layer)}.git", box)

    async def diff(self, layer: str, base: str, tip: str) -> str:
        """Return what merging `tip` into `base` would change, as untrusted text."""
        one = await self._of(layer)
        tree = await comparing.merged(self._git, one, names.sha(base), names.sha(tip))
        return "" if isinstance(tree, ports.Conflict) else await comparing.text(self._git, one, base, tree)

    async def pages(self, layer: str, base: str, tip: str) -> Mapping[str, str]:
        """Return the text files that merging `tip` into `base` would change, as they would read."""
        one = await self._of(layer)
        tree = await comparing.merged(self._git, one, names.sha(base), names.sha(tip))
        return {} if isinstance(tree, ports.Conflict) else await one.changed(base, tree)

    async def _onto_main(
        self, one: layer.Layer, request: str, make: Callable[[str], Awaitable[str | ports.Conflict]]
    ) -> ports.Landed | ports.Conflict:
        """Move `main` to what `make` makes of it, again while others are faster, unless this request did so before."""
        for _ in range(TRIES):
            try:
                async with one.turn.lock:
                    main = await one.follow(needed=True)
                    old, new = [await one.commit_of(_note(request, end)) for end in ("old", "new")]
                    if new and await one.contains(main, new):
                        return await self._landed(one, old, new)
                    made = await make(main)
                    if isinstance(made, ports.Conflict):
                        return made
                    if made != main:
                        for end, sha in (("old", main), ("new", made)):
                            await self._git.ask(one.path, "update-ref", _note(request, end), sha)
                        await one.advance(made, main)
                    return await self._landed(one, main, made)
            except layer.Overtaken as lost:
                log.info("layer.overtaken", extra={"layer": one.name, "why": str(lost)})
        raise layer.Overtaken(f"Others keep being faster on {one.name}.", remedy="Try again in a minute.")

    async def _keep(self, name: str, one: layer.Layer, tip: str) -> None:
        """Move the judged objects of a tip into the layer; they are there already when this was done before. Raises Refused when it is full."""
        kept = self._quarantines[name in layers.GATED].objects(_key(name), tip)
        await room.check(self._git, one, kept, self._most)
        await asyncio.to_thread(promote.move, kept, one.path / "objects" / "pack")
        if (await self._git.run(one.path, "cat-file", "-t", tip)).text != "commit":
            raise errors.Unavailable(
                f"The judged commit {tip[:7]} is no longer at hand.",
                remedy="It is kept in the sandbox; promote again.",
            )
        await asyncio.to_thread(promote.remove, kept)

    async def _landed(self, one: layer.Layer, old: str, new: str) -> ports.Landed:
        return ports.Landed(
            base=old, tip=new, files=await comparing.counted(self._git, one, old, new) if old != new else ()
        )


def _key(name: str) -> str:
    return name.replace("/", "-")


def _note(request: str, end: str) -> str:
    return f"{_NOTES}{hashlib.sha256(request.encode()).hexdigest()[:24]}/{end}"


async def _unreserved(git: safe.SafeGit, one: layer.Layer, main: str, tree: str) -> None:
    """Raise Refused when a tree changes the team's memory: every later loop is given that, so each fact is looked at first."""
    touched = await git.ask(
        one.path, "diff", "--name-only", "-z", "--no-renames", main, tree, "--", f"{memory.FOLDER}/"
    )
    if touched:
        raise errors.Refused(
            f"The work changes the team's memory ({names.clean(touched.split(chr(0))[0], 120)}), which no promote may.",
            remedy="Undo your own changes of `memory/` in the clone (what others wrote there stays), commit that, and promote again. The tool `remember` keeps a fact.",
        )


async def _place(git: safe.SafeGit, one: layer.Layer, branch: str, tip: str) -> None:
    """Put a branch at a commit, where it stays. Raises Refused when it is at another one."""
    if await one.commit_of(f"refs/heads/{branch}") not in ("", tip):
        raise errors.Refused(
            f"The branch {branch} holds other commits, which are kept as they are.",
            remedy="The work is kept in the sandbox; promote again.",
        )
    await git.ask(one.path, "update-ref", f"refs/heads/{branch}", tip)


def _unobjected(judged: ports.Judged) -> None:
    if judged.objections:
        raise errors.Refused(
            f"The work can't be promoted: {'; '.join(judged.objections)}.",
            remedy="It is kept in the sandbox; mend it there (a new commit does not take it out of the history), then promote again.",
        )
