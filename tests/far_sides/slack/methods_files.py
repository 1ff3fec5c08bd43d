"""files.* and the files' own URLs. Owns: METHODS, FileDoor. Imports: aiohttp, the modules beside. Effects: keeps bytes in memory."""

from __future__ import annotations

import mimetypes
import time
from typing import Any

from aiohttp import web

from tests.far_sides.slack import blocks, emoji
from tests.far_sides.slack.arguments import Args, wrong
from tests.far_sides.slack.methods_chat import channel_of, thread_of
from tests.far_sides.slack.office import Office, Upload
from tests.far_sides.slack.world import ApiError, Channel, File, Message, Team, User

MAX_BYTES = 1 << 30


def new_file(office: Office, team: Team, user: User, name: str, content: bytes = b"") -> File:
    """Return a file that lies at the far side's own host."""
    file_id = office.world.id("F")
    return File(
        id=file_id, team=team.id, user=user.id, name=name, content=content, created=int(time.time()),
        mime=mimetypes.guess_type(name)[0] or "text/plain",
        url=f"{office.host}/files-pri/{team.id}-{file_id}/{name}",
    )  # fmt: skip


def upload_url(office: Office, team: Team, args: Args) -> dict[str, Any]:
    args.needs("filename", "length")
    length = args.text("length")
    if not length.isdecimal() or not 0 < int(length) <= MAX_BYTES:
        raise wrong("must be a positive integer [json-pointer:/length]")
    file = new_file(office, team, team.bot, args.text("filename"))
    office.uploads[file.id] = Upload(file=file, length=int(length))
    return {"upload_url": f"{office.host}/upload/v1/{file.id}", "file_id": file.id}


def complete(office: Office, team: Team, args: Args) -> dict[str, Any]:
    asked = args.structure("files", "invalid_arguments")
    if not isinstance(asked, list) or not asked:
        raise wrong("missing required field: files")
    files: list[File] = []
    for each in asked:
        upload = office.uploads.get(each.get("id", "")) if isinstance(each, dict) else None
        if upload is None or upload.file.team != team.id or not upload.done or upload.shared:
            raise ApiError("file_not_found")
        upload.file.title = each.get("title") or upload.file.name
        files.append(upload.file)
    names = args.text("channels").split(",") if "channels" in args else [args.text("channel_id")]
    channels = [channel_of(team, Args({"channel": name}), joined=True) for name in names if name]
    given = blocks.decode(args.values["blocks"]) if "blocks" in args else []
    blocks.check_message(given)
    if any(channel.archived for channel in channels):
        raise ApiError("is_archived")
    threads = [thread_of(channel, args) for channel in channels]
    for file in files:
        office.uploads[file.id].shared = True
        team.files[file.id] = file
    for channel, thread in zip(channels, threads, strict=True):
        _share(office, team, channel, files, args.text("initial_comment"), given, thread)
    return {"files": [{"id": file.id, "title": file.title} for file in files]}


def _share(
    office: Office, team: Team, channel: Channel, files: list[File], text: str, given: list[dict[str, Any]], thread: str
) -> None:  # fmt: skip
    message = Message(
        ts=office.world.ts(), channel=channel.id, team=team.id, user=team.bot.id, bot_id=team.bot.bot_id, app_id=team.app.id,
        text=emoji.coded(text), blocks=given, thread_ts=thread, subtype="file_share", files=list(files),
    )  # fmt: skip
    office.post(channel, message)


def info(office: Office, team: Team, args: Args) -> dict[str, Any]:
    return {"file": _file(team, args).payload(), "comments": [], "response_metadata": {"next_cursor": ""}}


def delete(office: Office, team: Team, args: Args) -> dict[str, Any]:
    file = _file(team, args)
    if file.user != team.bot.id:
        raise ApiError("cant_delete_file")
    del team.files[file.id]
    return {}


def _file(team: Team, args: Args) -> File:
    args.needs("file")
    file = team.files.get(args.text("file"))
    if file is None:
        raise ApiError("file_not_found")
    return file


class FileDoor:
    """Takes uploads and hands out private files."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def upload(self, request: web.Request) -> web.Response:
        """Take the bytes of an upload, as a raw body or as one part of a form."""
        upload = self._office.uploads.get(request.match_info["file"])
        if upload is None or upload.done:
            return web.Response(status=404, text="no such upload")
        if request.content_type == "multipart/form-data":
            parts = [part for part in (await request.post()).values() if isinstance(part, web.FileField)]
            content = parts[0].file.read() if parts else b""
        else:
            content = await request.read()
        if len(content) != upload.length:
            return web.Response(status=400, text="length mismatch")
        upload.file.content = content
        upload.done = True
        return web.Response(text=f"OK - {len(content)}")

    async def download(self, request: web.Request) -> web.Response:
        """Give a private file to who shows a token of its workspace, and everybody else the way to a login page."""
        team_id, _, file_id = request.match_info["file"].partition("-")
        team = self._office.world.teams.get(team_id)
        file = team.files.get(file_id) if team else None
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if team is None or given != team.bot_token or team.revoked or "files:read" not in team.scopes:
            raise web.HTTPFound(f"{self._office.host}/login?redir={request.path}")
        if file is None:
            raise web.HTTPNotFound(text="<html>no such file</html>", content_type="text/html")
        return web.Response(body=file.content, content_type=file.mime)

    async def login(self, request: web.Request) -> web.Response:
        """Show what a browser without a session gets: a page, with status 200."""
        return web.Response(
            text="<!DOCTYPE html><html>Sign in to your workspace</html>", content_type="text/html"
        )


METHODS = {
    "files.completeUploadExternal": complete, "files.delete": delete, "files.getUploadURLExternal": upload_url,
    "files.info": info,
}  # fmt: skip
