"""What doctor asks of this machine's programs. Owns: python, git, git_crypt, sandbox. Imports: adapters, bridge. Effects: runs them."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.sandbox.bwrap import Bubblewrap
from adapters.sandbox.host import ServiceUser
from bridge.cli_copy import cli_copy
from config.settings import Settings
from core.errors import Unavailable
from core.ports import Bind, Box, Finding

LEAST_PYTHON = (3, 11)
BOOTSTRAP = "Run scripts/bootstrap."
CLI = "/opt/claude"
SECRET = b"a secret that must not be stored as it is\n"
ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{what}": "doctor@localhost"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
}


async def python() -> Sequence[Finding]:
    """Look at the interpreter."""
    ok = sys.version_info >= LEAST_PYTHON
    spelled = ".".join(str(part) for part in sys.version_info[:3])
    return [
        Finding(name="python", ok=ok, detail=f"{spelled} at {sys.executable}", remedy="" if ok else BOOTSTRAP)
    ]


async def git() -> Sequence[Finding]:
    """Merge two branches without a checkout, which is what git 2.38 brought."""
    version = (await _run("git", "version")).decode().strip()
    with tempfile.TemporaryDirectory(prefix="lb-doctor-") as folder:
        await _run("git", "init", "-q", "--bare", "-b", "main", ".", cwd=folder)
        tree = (await _run("git", "hash-object", "-w", "-t", "tree", os.devnull, cwd=folder)).decode().strip()
        commit = (await _run("git", "commit-tree", "-m", "x", tree, cwd=folder)).decode().strip()
        try:
            await _run("git", "merge-tree", "--write-tree", commit, commit, cwd=folder)
        except Unavailable:
            detail = f"{version} cannot merge without a checkout; 2.38 or newer is needed"
            return [Finding(name="git", ok=False, detail=detail, remedy="Install git 2.38 or newer.")]
    return [Finding(name="git", ok=True, detail=f"{version}: made a repository, merged without a checkout")]


async def git_crypt() -> Sequence[Finding]:
    """Encrypt a file in a repository, lock it, and unlock it with the exported key."""
    with tempfile.TemporaryDirectory(prefix="lb-doctor-") as folder:
        key, secret = Path(folder, "key"), Path(folder, "repo", "secret")
        repo = secret.parent
        await _run("git", "init", "-q", "-b", "main", str(repo))
        await _run("git-crypt", "init", cwd=repo)
        await _run("git-crypt", "export-key", str(key), cwd=repo)
        await asyncio.to_thread(
            repo.joinpath(".gitattributes").write_text, "secret filter=git-crypt diff=git-crypt\n"
        )
        await asyncio.to_thread(secret.write_bytes, SECRET)
        await _run("git", "add", "-A", cwd=repo)
        await _run("git", "commit", "-q", "-m", "x", cwd=repo)
        stored = await _run("git", "cat-file", "blob", "HEAD:secret", cwd=repo)
        await _run("git-crypt", "lock", cwd=repo)
        await _run("git-crypt", "unlock", str(key), cwd=repo)
        back = await asyncio.to_thread(secret.read_bytes)
    ok = stored.startswith(b"\0GITCRYPT\0") and back == SECRET
    detail = "encrypted a file, locked and unlocked it" if ok else "a file was stored as it is"
    return [Finding(name="git-crypt", ok=ok, detail=detail, remedy="" if ok else BOOTSTRAP)]


async def sandbox(settings: Settings) -> Sequence[Finding]:
    """Start boxes, and the agent's CLI in one. Raises Refused when root has no service user."""
    user = ServiceUser.named(settings.sandbox.user) if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="lb-doctor-") as folder:
        boxes = Bubblewrap(user=user, state=Path(folder))
        found = list(await boxes.probe())
        if all(finding.ok for finding in found):
            found.append(await _cli(boxes, Path(folder)))
    return found


async def _cli(boxes: Bubblewrap, folder: Path) -> Finding:
    name = "the agent's CLI in a box"
    program, version = await asyncio.to_thread(cli_copy, folder)
    box = Box(
        name="doctor",
        cwd="/tmp",  # noqa: S108 - the tmpfs inside
        binds=(Bind(source=program, dest=CLI),),
        env={"HOME": "/tmp", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"},  # noqa: S108
    )
    done = await boxes.run(box, [CLI, "--version"], timeout=40)
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    ok = done.code == 0 and version in said
    return Finding(
        name=name, ok=ok, detail=said or f"it ended with {done.code}", remedy="" if ok else BOOTSTRAP
    )


async def _run(*argv: str, cwd: str | Path | None = None) -> bytes:
    """Return a program's output. Raises Unavailable when it is missing or fails."""
    environment: Mapping[str, str] = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        **ENVIRONMENT,
    }
    try:
        child = await asyncio.create_subprocess_exec(
            *argv,
            cwd=cwd,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as exc:
        raise Unavailable(f"{argv[0]} cannot be started ({exc.strerror})", remedy=BOOTSTRAP) from exc
    try:
        out, err = await child.communicate()
    except asyncio.CancelledError:
        child.kill()
        await child.wait()
        raise
    if child.returncode:
        raise Unavailable(
            f"{' '.join(argv[:2])} failed: {err.decode(errors='replace').strip()}", remedy=BOOTSTRAP
        )
    return out
