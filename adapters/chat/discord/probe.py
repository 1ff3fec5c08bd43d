"""What `doctor` asks of Discord. Owns: look. Imports: core and the modules beside. Effects: reads at Discord."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.chat.discord import permissions
from adapters.chat.discord.client import Api
from adapters.chat.discord.names import Me
from adapters.chat.discord.payload import number, text
from core import wording
from core.errors import PortError
from core.ports import Finding


async def look(api: Api, me: Me, *, connected: bool | None, commands: str) -> Sequence[Finding]:
    """Try the token, the intent, the permissions in each server, the commands (`commands`: what went wrong with them) and the gateway.

    `connected` is None while nothing listens: then there is no gateway to look at.
    """
    try:
        user = await api.call("GET", "/users/@me")
    except PortError as exc:
        return (_finding("token", ok=False, detail=str(exc), remedy=exc.remedy),)
    found = [_finding("token", ok=True, detail=f"it is {wording.line(text(user, 'username'), 40)}")]
    found.append(
        _finding(
            "message content",
            ok=api.reads_content,
            detail="the intent is on"
            if api.reads_content
            else "the intent is off: only mentions, direct messages and commands are heard",
            remedy=""
            if api.reads_content
            else "Turn on Message Content Intent in the developer portal (Bot), then restart.",
        )
    )
    found += await _servers(api, me)
    found.append(
        _finding(
            "commands",
            ok=not commands,
            detail=commands or "/loop is registered",
            remedy="Restart the bridge." if commands else "",
        )
    )
    if connected is not None:
        found.append(
            _finding(
                "gateway",
                ok=connected,
                detail="connected" if connected else "not connected",
                remedy="" if connected else "Is discord.com reachable from here? The bridge goes on trying.",
            )
        )
    found.append(_finding("invitation", ok=True, detail=permissions.invite(me.application)))
    return tuple(found)


async def _servers(api: Api, me: Me) -> list[Finding]:
    link = permissions.invite(me.application)
    try:
        guilds = await api.call("GET", "/users/@me/guilds")
    except PortError as exc:
        return [_finding("servers", ok=False, detail=str(exc), remedy=exc.remedy)]
    if not guilds:
        return [_finding("servers", ok=False, detail="the bot is in no server", remedy=f"Let it in: {link}")]
    found = []
    for guild in guilds:
        lacking = permissions.missing(number(guild, "permissions"))
        name = wording.line(text(guild, "name"), 40)
        found.append(
            _finding(
                f"server {name}",
                ok=not lacking,
                detail=f"it lacks {wording.listing(lacking)}" if lacking else "all permissions are there",
                remedy=f"Let it in anew: {link}" if lacking else "",
            )
        )
    return found


def _finding(name: str, *, ok: bool, detail: str, remedy: str = "") -> Finding:
    return Finding(name=f"discord: {name}", ok=ok, detail=detail, remedy=remedy)
