"""What a request may ask of the model's side. Owns: Judged, judge. Imports: json. Effects: none.

The model's side can reach the internet by itself: it opens URLs in images and documents, connects to MCP servers, fetches pages.
Each of these would carry data past the egress allowlist, so a request that names one is refused before it leaves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_INLINE = frozenset({"base64", "text", "content"})
_DEPTH = 8
# Parsing holds up the whole process: ten million empty objects, 30 MB of them, take half a minute. A session as long as the
# longest context has a fifth of this, text included; images have none of these bytes at all.
MAX_PARTS = 300_000


class _Twice(ValueError):
    """A key stands twice in one object: two readers could see two requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The model that a request names, and why it may not be sent: a sentence, or ""."""

    model: str = ""
    why: str = ""


def judge(raw: bytes) -> Judged:
    """Read a request's body and say whether it may be sent."""
    if sum(raw.count(mark) for mark in (b"{", b"[", b",")) > MAX_PARTS:
        return Judged(why="The request has too many parts.")
    try:
        body = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except _Twice:
        return Judged(why="The request repeats a key.")
    except (ValueError, RecursionError):
        return Judged(why="The request is not valid JSON.")
    if not isinstance(body, dict):
        return Judged(why="The request is not a JSON object.")
    return Judged(model=str(body.get("model", ""))[:100], why=_objection(body))


def _objection(body: Mapping[str, Any]) -> str:
    if body.get("mcp_servers"):
        return "Remote MCP servers cannot be used from a loop; run the server inside it instead."
    if any(str(tool.get("type", "")).startswith("web_fetch") for tool in _objects(body.get("tools"))):
        return (
            "The model's own web fetch cannot be used from a loop; fetch with a tool, through the allowlist."
        )
    blocks = [*_objects(body.get("system"))]
    for message in _objects(body.get("messages")):
        blocks += _objects(message.get("content"))
    return _among(blocks, _DEPTH)


def _among(blocks: Iterable[Mapping[str, Any]], depth: int) -> str:
    if depth == 0:
        return "The request is nested too deeply."
    for block in blocks:
        source = block.get("source")
        inner = [*_objects(block.get("content"))]
        if isinstance(source, dict):
            if source.get("type") not in _INLINE:
                return "Images and documents must be sent inline (base64): the model's side opens no URL or file for a loop."
            inner += _objects(source.get("content"))
        if block.get("type") == "container_upload":
            return "Stored files cannot be used from a loop."
        if inner and (why := _among(inner, depth - 1)):
            return why
    return ""


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found
