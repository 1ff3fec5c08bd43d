"""Who may do what where. Owns: the permission bits and how they add up. Imports: the world's records. Effects: none."""

from __future__ import annotations

from tests.far_sides.discord.records import Channel, Guild, User

CREATE_INVITE = 1 << 0
ADMINISTRATOR = 1 << 3
ADD_REACTIONS = 1 << 6
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
MANAGE_THREADS = 1 << 34
CREATE_PUBLIC_THREADS = 1 << 35
SEND_MESSAGES_IN_THREADS = 1 << 38
EVERYTHING = (1 << 50) - 1
USUAL = (
    ADD_REACTIONS | VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS | ATTACH_FILES | READ_MESSAGE_HISTORY
    | CREATE_PUBLIC_THREADS | SEND_MESSAGES_IN_THREADS
)  # fmt: skip


def in_guild(guild: Guild, user: User) -> int:
    """Return a member's permissions before any channel's overwrites."""
    if user.id == guild.owner:
        return EVERYTHING
    granted = guild.roles[guild.id].permissions
    for role in guild.members[user.id].roles:
        granted |= guild.roles[role].permissions
    return EVERYTHING if granted & ADMINISTRATOR else granted


def in_channel(channel: Channel, user: User) -> int:
    """Return a user's permissions in a channel; a thread has those of its parent."""
    guild = channel.guild
    if guild is None:
        return EVERYTHING if user.id in channel.recipients else 0
    if user.id not in guild.members:
        return 0
    granted = in_guild(guild, user)
    if granted == EVERYTHING:
        return granted
    rules = (channel.parent or channel).overwrites if channel.is_thread else channel.overwrites
    roles = guild.members[user.id].roles
    for group in ([guild.id], roles, [user.id]):
        allow = deny = 0
        for key in group:
            allow |= rules.get(key, (0, 0))[0]
            deny |= rules.get(key, (0, 0))[1]
        granted = (granted & ~deny) | allow
    return granted if granted & VIEW_CHANNEL else 0
