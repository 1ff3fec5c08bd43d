"""What the bridge needs to be allowed. Owns: NEEDED, missing, granted, sentence, invite. Imports: core.wording. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from adapters.chat.discord.payload import Json, number, rows, some_id
from core import wording

ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10
EVERYTHING = (1 << 60) - 1
NEEDED: Mapping[str, int] = {
    "View Channels": VIEW_CHANNEL,
    "Send Messages": 1 << 11,
    "Create Public Threads": 1 << 35,
    "Send Messages in Threads": 1 << 38,
    "Read Message History": 1 << 16,
    "Attach Files": 1 << 15,
    "Add Reactions": 1 << 6,
}
CONTENT_FLAGS = 1 << 18 | 1 << 19  # of an application: it may read message content


def missing(granted: int, *, in_thread: bool = False) -> tuple[str, ...]:
    """Return the names of what is needed and not granted; within a thread none has to be made."""
    if granted & ADMINISTRATOR:
        return ()
    spared = ("Create Public Threads", "Send Messages") if in_thread else ()
    return tuple(name for name, bit in NEEDED.items() if not granted & bit and name not in spared)


def granted(roles: Sequence[Json], member: Json, channel: Json, guild: str) -> int:
    """Return what a member may in a channel, from the guild's roles and the channel's overwrites."""
    own = {guild, *(str(role) for role in member.get("roles", ()))}
    base = 0
    for role in roles:
        if some_id(role, "id") in own:
            base |= number(role, "permissions")
    if base & ADMINISTRATOR:
        return EVERYTHING
    user = some_id(member.get("user") or {}, "id")
    rules = {some_id(rule, "id"): rule for rule in rows(channel, "permission_overwrites")}
    for keys in ({guild}, own - {guild}, {user}):
        deny = allow = 0
        for key in keys & rules.keys():
            deny |= number(rules[key], "deny")
            allow |= number(rules[key], "allow")
        base = base & ~deny | allow
    return base if base & VIEW_CHANNEL else 0


def sentence(lacking: Sequence[str], where: str) -> str:
    """Return what is missing where, in bold: "I lack **Send Messages** in <#1>"."""
    return f"I lack {wording.listing([f'**{name}**' for name in lacking])} in {where}."


def invite(application_id: str) -> str:
    """Return the link by which somebody who manages a server lets the bot in, with exactly the permissions it needs."""
    bits = sum(NEEDED.values())
    asked = {"client_id": application_id, "scope": "bot applications.commands", "permissions": bits}
    return f"https://discord.com/oauth2/authorize?{urlencode(asked)}"
