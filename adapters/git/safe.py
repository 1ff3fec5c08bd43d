"""The hardened git runner. Owns: SafeGit, Done. Imports: core, GitPython. Effects: starts git processes, in a thread.

No environment of the bridge, no configuration of a person or the system, no hooks, no helpers, no prompts, no discovery: each
command names its git directory, and that directory is one that no agent can write.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from adapters.git import names
from core import errors

if TYPE_CHECKING:
    import subprocess

PROTOCOLS = "file:https:ssh"
ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": PROTOCOLS,
    "GIT_OPTIONAL_LOCKS": "0",
    # Keys and settings of the user who runs the bridge are not the bridge's: an agent's socket has to be granted.
    "GIT_SSH_COMMAND": "ssh -F none -o IdentityFile=none -o BatchMode=yes -o ConnectTimeout=15",
}
SETTINGS: Mapping[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.alternateRefsCommand": "true",
    "core.quotePath": "false",
    "core.packedGitWindowSize": "32m",
    "credential.helper": "",
    "diff.external": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
    "transfer.fsckObjects": "false",
}
NOWHERE = Path("/nonexistent")  # the git directory of commands that need none, so that none is looked for
DISK_FULL = "No space left on device"
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a git command ended; `code` is negative for a signal, `cut` says that output past the cap was dropped."""

    code: int
    out: bytes
    err: str
    cut: bool = False

    @property
    def text(self) -> str:
        """Standard output without its last newline."""
        return self.out.decode("utf-8", "replace").rstrip("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one command may use: seconds, bytes of output, bytes of memory it may fill."""

    seconds: float = 60.0
    output: int = 8 << 20
    memory: int = 2 << 30


class TimedOut(errors.Unavailable):
    """A command outlived its time and was killed."""


class SafeGit:
    """Runs git for the host. `globals_at` is a configuration file of our own (it need not exist), `grants` what commands
    that speak to an origin get on top of the bare environment (SSH_AUTH_SOCK or HTTPS_PROXY, say; never secrets, as arguments are
    visible to everybody on the machine).
    """

    def __init__(self, *, globals_at: Path, grants: Mapping[str, str] | None = None) -> None:
        self._globals_at = globals_at
        self._grants = dict(grants or {})

    async def run(
        self,
        git_dir: Path,
        *arguments: str,
        stdin: bytes | Path | None = None,
        skip: int = 0,
        env: Mapping[str, str] | None = None,
        remote: bool = False,
        bounds: Bounds | None = None,
    ) -> Done:
        """Run `git --git-dir=<git_dir> <arguments>` to its end.

        `stdin` is bytes, or a file read from byte `skip` on. `remote` hands out the grants. Raises TimedOut when the command
        outlives its time, Unavailable when git is missing, StorageFull when the disk is full.
        """
        argv = self._argv(
            git_dir, arguments, {**(self._grants if remote else {}), **(env or {})}, bounds or Bounds()
        )
        return await asyncio.to_thread(_run, argv, stdin, skip, bounds or Bounds())

    async def ask(self, git_dir: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command that cannot fail in a sound repository; return its output. Raises Damaged."""
        done = await self.run(git_dir, *arguments, env=env)
        if done.code != 0 or done.cut:
            raise damaged(git_dir, done)
        return done.text

    def _argv(
        self, git_dir: Path, arguments: Sequence[str], env: Mapping[str, str], bounds: Bounds
    ) -> list[str]:
        variables = {**ENVIRONMENT, "GIT_CONFIG_GLOBAL": str(self._globals_at), **env}
        return [
            "/usr/bin/env",
            "-i",
            *(f"{key}={value}" for key, value in variables.items()),
            "prlimit",
            "--core=0",
            f"--data={bounds.memory}",
            "--",
            "git",
            f"--git-dir={git_dir}",
            *(word for key, value in SETTINGS.items() for word in ("-c", f"{key}={value}")),
            *arguments,
        ]


def damaged(git_dir: Path, done: Done) -> errors.Damaged:
    """Return the error for a repository of our own that git cannot read."""
    return errors.Damaged(
        f"The mirror {git_dir.name} can't be read: {names.clean(names.redact(done.err), 300) or f'git ended with {done.code}'}.",
        remedy=f"Move {git_dir} aside; it is fetched anew from its origin, where everything promoted is kept.",
    )


def _run(argv: Sequence[str], stdin: bytes | Path | None, skip: int, bounds: Bounds) -> Done:
    with _opened(stdin) as source:
        source.seek(skip)
        process = _start(argv, source)
        try:
            out, err, cut = _drain(process, bounds)
        finally:
            _end(process)
    text = err.decode("utf-8", "replace")
    if DISK_FULL in text:
        raise errors.StorageFull(
            "The disk is full.", remedy="Make room under the home directory; nothing was lost."
        )
    return Done(code=process.returncode, out=bytes(out), err=text, cut=cut)


def _opened(stdin: bytes | Path | None) -> IO[bytes]:
    if isinstance(stdin, Path):
        return stdin.open("rb", buffering=0)
    if stdin is None:
        return Path(os.devnull).open("rb", buffering=0)
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the caller's `with` closes it
    file.write(stdin)
    return file


def _start(argv: Sequence[str], source: IO[bytes]) -> subprocess.Popen[bytes]:
    # GitPython is imported here because it takes 0.4 s, and starts git as it is imported: neither belongs in a start.
    try:
        from git import cmd, exc
    except ImportError as missing:
        raise errors.Unavailable("git can't be started.", remedy="Install git 2.38 or newer.") from missing
    try:
        started = cmd.Git("/").execute(
            list(argv), istream=_binary(source), as_process=True, shell=False, start_new_session=True
        )
    except exc.GitCommandNotFound as missing:
        raise errors.Unavailable(
            "git can't be started.", remedy="Install coreutils and util-linux."
        ) from missing
    process: subprocess.Popen[bytes] = started.proc  # type: ignore[assignment]
    started.proc = None
    return process


def _binary(source: IO[bytes]) -> BinaryIO:
    return source  # type: ignore[return-value]


def _drain(process: subprocess.Popen[bytes], bounds: Bounds) -> tuple[bytearray, bytearray, bool]:
    """Read both pipes until they close. Raises TimedOut at the deadline."""
    deadline = time.monotonic() + bounds.seconds
    held = {process.stdout: bytearray(), process.stderr: bytearray()}
    cut = False
    with selectors.DefaultSelector() as selector:
        for pipe in held:
            selector.register(pipe, selectors.EVENT_READ)  # type: ignore[arg-type]
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimedOut(
                    f"git did not finish within {bounds.seconds:g} seconds.",
                    remedy="Try again; nothing was changed.",
                )
            for key, _ in ready:
                piece = os.read(key.fd, _CHUNK)
                if not piece:
                    selector.unregister(key.fileobj)
                    continue
                room = bounds.output - len(held[key.fileobj])  # type: ignore[index]
                held[key.fileobj] += piece[: max(0, room)]  # type: ignore[index]
                cut = cut or len(piece) > room
    process.wait(timeout=max(1.0, deadline - time.monotonic()))
    return held[process.stdout], held[process.stderr], cut


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
