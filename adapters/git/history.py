"""What a layer's commits hold. Owns: History. Imports: core. Effects: reads one bare repository of the host's own, and makes commits no branch holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.git import names, safe, tree
from core import ports

DRAFT = "refs/loopbridge/draft"
PAGE_BYTES = 1 << 20  # what is larger is no page
_NO_TEXT = {"\0", "\ufffd"}


class History(tree.Tree):
    """The pages of the repository at `path`, commit by commit; none of it moves `main` or asks a remote."""

    def __init__(self, path: Path, git: safe.SafeGit, *, clock: ports.Clock) -> None:
        super().__init__(path, git, clock=clock)
        self.path = path

    async def drafted(
        self, subject: str, files: Mapping[str, str], gone: Sequence[str], *, upon: str, author: str
    ) -> str:
        """Return a new commit upon another one, which no branch holds yet; `upon` itself when nothing would differ."""
        there = {file.path for file in await self._listed(*gone, at=upon)}
        missing = [path for path in gone if path in there]
        await self.commit(subject, files, missing, parent=upon, ref=DRAFT, author=author)
        if await self._ask("rev-parse", f"{DRAFT}^{{tree}}") == await self._ask(
            "rev-parse", f"{upon}^{{tree}}"
        ):
            return upon
        return await self._ask("rev-parse", DRAFT)

    async def pages(self, folder: str = "", *, at: str = tree.BRANCH, most: int) -> dict[str, str]:
        """Return the text files below a folder (or the one of that name), path → text, without those of more than `most` bytes or with what is no text."""
        where = ("--", folder.strip("/")) if folder.strip("/") else ()
        listed = await self._files("ls-tree", "-z", "-l", "-r", at, *where)
        return await self.read([file for file in listed if file.size <= most])

    async def differing(self, since: str, tip: str, *, most: int) -> tuple[dict[str, str], list[str]]:
        """Return the text files that read otherwise at `tip` than at `since`, and the paths that are no more."""
        known = names.is_sha(since) and (
            await self._git.run(self.path, "cat-file", "-e", f"{since}^{{commit}}")
        )
        if not known or known.code:
            return await self.pages(at=tip, most=most), []
        rows = await self._ask("diff-tree", "-r", "-z", "--no-renames", "--name-only", since, tip)
        paths = set(filter(None, rows.split("\0")))
        now = [file for file in await self._files("ls-tree", "-z", "-l", "-r", tip) if file.path in paths]
        return await self.read([file for file in now if file.size <= most]), sorted(
            paths - {file.path for file in now}
        )

    async def changed(self, since: str, tree: str) -> dict[str, str]:
        """Return the text files that read otherwise in a commit or tree than at `since`; what is no more is empty."""
        pages, gone = await self.differing(since, tree, most=PAGE_BYTES)
        return {**pages, **dict.fromkeys(gone, "")}

    async def read(self, files: Sequence[tree.File]) -> dict[str, str]:
        """Return the texts of files that are text, path → text."""
        texts = await self._read(files)
        return {path: text for path, text in texts.items() if not _NO_TEXT & set(text)}

    async def joined(
        self, tree: str, parents: Sequence[str], words: str, *, author: str, committer: str
    ) -> str:
        """Return a new commit of a tree, in people's names; an empty one stands for the bridge."""
        env = {}
        for role, name in (("AUTHOR", author), ("COMMITTER", committer)):
            env[f"GIT_{role}_NAME"] = names.author(name) if name else "Loopbridge"
            env[f"GIT_{role}_EMAIL"] = names.address(name) if name else "loopbridge@localhost"
        behind = [word for parent in parents for word in ("-p", parent)]
        return await self._git.ask(self.path, "commit-tree", tree, *behind, "-m", words, env=env)

    async def commit_of(self, ref: str) -> str:
        """Return the commit a ref points at, or an empty string."""
        done = await self._git.run(self.path, "rev-parse", "--verify", "-q", ref)
        return done.text if done.code == 0 and names.is_sha(done.text) else ""

    async def contains(self, commit: str, earlier: str) -> bool:
        """Say whether a commit has another one behind it."""
        return (await self._git.run(self.path, "merge-base", "--is-ancestor", earlier, commit)).code == 0
