"""Commits of a layer, held against each other. Owns: merged, drafted, counted, text. Imports: core. Effects: runs git on the host's own repositories.

Merges are made of trees, without a checkout. What comes out of diffs was written by agents: it is made safe to show.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from adapters.git import judge, layer, names, safe
from core import errors, ports

DIFF_BYTES = 400_000
_CONFLICT = 1  # how merge-tree ends when people have to look
_PLAIN = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")


async def merged(
    git: safe.SafeGit, one: layer.Layer, main: str, tip: str, *, ahead: bool | None = None
) -> str | ports.Conflict:
    """Return the tree of a merge, or the files people have to look at; `ahead` says that `tip` has `main` behind it, where that is known.

    Raises Refused when the two have nothing in common.
    """
    if await one.contains(tip, main) if ahead is None else ahead:
        return await git.ask(one.path, "rev-parse", f"{tip}^{{tree}}")
    words = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", main, tip)
    done = await git.run(one.path, *words)
    tree, *files = done.out.decode("utf-8", "replace").rstrip("\0").split("\0")
    if done.code == _CONFLICT:
        return ports.Conflict(files=tuple(names.clean(file, 200) for file in files[:100] if file))
    if done.code != 0 or not names.is_sha(tree):
        raise errors.Refused(
            f"The work and {one.name} have nothing in common: {names.clean(done.err, 200)}",
            remedy="It is kept in the sandbox; start from the layer's main there.",
        )
    return tree


async def drafted(
    git: safe.SafeGit, one: layer.Layer, main: str, tip: str, protected: Sequence[str]
) -> ports.Drafted | ports.Conflict:
    """Return what a merge of `tip` into `main` would change; `protected` are paths that its history touched.

    Raises Refused for what cannot be shown whole: nobody can review it.
    """
    tree = await merged(git, one, main, tip)
    if isinstance(tree, ports.Conflict):
        return tree
    shown, whole = await _shown(git, one, main, tree)
    if not whole:
        raise errors.Refused(
            f"The change of {one.name} is too large to be reviewed: its diff has more than {DIFF_BYTES:,} characters.",
            remedy="Propose it in smaller parts; all of it is kept in the sandbox.",
        )
    raw = (
        await git.ask(one.path, "diff-tree", "-r", "-z", "--no-renames", "--full-index", main, tree)
    ).split("\0")
    # What the outcome is, path by path: what was there before may be told otherwise by then.
    outcome = [
        (head.split()[1], head.split()[3], path) for head, path in zip(raw[::2], raw[1::2], strict=False)
    ]
    guarded = {path for _, _, path in outcome if judge.is_protected(path.encode(), judge.PROTECTED)}
    return ports.Drafted(
        base=main,
        tip=tip,
        digest=hashlib.sha256(repr(sorted(outcome)).encode()).hexdigest(),
        files=await counted(git, one, main, tree),
        protected=tuple(sorted({*protected, *(names.clean(path, 120) for path in guarded)})),
        diff=shown,
    )


async def counted(
    git: safe.SafeGit, one: layer.Layer, old: str, new: str
) -> tuple[tuple[str, int, int], ...]:
    """Return (path, added, removed) of what differs; 0 for what is no text."""
    done = await git.ask(one.path, "diff", "--numstat", "-z", *_PLAIN, old, new, "--")
    rows = (row.split("\t", 2) for row in done.split("\0") if row)
    return tuple(
        (judge.shown(path.encode()), *(int(n) if n.isdigit() else 0 for n in (added, removed)))  # type: ignore[misc]
        for added, removed, path in rows
    )


async def text(git: safe.SafeGit, one: layer.Layer, old: str, new: str) -> str:
    """Return a diff as untrusted text, its controls made visible."""
    return (await _shown(git, one, old, new))[0]


async def _shown(git: safe.SafeGit, one: layer.Layer, old: str, new: str) -> tuple[str, bool]:
    """Return a diff as untrusted text, and whether it is the whole one."""
    bounds = safe.Bounds(output=DIFF_BYTES)
    done = await git.run(one.path, "diff", *_PLAIN, old, new, "--", bounds=bounds)
    text = names.clean_lines(done.text)
    return (f"{text}\n… cut after {DIFF_BYTES:,} characters", False) if done.cut else (text, True)
