"""A layer's clone, before it is promoted. Owns: Saving. Imports: core. Effects: runs git in sandboxes, never on the host.

Whoever wrote the clone may have laid traps in it: these scripts run where they find nothing to reach.
"""

from __future__ import annotations

from adapters.git import names, workspace
from core import errors, ports

_MARKED = 3  # how the script ends when a file holds the marks of a conflict
_PRELUDE = """set -eu
export GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0
git() { command git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.quotePath=false "$@"; }
"""
_SAVE = (
    _PRELUDE
    + """subject=$1 branch=$2
export GIT_AUTHOR_NAME="$3" GIT_AUTHOR_EMAIL="$4" GIT_COMMITTER_NAME="$5" GIT_COMMITTER_EMAIL="$6"
marked=$(git diff --name-only --diff-filter=U -z | xargs -0 -r grep -l '^<<<<<<< ' -- 2>/dev/null || true)
if [ -n "$marked" ]; then printf '%s\\n' "$marked"; exit 3; fi
git add -A .
if [ -e .git/MERGE_HEAD ] || ! git diff --cached --quiet; then
  git -c commit.gpgSign=false commit -q -m "$subject"
fi
git update-ref "refs/heads/$branch" HEAD
"""
)
_MEET = (
    _PRELUDE
    + """export GIT_AUTHOR_NAME="$2" GIT_AUTHOR_EMAIL="$3" GIT_COMMITTER_NAME="$2" GIT_COMMITTER_EMAIL="$3"
git fetch -q --no-tags "$1" +refs/heads/main:refs/remotes/origin/main
git -c merge.conflictStyle=merge merge -q --no-edit refs/remotes/origin/main >&2 || true
git diff --name-only --diff-filter=U
"""
)


class Saving:
    """Readies a clone of a layer, always from inside a box whose cwd it is."""

    def __init__(self, sandbox: ports.Sandbox, *, agent: workspace.Author, seconds: float = 120.0) -> None:
        self._sandbox = sandbox
        self._agent = agent
        self._seconds = seconds

    async def save(self, branch: str, box: ports.Box, *, subject: str, author: workspace.Author) -> None:
        """Commit what no commit holds, in the name of `author`, and have `branch` point at it. Raises Refused."""
        who = (author.name, author.email, self._agent.name, self._agent.email)
        done = await self._sh(box, _SAVE, names.clean(subject, 200) or "Promote", names.branch(branch), *who)
        if done.code == _MARKED:
            said = [names.clean(line, 120) for line in done.stdout.decode("utf-8", "replace").splitlines()]
            raise errors.Refused(
                f"{', '.join(said[:10])} still {'holds' if len(said) == 1 else 'hold'} the marks of a conflict (<<<<<<<, =======, >>>>>>>).",
                remedy="Keep what is right of both sides, take the marks out, and promote again.",
            )
        if done.code != 0:
            raise _unreadable(done)

    async def meet(self, inside: str, box: ports.Box) -> tuple[str, ...]:
        """Merge the mirror's `main` into the clone; return the files that hold both sides now. Raises Refused."""
        done = await self._sh(box, _MEET, inside, self._agent.name, self._agent.email)
        if done.code != 0:
            raise _unreadable(done)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        return tuple(names.clean(line, 200) for line in lines[:100])

    async def _sh(self, box: ports.Box, script: str, *arguments: str) -> ports.Finished:
        argv = ("sh", "-c", script, "sh", *arguments)
        return await self._sandbox.run(workspace.bared(box), argv, timeout=self._seconds)


def _unreadable(done: ports.Finished) -> errors.Refused:
    words = names.clean(done.stderr.decode("utf-8", "replace"), 300) or f"it ended with {done.code}"
    return errors.Refused(
        f"The clone in the sandbox can't be promoted from: {words}",
        remedy="Its files are kept; let the agent repair the repository, then promote again.",
    )
