"""What each REST route about messages and interactions does. Owns: its routes. Imports: the world. Effects: changes the world."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from tests.far_sides.discord import forms, rights
from tests.far_sides.discord.records import SUPPRESS_EMBEDS, Attachment, Message
from tests.far_sides.discord.refusals import Refusal, invalid, unknown
from tests.far_sides.discord.routes import ROUTES, Call, route

__all__ = ["ROUTES"]
TOO_LARGE = 10_485_760


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _checked(files: list[Attachment], body: Any) -> list[Attachment]:
    if sum(len(each.content) for each in files) > TOO_LARGE:
        raise Refusal(413, 40005, "Request entity too large")
    named = {
        int(each["id"]): each.get("filename", "")
        for each in body.get("attachments") or []
        if int(each["id"]) < 100
    }
    for at, each in enumerate(files):
        each.name = named.get(at) or each.name
        if each.name.endswith((".md", ".txt", ".diff", ".log")):
            each.mime = "text/plain"
    return files


@route("POST", "/channels/{channel}/messages")
def post_message(call: Call) -> Any:
    forms.message(call.body, files=len(call.files))
    sent = call.world.send(call.channel, call.body, _checked(call.files, call.body))
    return call.world.spell(sent) | ({"nonce": sent.nonce} if sent.nonce else {})


@route("GET", "/channels/{channel}/messages")
def list_messages(call: Call) -> Any:
    world, limit = call.world, int(call.query.get("limit", 50))
    if not 1 <= limit <= 100:
        raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
    if not rights.in_channel(call.channel, world.bot) & rights.READ_MESSAGE_HISTORY:
        return []
    known = [each for each in call.channel.messages.values() if not each.to]
    known.sort(key=lambda each: each.id)
    if "after" in call.query:
        known = [each for each in known if each.id > int(call.query["after"])][:limit]
    else:
        before = int(call.query.get("before", 1 << 63))
        known = [each for each in known if each.id < before][-limit:]
    return [world.spell(each) for each in reversed(known)]


@route("GET", "/channels/{channel}/messages/{message}")
def get_message(call: Call) -> Any:
    return call.world.spell(call.message)


def _own(call: Call) -> Message:
    message = call.message
    if message.author is not call.world.bot:
        raise Refusal(403, 50005, "Cannot edit a message authored by another user")
    return message


@route("PATCH", "/channels/{channel}/messages/{message}")
def patch_message(call: Call) -> Any:
    message, world = _own(call), call.world
    if message.channel.archived:
        raise Refusal(400, 50083, "Thread is archived")
    forms.message(call.body, files=len(call.files), creating=False)
    fields = {
        name: call.body[name] or ("" if name == "content" else [])
        for name in ("content", "components")
        if name in call.body
    }
    if "attachments" in call.body:
        kept = {int(each["id"]) for each in call.body["attachments"]}
        message.attachments = [each for each in message.attachments if each.id in kept]
    message.attachments += _checked(call.files, call.body)
    if "flags" in call.body:
        fields["flags"] = message.flags & ~SUPPRESS_EMBEDS | int(call.body["flags"]) & SUPPRESS_EMBEDS
    if not (
        fields.get("content", message.content)
        or message.attachments
        or fields.get("components", message.components)
    ):
        raise Refusal(400, 50006, "Cannot send an empty message")
    world.change(message, **fields)
    return world.spell(message)


@route("DELETE", "/channels/{channel}/messages/{message}")
def delete_message(call: Call) -> Any:
    message = call.message
    if message.author is not call.world.bot:
        call.world.need(message.channel, call.world.bot, rights.MANAGE_MESSAGES)
    if message.channel.archived:
        raise Refusal(400, 50083, "Thread is archived")
    call.world.remove(message)


@route("PUT", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me")
def add_reaction(call: Call) -> Any:
    message, emoji = call.message, unquote(call.path["emoji"])
    if message.channel.archived:
        raise Refusal(400, 50083, "Thread is archived")
    if not any(ord(mark) > 127 for mark in emoji):
        raise unknown("Emoji")
    if not message.reactions.get(emoji):
        call.world.need(message.channel, call.world.bot, rights.ADD_REACTIONS)
    call.world.react(message, call.world.bot, emoji)


@route("DELETE", "/channels/{channel}/messages/{message}/reactions/{emoji}/@me")
def drop_reaction(call: Call) -> Any:
    call.world.react(call.message, call.world.bot, unquote(call.path["emoji"]), on=False)


# ── interactions ─────────────────────────────────────────────────────────────────────────────────────────────────────


@route("POST", "/interactions/{key}/{token}/callback")
def callback(call: Call) -> Any:
    data = call.body.get("data") or {}
    made = call.desk.callback(
        int(call.path["key"]), call.path["token"], call.body, _checked(call.files, data)
    )
    if "with_response" not in call.query:
        return None
    told: dict[str, Any] = {"interaction": {"id": call.path["key"], "type": call.body["type"]}}
    return told | (
        {"resource": {"type": call.body["type"], "message": call.world.spell(made)}} if made else {}
    )


@route("POST", "/webhooks/{app}/{token}")
def follow(call: Call) -> Any:
    return call.world.spell(call.desk.follow(call.path["token"], call.body, _checked(call.files, call.body)))


@route("GET", "/webhooks/{app}/{token}/messages/{message}")
def get_follow(call: Call) -> Any:
    return call.world.spell(call.desk.reach(call.path["token"], unquote(call.path["message"])))


@route("PATCH", "/webhooks/{app}/{token}/messages/{message}")
def edit_follow(call: Call) -> Any:
    token, key = call.path["token"], unquote(call.path["message"])
    return call.world.spell(call.desk.edit(token, key, call.body, _checked(call.files, call.body)))


@route("DELETE", "/webhooks/{app}/{token}/messages/{message}")
def delete_follow(call: Call) -> Any:
    call.world.remove(call.desk.reach(call.path["token"], unquote(call.path["message"])))
