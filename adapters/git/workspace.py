"""Clones inside boxes. Owns: Workspace. Imports: core. Effects: runs git in sandboxes, never on the host.

Whatever these commands answer comes from a place the agent can write: it is checked, or it is text to be shown with care. Each is
one start of a box with one `sh -c`, whose arguments are positional: nothing is ever written into a script.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.git import names
from core import errors, ports, wording

# git refuses what belongs to somebody else, as a mirror does when the bridge is root, unless a file like this allows it. Every
# box that is to see a mirror needs it.
FILES: Mapping[str, bytes] = {"/etc/gitconfig": b"[safe]\n\tdirectory = *\n"}
_PRELUDE = """set -eu
export GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 GIT_OPTIONAL_LOCKS=0
"""
# Each clone is a process of its own beside the others; whichever fails, fails all. What `git clone --shared` would write is written
# here: it starts five processes for each, and loops begin many at a time.
_CLONE = (
    _PRELUDE
    + """empty() {
  for left in * .[!.]* ..?*; do
    if [ -e "$left" ] || [ -L "$left" ]; then return 1; fi
  done
}
one() {
  cd "$1"
  [ -e .git/loopbridge-cloned ] && return 0
  empty || find . -mindepth 1 -maxdepth 1 -exec rm -rf {} +
  mirror=$2 commit=$3 branch=$4
  read -r _ main < "$mirror/HEAD"
  main=${main#refs/heads/}
  mkdir -p .git/objects/info .git/objects/pack .git/refs/heads .git/refs/tags .git/refs/remotes/origin
  printf '%s/objects\n' "$mirror" > .git/objects/info/alternates
  printf '%s' "$5" > .git/config
  printf 'ref: refs/heads/%s\n' "$main" > .git/HEAD
  printf 'ref: refs/remotes/origin/%s\n' "$main" > .git/refs/remotes/origin/HEAD
  case $main in
    *\\"*) ;;
    *) printf '[branch "%s"]\n\tremote = origin\n\tmerge = refs/heads/%s\n' "$main" "$main" >> .git/config ;;
  esac
  if [ -n "$6" ]; then
    printf '%s' "$6" > .git/packed-refs
  else
    git --git-dir="$mirror" for-each-ref "--format=$refs" refs/heads > .git/packed-refs
  fi
  git checkout -q --no-track -B "$branch" "$commit" --
  : > .git/loopbridge-cloned
}
refs=$1 started=
shift
while [ $# -gt 0 ]; do
  (one "$1" "$2" "$3" "$4" "$5" "$6") &
  started="$started $!"
  shift 6
done
for each in $started; do wait "$each"; done
"""
)
# Every branch as one of `origin`, the default one as a branch of the clone's own too.
_REFS = (
    "%(objectname) refs/remotes/origin/%(refname:lstrip=2)"
    "%(if:equals=*)%(HEAD)%(then)%0a%(objectname) %(refname)%(end)"
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

    async def clone(self, plans: Sequence[ports.Checkout], box: ports.Box) -> None:
        """Make clones in one start of the box, each on a new branch at its commit; a finished clone is left alone.

        Raises Unavailable when one cannot be made, StorageFull when the disk is full.
        """
        arguments = [_REFS]
        for plan in plans:
            mirror, commit = f"/mirror/{plan.name}.git", names.sha(plan.commit)
            # A layer has one branch, and its start is where the loop is pinned.
            refs = f"{commit} refs/heads/main\n{commit} refs/remotes/origin/main\n" if plan.author else ""
            arguments += (
                plan.into,
                mirror,
                commit,
                names.branch(plan.branch),
                _config(plan, mirror, self._author),
                refs,
            )
        bare = bared(box, plans, into=tuple(plan.into for plan in plans))
        done = await self._sh(bare, _CLONE, arguments)
        if done.code != 0:
            what = wording.listing([f"“{plan.name}”" for plan in plans])
            raise _failed(f"{what} could not be cloned into the sandbox", done)

    async def status(self, box: ports.Box) -> ports.WorkTree:
        """Return the clone's tips and the paths no commit holds, a thousand at most. Raises Refused when the answer is forged."""
        done = await self._sh(bared(box), _STATUS, (str(_MOST_BRANCHES),))
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
        done = await self._sh(bared(box), _DIFF, (names.sha(base),), max_output=_MOST_DIFF)
        if done.code != 0 and not done.cut:
            raise _failed("The clone in the sandbox can't be compared", done)
        text = names.clean_lines(done.stdout.decode("utf-8", "replace"))
        return f"{text}\n… cut after {_MOST_DIFF >> 20} MB" if done.cut else text

    async def export(self, plan: ports.Checkout, box: ports.Box, out: Path, most: int) -> None:
        """Write the branch's tip, a newline and a pack of its commits since the plan's commit to the host file `out`.

        The pack is missing when there are none. Raises Refused when the clone gives nothing, or more than `most` bytes.
        """
        done = await self._sandbox.run_to_file(
            replace(bared(box, (plan,), into=(plan.into,)), cwd=plan.into),
            ("sh", "-c", _EXPORT, "sh", names.branch(plan.branch), names.sha(plan.commit)),
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
                f"The clone in the sandbox gives out no commits of {plan.branch}: {_words(done)}",
                remedy="Its files are kept; let the agent repair the repository, then try again.",
            )

    async def _sh(
        self, box: ports.Box, script: str, arguments: Sequence[str], *, max_output: int = 1 << 20
    ) -> ports.Finished:
        argv = ("sh", "-c", script, "sh", *arguments)
        return await self._sandbox.run(box, argv, timeout=self._seconds, max_output=max_output)


def _config(plan: ports.Checkout, mirror: str, agent: Author) -> str:
    """Return a clone's configuration. Who has a name to commit in is its author."""
    branches = "main" if plan.author else "*"
    fetch = f"+refs/heads/{branches}:refs/remotes/origin/{branches}"
    sections = {
        "core": {"repositoryformatversion": "0", "filemode": "true", "bare": "false", "logallrefupdates": "true"},
        "gc": {"auto": "0"},
        "user": {"name": agent.name, "email": agent.email},
        'remote "origin"': {"url": mirror, "tagOpt": "--no-tags", "fetch": fetch},
    }  # fmt: skip
    if plan.author:
        sections["author"] = {"name": plan.author, "email": names.address(plan.author)}
    lines = []
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"\t{name} = {_quoted(value)}" for name, value in values.items())]
    return "\n".join([*lines, ""])


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def bared(box: ports.Box, plans: Sequence[ports.Checkout] = (), *, into: Sequence[str] = ()) -> ports.Box:
    """Return the box with its clones (those at `into`, else the one at its cwd) and the mirrors only.

    Traps that the agent laid in its clone find nothing to reach.
    """
    kept = [bind for bind in box.binds if bind.dest.startswith("/mirror/")]
    for place in into or (box.cwd,):
        kept += [bind for bind in box.binds if f"{place}/".startswith(f"{bind.dest}/") and bind not in kept]
    there = {bind.dest for bind in kept}
    mirrors = {f"/mirror/{plan.name}.git": plan.mirror for plan in plans}
    kept += [ports.Bind(source=source, dest=dest) for dest, source in mirrors.items() if dest not in there]
    return replace(box, binds=tuple(kept), files=FILES, env={})


def _words(done: ports.Finished) -> str:
    return names.clean(done.stderr.decode("utf-8", "replace"), 300) or f"it ended with {done.code}"


def _failed(what: str, done: ports.Finished) -> errors.PortError:
    words = _words(done)
    if "No space left on device" in words:
        return errors.StorageFull(
            f"{what}: the disk is full.", remedy="Make room, then try again; nothing was lost."
        )
    return errors.Unavailable(f"{what}: {words}", remedy="Try again; what the sandbox holds is kept.")
