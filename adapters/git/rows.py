"""What commits change, read from git. Owns: Commit, Reader, parse. Imports: core. Effects: runs git on quarantined objects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from adapters.git import judge, names, safe, view
from core import errors

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_HEADER = re.compile(rb"[0-9a-f]{40} [0-9a-f]{40}\n")
_RAW = re.compile(rb":([0-7]{6}) ([0-7]{6}) ([0-9a-f]{40}) ([0-9a-f]{40}) [A-Z][0-9]*\0([^\0]+)\0")
_COUNT = re.compile(rb"([0-9]+|-)\t([0-9]+|-)\t([^\0]+)\0")
_ENTRY = re.compile(rb"([0-7]{6}) [a-z]+ ([0-9a-f]{40})\t([^\0]+)\0")
_BLOB = re.compile(rb"[0-9a-f]{40} blob ([0-9]+)\n")
_LISTS = safe.Bounds(seconds=180.0, output=64 << 20)
_SCANNED = 256 << 20  # bytes of new content looked through for secrets, all commits together
_BATCH = 16 << 20

Tree = Mapping[bytes, tuple[str, str]]  # path → (mode, object)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit as far as its trees go."""

    sha: str
    tree: str
    parents: tuple[str, ...]


class Reader:
    """Reads changes out of a quarantine."""

    def __init__(self, seen: view.View, rules: judge.Rules) -> None:
        self._view = seen
        self._rules = rules

    async def read(self, commits: Sequence[Commit], anchor: str) -> tuple[judge.Candidate, ...]:
        """Return what each commit changes, in the same order.

        A merge is compared with each of its parents: its own doing is what it has from none of them. What rules speak against
        counts if it differs from one parent, unless `anchor`, a commit the team has already, holds exactly the same.
        Raises Refused when there is too much to read.
        """
        if not commits:
            return ()
        sections = iter(await self._sections(commits))
        sides = [[next(sections) for _ in one.parents or (EMPTY_TREE,)] for one in commits]
        suspected = any(
            judge.against(change, self._rules) for each in sides for side in each for change in side
        )
        allowed = await self._tree(anchor) if suspected else {}
        candidates = [
            judge.Candidate(sha=one.sha, changes=tuple(self._counted(each, allowed)))
            for one, each in zip(commits, sides, strict=True)
        ]
        if sum(len(one.changes) for one in candidates) > self._rules.changes:
            raise _too_much()
        return await self._scanned(await self._sized(candidates))

    def _counted(self, sides: Sequence[Sequence[judge.Change]], allowed: Tree) -> Iterable[judge.Change]:
        everywhere = set.intersection(*({change.path for change in side} for side in sides))
        counted: dict[bytes, judge.Change] = {}
        for change in (change for side in sides for change in side):
            suspect = judge.against(change, self._rules) != ""
            has = change.path in allowed
            same = allowed[change.path] == (change.mode, change.blob) if has else change.mode == judge.GONE
            if not same if suspect else change.path in everywhere:
                counted.setdefault(change.path, change)
        return counted.values()

    async def _sections(self, commits: Sequence[Commit]) -> Sequence[Sequence[judge.Change]]:
        parents = [parent for one in commits for parent in one.parents]
        asked = "".join(f"{parent}^{{tree}}\n" for parent in parents)
        trees = iter(
            (await self._read("cat-file", "--batch-check=%(objectname)", stdin=asked)).decode().split()
        )
        pairs = [
            (next(trees) if one.parents else EMPTY_TREE, one.tree)
            for one in commits
            for _ in one.parents or (0,)
        ]
        out = await self._read(
            "-c",
            f"core.bigFileThreshold={self._rules.file_bytes}",
            *("diff-tree", "--stdin", "-r", "-z", "--raw", "--numstat", "--full-index"),
            *("--no-renames", "--no-ext-diff", "--no-textconv"),
            stdin="".join(f"{old} {new}\n" for old, new in pairs),
        )
        sections = list(parse(out))
        if len(sections) != len(pairs):
            raise _too_much()
        return sections

    async def _tree(self, commit: str) -> Tree:
        out = await self._read("ls-tree", "-r", "-z", "--full-tree", commit)
        return {path: (mode.decode(), sha.decode()) for mode, sha, path in _ENTRY.findall(out)}

    async def _sized(self, candidates: Sequence[judge.Candidate]) -> Sequence[judge.Candidate]:
        blobs = sorted({change.blob for one in candidates for change in one.changes if _is_file(change)})
        out = await self._read(
            "cat-file",
            "--batch-check=%(objecttype) %(objectsize)",
            stdin="".join(f"{blob}\n" for blob in blobs),
        )
        lines = out.decode().splitlines()
        if len(lines) != len(blobs) or not all(line.startswith("blob ") for line in lines):
            raise _too_much()
        sizes = {blob: int(line.split()[1]) for blob, line in zip(blobs, lines, strict=True)}
        return [
            replace(
                one, changes=tuple(replace(change, size=sizes.get(change.blob, 0)) for change in one.changes)
            )
            for one in candidates
        ]

    async def _scanned(self, candidates: Sequence[judge.Candidate]) -> tuple[judge.Candidate, ...]:
        kinds: dict[str, tuple[str, ...]] = {}
        sizes = {
            change.blob: change.size
            for one in candidates
            for change in one.changes
            if self._is_scanned(change)
        }
        if sum(sizes.values()) > _SCANNED:
            raise _too_much()
        for batch in _batches(sizes):
            for blob, content in (await self._blobs(batch, sizes)).items():
                kinds[blob] = judge.secrets_in(content)
        found = []
        for one in candidates:
            hits: list[tuple[bytes, str]] = []
            for change in one.changes:
                if kinds.get(change.blob):
                    hits += [(change.path, kind) for kind in await self._newly(change)]
            found.append(replace(one, secrets=tuple(hits)))
        return tuple(found)

    def _is_scanned(self, change: judge.Change) -> bool:
        return _is_file(change) and 0 < change.size <= self._rules.file_bytes

    async def _newly(self, change: judge.Change) -> tuple[str, ...]:
        """Return the kinds of secrets in the lines that a change adds."""
        new = await self._read("cat-file", "blob", change.blob)
        regular = change.old_mode.startswith("100")
        old = await self._read("cat-file", "blob", change.old_blob) if regular else b""
        return judge.secrets_in(judge.added_lines(old, new))

    async def _blobs(self, batch: Sequence[str], sizes: Mapping[str, int]) -> Mapping[str, bytes]:
        out = await self._read("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in batch))
        contents, at = {}, 0
        for blob in batch:
            head = _BLOB.match(out, at)
            if head is None or int(head[1]) != sizes[blob]:
                raise _too_much()
            contents[blob] = out[head.end() : head.end() + sizes[blob]]
            at = head.end() + sizes[blob] + 1
        return contents

    async def _read(self, *arguments: str, stdin: str = "") -> bytes:
        done = await self._view.run(*arguments, stdin=stdin.encode(), bounds=_LISTS)
        if done.code != 0 or done.cut:
            raise _too_much(names.clean(done.err, 200))
        return done.out


def parse(out: bytes) -> Iterator[Sequence[judge.Change]]:
    """Yield the changes of each tree pair in the output of `diff-tree --stdin -z --raw --numstat`. Raises Refused."""
    at = 0
    while at < len(out):
        head = _HEADER.match(out, at)
        if head is None:
            raise _too_much()
        at = head.end()
        changes: dict[bytes, judge.Change] = {}
        while row := _RAW.match(out, at):
            at = row.end()
            old_mode, mode, old_blob, blob = (row[index].decode() for index in (1, 2, 3, 4))
            changes[row[5]] = judge.Change(
                path=row[5], old_mode=old_mode, mode=mode, old_blob=old_blob, blob=blob
            )
        while count := _COUNT.match(out, at):
            at = count.end()
            added, removed = (0 if count[index] == b"-" else int(count[index]) for index in (1, 2))
            if count[3] in changes:
                changes[count[3]] = replace(changes[count[3]], added=added, removed=removed)
        yield tuple(changes.values())


def _is_file(change: judge.Change) -> bool:
    return change.mode.startswith("100")


def _batches(sizes: Mapping[str, int]) -> Iterator[Sequence[str]]:
    batch: list[str] = []
    room = _BATCH
    for blob, size in sizes.items():
        if batch and size > room:
            yield batch
            batch, room = [], _BATCH
        batch.append(blob)
        room -= size
    if batch:
        yield batch


def _too_much(words: str = "") -> errors.Refused:
    return errors.Refused(
        f"The new commits hold more than can be judged{f': {words}' if words else ''}.",
        remedy="They are kept in the sandbox; let the agent promote them in smaller parts.",
    )
