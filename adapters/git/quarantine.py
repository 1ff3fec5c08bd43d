"""Packs that came out of boxes. Owns: Quarantine. Imports: core. Effects: `<home>/quarantine/<repo>/<tip>`, until landed.

A pack is indexed strictly into a folder of its own that only borrows the mirror's objects; nothing of it touches the mirror
until it lands. A folder is named by its tip once every commit in it was judged: before that its name starts with a dot.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from adapters.git import consent, judge, names, rows, safe, view, workspace
from core import errors, ports

_STRICT = (
    "hasDotgit=error,hasDot=error,hasDotdot=error,fullPathname=error,emptyName=error,nullSha1=error,"
    "zeroPaddedFilemode=error,badFilemode=error,nulInCommit=error"
)
_FORM = "--format=%H%n%T%n%P%n%ct%n%an%n%s%x00"
_LONG = safe.Bounds(seconds=300.0)
_LIST = safe.Bounds(output=32 << 20)
MOST_KEPT = 16  # an agent could fill the disk with packs that nobody lands
_LATEST = 253_402_300_799  # the last second of the year 9999


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

    async def judge(self, repo: str, mirror: Path, folder: Path, *, base: str, trusted: str) -> ports.Judged:
        """Index and judge what `Workspace.export` wrote to `folder`/export.

        `base` and `trusted` (a commit, or empty) are the team's own; what they contain is not new. Raises Refused when the pack
        cannot be taken at all.
        """
        export = folder / "export"
        tip = await asyncio.to_thread(_tip, export)
        if tip == base:
            return ports.Judged(tip=base, commits=())
        seen = view.View(git=self._git, mirror=mirror, objects=folder / "objects")
        await asyncio.to_thread(seen.objects.mkdir)
        await self._index(seen, export)
        await self._check(seen, tip, base)
        records = await self._records(seen, tip, [base, trusted] if trusted else [base])
        anchor = await self._anchor(seen, tip, trusted) or base
        commits = [record.commit for record in records]
        candidates = await rows.Reader(seen, self._rules).read(commits, anchor)
        objections = judge.objections(candidates, self._rules)
        delicate: tuple[ports.Delicate, ...] = ()
        shown = ""
        try:
            if objections and self._rules.asks:
                delicate, shown = await consent.Consent(seen, self._rules).read(commits, candidates)
        except errors.Refused as refusal:
            objections = (*objections, str(refusal))
        await asyncio.to_thread(_keep, seen.objects, self.objects(repo, tip))
        return ports.Judged(
            tip=tip,
            commits=tuple(_commit(*pair) for pair in zip(records, candidates, strict=True)),
            objections=objections,
            protected=judge.watched(candidates, self._rules) if self._rules.watched else (),
            delicate=delicate,
            shown=shown,
        )

    async def _index(self, seen: view.View, export: Path) -> None:
        done = await seen.run(
            *("-c", f"core.bigFileThreshold={self._rules.file_bytes}"),
            *("index-pack", "--stdin", "--fix-thin", "--threads=1"),
            f"--strict={_STRICT}",
            f"--max-input-size={self._pack_bytes}",
            stdin=export,
            skip=workspace.TIP_BYTES,
            bounds=_LONG,
        )
        if done.code != 0:
            raise _refused(f"The pack from the sandbox can't be taken: {_last_line(done.err)}")

    async def _check(self, seen: view.View, tip: str, base: str) -> None:
        """Make sure that the tip is there, whole, and continues the base."""
        kind = await seen.run("cat-file", "-t", tip)
        if kind.text != "commit":
            raise _refused("The sandbox names a tip that is no commit of its pack")
        whole = await seen.run("rev-list", "--objects", "--quiet", tip, f"^{base}", bounds=_LONG)
        if whole.code != 0:
            raise _refused(f"The pack from the sandbox is not whole: {_last_line(whole.err)}")
        forward = await seen.run("merge-base", "--is-ancestor", base, tip)
        if forward.code != 0:
            raise errors.Refused(
                f"The branch no longer contains {base[:7]}, the commit it was started from.",
                remedy="The work is kept in the sandbox; let the agent put it on top of that commit again.",
            )

    async def _records(self, seen: view.View, tip: str, known: Sequence[str]) -> Sequence[_Record]:
        """List the new commits, oldest first."""
        most = self._rules.commits
        listing = ("rev-list", "--reverse", "--topo-order", "--no-commit-header", f"--max-count={most + 1}")
        done = await seen.run(*listing, _FORM, tip, *(f"^{sha}" for sha in known), bounds=_LIST)
        if done.code != 0 or done.cut:
            raise _refused("The new commits can't be listed")
        records = [_record(entry) for entry in done.out.split(b"\0\n") if entry]
        if len(records) > most:
            raise errors.Refused(
                f"There are more than {most} new commits.",
                remedy="They are kept in the sandbox; let the agent squash them.",
            )
        return records

    async def _anchor(self, seen: view.View, tip: str, trusted: str) -> str:
        """Return the newest commit of the team's that the tip contains, or an empty string."""
        if not trusted:
            return ""
        done = await seen.run("merge-base", tip, trusted)
        return done.text if done.code == 0 and names.is_sha(done.text) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    commit: rows.Commit
    author: str
    subject: str
    at: datetime


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


def _commit(record: _Record, candidate: judge.Candidate) -> ports.Commit:
    return ports.Commit(
        sha=record.commit.sha,
        parents=record.commit.parents,
        author=record.author,
        subject=record.subject,
        at=record.at,
        files=tuple((judge.shown(one.path), one.added, one.removed) for one in candidate.changes),
    )


def _keep(objects: Path, kept: Path) -> None:
    """Keep judged objects for the landing, and no more than the newest `MOST_KEPT` of a repository."""
    if not kept.exists():
        os.rename(objects, kept)
    judged = (path for path in kept.parent.iterdir() if names.is_sha(path.name))
    for old in sorted(judged, key=lambda path: path.stat().st_mtime, reverse=True)[MOST_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return names.clean(lines[-1], 200) if lines else "git gave no reason"


def _refused(what: str) -> errors.Refused:
    return errors.Refused(
        f"{what}.",
        remedy="Nothing was taken over; the files are kept in the sandbox, look at its history there.",
    )
