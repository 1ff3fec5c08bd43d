"""Records as Discord spells them in JSON. Owns: one function per kind. Imports: the world's records. Effects: none."""

from __future__ import annotations

import re
from typing import Any

from tests.far_sides.discord import rights
from tests.far_sides.discord.records import Attachment, Channel, Guild, Member, Message, Role, User

MENTION = re.compile(r"<@!?(\d+)>")
ROLE_MENTION = re.compile(r"<@&(\d+)>")


def user(one: User) -> dict[str, Any]:
    return {
        "id": str(one.id), "username": one.name, "global_name": one.shown or None, "discriminator": "0",
        "avatar": None, "bot": one.bot, "public_flags": 0,
    }  # fmt: skip


def member(one: Member, *, with_user: bool = True) -> dict[str, Any]:
    value: dict[str, Any] = {
        "nick": one.nick or None, "roles": [str(role) for role in one.roles], "flags": 0, "avatar": None,
        "joined_at": "2026-01-01T00:00:00+00:00", "deaf": False, "mute": False, "pending": False,
    }  # fmt: skip
    return {**value, "user": user(one.user)} if with_user else value


def role(one: Role) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": str(one.id), "name": one.name, "permissions": str(one.permissions), "color": 0, "hoist": False,
        "position": 0, "managed": bool(one.bot), "mentionable": False, "flags": 0,
    }  # fmt: skip
    return {**value, "tags": {"bot_id": str(one.bot)}} if one.bot else value


def channel(one: Channel) -> dict[str, Any]:
    last = max(one.messages, default=0)
    value: dict[str, Any] = {
        "id": str(one.id), "type": one.type, "last_message_id": str(last) if last else None, "flags": 0,
    }  # fmt: skip
    if one.guild is None:
        return value
    value |= {"guild_id": str(one.guild.id), "name": one.name, "position": 0, "nsfw": False}
    if one.parent is not None:
        value["parent_id"] = str(one.parent.id)
    if not one.is_thread:
        value["permission_overwrites"] = [
            {
                "id": str(key),
                "type": 0 if key in one.guild.roles else 1,
                "allow": str(allow),
                "deny": str(deny),
            }
            for key, (allow, deny) in one.overwrites.items()
        ]
        return value
    count = sum(message.type != 21 for message in one.messages.values())
    value |= {
        "owner_id": str(one.owner), "message_count": count, "total_message_sent": count, "member_count": 2,
        "thread_metadata": {
            "archived": one.archived, "locked": one.locked, "auto_archive_duration": 4320,
            "archive_timestamp": "2026-01-01T00:00:00+00:00", "create_timestamp": "2026-01-01T00:00:00+00:00",
        },
    }  # fmt: skip
    return value


def guild(one: Guild, channels: list[Channel], viewer: User) -> dict[str, Any]:
    """Return the payload of GUILD_CREATE: only the threads and channels that the viewer sees."""
    seen = [each for each in channels if rights.in_channel(each, viewer)]
    return {
        "id": str(one.id), "name": one.name, "owner_id": str(one.owner), "unavailable": False, "large": False,
        "member_count": len(one.members), "features": [], "emojis": [], "stickers": [], "voice_states": [],
        "presences": [], "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
        "roles": [role(each) for each in one.roles.values()],
        "members": [member(each) for each in one.members.values() if each.user.bot],
        "channels": [channel(each) for each in seen if not each.is_thread],
        "threads": [channel(each) for each in seen if each.is_thread and not each.archived],
        "joined_at": "2026-01-01T00:00:00+00:00", "premium_tier": 0, "preferred_locale": "en-US",
    }  # fmt: skip


def attachment(one: Attachment, of: Message, origin: str) -> dict[str, Any]:
    path = f"/attachments/{of.channel.id}/{one.id}/{one.name}"
    return {
        "id": str(one.id), "filename": one.name, "size": len(one.content), "content_type": one.mime,
        "url": f"{origin}{path}?ex=1&is=2&hm=3", "proxy_url": f"{origin}{path}",
    }  # fmt: skip


def message(
    one: Message, *, viewer: User, origin: str, content: bool = True, nested: bool = False
) -> dict[str, Any]:
    """Return a message as `viewer` gets it; without `content` what the privileged intent covers is blank."""
    known = one.channel.guild.members if one.channel.guild else {}
    called = [known[int(found)].user for found in MENTION.findall(one.content) if int(found) in known]
    own = one.author.id == viewer.id
    told = content or own or one.channel.guild is None or viewer in called
    value: dict[str, Any] = {
        "id": str(one.id), "channel_id": str(one.channel.id), "author": user(one.author), "type": one.type,
        "content": one.content if told else "", "timestamp": one.at.isoformat(), "tts": False, "pinned": False,
        "edited_timestamp": one.edited_at.isoformat() if one.edited_at else None, "flags": one.flags,
        "mention_everyone": False, "mentions": [user(each) for each in called],
        "mention_roles": ROLE_MENTION.findall(one.content),
        "attachments": [attachment(each, one, origin) for each in one.attachments] if told else [],
        "embeds": one.embeds if told else [], "components": one.components if told else [],
    }  # fmt: skip
    if one.reactions:
        value["reactions"] = [
            {"emoji": {"id": None, "name": name}, "count": len(users), "me": viewer.id in users,
             "me_burst": False, "burst_colors": [], "count_details": {"burst": 0, "normal": len(users)}}
            for name, users in one.reactions.items() if users
        ]  # fmt: skip
    if one.reference is not None:
        value["message_reference"] = {
            "type": 0, "message_id": str(one.reference.id), "channel_id": str(one.reference.channel.id),
        }  # fmt: skip
        if not nested:
            value["referenced_message"] = message(
                one.reference, viewer=viewer, origin=origin, content=content, nested=True
            )
    if one.asked_by is not None:
        value["interaction_metadata"] = {"id": str(one.id), "type": 2, "user": user(one.asked_by)}
    return value
