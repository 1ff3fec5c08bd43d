"""Pushing, and what the far side says to it. Owns: Pushed, push. Imports: core. Effects: runs git, speaks to a remote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from adapters.git import names, safe

_PUSH = safe.Bounds(seconds=300.0, memory=8 << 30)
_REJECTED = re.compile(r"^!\t\S+\t(.+)$", re.MULTILINE)
_OVERTAKEN = ("non-fast-forward", "fetch first", "already exists", "cannot lock ref", "stale info")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """How a push ended: `overtaken` when the branch holds what the push does not, `reason` and `words` for people."""

    state: Literal["ok", "overtaken", "refused", "unreachable"]
    reason: str = ""
    words: str = ""


async def push(git: safe.SafeGit, path: Path, url: str, *refspecs: str) -> Pushed:
    """Push from the repository at `path`, all refspecs or none. What the far side has already changes nothing."""
    done = await git.run(
        path,
        *("push", "--porcelain", "--no-follow-tags", "--no-signed", "--recurse-submodules=no"),
        *(("--atomic",) if len(refspecs) > 1 else ()),
        "--end-of-options",
        url,
        *refspecs,
        remote=True,
        bounds=_PUSH,
    )
    if done.code == 0:
        return Pushed(state="ok")
    said = _REJECTED.search(done.out.decode("utf-8", "replace"))
    words = names.clean(names.redact(_remote_words(done.err)), 300)
    if said is None:
        return Pushed(state="unreachable", words=words)
    reason = names.clean(said[1], 120)
    overtaken = any(sign in reason for sign in _OVERTAKEN)
    return Pushed(state="overtaken" if overtaken else "refused", reason=reason, words=words)


def _remote_words(err: str) -> str:
    """Return what the far side said itself, or else what git said of it."""
    lines = err.splitlines()
    remote = [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]
    return " ".join(remote or [line for line in lines if line.startswith(("fatal:", "error:"))] or lines)
