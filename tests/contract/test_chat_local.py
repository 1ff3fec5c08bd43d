"""The local chat against the contract of chat adapters. Effects: a room in a temporary home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.testing import chat_contract
from tests.contract.chat_local_rig import LocalRig


@pytest.fixture
async def rig(home: Path) -> AsyncIterator[LocalRig]:
    async with LocalRig(home) as rig:
        yield rig


@pytest.mark.parametrize(
    "check", chat_contract.CHECKS, ids=lambda check: check.__name__.removeprefix("check_")
)
async def test_local_chat(rig: LocalRig, check: chat_contract.Check) -> None:
    await check(rig)
