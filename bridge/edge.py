"""What stands between the bridge and the agent. Owns: Edge, build. Imports: adapters, config. Effects: opens the gateway, readies sessions."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from adapters.agent.runner import Sessions
from adapters.gateway.gateway import Gateway
from adapters.git.host import GitHost
from adapters.git.layers import GitLayers
from adapters.sandbox.bwrap import Bubblewrap
from adapters.sandbox.host import ServiceUser
from bridge import origins
from bridge.cli_copy import cli_copy
from bridge.home import Home
from config.settings import Settings
from core.ports import Clock, GatewayReport, Limits, ToolHand


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The sandbox, git, the way to the model, and the sessions. `tools` is filled by whoever has a tool for the agent."""

    sandbox: Bubblewrap
    git: GitHost
    layers: GitLayers
    gateway: Gateway
    runner: Sessions
    limits: Limits
    cli: Path
    version: str
    tools: list[ToolHand]


async def build(
    settings: Settings,
    home: Home,
    clock: Clock,
    stack: AsyncExitStack,
    report: Callable[[GatewayReport], Awaitable[None]],
    moved: Callable[[str], Awaitable[None]],
) -> Edge:
    """Build it all; `stack` closes it, `moved` hears of layers that moved. Raises LoopbridgeError when a service user, the CLI or git is missing."""
    base_url = await _model_url(settings, stack)
    sandbox = Bubblewrap(user=_service_user(settings), state=home.root)
    await sandbox.sweep()
    git, layers = origins.code(settings, sandbox, clock), origins.context(settings, sandbox, clock, moved)
    await git.sweep()
    await layers.sweep()
    cli, version = await asyncio.to_thread(cli_copy, home.root)
    key = settings.model.api_key.get_secret_value()
    gateway = await stack.enter_async_context(
        Gateway(
            base_url=base_url,
            key=key or ("rehearsal" if settings.model.rehearsal else ""),
            auth=settings.model.auth,
            allow=settings.egress.allow,
            private_networks=settings.egress.private_networks,
            owner=sandbox.owner(),
            report=report,
            clock=clock,
        )
    )
    tools: list[ToolHand] = []
    runner = await stack.enter_async_context(_sessions(settings, clock, tools))
    return Edge(
        sandbox=sandbox, git=git, layers=layers, gateway=gateway, runner=runner, limits=_limits(settings), cli=cli, version=version, tools=tools
    )  # fmt: skip


def _service_user(settings: Settings) -> ServiceUser | None:
    return ServiceUser.named(settings.sandbox.user) if os.geteuid() == 0 else None


def _sessions(settings: Settings, clock: Clock, hands: Sequence[ToolHand]) -> Sessions:
    agent = settings.agent
    return Sessions(
        idle_after=agent.idle_after.total_seconds(), max_idle=agent.max_idle, starts=agent.starts, tools=agent.tools, hands=hands,
        clock=clock,
    )  # fmt: skip


def _limits(settings: Settings) -> Limits:
    box = settings.sandbox
    return Limits(
        processes=box.processes,
        open_files=box.open_files,
        file_bytes=box.file,
        data_bytes=box.process_memory,
        memory_bytes=box.memory,
        tmp_bytes=box.tmp,
    )


async def _model_url(settings: Settings, stack: AsyncExitStack) -> str:
    """Return where the model answers; with a rehearsal script the bridge answers for it itself."""
    if settings.model.rehearsal is None:
        return settings.model.base_url
    from adapters.rehearsal import script, server

    words = await asyncio.to_thread(script.load, settings.home / settings.model.rehearsal)
    rehearsal = await stack.enter_async_context(server.Rehearsal(words, key="rehearsal"))
    return rehearsal.base_url
