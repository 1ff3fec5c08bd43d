"""What each chat adapter is built with. Owns: Memory, arguments, builders. Imports: adapters.registry, config, core. Effects: none.

Settings become plain arguments here; a platform's adapter (and its SDK) is imported only when its chat is wanted, and in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from adapters import registry
from bridge.home import Home
from bridge.overview import Overview
from config.settings import Settings
from core.ports import ChatAdapter, Clock, Store

Arguments = Mapping[str, object]
Build = Callable[[], Awaitable[ChatAdapter]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one chat keeps in the bridge's store, apart from what others keep there."""

    store: Store
    chat: str

    async def remember(self, key: str, value: str) -> None:
        """Keep a value for good."""
        await self.store.keep(f"chat:{self.chat}:{key}", value)

    async def recall(self, key: str) -> str | None:
        """Return a value that was kept."""
        return await self.store.kept(f"chat:{self.chat}:{key}")


def arguments(settings: Settings, clock: Clock) -> dict[str, Arguments]:
    """Return what the settings say of each chat that is wanted, as the adapter takes it."""
    wanted: dict[str, Arguments] = {}
    if settings.chat.local.enabled:
        wanted["local"] = {"home": settings.home, "clock": clock}
    if settings.slack.wanted:
        wanted["slack"] = {**_slack(settings), "clock": clock}
    if settings.matrix.wanted:
        wanted["matrix"] = {**_matrix(settings), "clock": clock}
    if settings.discord.wanted:
        wanted["discord"] = {**_discord(settings), "clock": clock}
    return wanted


def builders(settings: Settings, *, clock: Clock, store: Store, overview: Overview) -> dict[str, Build]:
    """Return what builds the adapter of each chat that is wanted, as the running bridge has it."""

    async def repos() -> Sequence[str]:
        return sorted(settings.repos)

    of_bridge: dict[str, Arguments] = {
        "slack": {**_memory(store, "slack"), "home": overview.page, "may_start": overview.may_start},
        "discord": {
            **_memory(store, "discord"),
            "repos": repos,
            "loops": overview.loops,
            "may_start": overview.may_start,
        },
    }
    return {
        name: partial(build, name, {**given, **of_bridge.get(name, {})})
        for name, given in arguments(settings, clock).items()
    }


async def build(name: str, given: Arguments) -> ChatAdapter:
    """Return a chat's adapter, not yet entered. Raises BadInput when what is given cannot work."""
    load = await asyncio.to_thread(registry.load, name)
    return load(**given)


def _memory(store: Store, chat: str) -> Arguments:
    memory = Memory(store=store, chat=chat)
    return {"remember": memory.remember, "recall": memory.recall}


def _slack(settings: Settings) -> Arguments:
    slack = settings.slack
    app_token = slack.app_token.get_secret_value()
    return {
        "bot_tokens": slack.bot_tokens,
        "app_token": app_token,
        "signing_secret": slack.signing_secret.get_secret_value(),
        "api_url": slack.api_url,
        "listen_on": None if app_token else (slack.listen_host, slack.listen_port),
    }


def _matrix(settings: Settings) -> Arguments:
    matrix = settings.matrix
    return {
        "home": Home(settings.home).keys,
        "homeserver": matrix.homeserver,
        "user_id": matrix.user_id,
        "password": matrix.password.get_secret_value(),
        "access_token": matrix.access_token.get_secret_value(),
        "device_id": matrix.device_id,
        "recovery_key": matrix.recovery_key.get_secret_value(),
        "allow_servers": matrix.allow_servers,
        "allow_users": matrix.allow_users,
        "ghosts": matrix.ghosts,
        "link_hosts": matrix.link_hosts,
        "unsigned_devices": matrix.unsigned_devices,
    }


def _discord(settings: Settings) -> Arguments:
    discord = settings.discord
    return {
        "token": discord.token.get_secret_value(),
        "api_url": discord.api_url,
        "guilds": discord.guilds,
    }
