"""Discord against the contract of chat adapters. Effects: a far side on the loopback interface."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.testing import chat_contract
from tests.contract.chat_discord_rig import DiscordRig
from tests.far_sides.discord.server import FarDiscord


@pytest.fixture
async def rig() -> AsyncIterator[DiscordRig]:
    async with FarDiscord() as far, DiscordRig(far) as rig:
        yield rig


@pytest.mark.parametrize(
    "check", chat_contract.CHECKS, ids=lambda check: check.__name__.removeprefix("check_")
)
async def test_discord(rig: DiscordRig, check: chat_contract.Check) -> None:
    await check(rig)
