"""Every sandbox backend against the contract. Effects: runs boxes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.sandbox import bwrap, host
from core.testing import sandbox_contract, sandbox_limits_contract, sandbox_privileges_contract, sandbox_rig


@pytest.fixture
def rig(home: Path, service_user: str) -> sandbox_rig.Rig:
    user = host.ServiceUser.named(service_user) if os.geteuid() == 0 else None
    return sandbox_rig.Rig(sandbox=bwrap.Bubblewrap(user=user, state=home), scratch=home)


@pytest.mark.parametrize(
    "check",
    [*sandbox_contract.CHECKS, *sandbox_privileges_contract.CHECKS, *sandbox_limits_contract.CHECKS],
    ids=lambda check: check.__name__.removeprefix("check_"),
)
async def test_bubblewrap(rig: sandbox_rig.Rig, check: sandbox_contract.Check) -> None:
    await check(rig)
