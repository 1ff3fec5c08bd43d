"""The Slack adapter against the contract of chat adapters, over Socket Mode and over HTTP. Effects: a far side on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from core.testing import chat_contract
from tests.contract.chat_slack_rig import SlackRig


@pytest.fixture(params=["socket", "http"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[SlackRig]:
    async with SlackRig(http=request.param == "http") as rig:
        yield rig


@pytest.mark.parametrize(
    "check", chat_contract.CHECKS, ids=lambda check: check.__name__.removeprefix("check_")
)
async def test_slack(rig: SlackRig, check: chat_contract.Check) -> None:
    await check(rig)
