"""The runner, with real git: what it hands on, and what it does when git hangs, floods or is missing."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
from pathlib import Path

import pytest

from adapters.git import safe
from core import errors

RUN = ("-c", 'alias.do=!f() { eval "$1"; }; f', "do")


def sleeping(unique: str) -> list[str]:
    """Return the processes that still run with this word among their arguments; an ended one may take a moment to go."""
    for _ in range(50):
        listed = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout
        found = [line for line in listed.splitlines() if unique in line and not line.startswith("Z")]
        if not found:
            break
        time.sleep(0.05)
    return found


@pytest.fixture
def git(home: Path) -> safe.SafeGit:
    return safe.SafeGit(globals_at=home / "gitconfig", grants={"SSH_AUTH_SOCK": "/run/agent"})


async def test_nothing_of_the_bridges_environment_is_handed_on(
    git: safe.SafeGit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TOKEN", "GIT_DIR", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "HTTPS_PROXY", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "leaked")
    seen = await git.run(safe.NOWHERE, *RUN, "env")
    assert "leaked" not in seen.text
    assert "SSH_AUTH_SOCK" not in seen.text
    assert "GIT_CONFIG_NOSYSTEM=1" in seen.text
    granted = await git.run(safe.NOWHERE, *RUN, "env", remote=True)
    assert "SSH_AUTH_SOCK=/run/agent" in granted.text


async def test_no_repository_is_looked_for(git: safe.SafeGit) -> None:
    done = await git.run(safe.NOWHERE, "rev-parse", "--git-dir")
    assert done.code == 128


async def test_output_past_the_cap_is_dropped_and_said(git: safe.SafeGit) -> None:
    done = await git.run(safe.NOWHERE, *RUN, "head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2",
                         bounds=safe.Bounds(output=1000))  # fmt: skip
    assert (len(done.out), len(done.err), done.cut, done.code) == (1000, 1000, True, 0)


async def test_a_command_that_hangs_is_killed_with_its_children(git: safe.SafeGit) -> None:
    unique = str(7_000_000 + secrets.randbelow(1_000_000))
    with pytest.raises(safe.TimedOut):
        await git.run(safe.NOWHERE, *RUN, f"sleep {unique} & sleep {unique}", bounds=safe.Bounds(seconds=1))
    assert await asyncio.to_thread(sleeping, unique) == []


async def test_memory_is_bounded(git: safe.SafeGit) -> None:
    done = await git.run(safe.NOWHERE, *RUN, "ulimit -d", bounds=safe.Bounds(memory=64 << 20))
    assert done.text == str(64 << 10)


async def test_input_comes_from_bytes_or_from_the_middle_of_a_file(git: safe.SafeGit, home: Path) -> None:
    file = home / "in"
    file.write_bytes(b"0123456789")
    assert (await git.run(safe.NOWHERE, *RUN, "cat", stdin=b"abc")).out == b"abc"
    assert (await git.run(safe.NOWHERE, *RUN, "cat", stdin=file, skip=4)).out == b"456789"
    assert (await git.run(safe.NOWHERE, *RUN, "cat")).out == b""


async def test_a_full_disk_is_told_as_one(git: safe.SafeGit) -> None:
    with pytest.raises(errors.StorageFull):
        await git.run(safe.NOWHERE, *RUN, "cat /dev/zero > /dev/full")


async def test_a_repository_that_cannot_be_read_is_damaged(git: safe.SafeGit, home: Path) -> None:
    with pytest.raises(errors.Damaged) as told:
        await git.ask(home / "x.git", "for-each-ref")
    assert str(home / "x.git") in told.value.remedy


async def test_hooks_and_configuration_of_people_are_not_read(git: safe.SafeGit, home: Path) -> None:
    await git.run(home / "a.git", "init", "-q", "--bare", "--template=")
    (home / "a.git" / "hooks").mkdir()
    trap = home / "a.git" / "hooks" / "reference-transaction"
    trap.write_text(f"#!/bin/sh\ntouch {home}/marker\n")
    trap.chmod(0o755)
    tree = await git.run(home / "a.git", "mktree")
    commit = await git.run(
        home / "a.git", "-c", "user.name=a", "-c", "user.email=a", "commit-tree", tree.text, "-m", "x"
    )
    assert (await git.run(home / "a.git", "update-ref", "refs/heads/x", commit.text)).code == 0
    assert not (home / "marker").exists()


async def test_an_address_that_is_a_command_is_not_run(git: safe.SafeGit, home: Path) -> None:
    done = await git.run(safe.NOWHERE, "ls-remote", f"ext::touch {home}/marker")
    assert done.code != 0
    assert not (home / "marker").exists()
