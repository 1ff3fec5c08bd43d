"""Does the demo's outcome hold? Owns: check. Imports: adapters.git, adapters.sandbox. Effects: clones the origin, runs its tests in a box."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path

from adapters.git.safe import SafeGit
from adapters.sandbox.bwrap import Bubblewrap
from adapters.sandbox.host import ServiceUser
from config.settings import Settings
from core.errors import LoopbridgeError
from core.ports import Bind, Box

Check = tuple[str, bool, str]  # what was looked at, whether it holds, what was seen
BRANCH = re.compile(r"refs/heads/(loop/fix-the-failing-test-[0-9a-f]{6})$", re.MULTILINE)


async def check(settings: Settings, origin: Path) -> list[Check]:
    """Look the outcome up in the origin itself, and run the tests of the branch and of main."""
    sandbox = Bubblewrap(
        user=ServiceUser.named(settings.sandbox.user) if os.geteuid() == 0 else None, state=settings.home
    )
    place = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="loopbridge-check-"))
    try:
        return await _checks(sandbox, origin, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _checks(sandbox: Bubblewrap, origin: Path, place: Path) -> list[Check]:
    git = SafeGit(globals_at=place / "gitconfig")
    refs = await git.ask(origin, "for-each-ref", "--format=%(objectname) %(refname)")
    found = BRANCH.search(refs)
    if found is None:
        return [("the branch exists in the origin", False, refs.strip())]
    branch = found.group(1)
    subject = (await git.ask(origin, "log", "-1", "--format=%s", branch, "--")).strip()
    bundle = (await git.run(origin, "bundle", "create", "-q", "-", "--branches")).out
    return [
        ("the branch exists in the origin", True, f"{branch}: {subject}"),
        await _tests(sandbox, bundle, branch, place / "branch", should_pass=True),
        await _tests(sandbox, bundle, "main", place / "main", should_pass=False),
    ]


async def _tests(sandbox: Bubblewrap, bundle: bytes, branch: str, tree: Path, *, should_pass: bool) -> Check:
    """Run a branch's tests in a fresh clone, inside a box: nothing the agent wrote runs on the host."""
    what = f"the tests {'pass' if should_pass else 'still fail'} on {'the branch' if should_pass else 'main, which nobody touched'}"
    await asyncio.to_thread(_folder, tree, sandbox.owner())
    box = Box(
        name="check",
        cwd="/check",
        binds=(Bind(source=tree, dest="/check", writable=True),),
        files={"/run/origin.bundle": bundle},
    )
    script = 'git clone -q --branch "$1" /run/origin.bundle repo && cd repo && python3 -m unittest -q'
    try:
        done = await sandbox.run(box, ("/bin/sh", "-c", script, "check", branch))
    except LoopbridgeError as exc:
        return what, False, str(exc)
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [""]
    ran = "OK" in last[0] or "FAILED" in last[0]
    return what, ran and (done.code == 0) is should_pass, last[0]


def _folder(tree: Path, owner: tuple[int, int] | None) -> None:
    tree.mkdir()
    if owner is not None:
        os.chown(tree, *owner)
