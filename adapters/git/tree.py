"""The files of a bare repository's commits. Owns: Tree, File. Imports: core. Effects: reads and commits, without a worktree.

What is written goes from memory into a commit by `fast-import`, whose last act is to move the branch.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.git import names, safe
from core import errors, ports

BRANCH = "refs/heads/main"
GROUP = 8 << 20
DURABLE = ("-c", "core.fsync=committed,reference")
SLOW = safe.Bounds(seconds=600.0, output=64 << 20, memory=8 << 30)
AUTHOR = "Loopbridge <loopbridge@localhost>"
LINK = "120000"


@dataclass(frozen=True, slots=True)
class File:
    """A file of the newest commit."""

    path: str
    sha: str
    size: int


class Tree:
    """Reads and writes the files of the branch `main` of the repository at `path`.

    Every method raises Damaged when the repository cannot be read, StorageFull, and Unavailable when git is missing or too slow.
    """

    what = (
        "journal"  # what stands in the repository, and what becomes of it when it cannot be used, in errors
    )
    kept = "What is to be journalled stays in the database."

    def __init__(self, path: Path, git: safe.SafeGit, *, clock: ports.Clock) -> None:
        self._path = path
        self._git = git
        self._clock = clock

    async def newest(self) -> str:
        """Return the commit of `main`. It mostly lies in a file of its own, and starting git takes fifty times as long."""
        return await asyncio.to_thread(_loose, self._path / BRANCH) or await self._ask(
            "rev-parse", "--verify", BRANCH
        )

    async def texts(self, folder: str) -> AsyncIterator[Mapping[str, str]]:
        """Yield the files below a folder of the newest commit, path → text, some megabytes at a time."""
        group: list[File] = []
        for file in await self._listed(folder, deep=True):
            if group and sum(known.size for known in group) + file.size > GROUP:
                yield await self._read(group)
                group = []
            group.append(file)
        if group:
            yield await self._read(group)

    async def _listed(self, *paths: str, deep: bool = False, at: str = BRANCH) -> list[File]:
        return (
            await self._files("ls-tree", "-z", "-l", *(("-r",) if deep else ()), at, "--", *paths)
            if paths
            else []
        )

    async def _files(self, *words: str) -> list[File]:
        rows = (row.partition("\t") for row in (await self._ask(*words)).split("\0") if row)
        found = []
        for head, _, path in rows:
            mode, kind, sha, size = head.split()
            if kind == "blob" and mode != LINK:
                found.append(File(path, sha, int(size)))
        return found

    async def _read(self, files: Sequence[File]) -> dict[str, str]:
        """Return the texts of files by their paths."""
        if not files:
            return {}
        asked = "".join(f"{file.sha}\n" for file in files).encode()
        room = sum(file.size + 100 for file in files) + 1024
        done = await self._git.run(
            self._path,
            "cat-file",
            "--batch",
            stdin=asked,
            bounds=replace(SLOW, output=max(room, SLOW.output)),
        )
        texts, at = {}, 0
        for file in files:
            start = done.out.find(b"\n", at) + 1
            if (
                done.code
                or done.cut
                or done.out[at:start].split() != [file.sha.encode(), b"blob", b"%d" % file.size]
            ):
                raise self._damaged(f"{file.path} is missing")
            texts[file.path] = done.out[start : start + file.size].decode("utf-8", "replace")
            at = start + file.size + 1
        return texts

    async def _commit(self, subject: str, files: Mapping[str, str], gone: Sequence[str] = ()) -> None:
        await self.commit(subject, files, gone, parent=await self.newest())

    async def commit(
        self,
        subject: str,
        files: Mapping[str, str],
        gone: Sequence[str] = (),
        *,
        parent: str,
        ref: str = BRANCH,
        author: str = AUTHOR,
    ) -> None:
        """Commit texts of files, and files gone, upon `parent` (empty: as a first commit), and have `ref` point at that."""
        when = f"{int(self._clock.now().timestamp())} +0000"
        parts = [
            f"commit {ref}\nauthor {author} {when}\ncommitter {AUTHOR} {when}\n".encode(),
            _data(subject.encode("utf-8", "replace")),
            f"from {parent}\n".encode() if parent else b"",
            *(f"D {_quoted(path)}\n".encode() for path in gone),
        ]
        for path, text in files.items():
            parts += [
                f"M 100644 inline {_quoted(path)}\n".encode(),
                _data(text.encode("utf-8", "replace")),
            ]
        parts.append(b"done\n")
        done = await self._git.run(
            self._path,
            *DURABLE,
            "fast-import",
            "--quiet",
            "--done",
            "--date-format=raw",
            *(("--force",) if ref != BRANCH else ()),
            stdin=b"".join(parts),
            bounds=SLOW,
        )
        if done.code:
            raise self._damaged(names.clean(done.err, 300) or f"git ended with {done.code}")

    async def _ask(self, *arguments: str) -> str:
        done = await self._git.run(self._path, *arguments, bounds=SLOW)
        if done.code or done.cut:
            raise self._damaged(names.clean(names.redact(done.err), 300) or f"git ended with {done.code}")
        return done.text

    def _damaged(self, what: str) -> errors.Damaged:
        return errors.Damaged(
            f"The {self.what} {self._path} can't be used: {what}. {self.kept}",
            remedy=f"Look at it with git --git-dir={self._path} fsck; if it is beyond mending, put a copy in its place.",
        )


def _loose(ref: Path) -> str:
    """Return what a ref of its own file points at, which counts before all packed ones; else an empty string."""
    try:
        found = ref.read_text(encoding="ascii").rstrip("\n")
    except (OSError, ValueError):
        return ""
    return found if names.is_sha(found) else ""


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
