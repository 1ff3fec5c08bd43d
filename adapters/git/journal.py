"""The journal's repository. Owns: GitJournal. Imports: core. Effects: commits in one bare repository of the host's own, pushes and fetches it.

No worktree: what is written goes from memory into a commit by `fast-import`, whose last act is to move the branch. A crash at any
moment leaves the commit before or the commit after. The newest commit says up to which line it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from adapters.git import names, safe, tree
from core import errors, journal, ports

# A commit holds the whole of each file it changes: past this a thread's lines go on in a new one.
CHUNK = 256 << 10
TIDY = ("-c", "gc.auto=2000", "-c", "gc.autoDetach=false")


class GitJournal(tree.Tree):
    """The journal at `path`, a bare repository. `remote` is an address that follows it, or empty.

    Every method raises Damaged when the repository cannot be read, StorageFull, and Unavailable when git is missing or too slow.
    """

    def __init__(
        self, path: Path, *, clock: ports.Clock, remote: str = "", grants: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(path, safe.SafeGit(globals_at=safe.NOWHERE, grants=grants), clock=clock)
        self._remote = names.origin("journal", remote) if remote else ""
        self._told = "", journal.Tip()  # the commit last looked at, and what it says

    async def tip(self) -> journal.Tip:
        """Return what the newest commit says of the journal; a journal without a line has the number 0."""
        commit = await self.newest()
        if self._told[0] != commit:
            self._told = commit, await self._tip(commit)
        return self._told[1]

    async def _tip(self, commit: str) -> journal.Tip:
        if not await self._listed(journal.TIP, at=commit):
            return journal.Tip()
        try:
            return journal.tip(await self._ask("cat-file", "blob", f"{commit}:{journal.TIP}"))
        except (ValueError, KeyError, TypeError) as exc:
            raise self._damaged(f"{journal.TIP} says nothing this version knows") from exc

    async def append(self, batch: journal.Batch, *, clean: Callable[[str], str]) -> journal.Tip:
        """Commit a batch behind the newest line; return the new tip. Raises Refused when lines are missing in between.

        `clean` takes secrets out of one line of JSON.
        """
        tip = await self.tip()
        if tip.seq != batch.since:
            raise errors.Refused(
                f"The journal ends with line {tip.seq}; what should follow comes after {batch.since}."
            )
        threads: dict[str, list[str]] = {}
        masked = 0
        for entry in batch.entries:
            cleaned = clean(entry.text)
            masked += cleaned != entry.text
            line = replace(entry, text=cleaned).spelled()
            threads.setdefault(journal.thread_folder(entry.lane), []).append(line)
        new = replace(
            tip,
            seq=batch.upto,
            since=batch.since,
            lines=tip.lines + len(batch.entries),
            masked=tip.masked + masked,
            batch=batch.digest,
            graph="",
        )
        files = await self._longer(threads)
        files |= {journal.loop_file(key): _each(text, clean) for key, text in batch.loops.items()}
        if batch.people is not None:
            files[journal.PEOPLE] = _each(batch.people, clean)
        await self._commit(_subject(batch, len(threads)), files | {journal.TIP: new.spelled()})
        return new

    async def noted(self, graph: str) -> None:
        """Commit the digest of the graph that the lines tell."""
        tip = await self.tip()
        await self._commit("The graph's digest", {journal.TIP: replace(tip, graph=graph).spelled()})

    async def push(self) -> None:
        """Bring the remote up to the newest commit. Raises Unavailable when it cannot be reached, Rejected when it went elsewhere."""
        if not self._remote:
            return
        done = await self._git.run(
            self._path,
            "push",
            "--quiet",
            "--end-of-options",
            self._remote,
            f"{tree.BRANCH}:{tree.BRANCH}",
            remote=True,
            bounds=tree.SLOW,
        )
        if done.code == 0:
            return
        said = names.told(done.err)
        if "rejected" in done.err:
            raise errors.Rejected(
                f"The journal's remote holds commits that are not from here: {said}.",
                remedy="Give each bridge a journal of its own; the commits are kept in the home.",
            )
        raise errors.Unavailable(
            f"The journal's remote can't be reached: {said}.", remedy="The commits are kept in the home."
        )

    async def adopt(self) -> bool:
        """Begin with what the remote holds, if there is a remote with a journal and nothing here yet; say whether that was so."""
        if not self._remote or await self.tip() != journal.Tip():
            return False
        done = await self._git.run(
            self._path, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--end-of-options", self._remote,
            f"+{tree.BRANCH}:{tree.BRANCH}", remote=True, bounds=tree.SLOW,
        )  # fmt: skip
        if done.code and "couldn't find remote ref" not in done.err:
            raise errors.Unavailable(
                f"The journal's remote can't be reached: {names.told(done.err)}.",
                remedy="Check its address (journal.remote) and the bridge's access to it.",
            )
        return done.code == 0

    async def tidy(self) -> None:
        """Pack what lies loose, when it is much."""
        await self._git.run(self._path, *TIDY, "gc", "--auto", "--quiet", bounds=tree.SLOW)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def lane_of(self, words: str) -> str | None:
        """Return the key of the thread that `words` is the key of, or that has a message with this permalink."""
        if await self._listed(f"{journal.thread_folder(words)}/"):
            return words
        quoted = journal.spell({"permalink": words})[1:-1]
        asked = ("grep", "-h", "-F", "-e", quoted, tree.BRANCH, "--", "threads")
        done = await self._git.run(self._path, *asked, bounds=tree.SLOW)
        first = done.text.split("\n", 1)[0]
        return journal.entry(first).lane if words and first and not done.code else None

    async def commits(self, *paths: str) -> int:
        """Return how many commits have touched these paths."""
        return int(await self._ask("rev-list", "--count", tree.BRANCH, "--", *paths) or 0)

    async def rewrite(
        self, subject: str, change: Callable[[str], str], files: Mapping[str, str], gone: Sequence[str] = ()
    ) -> int:
        """Commit every thread's lines as `change` gives them back, new texts of files, and files gone; return how many lines changed.

        What earlier commits hold stays. The graph's digest goes: it has to be taken anew.
        """
        new: dict[str, str] = {}
        count = 0
        async for texts in self.texts("threads"):
            for path, text in texts.items():
                lines = [change(line) if line else "" for line in text.split("\n")]
                count += sum(line != old for line, old in zip(lines, text.split("\n"), strict=True))
                if (changed := "\n".join(lines)) != text:
                    new[path] = changed
        known = {file.path for path in gone for file in await self._listed(path)}
        tip = replace(await self.tip(), graph="")
        await self._commit(subject, {**new, **files, journal.TIP: tip.spelled()}, sorted(known - set(files)))
        return count

    async def _longer(self, threads: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Return the files that hold these lines: each thread's last one, or a new one behind it."""
        last: dict[str, tree.File] = {}
        for file in await self._listed(*(f"{folder}/" for folder in threads)):
            last[file.path.rpartition("/")[0]] = file
        open_files = {folder: file for folder, file in last.items() if file.size < CHUNK}
        before = await self._read(list(open_files.values()))
        files = {}
        for folder, lines in threads.items():
            if folder in open_files:
                path = open_files[folder].path
            else:
                number = (
                    int(last[folder].path.rpartition("/")[2].partition(".")[0]) + 1 if folder in last else 1
                )
                path = f"{folder}/{number:06}.jsonl"
            files[path] = before.get(path, "") + "".join(f"{line}\n" for line in lines)
        return await self._current(threads, files)

    async def _current(self, threads: Mapping[str, Sequence[str]], files: dict[str, str]) -> dict[str, str]:
        """Return the files, and those of the same threads that hold what somebody has edited or deleted now, without it."""
        for folder, lines in threads.items():
            ended = journal.overruled(lines)
            if not ended:
                continue
            known = await self._read(
                [file for file in await self._listed(f"{folder}/") if file.path not in files]
            )
            for path, text in {
                **known,
                **{path: files[path] for path in files if path.startswith(f"{folder}/")},
            }.items():
                changed = _each(text, lambda line, ended=ended: journal.without_overruled(line, ended))  # type: ignore[misc]
                if changed != text or path in files:
                    files[path] = changed
        return files


def _each(text: str, clean: Callable[[str], str]) -> str:
    return "\n".join(clean(line) if line else "" for line in text.split("\n"))


def _subject(batch: journal.Batch, threads: int) -> str:
    count = len(batch.entries)
    return f"{count} line{'s' * (count != 1)} of {threads} thread{'s' * (threads != 1)}, up to {batch.upto}\n"
