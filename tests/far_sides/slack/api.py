"""The door of the Web API. Owns: Door. Imports: aiohttp, the modules beside. Effects: answers requests.

In order: faults, token, rate, scope, then the method itself. An error travels as ok:false with HTTP 200, except a 429.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from tests.far_sides.slack import arguments, blocks
from tests.far_sides.slack import methods_chat as chat
from tests.far_sides.slack import methods_conversations as conversations
from tests.far_sides.slack import methods_files as files
from tests.far_sides.slack import methods_people as people
from tests.far_sides.slack import methods_views as views
from tests.far_sides.slack.arguments import Args
from tests.far_sides.slack.office import Call, Office
from tests.far_sides.slack.world import ApiError, App, Message, Team

Method = Callable[[Office, Team, Args], dict[str, Any]]
METHODS: Mapping[str, Method] = {
    **chat.METHODS, **conversations.METHODS, **files.METHODS, **people.METHODS, **views.METHODS
}  # fmt: skip
AGENTS = frozenset({"agents.sessions.setStatus"})  # what only an app that was declared an agent may call
READ = ("channels:read", "groups:read", "im:read", "mpim:read")
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
SCOPES: Mapping[str, tuple[str, ...]] = {  # any one of them will do
    **dict.fromkeys(
        ("agents.sessions.setStatus", "chat.postMessage", "chat.update", "chat.delete", "chat.postEphemeral"),
        ("chat:write",),
    ),
    **dict.fromkeys(("conversations.history", "conversations.replies"), HISTORY),
    **dict.fromkeys(
        ("conversations.info", "conversations.list", "conversations.members", "users.conversations"), READ
    ),
    "conversations.join": ("channels:join",),
    "conversations.open": ("im:write", "mpim:write"),
    **dict.fromkeys(("reactions.add", "reactions.remove"), ("reactions:write",)),
    "reactions.get": ("reactions:read",),
    **dict.fromkeys(("users.info", "users.list", "bots.info"), ("users:read",)),
    "team.info": ("team:read",),
    "files.info": ("files:read",),
    **dict.fromkeys(
        ("files.getUploadURLExternal", "files.completeUploadExternal", "files.delete"), ("files:write",)
    ),
}


class Door:
    """Answers what comes in at /api/ and /actions/."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        method = request.match_info["method"]
        call = Call(method=method, args={}, at=time.monotonic())
        self._office.calls.append(call)
        await asyncio.sleep(self._office.faults.delay(method))
        trouble = self._office.faults.next(method)
        if trouble is not None and trouble.how not in ("reset_after_commit", 429):
            return await self._trouble(request, call, trouble.how)
        try:
            args = await arguments.read(request)
            call.args = {key: value for key, value in args.values.items() if key != "token"}
            if trouble is not None and trouble.how == 429:
                return self._limited(call, trouble.retry_after)
            answer = self._answer(request, args, call)
        except ApiError as exc:
            call.error = exc.error
            answer = web.json_response({"ok": False, "error": exc.error, **exc.more})
        call.status = answer.status
        if trouble is not None and trouble.how == "reset_after_commit":
            return await self._trouble(request, call, "reset")
        return answer

    def _answer(self, request: web.Request, args: Args, call: Call) -> web.Response:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        token = given if kind.lower() == "bearer" else args.text("token")
        if call.method == "apps.connections.open":
            return self._open(self._app(token), call)
        team = self._team(token)
        call.team = team.id
        method = METHODS.get(call.method)
        if method is None:
            raise ApiError("unknown_method", req_method=call.method)
        if call.method in AGENTS and not team.agents:
            raise ApiError("not_authorized")
        channel = args.text("channel") if call.method == "chat.postMessage" else ""
        if wait := self._office.rates.refuse(call.method, team.id, channel):
            return self._limited(call, wait)
        needed = SCOPES.get(call.method, ())
        if needed and not team.scopes & set(needed):
            raise ApiError("missing_scope", needed=",".join(needed), provided=",".join(sorted(team.scopes)))
        headers = {
            "X-OAuth-Scopes": ",".join(sorted(team.scopes)),
            "X-Accepted-OAuth-Scopes": ",".join(needed),
        }
        return web.json_response({"ok": True, **method(self._office, team, args)}, headers=headers)

    def _app(self, token: str) -> App:
        if not token:
            raise ApiError("not_authed")
        app = next((app for app in self._office.world.apps.values() if app.app_token == token), None)
        if app is None:
            raise ApiError("not_allowed_token_type" if token.startswith("xox") else "invalid_auth")
        if app.revoked:
            raise ApiError("token_revoked")
        return app

    def _team(self, token: str) -> Team:
        if not token:
            raise ApiError("not_authed")
        team = next((team for team in self._office.world.teams.values() if team.bot_token == token), None)
        if team is None:
            raise ApiError("not_allowed_token_type" if token.startswith("xapp-") else "invalid_auth")
        if team.revoked:
            raise ApiError("token_revoked")
        return team

    def _open(self, app: App, call: Call) -> web.Response:
        if wait := self._office.rates.refuse("apps.connections.open", app.id):
            return self._limited(call, wait)
        ticket = self._office.delivery.ticket(app)
        host = self._office.host.replace("http://", "ws://")
        return web.json_response({"ok": True, "url": f"{host}/link/?ticket={ticket}&app_id={app.id}"})

    def _limited(self, call: Call, wait: int) -> web.Response:
        call.status, call.error = 429, "ratelimited"
        self._office.refused[call.method] += 1
        return web.json_response(
            {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(wait)}
        )

    async def _trouble(self, request: web.Request, call: Call, how: str | int) -> web.Response:
        if how == "hang":
            while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - no event for it
                await asyncio.sleep(0.05)
        if isinstance(how, str):
            call.error = how
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        await request.read()
        call.status = how
        if how == 500:
            return web.json_response({"ok": False, "error": "internal_error"}, status=500)
        return web.Response(
            status=how, text="<html><body><h1>Bad Gateway</h1></body></html>", content_type="text/html"
        )

    # ── response_url ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def respond(self, request: web.Request) -> web.Response:
        """Take one answer at a response_url."""
        office = self._office
        entitled = office.responses.get(request.match_info["key"])
        if entitled is None or entitled.team != request.match_info["team"]:
            return web.Response(status=404, text="no_team")
        if time.monotonic() - entitled.at > office.times.response_url:
            return web.Response(status=404, text="expired_url")
        if entitled.used >= 5:
            return web.Response(status=404, text="used_url")
        team = office.world.teams[entitled.team]
        channel = team.channels[entitled.channel]
        try:
            args = await arguments.read(request)
            if args.flag("delete_original") or args.flag("replace_original"):
                self._replace(args, entitled.message, team)
            else:
                content = chat.content(office, args)
                ts = office.world.ts()
                message = Message(
                    ts=ts, channel=channel.id, user=team.bot.id, team=team.id, bot_id=team.bot.bot_id, app_id=team.app.id,
                    thread_ts=args.text("thread_ts"), **content,
                )  # fmt: skip
                if args.text("response_type", "ephemeral") == "in_channel":
                    office.post(channel, message)
                else:
                    message.to = entitled.user
                    channel.ephemerals.append(message)
        except ApiError as exc:
            return web.json_response({"ok": False, "error": exc.error, **exc.more}, status=400)
        entitled.used += 1
        return web.Response(text="ok")

    def _replace(self, args: Args, ts: str, team: Team) -> None:
        try:
            channel, message = self._office.world.message(ts)
        except LookupError as exc:
            raise ApiError("message_not_found") from exc
        if args.flag("delete_original"):
            if message.to:
                channel.ephemerals.remove(message)
            else:
                self._office.remove(channel, message)
            return
        message.remember()
        message.text = args.text("text")
        message.blocks = blocks.decode(args.values.get("blocks") or [])
        blocks.check_message(message.blocks)
        if not message.to:
            self._office.changed(channel, message)
