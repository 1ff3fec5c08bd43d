"""A box whose git says what the agent wants: forged tips, broken packs, all through a real pipe."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.sandbox import bwrap
from core import errors, ports
from tests.contract.git_rig import Rig

FIX = "echo fixed > fix.txt && git add -A && git commit -qm 'Fix it'"
TIP = "tip=$(git rev-parse loop/x); base=$(git rev-parse origin/main);"
PACK = "printf '%s\\n^%s\\n' $tip $base | git pack-objects -q --revs --thin --stdout"
LIES = {
    "a tip that does not exist": (f"{TIP} printf '%040d\\n' 7; {PACK}", "names a tip that is no commit"),
    "an option for a tip": (f"{TIP} printf '%-40s\\n' --upload-pack=evil; {PACK}", "names no commit"),
    "a tip in capitals": (f"{TIP} echo ${{tip^^}}; {PACK}", "names no commit"),
    "a tip with more behind it": (f"{TIP} echo $tip--; {PACK}", "names no commit"),
    "a tree for a tip": (f"{TIP} git rev-parse 'loop/x^{{tree}}'; {PACK}", "names a tip that is no commit"),
    "nothing": ("true", "names no commit"),
    "a tip and nothing": (f"{TIP} echo $tip", "can't be taken"),
    "garbage": (f"{TIP} echo $tip; head -c 5000 /dev/urandom", "can't be taken"),
    "a header and garbage": (
        f"{TIP} echo $tip; printf 'PACK\\0\\0\\0\\2\\0\\0\\0\\3'; head -c 5000 /dev/zero",
        "can't be taken",
    ),
    "a truncated pack": (f"{TIP} echo $tip; {PACK} | head -c 150", "can't be taken"),
    "a pack and more": (f"{TIP} echo $tip; {PACK}; echo more", "can't be taken"),
    "a commit without its tree": (
        f"{TIP} echo $tip; echo $tip | git pack-objects -q --stdout",
        "can't be taken",
    ),
    "a pack without the commit": (
        f"{TIP} echo $tip; git rev-list --objects $tip ^$base | grep -v ^$tip | git pack-objects -q --stdout",
        "names a tip that is no commit",
    ),
    "a failure": (f"{TIP} echo $tip; {PACK}; exit 3", "gives out no commits"),
}


class Lying(bwrap.Bubblewrap):
    """A real box that answers an export with whatever `says` makes of it."""

    says = ""

    async def run_to_file(
        self,
        box: ports.Box,
        argv: Sequence[str],
        out: Path,
        *,
        timeout: float = 60,
        max_output: int = 1 << 20,
    ) -> ports.Finished:
        lie = ("bash", "-uc", self.says)
        return await super().run_to_file(box, lie, out, timeout=timeout, max_output=max_output)


@pytest.fixture
async def rig(home: Path, service_user: str) -> Rig:
    rig = await asyncio.to_thread(Rig, home, service_user)
    await rig.host.sweep()
    return rig


@pytest.mark.parametrize("lie", LIES)
async def test_a_box_that_lies_is_not_believed(rig: Rig, lie: str) -> None:
    box, base = await rig.cloned("one", "loop/x")
    await rig.agent(box, FIX)
    sandbox = await asyncio.to_thread(Lying, user=rig.user, state=rig.home / "state")
    sandbox.says, expected = LIES[lie]
    with pytest.raises(errors.Refused, match=expected) as told:
        await rig.build(sandbox=sandbox).take_in("demo", "loop/x", base, box)
    assert told.value.remedy
    assert not list((rig.home / "state" / "quarantine").glob("*/*"))
    judged = await rig.host.take_in("demo", "loop/x", base, box)
    assert len(judged.commits) == 1
