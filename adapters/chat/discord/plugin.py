"""Discord's way in. Owns: build, invite. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from adapters.chat.discord import names, permissions
from adapters.chat.discord.adapter import DiscordChat
from adapters.chat.discord.asking import Completions
from adapters.chat.discord.recent import Recall, Remember
from core.errors import BadInput
from core.ids import IdentityKey
from core.ports import ChatAdapter, Clock

LOCAL = ("127.0.0.1", "::1", "localhost")


def build(
    *,
    clock: Clock,
    token: str,
    api_url: str = "",
    guilds: Sequence[str] = (),
    repos: Callable[[], Awaitable[Sequence[str]]] | None = None,
    loops: Callable[[IdentityKey], Awaitable[Sequence[tuple[str, str]]]] | None = None,
    may_start: Callable[[IdentityKey], Awaitable[bool]] | None = None,
    remember: Remember | None = None,
    recall: Recall | None = None,
) -> ChatAdapter:
    """Return Discord, not yet entered: one bot, in the servers whose ids `guilds` names (all that let it in, when it names none).

    `repos` and `loops` (somebody's loops as (handle, title)) complete what people type; `may_start` says whose
    commands begin one; `remember` and `recall` keep small values for good.
    Raises BadInput when what is given cannot work.
    """
    where = "docs/discord.md says where it is found."
    if not token.strip():
        raise BadInput(
            "Discord is set up without a bot token", remedy=f"Set LOOPBRIDGE_DISCORD__TOKEN; {where}"
        )
    if any(mark.isspace() for mark in token.strip()) or token.strip().lower().startswith("bot "):
        raise BadInput("the Discord token has words before it", remedy=f"Give the token alone; {where}")
    odd = next((guild for guild in guilds if not names.is_id(guild)), None)
    if odd is not None:
        raise BadInput(
            f"{odd!r} is no server's id", remedy="Turn on Developer Mode in Discord and copy the server's id."
        )
    parts = urlsplit(api_url)
    if api_url and not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL)):
        raise BadInput(
            "Discord's API address is no safe web address", remedy="Leave it empty for Discord itself."
        )
    return DiscordChat(
        clock=clock,
        token=token.strip(),
        api_url=api_url,
        guilds=guilds,
        completions=Completions(repos=repos, loops=loops, may_start=may_start),
        remember=remember,
        recall=recall,
    )


def invite(application_id: str) -> str:
    """Return the link by which the bot is let into a server, with exactly the permissions it needs."""
    return permissions.invite(application_id)
