"""What each REST route does. Owns: Call, ROUTES. Imports: the world. Effects: changes the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.far_sides.discord import forms, payloads, rights
from tests.far_sides.discord.interactions import Desk
from tests.far_sides.discord.records import Attachment, Channel, Message
from tests.far_sides.discord.refusals import Refusal, missing_access, unknown
from tests.far_sides.discord.world import World


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
    start = {"total": 1000, "remaining": call.world.sessions_left, "reset_after": 0, "max_concurrency": 1}
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
