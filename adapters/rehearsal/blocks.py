"""Content blocks, one at a time. Owns: well_formed, fields, signature. Imports: base64, hashlib, re. Effects: none."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

CALL_ID = re.compile(r"[a-zA-Z0-9_-]+")
ANYWHERE = frozenset({"text"})
USER_ONLY = frozenset({"image", "document", "search_result", "tool_result", "container_upload"})
ASSISTANT_ONLY = frozenset(
    {
        "thinking",
        "redacted_thinking",
        "tool_use",
        "server_tool_use",
        "mcp_tool_use",
        "mcp_tool_result",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "advisor_tool_result",
        "compaction",
        "fallback",
    }
)
SYSTEM_ONLY = frozenset({"tool_addition", "tool_removal"})
ALLOWED = {
    "user": ANYWHERE | USER_ONLY,
    "assistant": ANYWHERE | ASSISTANT_ONLY,
    "system": ANYWHERE | SYSTEM_ONLY,
}
KNOWN = ANYWHERE | USER_ONLY | ASSISTANT_ONLY | SYSTEM_ONLY
IN_RESULT = frozenset({"text", "image", "document", "search_result", "tool_reference"})
FIELDS: Mapping[str, Mapping[str, type]] = {
    "text": {"text": str},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
    "image": {"source": dict},
    "document": {"source": dict},
}
SHOULD_BE = {str: "string", int: "integer", list: "list", dict: "dictionary", bool: "boolean"}


Table = Mapping[str, Any]


def signature(thinking: str) -> str:
    """Return the signature that this model puts under its thinking, and expects to see again."""
    return base64.b64encode(hashlib.sha512(thinking.encode(errors="replace")).digest()).decode()


def well_formed(block: object, allowed: frozenset[str], *, at: str, role: str = "") -> Iterator[str]:
    """Yield what is wrong with one content block."""
    yield from fields(block, {"type": str}, at=at)
    if not isinstance(block, dict):
        return
    kind = block["type"]
    if kind not in (KNOWN if role else allowed):
        tags = ", ".join(f"'{tag}'" for tag in sorted(allowed))
        yield f"{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
    if kind not in allowed:
        owner = "assistant" if kind in ASSISTANT_ONLY else "system" if kind in SYSTEM_ONLY else "user"
        yield f"{at}: `{kind}` blocks can only be in `{owner}` messages"
    yield from fields(block, FIELDS.get(kind, {}), at=f"{at}.{kind}")
    if kind == "text" and not block["text"]:
        yield f"{at}: text content blocks must be non-empty"
    if kind == "tool_use" and not CALL_ID.fullmatch(block["id"]):
        yield f"{at}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if kind == "thinking" and block["signature"] != signature(block["thinking"]):
        yield f"{at}: Invalid `signature` in `thinking` block"
    if kind == "tool_result" and isinstance(block.get("content"), list):
        for index, inner in enumerate(block["content"]):
            yield from well_formed(inner, IN_RESULT, at=f"{at}.tool_result.content.{index}")


def fields(given: object, wanted: Mapping[str, type], *, at: str) -> Iterator[str]:
    """Yield the keys that are missing or of the wrong type."""
    if not isinstance(given, dict):
        yield f"{at}: Input should be a valid dictionary"
        return
    for key, kind in wanted.items():
        path = f"{at}.{key}" if at else key
        if key not in given:
            yield f"{path}: Field required"
        elif not isinstance(given[key], kind) or isinstance(given[key], bool):
            yield f"{path}: Input should be a valid {SHOULD_BE[kind]}"
