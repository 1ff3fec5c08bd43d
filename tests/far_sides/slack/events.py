"""Slack's payloads. Owns: message, conversation, posted, changed, removed, callback. Imports: world. Effects: none."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.far_sides.slack.world import Channel, File, Message, Team, View, World

Payload = dict[str, Any]
SUBSCRIPTIONS = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}
NEEDS = {
    "message.channels": "channels:history", "message.groups": "groups:history", "message.im": "im:history",
    "message.mpim": "mpim:history", "app_mention": "app_mentions:read", "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read", "file_shared": "files:read",
}  # fmt: skip


def message(world: World, channel: Channel, found: Message, *, metadata: bool = False) -> Payload:
    """Return a message as history, replies and events carry it."""
    team = world.team_of(channel)
    payload = {"type": "message", "text": found.text, "ts": found.ts, **_author(team, found)}
    for key in ("blocks", "attachments", "edited", "client_msg_id"):
        if value := getattr(found, key):
            payload[key] = value
    if found.files:
        connected = channel.ext_shared
        payload["files"] = [
            {"id": file.id, "file_access": "check_file_info"} if connected else file.payload()
            for file in found.files
        ]
        payload["upload"] = False
    if metadata and found.metadata:
        payload["metadata"] = found.metadata
    if found.reactions:
        payload["reactions"] = [
            {"name": name, "users": list(users), "count": len(users)}
            for name, users in found.reactions.items()
        ]
    return payload | _threading(channel, found)


def _author(team: Team, found: Message) -> Payload:
    """Return who wrote a message: a person here or from a connected workspace, a bot, or a webhook with just a name."""
    author = team.users.get(found.user)
    kind = {"subtype": found.subtype} if found.subtype else {}
    named = {"bot_id": found.bot_id, "app_id": found.app_id} if found.bot_id else {}
    if found.subtype == "bot_message":
        return {**kind, **named, "username": found.username}
    who: Payload = {"user": found.user, "team": team.id}
    if author is not None and author.team != team.id:
        who |= {"team": author.team, "user_team": author.team, "source_team": author.team}
    if author is not None and author.bot_id:
        who["bot_profile"] = {
            "id": author.bot_id, "app_id": author.app_id, "name": author.name, "deleted": False, "team_id": team.id
        }  # fmt: skip
    return {**kind, **named, **who}


def _threading(channel: Channel, found: Message) -> Payload:
    if found.thread_ts:
        parent = channel.messages.get(found.thread_ts)
        return {"thread_ts": found.thread_ts} | ({"parent_user_id": parent.user} if parent else {})
    replies = [each for each in channel.messages.values() if each.thread_ts == found.ts and not each.deleted]
    if not replies:
        return {}
    users = list(dict.fromkeys(each.user for each in replies))
    return {
        "thread_ts": found.ts, "reply_count": len(replies), "reply_users_count": len(users), "reply_users": users[:5],
        "latest_reply": replies[-1].ts, "is_locked": False, "subscribed": True,
    }  # fmt: skip


def conversation(team: Team, channel: Channel) -> Payload:
    """Return a channel object as conversations.info gives it to the bot."""
    payload: Payload = {
        "id": channel.id, "created": 1700000000, "is_im": channel.kind == "im", "is_mpim": channel.kind == "mpim",
        "is_channel": channel.kind == "channel", "is_group": channel.kind == "group",
        "is_private": channel.kind != "channel", "is_archived": channel.archived, "is_org_shared": False,
        "is_shared": channel.ext_shared, "is_ext_shared": channel.ext_shared, "context_team_id": team.id,
    }  # fmt: skip
    if channel.kind == "im":
        return payload | {"user": next(user for user in channel.members if user != team.bot.id)}
    return payload | {
        "name": channel.name, "name_normalized": channel.name, "is_member": team.bot.id in channel.members,
        "is_general": channel.name == "general", "creator": channel.members[0] if channel.members else "",
        "topic": {"value": "", "creator": "", "last_set": 0}, "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel.members),
    }  # fmt: skip


def posted(world: World, channel: Channel, found: Message) -> Payload:
    """Return the event that a message was posted."""
    return message(world, channel, found, metadata=True) | {
        "channel": channel.id, "channel_type": channel.kind, "event_ts": found.ts
    }  # fmt: skip


def mentioned(world: World, channel: Channel, found: Message) -> Payload:
    """Return the second event of a post that mentions the app: the same ts, another type."""
    whole = message(world, channel, found)
    kept = (
        "user",
        "text",
        "ts",
        "team",
        "blocks",
        "files",
        "thread_ts",
        "parent_user_id",
        "edited",
        "client_msg_id",
    )
    return {
        "type": "app_mention", **{key: whole[key] for key in kept if key in whole},
        "channel": channel.id, "event_ts": found.ts,
    }  # fmt: skip


def changed(world: World, channel: Channel, now: Message, before: Message) -> Payload:
    """Return the event that a message was edited, by a person, by its bot or by an unfurl."""
    at = world.ts()
    previous = message(world, channel, before) | {"ts": now.ts}
    return {
        "type": "message", "subtype": "message_changed", "hidden": True, "message": message(world, channel, now, metadata=True),
        "previous_message": previous, "channel": channel.id, "channel_type": channel.kind, "ts": at, "event_ts": at,
    }  # fmt: skip


def removed(world: World, channel: Channel, gone: Message) -> Payload:
    """Return the event that a message was deleted."""
    at = world.ts()
    return {
        "type": "message", "subtype": "message_deleted", "hidden": True, "deleted_ts": gone.ts,
        "previous_message": message(world, channel, gone), "channel": channel.id, "channel_type": channel.kind,
        "ts": at, "event_ts": at,
    }  # fmt: skip


def reacted(world: World, channel: Channel, found: Message, user: str, name: str, *, added: bool) -> Payload:
    """Return the event of a reaction that came or went."""
    return {
        "type": "reaction_added" if added else "reaction_removed", "user": user, "reaction": name,
        "item": {"type": "message", "channel": channel.id, "ts": found.ts}, "item_user": found.user, "event_ts": world.ts(),
    }  # fmt: skip


def file_shared(world: World, channel: Channel, file: File) -> Payload:
    """Return the event that a file was shared."""
    return {
        "type": "file_shared", "file_id": file.id, "user_id": file.user, "file": {"id": file.id}, "channel_id": channel.id,
        "event_ts": world.ts(),
    }  # fmt: skip


def view(team: Team, shown: View, state: Payload | None = None) -> Payload:
    """Return a view object as Slack answers and delivers it."""
    body = {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
    }
    return {
        **body, "close": None, "submit": None, "title": None, **shown.body, "id": shown.id, "team_id": team.id, "hash": shown.hash,
        "app_id": team.app.id, "bot_id": team.bot.bot_id, "root_view_id": shown.root, "previous_view_id": shown.previous or None,
        "app_installed_team_id": team.id, "state": {"values": state or {}},
    }  # fmt: skip


def callback(world: World, team: Team, event: Payload, channel: Channel | None) -> Payload:
    """Wrap an event as the Events API delivers it, under an event id of its own."""
    context = json.dumps({"et": event["type"], "ti": team.id, "ci": channel.id if channel else ""})
    return {
        "token": team.app.verification_token, "team_id": team.id, "context_team_id": team.id, "context_enterprise_id": None,
        "api_app_id": team.app.id, "event": event, "type": "event_callback", "event_id": world.id("Ev"),
        "event_time": int(time.time()), "is_ext_shared_channel": bool(channel and channel.ext_shared),
        "authorizations": [{
            "enterprise_id": None, "team_id": team.id, "user_id": team.bot.id, "is_bot": True, "is_enterprise_install": False,
        }],
        "event_context": f"4-{context}",
    }  # fmt: skip


def subscription(event: Payload, channel: Channel | None) -> str:
    """Return the subscription that an event is delivered under."""
    return SUBSCRIPTIONS[channel.kind] if event["type"] == "message" and channel else str(event["type"])
