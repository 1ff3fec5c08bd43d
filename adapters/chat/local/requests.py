"""What terminals ask of the room. Owns: the requests, parse, request_id, the bounds. Imports: json, base64, core. Effects: none.

A request is one JSON object on one line in UTF-8 with `id` (a number, echoed in the answer) and `do`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.chat.local.clean import one_line
from adapters.chat.local.records import BOT
from core.errors import BadInput

MAX_LINE = 16 << 20  # bytes of one request: an upload of 8 MiB in base64 fits
MAX_TEXT = 1 << 20  # characters of one message
MAX_FILE = 8 << 20
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_USER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who is at the other end; the first request of a connection."""

    user: str
    name: str
    bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Write; `thread` 0 opens one. A `key` counts once, so that a lost reply can be asked for again."""

    channel: str
    thread: int
    text: str
    key: str
    files: tuple[str, ...]
    reply_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Press a button of a message."""

    message: int
    token: str
    text: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class React:
    """Put an emoji on a message."""

    message: int
    emoji: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Change a message of one's own."""

    message: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Take a message of one's own away."""

    message: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Hand a file in; its id goes into a post."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Ask for a file's content."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """Have the newest `limit` messages pushed, and everything from now on."""

    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Ask for a thread."""

    channel: str
    thread: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """Ask for the list of threads, the last active first."""

    limit: int


Request = Hello | Post | Press | React | Edit | Delete | Upload | Download | Subscribe | Read | Threads


class _Given:
    """The fields of one request, each read with its type and bounds."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw

    def text(self, name: str, *, limit: int = MAX_TEXT, needed: bool = False) -> str:
        value = self._raw.get(name, "")
        if not isinstance(value, str) or len(value) > limit:
            raise BadInput(f"{name} must be text of at most {limit} characters")
        if needed and not value.strip():
            raise BadInput(f"{name} must not be empty")
        try:
            value.encode()
        except UnicodeEncodeError as exc:
            raise BadInput(f"{name} holds half a character") from exc
        return value

    def name(self, field: str, form: re.Pattern[str], default: str = "") -> str:
        value = self.text(field, limit=64) or default
        if not form.fullmatch(value):
            raise BadInput(f"{field} must be lower-case letters, digits and dashes, at most 64")
        return value

    def number(self, name: str, *, default: int = -1, least: int = 1, most: int = 1 << 53) -> int:
        value = self._raw.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise BadInput(f"{name} must be a number from {least}")
        return value

    def flag(self, name: str) -> bool:
        return self._raw.get(name) is True

    def content(self, name: str) -> bytes:
        value = self._raw.get(name)
        try:
            found = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
        except (binascii.Error, ValueError) as exc:
            raise BadInput(f"{name} must be base64") from exc
        if len(found) > MAX_FILE:
            raise BadInput(f"the file is larger than {MAX_FILE >> 20} MiB")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._raw.get(name, [])
        if not isinstance(value, list) or len(value) > 20 or not all(isinstance(each, str) for each in value):
            raise BadInput(f"{name} must be a list of at most 20 texts")
        return tuple(value)


def _hello(given: _Given) -> Hello:
    user = given.name("user", _USER)
    if user == BOT:
        raise BadInput(f"{BOT} is the bridge itself; choose another name")
    return Hello(user=user, name=one_line(given.text("name", limit=80)) or user, bot=given.flag("bot"))


def _post(given: _Given) -> Post:
    files = given.texts("files")
    return Post(
        channel=given.name("channel", _CHANNEL, "general"),
        thread=given.number("thread", default=0, least=0),
        text=given.text("text", needed=not files),
        key=given.text("key", limit=128),
        files=files,
        reply_to=given.number("reply_to", default=0, least=0),
    )


_PARSERS: Mapping[str, Callable[[_Given], Request]] = {
    "hello": _hello,
    "post": _post,
    "press": lambda given: Press(
        message=given.number("message"),
        token=given.text("token", limit=256, needed=True),
        text=given.text("text"),
        key=given.text("key", limit=128),
    ),
    "react": lambda given: React(
        message=given.number("message"), emoji=given.text("emoji", limit=32, needed=True)
    ),
    "edit": lambda given: Edit(message=given.number("message"), text=given.text("text", needed=True)),
    "delete": lambda given: Delete(message=given.number("message")),
    "upload": lambda given: Upload(
        name=one_line(given.text("name", limit=255, needed=True)).replace("/", "_"),
        mime=given.text("mime", limit=128),
        content=given.content("content"),
    ),
    "download": lambda given: Download(file=given.text("file", limit=64, needed=True)),
    "subscribe": lambda given: Subscribe(limit=given.number("limit", default=2000, least=0, most=20_000)),
    "read": lambda given: Read(
        channel=given.name("channel", _CHANNEL, "general"),
        thread=given.number("thread"),
        limit=given.number("limit", default=20_000, most=20_000),
    ),
    "threads": lambda given: Threads(limit=given.number("limit", default=50, most=1000)),
}


def parse(line: bytes) -> tuple[int, Request]:
    """Return a request and its id. Raises BadInput, saying what is wrong with the line."""
    raw = _object(line)
    name = raw.get("do")
    parser = _PARSERS.get(name) if isinstance(name, str) else None
    if parser is None:
        raise BadInput(f"do must be one of {', '.join(_PARSERS)}")
    return request_id(line), parser(_Given(raw))


def request_id(line: bytes) -> int:
    """Return the id of a request, however broken the rest is; 0 when there is none."""
    try:
        found = _object(line).get("id")
    except BadInput:
        return 0
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise BadInput("a line must be a JSON object") from exc
    if not isinstance(raw, dict):
        raise BadInput("a line must be a JSON object")
    return raw
