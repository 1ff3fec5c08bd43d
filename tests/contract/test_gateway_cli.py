"""The real CLI behind the gateway."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import claude_agent_sdk
import pytest
from aiohttp import web

from core import ports
from tests.contract.gateway_rig import KEY, Rig, rigged, stall, well
from tests.patience import PATIENCE


async def turn(rig: Rig, home: Path) -> claude_agent_sdk.ResultMessage:
    """Run one turn of the real CLI over the rig's model socket."""
    env = {
        "ANTHROPIC_UNIX_SOCKET": str(rig.model),
        "ANTHROPIC_BASE_URL": "http://localhost",
        "ANTHROPIC_API_KEY": "placeholder",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CONFIG_DIR": str(home / "claude"),
        "DISABLE_AUTOUPDATER": "1",
        "HOME": str(home),
        "PATH": os.environ["PATH"],
    }
    options = claude_agent_sdk.ClaudeAgentOptions(
        cwd=home, env=env, model="claude-sonnet-5-5", tools=["Read"], setting_sources=[]
    )
    async with asyncio.timeout(PATIENCE), claude_agent_sdk.ClaudeSDKClient(options) as client:
        await client.query("say hello")
        async for message in client.receive_response():
            if isinstance(message, claude_agent_sdk.ResultMessage):
                return message
    raise AssertionError("the turn has no result")


async def test_a_turn_passes_and_is_metered(home: Path) -> None:
    async with rigged() as rig:
        result = await turn(rig, home)
        assert (result.result, result.is_error) == ("hello", False)
        path, headers, _ = rig.far.seen[0]
        assert path == "/v1/messages?beta=true"
        assert headers["x-api-key"] == KEY
        assert "placeholder" not in str(headers)
        assert headers["x-claude-code-session-id"]
        assert isinstance((await rig.until(1))[0], ports.Metered)


async def test_a_spent_budget_ends_the_turn_at_once(home: Path) -> None:
    async with rigged(budget=0.0) as rig:
        result = await turn(rig, home)
        assert result.is_error
        assert result.result is not None
        assert "budget is spent" in result.result
        assert len(rig.reports) == 1
        assert rig.far.seen == []


@pytest.mark.parametrize("setting", [{"idle_timeout": 0.5}, {"first_byte_timeout": 0.5}])
async def test_a_stalled_answer_is_cut_and_the_cli_tries_again(home: Path, setting: dict[str, Any]) -> None:
    asked = 0

    async def first_stalls(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked > 1:
            return await well(request)
        if "first_byte_timeout" in setting:
            await asyncio.sleep(30)
        return await stall(request)

    async with rigged(first_stalls, **setting) as rig:
        result = await turn(rig, home)
        assert (result.result, result.is_error) == ("hello", False)
        assert any(isinstance(report, ports.ModelRefused) for report in rig.reports)


async def test_a_far_side_that_is_not_there_is_told_in_the_result(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rigged(base_url="http://127.0.0.1:9") as rig:
        monkeypatch.setenv("CLAUDE_CODE_MAX_RETRIES", "1")
        result = await turn(rig, home)
        assert result.is_error
        assert result.result is not None
        assert "cannot be reached" in result.result
