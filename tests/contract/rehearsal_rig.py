"""A session of the real CLI in front of the rehearsal model. Owns: Talk, talk, until, no_objections. Effects: starts processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ClaudeSDKClient,
    PermissionResultAllow,
    PermissionResultDeny,
    ResultMessage,
    SystemMessage,
    TextBlock,
    ToolPermissionContext,
    ToolResultBlock,
    UserMessage,
)

from adapters.rehearsal.server import Rehearsal
from tests.patience import PATIENCE


class Talk:
    """One session of the CLI, and what it said."""

    def __init__(self, client: ClaudeSDKClient) -> None:
        self.client = client
        self.texts: list[str] = []
        self.results: list[ToolResultBlock] = []
        self.retries: list[dict[str, Any]] = []

    async def say(self, prompt: str) -> ResultMessage:
        await self.client.query(prompt)
        return await self.listen()

    async def listen(self) -> ResultMessage:
        result: ResultMessage | None = None
        async for message in self.client.receive_response():
            match message:
                case AssistantMessage():
                    self.texts += [block.text for block in message.content if isinstance(block, TextBlock)]
                case UserMessage() if not isinstance(message.content, str):
                    self.results += [block for block in message.content if isinstance(block, ToolResultBlock)]
                case SystemMessage(subtype="api_retry"):
                    self.retries.append(message.data)
                case ResultMessage():
                    result = message
                case _:
                    pass
        assert result is not None
        return result


@asynccontextmanager
async def talk(rehearsal: Rehearsal, folder: Path, *, refuse: str = "", **more: Any) -> AsyncIterator[Talk]:
    """Start the CLI in `folder`; calls whose input holds `refuse` are denied."""

    async def judge(
        name: str, given: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        if refuse and refuse in str(given):
            return PermissionResultDeny(message="Denied by Maya: not now")
        return PermissionResultAllow(updated_input=given)

    workdir = folder / "workdir"
    workdir.mkdir(parents=True, exist_ok=True)
    options = ClaudeAgentOptions(
        cwd=workdir,
        can_use_tool=judge,
        setting_sources=[],
        env={
            "ANTHROPIC_BASE_URL": rehearsal.base_url,
            "ANTHROPIC_API_KEY": "x",
            "CLAUDE_CONFIG_DIR": str(folder / "claude"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        **more,
    )
    async with ClaudeSDKClient(options) as client:
        yield Talk(client)


def no_objections(model: Rehearsal) -> None:
    assert [one.error for one in model.requests if one.status in {400, 404, 405, 413}] == []


async def until(seen: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not seen():  # noqa: ASYNC110 - a file appears outside of the loop
            await asyncio.sleep(0.05)
