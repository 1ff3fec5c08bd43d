"""What each REST route does. Owns: Call, ROUTES. Imports: the world. Effects: changes the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.far_sides.discord import forms, payloads, rights
from tests.far_sides.discord.interactions import Desk
from tests.far_sides.discord.records import SUPPRESS_EMBEDS, Attachment, Channel, Message
from tests.far_sides.discord.refusals import Refusal, invalid, missing_access, unknown
from tests.far_sides.discord.world import World

TOO_LARGE = 10_485_760


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, taken apart."""

    world: World
    desk: Desk
    gateway_url: Callable[[], str]
    body: Any
    query: dict[str, str]
    path: dict[str, str] = field(default_factory=dict)
    files: list[Attachment] = field(default_factory=list)

    @property
    def channel(self) -> Channel:
        return self.world.seen_channel(self.path["channel"], self.world.bot)

    @property
    def message(self) -> Message:
        self.world.need(self.channel, self.world.bot, rights.READ_MESSAGE_HISTORY)
        return self.world.message(self.channel, self.path["message"])


Handler = Callable[[Call], Any]
ROUTES: dict[tuple[str, str], Handler] = {}


def route(method: str, path: str) -> Callable[[Handler], Handler]:
    """Note a handler for a route."""

    def note(handler: Handler) -> Handler:
        ROUTES[method, path] = handler
        return handler

    return note


# ── who and where ────────────────────────────────────────────────────────────────────────────────────────────────────


@route("GET", "/users/@me")
def me(call: Call) -> Any:
    return payloads.user(call.world.bot) | {
        "verified": True,
        "mfa_enabled": False,
        "locale": "en-US",
        "flags": 0,
    }


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
def application(call: Call) -> Any:
    world = call.world
    return {
        "id": str(world.application), "name": "loop", "icon": None, "description": "", "bot_public": False,
        "bot_require_code_grant": False, "flags": 1 << 19 if world.content_intent else 0, "verify_key": "00",
        "owner": payloads.user(next(iter(world.users.values()))), "team": None, "summary": "",
        "rpc_origins": [], "hook": True, "bot": payloads.user(world.bot), "integration_types_config": {},
    }  # fmt: skip


@route("GET", "/gateway")
@route("GET", "/gateway/bot")
def gateway(call: Call) -> Any:
    start = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
    return {"url": call.gateway_url(), "shards": 1, "session_start_limit": start}


@route("GET", "/users/@me/guilds")
def guilds(call: Call) -> Any:
    world = call.world
    return [
        {"id": str(each.id), "name": each.name, "icon": None, "owner": False, "features": [],
         "permissions": str(rights.in_guild(each, world.bot))}
        for each in world.guilds.values() if world.bot.id in each.members
    ]  # fmt: skip


@route("GET", "/guilds/{guild}/members/{user}")
def member(call: Call) -> Any:
    guild = call.world.guilds.get(int(call.path["guild"]))
    if guild is None:
        raise missing_access()
    found = guild.members.get(int(call.path["user"]))
    if found is None:
        raise unknown("Member")
    return payloads.member(found)


@route("GET", "/guilds/{guild}/roles")
def roles(call: Call) -> Any:
    guild = call.world.guilds.get(int(call.path["guild"]))
    if guild is None:
        raise missing_access()
    return [payloads.role(each) for each in guild.roles.values()]


@route("POST", "/users/@me/channels")
def direct(call: Call) -> Any:
    person = call.world.users.get(int(call.body["recipient_id"]))
    if person is None:
        raise unknown("User")
    return payloads.channel(call.world.direct(person)) | {"recipients": [payloads.user(person)]}


# ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _commands(call: Call, scope: int) -> list[dict[str, Any]]:
    if call.path["app"] != str(call.world.application):
        raise missing_access()
    return call.world.commands.get(scope, [])


@route("GET", "/applications/{app}/commands")
def get_commands(call: Call) -> Any:
    return _commands(call, 0)


@route("GET", "/applications/{app}/guilds/{guild}/commands")
def get_guild_commands(call: Call) -> Any:
    return _commands(call, int(call.path["guild"]))


def _put(call: Call, scope: int) -> Any:
    before = {each["name"]: each for each in _commands(call, scope)}
    forms.commands(call.body)
    now = [
        {"id": before.get(each["name"], {}).get("id") or str(call.world.new_id()), "type": 1, "version": "1",
         "application_id": call.path["app"], **each}
        for each in call.body
    ]  # fmt: skip
    call.world.commands[scope] = now
    return now


@route("PUT", "/applications/{app}/commands")
def put_commands(call: Call) -> Any:
    return _put(call, 0)


@route("PUT", "/applications/{app}/guilds/{guild}/commands")
def put_guild_commands(call: Call) -> Any:
    if int(call.path["guild"]) not in call.world.guilds:
        raise missing_access()
    return _put(call, int(call.path["guild"]))


# ── channels and threads ─────────────────────────────────────────────────────────────────────────────────────────────


@route("GET", "/channels/{channel}")
def get_channel(call: Call) -> Any:
    return payloads.channel(call.channel)


@route("PATCH", "/channels/{channel}")
def patch_channel(call: Call) -> Any:
    world, thread = call.world, call.channel
    if not thread.is_thread or set(call.body) - {"archived", "locked", "name", "auto_archive_duration"}:
        world.need(thread, world.bot, 1 << 4)
    only_waking = set(call.body) == {"archived"} and call.body["archived"] is False and not thread.locked
    needed = rights.SEND_MESSAGES_IN_THREADS if only_waking else rights.MANAGE_THREADS
    if not only_waking and thread.owner == world.bot.id and "locked" not in call.body and not thread.locked:
        needed = rights.SEND_MESSAGES_IN_THREADS
    world.need(thread, world.bot, needed)
    fields = {name: value for name, value in call.body.items() if name in ("archived", "locked", "name")}
    world.set_thread(thread, **fields)
    return payloads.channel(thread)


@route("POST", "/channels/{channel}/messages/{message}/threads")
def thread_from(call: Call) -> Any:
    forms.length(call.body.get("name"), "name", 1, 100)
    parent = call.channel
    call.world.need(parent, call.world.bot, rights.CREATE_PUBLIC_THREADS)
    if parent.is_thread:
        raise Refusal(400, 50024, "Cannot execute action on this channel type")
    return payloads.channel(call.world.thread(parent, call.world.bot, call.body["name"], of=call.message))


@route("POST", "/channels/{channel}/threads")
def thread_alone(call: Call) -> Any:
    forms.length(call.body.get("name"), "name", 1, 100)
    call.world.need(call.channel, call.world.bot, rights.CREATE_PUBLIC_THREADS)
    return payloads.channel(call.world.thread(call.channel, call.world.bot, call.body["name"]))


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
