"""Clones inside boxes. Owns: Workspace. Imports: core. Effects: runs git in sandboxes, never on the host.

Whatever these commands answer comes from a place the agent can write: it is checked, or it is text to be shown with care. Each is
one start of a box with one `sh -c`, whose arguments are positional: nothing is ever written into a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.git import names
from core import errors, ports

# git refuses what belongs to somebody else, as a mirror does when the bridge is root, unless a file like this allows it. Every
# box that is to see a mirror needs it.
FILES: Mapping[str, bytes] = {"/etc/gitconfig": b"[safe]\n\tdirectory = *\n"}
_PRELUDE = """set -eu
export GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
"""
_CLONE = (
    _PRELUDE
    + """mirror=$1 commit=$2 branch=$3 name=$4 email=$5
[ -e .git/loopbridge-cloned ] && exit 0
find . -mindepth 1 -maxdepth 1 -exec rm -rf {} +
git clone -q --shared --no-checkout --no-tags --template= \
  -c "user.name=$name" -c "user.email=$email" -c gc.auto=0 "$mirror" .
git checkout -q --no-track -B "$branch" "$commit" --
: > .git/loopbridge-cloned
"""
)
_STATUS = (
    _PRELUDE
    + """git rev-parse --verify 'HEAD^{commit}'
git for-each-ref --count="$1" '--format=%(objectname)' refs/heads
echo
git -c core.fsmonitor=false status --porcelain=v1 -z --no-renames
"""
)
_DIFF = (
    _PRELUDE
    + """git -c core.fsmonitor=false diff --no-color --no-ext-diff --no-textconv "$1" --
"""
)
_EXPORT = (
    _PRELUDE
    + """tip=$(git rev-parse --verify "refs/heads/$1^{commit}")
printf '%s\\n' "$tip"
[ "$tip" = "$2" ] && exit 0
printf '%s\\n^%s\\n' "$tip" "$2" | git pack-objects -q --revs --thin --delta-base-offset --stdout
"""
)
TIP_BYTES = 41  # what `export` puts before the pack: the tip and a newline
_MOST_BRANCHES = 100
_MOST_DIRTY = 1000
_MOST_DIFF = 2 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who commits in a clone."""

    name: str
    email: str


class Workspace:
    """What the host asks of a clone, always from inside a box."""

    def __init__(self, sandbox: ports.Sandbox, *, author: Author, seconds: float = 120.0) -> None:
        self._sandbox = sandbox
        self._author = author
        self._seconds = seconds

    async def clone(self, repo: str, mirror: Path, commit: str, branch: str, box: ports.Box) -> None:
        """Clone the mirror into the box's cwd, on a new `branch` at `commit`; a finished clone is left alone.

        Raises Unavailable when it cannot be made, StorageFull when the disk is full.
        """
        inside = f"/mirror/{repo}.git"
        arguments = (inside, names.sha(commit), names.branch(branch), self._author.name, self._author.email)
        done = await self._sh(_bared(box, repo, mirror), _CLONE, arguments)
        if done.code != 0:
            raise _failed(f"“{repo}” could not be cloned into the sandbox", done)

    async def status(self, box: ports.Box) -> ports.WorkTree:
        """Return the clone's tips and the paths no commit holds, a thousand at most. Raises Refused when the answer is forged."""
        done = await self._sh(_bared(box), _STATUS, (str(_MOST_BRANCHES),))
        if done.code != 0:
            raise _failed("The clone in the sandbox can't be read", done)
        heads, _, rest = done.stdout.decode("utf-8", "replace").partition("\n\n")
        tip, *tips = heads.split("\n")
        if not all(names.is_sha(sha) for sha in (tip, *tips)):
            raise errors.Refused(
                "The clone in the sandbox names no commit as its tip.",
                remedy="Its files are kept; let the agent repair the repository, or start a new loop.",
            )
        paths = (names.clean(entry[3:], 300) for entry in rest.split("\0") if len(entry) > 3)
        return ports.WorkTree(
            tip=tip,
            dirty=tuple(dict.fromkeys(paths))[:_MOST_DIRTY],
            tips=tuple(dict.fromkeys(tips)) if len(tips) < _MOST_BRANCHES else (),
        )

    async def diff(self, box: ports.Box, base: str) -> str:
        """Return the diff of the clone's files against a commit: untrusted text, its controls made visible."""
        done = await self._sh(_bared(box), _DIFF, (names.sha(base),), max_output=_MOST_DIFF)
        if done.code != 0 and not done.cut:
            raise _failed("The clone in the sandbox can't be compared", done)
        text = names.clean_lines(done.stdout.decode("utf-8", "replace"))
        return f"{text}\n… cut after {_MOST_DIFF >> 20} MB" if done.cut else text

    async def export(
        self, repo: str, mirror: Path, branch: str, base: str, box: ports.Box, out: Path, most: int
    ) -> None:
        """Write the branch's tip, a newline and a pack of its commits since `base` to the host file `out`.

        The pack is missing when there are none. Raises Refused when the clone gives nothing, or more than `most` bytes.
        """
        done = await self._sandbox.run_to_file(
            _bared(box, repo, mirror),
            ("sh", "-c", _EXPORT, "sh", names.branch(branch), names.sha(base)),
            out,
            timeout=self._seconds,
            max_output=most + TIP_BYTES,
        )
        if done.cut:
            raise errors.Refused(
                f"The new commits are larger than {most >> 20} MB.",
                remedy="They are kept in the sandbox; take large files out of their history.",
            )
        if done.code != 0:
            raise errors.Refused(
                f"The clone in the sandbox gives out no commits of {branch}: {_words(done)}",
                remedy="Its files are kept; let the agent repair the repository, then try again.",
            )

    async def _sh(
        self, box: ports.Box, script: str, arguments: Sequence[str], *, max_output: int = 1 << 20
    ) -> ports.Finished:
        argv = ("sh", "-c", script, "sh", *arguments)
        return await self._sandbox.run(box, argv, timeout=self._seconds, max_output=max_output)


def _bared(box: ports.Box, repo: str = "", mirror: Path | None = None) -> ports.Box:
    """Return the box with its clone and the mirrors only: traps that the agent laid in its clone find nothing to reach."""
    kept = tuple(
        bind
        for bind in box.binds
        if bind.dest.startswith("/mirror/") or f"{box.cwd}/".startswith(f"{bind.dest}/")
    )
    dest = f"/mirror/{repo}.git"
    if mirror is not None and all(bind.dest != dest for bind in kept):
        kept = (ports.Bind(source=mirror, dest=dest), *kept)
    return replace(box, binds=kept, files=FILES, env={})


def _words(done: ports.Finished) -> str:
    return names.clean(done.stderr.decode("utf-8", "replace"), 300) or f"it ended with {done.code}"


def _failed(what: str, done: ports.Finished) -> errors.PortError:
    words = _words(done)
    if "No space left on device" in words:
        return errors.StorageFull(
            f"{what}: the disk is full.", remedy="Make room, then try again; nothing was lost."
        )
    return errors.Unavailable(f"{what}: {words}", remedy="Try again; what the sandbox holds is kept.")
