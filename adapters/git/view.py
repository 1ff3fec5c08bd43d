"""Quarantined objects, seen through git. Owns: View. Imports: core. Effects: runs git; new objects go into quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.git import safe
from core import errors


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Git on `objects`, a folder of its own that leans on the mirror's objects and refs and changes neither."""

    git: safe.SafeGit
    mirror: Path
    objects: Path

    async def run(
        self,
        *arguments: str,
        stdin: bytes | Path | None = None,
        skip: int = 0,
        bounds: safe.Bounds | None = None,
    ) -> safe.Done:
        """Run one command. What takes too long is Refused: the same objects would take as long the next time."""
        env = {
            "GIT_OBJECT_DIRECTORY": str(self.objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.mirror / "objects"),
        }
        try:
            return await self.git.run(self.mirror, *arguments, stdin=stdin, skip=skip, env=env, bounds=bounds)
        except safe.TimedOut as late:
            raise errors.Refused(
                "The new commits take too long to check.",
                remedy="They are kept in the sandbox; let the agent promote less at once.",
            ) from late
