"""Packs that came out of boxes. Owns: Quarantine. Imports: core. Effects: `<home>/quarantine/<repo>/<tip>`, until landed.

A pack is indexed strictly into a folder of its own that only borrows the mirror's objects; nothing of it touches the mirror
until it lands. A folder is named by its tip once every commit in it was judged: before that its name starts with a dot.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.git import judge, names, rows, safe, workspace
from core import errors, ports

_STRICT = (
    "hasDotgit=error,hasDot=error,hasDotdot=error,fullPathname=error,emptyName=error,nullSha1=error,"
    "zeroPaddedFilemode=error,badFilemode=error,nulInCommit=error"
)
_FORM = "--format=%H%n%T%n%P%n%ct%n%an%n%s%x00"
_INDEX = safe.Bounds(seconds=300.0)
_LIST = safe.Bounds(output=32 << 20)
_LATEST = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A pack under judgement: where its objects are, what it is based on and what is trusted beside the base."""

    repo: str
    mirror: Path
    objects: Path
    tip: str
    base: str
    trusted: Sequence[str]


class Quarantine:
    """Takes packs in and judges them."""

    def __init__(self, git: safe.SafeGit, *, root: Path, rules: judge.Rules, pack_bytes: int) -> None:
        self._git = git
        self._root = root
        self._rules = rules
        self._pack_bytes = pack_bytes

    def objects(self, repo: str, tip: str) -> Path:
        """Return the folder that holds (or would hold) the judged objects of a tip."""
        return self._root / repo / names.sha(tip)

    @asynccontextmanager
    async def folder(self, repo: str) -> AsyncIterator[Path]:
        """Yield a fresh folder, gone at the end unless it was moved away."""
        path = self._root / repo / f".in-{secrets.token_hex(8)}"
        await asyncio.to_thread(path.mkdir, mode=0o700, parents=True)
        try:
            yield path
        finally:
            await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)

    async def judge(
        self, repo: str, mirror: Path, folder: Path, *, base: str, trusted: Sequence[str]
    ) -> ports.Judged:
        """Index and judge what `Workspace.export` wrote to `folder`/export. Raises Refused when it cannot be taken at all."""
        export = folder / "export"
        tip = await asyncio.to_thread(_tip, export)
        if tip == base:
            return ports.Judged(tip=base, commits=())
        case = Case(repo=repo, mirror=mirror, objects=folder / "objects", tip=tip, base=base, trusted=trusted)
        await asyncio.to_thread(case.objects.mkdir)
        await self._index(case, export)
        await self._check(case)
        records = await self._records(case)
        candidates = await rows.Reader(self._git, mirror, environment(case), self._rules).read(
            [record.commit for record in records], await self._anchor(case)
        )
        commits = tuple(
            ports.Commit(
                sha=record.commit.sha,
                parents=record.commit.parents,
                author=record.author,
                subject=record.subject,
                at=record.at,
                files=tuple((judge.shown(one.path), one.added, one.removed) for one in candidate.changes),
            )
            for record, candidate in zip(records, candidates, strict=True)
        )
        await asyncio.to_thread(_keep, case.objects, self.objects(repo, tip))
        return ports.Judged(tip=tip, commits=commits, objections=judge.objections(candidates, self._rules))

    async def _index(self, case: Case, export: Path) -> None:
        done = await self._git.run(
            case.mirror,
            "index-pack",
            f"--strict={_STRICT}",
            f"--max-input-size={self._pack_bytes}",
            "--threads=1",
            "--stdin",
            "--fix-thin",
            stdin=export,
            skip=workspace.TIP_BYTES,
            env=environment(case),
            bounds=_INDEX,
        )
        if done.code != 0:
            raise _refused(f"The pack from the sandbox can't be taken: {_last_line(done.err)}")

    async def _check(self, case: Case) -> None:
        """Make sure that the tip is there, whole, and continues the base."""
        env = environment(case)
        kind = await self._git.run(case.mirror, "cat-file", "-t", case.tip, env=env)
        if kind.text != "commit":
            raise _refused("The sandbox names a tip that is no commit of its pack")
        whole = await self._git.run(
            case.mirror, "rev-list", "--objects", "--quiet", case.tip, f"^{case.base}", env=env, bounds=_INDEX
        )
        if whole.code != 0:
            raise _refused(f"The pack from the sandbox is not whole: {_last_line(whole.err)}")
        forward = await self._git.run(
            case.mirror, "merge-base", "--is-ancestor", case.base, case.tip, env=env
        )
        if forward.code != 0:
            raise errors.Refused(
                f"The branch no longer contains {case.base[:7]}, the commit it was started from.",
                remedy="The work is kept in the sandbox; let the agent put it on top of that commit again.",
            )

    async def _records(self, case: Case) -> Sequence[_Record]:
        """List the new commits, oldest first."""
        known = [f"^{sha}" for sha in (case.base, *case.trusted)]
        listing = ("rev-list", "--reverse", "--topo-order", "--no-commit-header", _FORM)
        most = self._rules.commits
        done = await self._git.run(
            case.mirror,
            *listing,
            f"--max-count={most + 1}",
            case.tip,
            *known,
            env=environment(case),
            bounds=_LIST,
        )
        if done.code != 0 or done.cut:
            raise _refused("The new commits can't be listed")
        records = [_record(entry) for entry in done.out.split(b"\0\n") if entry]
        if len(records) > most:
            raise errors.Refused(
                f"There are more than {most} new commits.",
                remedy="They are kept in the sandbox; let the agent squash them.",
            )
        return records

    async def _anchor(self, case: Case) -> str:
        """Return the newest trusted commit that the tip contains: what it has may be had."""
        env = environment(case)
        for sha in case.trusted:
            done = await self._git.run(case.mirror, "merge-base", case.tip, sha, env=env)
            if done.code == 0 and names.is_sha(done.text):
                return done.text
        return case.base


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    commit: rows.Commit
    author: str
    subject: str
    at: datetime


def environment(case: Case) -> Mapping[str, str]:
    """Return the variables that put new objects into quarantine and let them lean on the mirror's."""
    return {
        "GIT_OBJECT_DIRECTORY": str(case.objects),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(case.mirror / "objects"),
    }


def _tip(export: Path) -> str:
    with export.open("rb") as file:
        line = file.read(workspace.TIP_BYTES)
    text = line.decode("ascii", "replace")
    if not text.endswith("\n") or not names.is_sha(text[:-1]):
        raise _refused("The sandbox names no commit as its tip")
    return text[:-1]


def _record(entry: bytes) -> _Record:
    fields = entry.decode("utf-8", "replace").split("\n", 5)
    if len(fields) != 6 or not all(map(names.is_sha, (fields[0], fields[1], *fields[2].split()))):
        raise _refused("A new commit can't be read")
    sha, tree, parents, at, author, subject = fields
    seconds = min(max(int(at), 0), _LATEST) if at.lstrip("-").isdecimal() else 0
    return _Record(
        commit=rows.Commit(sha=sha, tree=tree, parents=tuple(parents.split())),
        author=names.clean(author, 100),
        subject=names.clean(subject, 200),
        at=datetime.fromtimestamp(seconds, UTC),
    )


def _keep(objects: Path, kept: Path) -> None:
    if not kept.exists():
        os.rename(objects, kept)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return names.clean(lines[-1], 200) if lines else "git gave no reason"


def _refused(what: str) -> errors.Refused:
    return errors.Refused(
        f"{what}.",
        remedy="Nothing was taken over; the files are kept in the sandbox, look at its history there.",
    )
