"""Promotion that is cut short: whatever was done, doing it all again ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.git_crash import POINTS
from tests.contract.git_rig import Rig

FIX = "echo fixed > fix.txt && git add -A && git commit -qm 'Fix it'"


@pytest.fixture
async def rig(home: Path, service_user: str) -> Rig:
    rig = await asyncio.to_thread(Rig, home, service_user)
    await rig.host.sweep()
    return rig


@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_promotion_can_be_done_again(rig: Rig, service_user: str, point: str) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    child = [sys.executable, "-m", "tests.contract.git_crash", str(rig.home), service_user, base, point]
    done = await asyncio.to_thread(
        subprocess.run, child, capture_output=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == -9, done.stderr.decode()
    rig.host = rig.build()
    await rig.host.sweep()
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert [commit.subject for commit in judged.commits] == ["Fix it"]
    await rig.host.land("demo", "loop/x", judged)
    assert rig.in_origin("loop/x") == rig.in_mirror("loop/x") == judged.tip
    rig.git("fsck", "--strict", at=rig.origin)
    rig.git("fsck", "--strict", at=rig.host.mirror("demo"))
    assert not list((rig.home / "state" / "quarantine").glob("*/*"))
    assert await rig.host.sync("demo") == base


async def test_a_judged_pack_lands_after_a_restart(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    rig.host = rig.build()
    await rig.host.sweep()
    await rig.host.land("demo", "loop/x", judged)
    assert rig.in_origin("loop/x") == judged.tip


async def test_locks_empty_refs_and_half_made_folders_are_cleared(rig: Rig) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    mirror = rig.host.mirror("demo")
    heads = mirror / "refs" / "heads" / "loop"
    heads.mkdir(parents=True)
    for stale in (heads / "x.lock", heads / "x", mirror / "HEAD.lock", mirror / "packed-refs.lock"):
        stale.touch()
    (mirror / "objects" / "pack" / "tmp_pack_abc").write_text("half")
    (rig.home / "state" / "repos" / ".new-1").mkdir()
    (rig.home / "state" / "quarantine" / "demo" / ".in-1").mkdir(parents=True)
    old = rig.home / "state" / "quarantine" / "demo" / ("a" * 40)
    old.mkdir()
    os.utime(old, (0, 0))
    rig.host = rig.build()
    await rig.host.sweep()
    assert await rig.host.sync("demo") == base
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    await rig.host.land("demo", "loop/x", judged)
    assert rig.in_mirror("loop/x") == judged.tip
    assert not list((rig.home / "state").glob("*/.[!.]*"))
    assert not list((rig.home / "state" / "quarantine").glob("*/*"))
