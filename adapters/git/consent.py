"""What a person may allow to land, and how they see it. Owns: Consent. Imports: core. Effects: runs git on quarantined objects.

An objection that a person may lift is shown to them whole, commit by commit: what one commit did and a later one took back lands
with the history, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.git import judge, names, rows, safe, view
from core import errors, ports

MOST = 50  # paths: more than that nobody looks at
SHOWN = 150_000  # bytes of diff
_LINK_BYTES = 4096
_HEAD = re.compile(rb"^[0-9a-f]{40} [0-9a-f]{40}\n", re.MULTILINE)
TOO_MUCH = "what these commits do there is more than can be shown to a person, so nobody can allow it"


class Consent:
    """Reads out of a quarantine what objections a person may lift."""

    def __init__(self, seen: view.View, rules: judge.Rules) -> None:
        self._view = seen
        self._rules = rules

    async def read(
        self, commits: Sequence[rows.Commit], candidates: Sequence[judge.Candidate]
    ) -> tuple[tuple[ports.Delicate, ...], str]:
        """Return what has to be allowed and the diff of exactly that; nothing when anything is not a person's to allow.

        Raises Refused when there is too much of it to be shown.
        """
        if any(one.secrets for one in candidates):
            return (), ""
        found: dict[tuple[bytes, str], None] = {}
        for change in (change for one in candidates for change in one.changes):
            if not judge.against(change, self._rules):
                continue
            why = judge.matters(change, self._rules, await self._target(change))
            if not why:
                return (), ""
            found[change.path, why] = None
            if len(found) > MOST:
                raise too_much()
        if not found:
            return (), ""
        delicate = tuple(ports.Delicate(path=judge.shown(path), why=why) for path, why in found)
        return delicate, await self._diff(commits, sorted({path for path, _ in found}))

    async def _target(self, change: judge.Change) -> bytes:
        if change.mode != judge.LINK:
            return b""
        done = await self._view.run("cat-file", "blob", change.blob, bounds=safe.Bounds(output=_LINK_BYTES))
        # Whatever cannot be read as a target leads out: nobody may allow it.
        return b"/" if done.code != 0 or done.cut else done.out

    async def _diff(self, commits: Sequence[rows.Commit], paths: Sequence[bytes]) -> str:
        """Return what each of the commits does to these paths, compared with each of its parents."""
        pairs = [(one.sha, parent) for one in commits for parent in one.parents or (rows.EMPTY_TREE,)]
        asked = "".join(f"{parent}^{{tree}}\n{sha}^{{tree}}\n" for sha, parent in pairs)
        trees = (await self._read("cat-file", "--batch-check=%(objectname)", stdin=asked)).decode().split()
        out = await self._read(
            *("--literal-pathspecs", "diff-tree", "--stdin", "-r", "-p", "--full-index", "--no-color", "--no-renames"),
            *("--text", "--no-ext-diff", "--no-textconv", "--submodule=short", "--", *(path.decode() for path in paths)),
            stdin="".join(f"{old} {new}\n" for old, new in zip(trees[::2], trees[1::2], strict=True)),
        )  # fmt: skip
        # Every line of a diff begins with a word or a mark of its own: none looks like the head of a pair.
        sections = _HEAD.split(out)[1:]
        if len(sections) != len(pairs):
            raise too_much()
        told: dict[str, str] = {}
        for (sha, _), section in zip(pairs, sections, strict=True):
            if section:
                told[sha] = told.get(sha, f"commit {sha}\n") + section.decode("utf-8", "backslashreplace")
        return "\n".join(told.values())

    async def _read(self, *arguments: str, stdin: str) -> bytes:
        done = await self._view.run(
            *arguments, stdin=stdin.encode(), bounds=safe.Bounds(seconds=120.0, output=SHOWN)
        )
        if done.code != 0 or done.cut:
            raise too_much(names.clean(done.err, 200))
        return done.out


def too_much(words: str = "") -> errors.Refused:
    """Return the refusal of what nobody could look at whole."""
    return errors.Refused(f"{TOO_MUCH}{f' ({words})' if words else ''}")
