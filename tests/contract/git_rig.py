"""A real origin, a real mirror and real boxes. Owns: Rig. Effects: temp folders, git and bwrap processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from adapters.git import host, workspace
from adapters.sandbox import bwrap
from adapters.sandbox import host as machine
from core import ports

CWD = "/loop/workdir"
ENV = {
    "PATH": os.defpath,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{
        f"GIT_{role}_{field}": f"{role}@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for field in ("NAME", "EMAIL")
    },
}


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Rig:
    """One home with one origin, `demo`; `box` makes loops on it, `agent` acts inside them.

    A rig on a home that another process left finds everything as it was.
    """

    def __init__(self, home: Path, user: str) -> None:
        self.home = home
        self.origin = home / "origin.git"
        self.markers = home / "markers"
        self.user = machine.ServiceUser.named(user) if os.geteuid() == 0 else None
        self.sandbox = bwrap.Bubblewrap(user=self.user, state=home / "state")
        self.seed = home / "seed"
        self.host = self.build()
        if not self.seed.exists():
            self._begin()

    def _begin(self) -> None:
        self.markers.mkdir()
        self.git("init", "-q", "--bare", "-b", "main", str(self.origin))
        self.git("init", "-q", "-b", "main", str(self.seed))
        self.commit("README.md", "hello\n", "Begin")

    def build(self, **changes: object) -> host.GitHost:
        """Build the host's side anew, as a restart does."""
        arguments: dict[str, object] = {
            "home": self.home / "state",
            "sandbox": self.sandbox,
            "origins": {"demo": str(self.origin)},
            "clock": SystemClock(),
        }
        return host.GitHost(**{**arguments, **changes})  # type: ignore[arg-type]

    def git(self, *arguments: str, at: Path | None = None, stdin: str = "") -> str:
        """Run plain git on what nobody but the test writes."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or self.home,
            env=ENV,
            input=stdin.encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(self, path: str, text: str, subject: str, *, branch: str = "main") -> str:
        """Commit a file to the origin, as a colleague would; return the commit."""
        file = self.seed / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.git("add", "-A", at=self.seed)
        self.git("commit", "-q", "-m", subject, at=self.seed)
        self.git("push", "-q", str(self.origin), f"HEAD:refs/heads/{branch}", at=self.seed)
        return self.git("rev-parse", "HEAD", at=self.seed)

    def in_origin(self, branch: str) -> str:
        """Return the commit of a branch at the origin, or an empty string."""
        return self.git("for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}", at=self.origin)

    def in_mirror(self, branch: str) -> str:
        """Return the commit of a branch in the mirror, or an empty string."""
        return self.git(
            "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}", at=self.host.mirror("demo")
        )

    def box(self, name: str) -> ports.Box:
        """Make a loop's folders and return its box; the host's markers folder is not in it."""
        workdir = self.home / "state" / "loops" / name / "workdir"
        workdir.mkdir(parents=True, exist_ok=True)
        if (owner := self.sandbox.owner()) is not None:
            os.chown(workdir, *owner)
        binds = (
            ports.Bind(source=workdir, dest=CWD, writable=True),
            ports.Bind(source=self.host.mirror("demo"), dest="/mirror/demo.git"),
        )
        return ports.Box(name=name, cwd=CWD, binds=binds, files=workspace.FILES)

    async def agent(self, box: ports.Box, script: str) -> str:
        """Do something as the agent would, inside."""
        done = await self.sandbox.run(box, ("bash", "-euc", script))
        assert done.code == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    async def cloned(self, name: str, branch: str) -> tuple[ports.Box, str]:
        """Sync, clone and return the loop's box and the commit it starts from."""
        base = await self.host.sync("demo")
        box = self.box(name)
        await self.host.clone("demo", base, branch, box)
        return box, base
