"""The arguments of a call. Owns: Args, read. Imports: aiohttp, world. Effects: reads a request.

Slack takes them from the query, a form or JSON; values of forms are strings, with JSON inside for what is structured.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.far_sides.slack.world import ApiError

TRUE, FALSE = (True, 1, "1", "true", "True"), (False, 0, "0", "false", "False", "", None)
PAGE = 100


class Args:
    """What a call carries. Every getter raises ApiError for a value of the wrong type."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def needs(self, *keys: str) -> None:
        """Raise ApiError when one of the keys is missing."""
        missing = [key for key in keys if self.values.get(key) in (None, "")]
        if missing:
            raise wrong(*(f"missing required field: {key}" for key in missing))

    def text(self, key: str, default: str = "") -> str:
        """Return a string."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool | list | dict):
            raise wrong(f"must be a string [json-pointer:/{key}]")
        return str(value)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self.values.get(key)
        if key not in self.values or value is None:
            return default
        if value in TRUE or value in FALSE:
            return value in TRUE
        raise wrong(f"must be a boolean [json-pointer:/{key}]")

    def limit(self, most: int = 1000, default: int = PAGE) -> int:
        """Return how many items a page may have."""
        try:
            limit = int(self.values.get("limit") or default)
        except (TypeError, ValueError) as exc:
            raise wrong("must be an integer [json-pointer:/limit]") from exc
        if not 1 <= limit <= most:
            raise ApiError("invalid_limit")
        return limit

    def structure(self, key: str, error: str) -> Any:
        """Return a value that is JSON, or a string of it."""
        value = self.values.get(key)
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError as exc:
            raise ApiError(error) from exc

    def page(self, items: list[Any], limit: int) -> tuple[list[Any], str]:
        """Return the page that `cursor` asks for, and the cursor of the next one."""
        cursor = self.text("cursor")
        start = 0
        if cursor:
            kind, _, number = cursor.partition(":")
            if kind != "next" or not number.isdecimal() or int(number) > len(items):
                raise ApiError("invalid_cursor")
            start = int(number)
        end = start + limit
        return items[start:end], f"next:{end}" if end < len(items) else ""


def wrong(*messages: str) -> ApiError:
    """Return the answer that lists which arguments are wrong."""
    return ApiError(
        "invalid_arguments", response_metadata={"messages": [f"[ERROR] {each}" for each in messages]}
    )


async def read(request: web.Request) -> Args:
    """Return what a request carries. Raises ApiError for a body that is not what it says."""
    values: dict[str, Any] = dict(request.query)
    if request.method == "GET" or not request.can_read_body:
        return Args(values)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text())
        except ValueError as exc:
            raise ApiError("invalid_json") from exc
        if not isinstance(body, dict):
            raise ApiError("json_not_object")
        return Args(values | body)
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return Args(values | dict(await request.post()))
    raise ApiError("invalid_post_type")
