"""The agent's own CLI in a box, and the contract held for a bridge that is not root. Effects: runs boxes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import claude_agent_sdk
import pytest

from adapters.sandbox import bwrap, executable, host, process
from core import errors, ports

ROOT = Path(__file__).parents[2]
RUNNER = """
import asyncio, pathlib, sys, tempfile
from adapters.sandbox import bwrap
from core.testing import sandbox_contract, sandbox_limits_contract, sandbox_privileges_contract, sandbox_rig
async def main():
    failed = 0
    for check in (*sandbox_contract.CHECKS, *sandbox_privileges_contract.CHECKS, *sandbox_limits_contract.CHECKS):
        with tempfile.TemporaryDirectory() as folder:
            scratch = pathlib.Path(folder)
            rig = sandbox_rig.Rig(sandbox=bwrap.Bubblewrap(user=None, state=scratch), scratch=scratch)
            try:
                await check(rig)
            except Exception as error:
                failed += 1
                print(check.__name__, repr(error))
    sys.exit(failed)
asyncio.run(main())
"""


@pytest.fixture
def cli() -> Path:
    return Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"


async def test_the_cli_runs_by_a_launcher_and_cannot_be_read(
    cli: Path, home: Path, service_user: str
) -> None:
    copy = home / "cli" / "claude"
    await asyncio.to_thread(executable.execute_only_copy, cli, copy)
    user = host.ServiceUser.named(service_user) if os.geteuid() == 0 else None
    sandbox = bwrap.Bubblewrap(user=user, state=home)
    box = ports.Box(name="cli", cwd="/home/loop", binds=(ports.Bind(source=copy, dest="/opt/claude"),))
    await asyncio.to_thread(sandbox.write_launcher, box, ["/opt/claude"], home / "launch")
    child = await asyncio.create_subprocess_exec(
        home / "launch", "--version", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await child.communicate()
    assert (child.returncode, err) == (0, b"")
    assert b"Claude Code" in out
    assert (await sandbox.run(box, ["head", "-c1", "/opt/claude"])).code == 1


def life_behind(launch: Path) -> process.Life:
    for _ in range(600):
        if (life := process.life_of(launch)) is not None:
            return life
        time.sleep(0.05)
    raise AssertionError(launch.with_name("launch.err").read_text())


async def test_what_a_killed_bridge_left_running_is_ended_and_nothing_of_other_homes(
    home: Path, service_user: str
) -> None:
    user = host.ServiceUser.named(service_user) if os.geteuid() == 0 else None
    lives = []
    for name in ("a b", "b"):
        (home / name / "loops").mkdir(parents=True)
        sandbox = bwrap.Bubblewrap(user=user, state=home / name)
        binds = (ports.Bind(source=home / name / "loops", dest="/loops"),)
        launch = home / name / "launch"
        await asyncio.to_thread(
            sandbox.write_launcher,
            ports.Box(name="left", cwd="/loops", binds=binds),
            ["sleep", "600"],
            launch,
        )
        # Its parent is gone before it can ask to be killed with it.
        script = '(sleep 0.3; exec "$1" >/dev/null 2>"$1.err") </dev/null &'
        await (await asyncio.create_subprocess_exec("sh", "-c", script, "sh", launch)).wait()
        lives.append(await asyncio.to_thread(life_behind, launch))
    await bwrap.Bubblewrap(user=user, state=home / "a b").sweep()
    await lives[0].ended(within=30)
    with pytest.raises(errors.Unavailable):
        await lives[1].ended(within=0.2)
    await bwrap.Bubblewrap(user=user, state=home / "b").sweep()
    await lives[1].ended(within=30)
    for life in lives:
        life.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="the contract itself has just been held without root")
def test_the_contract_holds_without_root(home: Path, service_user: str) -> None:
    """As the service user itself, by the system's Python: the tree and the interpreter may be closed to it."""
    user = host.ServiceUser.named(service_user)
    for folder in ("core", "adapters/sandbox"):
        shutil.copytree(ROOT / folder, home / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for module in ("__init__.py", "cancelling.py"):
        shutil.copy(ROOT / "adapters" / module, home / "adapters")
    for path in (home, *home.rglob("*")):
        os.chown(path, user.uid, user.gid)
    done = subprocess.run(
        ["/usr/bin/python3", "-Bc", RUNNER],
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": str(home)},
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
