"""What the real API objects to. Owns: objection. Imports: re, adapters.rehearsal.blocks. Effects: none.

Messages of one role may follow each other (the API joins them), the first must be the user's. `system`-role messages may
stand anywhere after it and do not come between a tool call and its result.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from adapters.rehearsal import blocks as block_rules
from adapters.rehearsal.blocks import Table, fields

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
ROLES = ("user", "assistant", "system")
CACHE_POINTS = 4
THINKING_FLOOR = 1024
REQUIRED = {"model": str, "max_tokens": int, "messages": list}
COUNTED = {"model": str, "messages": list}
TOP = frozenset(
    {
        "model",
        "messages",
        "max_tokens",
        "system",
        "tools",
        "tool_choice",
        "metadata",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "thinking",
        "service_tier",
        "cache_control",
        "container",
        "context_management",
        "output_config",
        "output_format",
        "mcp_servers",
        "inference_geo",
        "speed",
        "diagnostics",
        "fallbacks",
    }
)
MESSAGE = frozenset({"role", "content", "output_config"})


def objection(body: object, *, counting: bool = False) -> str | None:
    """Return the message of the 400 that the real API would answer a request body with, or None.

    `counting` is for token counting, where `max_tokens` is not asked for.
    """
    if not isinstance(body, dict):
        return "The request body must be a JSON object."
    found = top(body, counting=counting)
    return next(found, None) or next(conversation(body["messages"]), None) or next(cache(body), None)


def top(body: Table, *, counting: bool) -> Iterator[str]:
    """Yield what is wrong outside the messages."""
    yield from fields(body, COUNTED if counting else REQUIRED, at="")
    yield from (f"{key}: Extra inputs are not permitted" for key in body if key not in TOP)
    if not counting and body["max_tokens"] < 1:
        yield "max_tokens: Input should be greater than or equal to 1"
    if not isinstance(body.get("stream", False), bool):
        yield "stream: Input should be a valid boolean"
    if not isinstance(body.get("system", ""), (str, list)):
        yield "system: Input should be a valid list"
    if isinstance(body.get("system"), list):
        for index, block in enumerate(body["system"]):
            yield from block_rules.well_formed(block, frozenset({"text"}), at=f"system.{index}")
    yield from tools(body.get("tools") or [])
    yield from fields(body.get("metadata") or {}, {}, at="metadata")
    yield from thinking(body, counting=counting)


def thinking(body: Table, *, counting: bool) -> Iterator[str]:
    """Yield what is wrong with how thinking is asked for."""
    given = body.get("thinking") or {"type": "disabled"}
    yield from fields(given, {"type": str}, at="thinking")
    if given["type"] not in {"enabled", "disabled", "adaptive"}:
        yield (
            f"thinking: Input tag '{given['type']}' found using 'type' does not match any of the expected tags: "
            "'adaptive', 'disabled', 'enabled'"
        )
    if given["type"] == "enabled":
        yield from fields(given, {"budget_tokens": int}, at="thinking.enabled")
        if given["budget_tokens"] < THINKING_FLOOR:
            yield f"thinking.enabled.budget_tokens: Input should be greater than or equal to {THINKING_FLOOR}"
        elif not counting and body["max_tokens"] <= given["budget_tokens"]:
            yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def tools(given: object) -> Iterator[str]:
    """Yield what is wrong with the tools offered."""
    if not isinstance(given, list):
        yield "tools: Input should be a valid list"
        return
    for index, tool in enumerate(given):
        yield from fields(tool, {"name": str}, at=f"tools.{index}")
        if not NAME.fullmatch(tool["name"]):
            yield f"tools.{index}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if tool.get("type", "custom") == "custom":
            yield from fields(tool, {"input_schema": dict}, at=f"tools.{index}.custom")
            if tool["input_schema"].get("type") != "object":
                yield f"tools.{index}.custom.input_schema.type: Input should be 'object'"
    if len({tool["name"] for tool in given}) < len(given):
        yield "tools: Tool names must be unique."


def conversation(messages: Sequence[object]) -> Iterator[str]:
    """Yield what is wrong with the messages, each and together."""
    if not messages:
        yield "messages: at least one message is required"
    for index, message in enumerate(messages):
        yield from single(message, at=f"messages.{index}")
    sound = [(index, message) for index, message in enumerate(messages) if isinstance(message, dict)]
    if sound[0][1]["role"] == "system":
        yield (
            'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" '
            "as an input message role."
        )
    if sound[0][1]["role"] != "user":
        yield 'messages: first message must use the "user" role'
    turns = [(index, message) for index, message in sound if message["role"] != "system"]
    if turns[-1][1]["role"] == "assistant":
        yield (
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )
    yield from pairs(joined(turns))


def single(message: object, *, at: str) -> Iterator[str]:
    """Yield what is wrong with one message taken alone."""
    yield from fields(message, {"role": str}, at=at)
    if not isinstance(message, dict):
        return
    yield from (f"{at}.{key}: Extra inputs are not permitted" for key in message if key not in MESSAGE)
    if message["role"] not in ROLES:
        yield f"{at}.role: Input should be 'user' or 'assistant'"
    content = message.get("content")
    if content is None:
        yield f"{at}.content: Field required"
    if not isinstance(content, (str, list)):
        yield f"{at}.content: Input should be a valid list"
        return
    if not content:
        yield f"{at}: all messages must have non-empty content except for the optional final assistant message"
    if isinstance(content, list):
        for index, block in enumerate(content):
            yield from block_rules.well_formed(
                block, block_rules.ALLOWED[message["role"]], at=f"{at}.content.{index}", role=message["role"]
            )


def joined(turns: Sequence[tuple[int, Table]]) -> list[tuple[int, str, list[Table]]]:
    """Join neighbours of one role, as the API does: (index of the first, role, blocks)."""
    out: list[tuple[int, str, list[Table]]] = []
    for index, message in turns:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if out and out[-1][1] == message["role"]:
            out[-1][2].extend(blocks)
        else:
            out.append((index, message["role"], list(blocks)))
    return out


def pairs(turns: Sequence[tuple[int, str, list[Table]]]) -> Iterator[str]:
    """Yield the tool calls and results that do not belong together."""
    seen: Counter[str] = Counter()
    open_calls: list[str] = []
    asked_at = 0
    for index, role, blocks in turns:
        if role == "assistant":
            open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
            asked_at = index
            seen.update(open_calls)
            if any(count > 1 for count in seen.values()):
                yield f"messages.{index}: `tool_use` ids must be unique"
            continue
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        for call in results:
            if call not in open_calls:
                yield (
                    f"messages.{index}.content: unexpected `tool_use_id` found in `tool_result` blocks: {call}. Each "
                    "`tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
            if results.count(call) > 1:
                yield (
                    f"messages.{index}: each tool_use must have a single result. "
                    f"Found multiple `tool_result` blocks with id: {call}"
                )
        kinds = [block["type"] for block in blocks]
        leading = kinds.index("text") if "text" in kinds else len(kinds)
        first = {block["tool_use_id"] for block in blocks[:leading] if block["type"] == "tool_result"}
        missing = [call for call in open_calls if call not in first]
        if missing:
            yield (
                f"messages.{asked_at}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(missing)}. Each `tool_use` block must have a corresponding `tool_result` block in the "
                "next message."
            )
        open_calls = []


def cache(body: Table) -> Iterator[str]:
    """Yield whether there are too many cache points."""

    def points(value: object) -> int:
        match value:
            case dict():
                own = 1 if isinstance(value.get("cache_control"), dict) else 0
                return own + sum(
                    points(item) for key, item in value.items() if key not in {"input", "input_schema"}
                )
            case list():
                return sum(points(item) for item in value)
            case _:
                return 0

    found = points([body.get("system"), body.get("tools"), body["messages"]])
    if found > CACHE_POINTS:
        yield f"A maximum of {CACHE_POINTS} blocks with cache_control may be provided. Found {found}."
