"""What Block Kit refuses. Owns: problems, view_problems, decode, check_message. Imports: slack_sdk.models. Effects: none.

Lengths and required fields come from Slack's own models; what they miss (types of text objects, empty texts, unknown keys,
duplicates, the limits of a whole message) is checked here. Pointers and wording follow the platform's answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.models.blocks import Block, BlockElement

from tests.far_sides.slack.parts import (
    ANY,
    BUTTONISH,
    INPUTS,
    PLAIN,
    Found,
    Json,
    element_rules,
    models,
    string,
    text_object,
)
from tests.far_sides.slack.world import ApiError

MAX_MESSAGE_BLOCKS, MAX_VIEW_BLOCKS = 50, 100
MAX_RICH = 13_200  # characters in one message
ON_MESSAGES = frozenset({
    "actions", "context", "context_actions", "divider", "header", "image", "input", "markdown", "rich_text", "section", "table",
    "video", "task_card", "plan", "alert", "card", "carousel", "container",
})  # fmt: skip
ON_VIEWS = frozenset(
    {"actions", "context", "divider", "header", "image", "input", "rich_text", "section", "video"}
)
VIEW_KEYS = {
    "type", "title", "blocks", "close", "submit", "private_metadata", "callback_id", "clear_on_close", "notify_on_close",
    "external_id", "submit_disabled",
}  # fmt: skip
RICH = frozenset({"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"})
RICH_PARTS = {
    "text": "text", "link": "url", "user": "user_id", "usergroup": "usergroup_id", "broadcast": "range", "emoji": "name",
    "channel": "channel_id", "date": "timestamp", "color": "value", "team": "team_id",
}  # fmt: skip


def decode(value: Any, *, error: str = "invalid_blocks_format") -> list[dict[str, Any]]:
    """Return blocks given as a list or as JSON. Raises ApiError when that is no list of objects."""
    try:
        decoded = json.loads(value) if isinstance(value, str) else value
    except ValueError as exc:
        raise ApiError(error) from exc
    if not isinstance(decoded, list) or not all(isinstance(block, dict) for block in decoded):
        raise ApiError(error)
    return decoded


def check_message(blocks: Sequence[dict[str, Any]]) -> None:
    """Raise ApiError for what no message may hold."""
    found = [f"{what} [json-pointer:{where}]" for what, where in problems(blocks)]
    if found:
        raise invalid("invalid_blocks", found)
    if sum(_length(block) for block in blocks if block["type"] in ("markdown", "rich_text")) > MAX_RICH:
        raise ApiError("msg_blocks_too_long")


def _length(value: Any) -> int:
    """Return how much text a block has. Markdown becomes rich text on arrival, so both count for one limit."""
    if isinstance(value, list):
        return sum(_length(each) for each in value)
    if isinstance(value, dict):
        return sum(
            len(each) if key == "text" and isinstance(each, str) else _length(each)
            for key, each in value.items()
        )
    return 0


def invalid(error: str, found: Sequence[str]) -> ApiError:
    """Return the answer that lists what is wrong."""
    return ApiError(
        error, errors=list(found), response_metadata={"messages": [f"[ERROR] {each}" for each in found]}
    )


def problems(blocks: Sequence[dict[str, Any]], *, surface: str = "message") -> Found:
    """Yield what is wrong with the blocks of a message, a modal or a home tab."""
    limit = MAX_MESSAGE_BLOCKS if surface == "message" else MAX_VIEW_BLOCKS
    if len(blocks) > limit:
        yield f"no more than {limit} items allowed", "/blocks"
    allowed = ON_MESSAGES if surface == "message" else ON_VIEWS
    ids: set[str] = set()
    for number, block in enumerate(blocks):
        at = f"/blocks/{number}"
        if block.get("type") not in allowed:
            yield f"unsupported type: {block.get('type')}", f"{at}/type"
            continue
        if block.get("block_id") and block["block_id"] in ids:
            yield f"block_id already exists: {block['block_id']}", f"{at}/block_id"
        ids.add(str(block.get("block_id")))
        yield from _block(block, at)
    if sum(block.get("type") == "table" for block in blocks) > 1:
        yield "only_one_table_allowed", "/blocks"


def view_problems(view: Any) -> Found:
    """Yield what is wrong with a view."""
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        yield "unsupported type", "/view/type"
        return
    for key in set(view) - VIEW_KEYS:
        yield f"invalid additional property: {key}", "/view"
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        yield "missing required field: blocks", "/view"
        return
    if view["type"] == "modal":
        yield from _frame(view, blocks)
    for key, limit in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if len(view.get(key) or "") > limit:
            yield f"must be less than {limit + 1} characters", f"/view/{key}"
    yield from ((what, f"/view{where}") for what, where in problems(blocks, surface=view["type"]))


def _frame(view: Json, blocks: list[dict[str, Any]]) -> Found:
    """Yield what is wrong around the blocks of a modal."""
    if "title" not in view:
        yield "missing required field: title", "/view"
    if any(block.get("type") == "input" for block in blocks) and "submit" not in view:
        yield "missing required field: submit", "/view"
    for key in ("title", "submit", "close"):
        if view.get(key) is not None:
            yield from text_object(view[key], f"/view/{key}", PLAIN, 24)


def _block(block: Json, at: str) -> Found:
    try:
        before = tuple(_own(block, at))
    except (AttributeError, KeyError, TypeError, ValueError):
        yield "failed to match all allowed schemas", at
        return
    yield from before
    yield from models(block, at, Block.parse, quiet=bool(before))
    ids: list[str] = []
    for element, where in elements(block, at):
        yield from models(element, where, BlockElement.parse, quiet=False)
        if element.get("action_id"):
            ids.append(element["action_id"])
    for twice in {each for each in ids if ids.count(each) > 1}:
        yield f"action_id already exists: {twice}", at


def elements(block: Json, at: str = "") -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the interactive elements of a block with their pointers."""
    if block["type"] in ("actions", "context_actions"):
        for number, element in enumerate(block.get("elements") or []):
            if isinstance(element, dict):
                yield element, f"{at}/elements/{number}"
    for key in ("accessory", "element"):
        if isinstance(block.get(key), dict):
            yield block[key], f"{at}/{key}"


def _own(block: Json, at: str) -> Found:
    if rule := RULES.get(block["type"]):
        yield from rule(block, at)
    for element, where in elements(block, at):
        yield from element_rules(
            element, where, INPUTS if block["type"] == "input" else BUTTONISH | {"image"}
        )


def _section(block: Json, at: str) -> Found:
    if block.get("text") is None and not block.get("fields"):
        yield "must define either `text` or `fields`", at
    if block.get("text") is not None:
        yield from text_object(block["text"], f"{at}/text", ANY, 3000)
    for number, each in enumerate(block.get("fields") or []):
        yield from text_object(each, f"{at}/fields/{number}", ANY, 2000)


def _header(block: Json, at: str) -> Found:
    yield from text_object(block.get("text"), f"{at}/text", PLAIN, 150)


def _markdown(block: Json, at: str) -> Found:
    yield from string(block.get("text"), f"{at}/text", 12_000)


def _actions(block: Json, at: str) -> Found:
    if not block.get("elements"):
        yield "missing required field: elements", at


def _input(block: Json, at: str) -> Found:
    yield from text_object(block.get("label"), f"{at}/label", PLAIN, 2000)
    if block.get("hint") is not None:
        yield from text_object(block["hint"], f"{at}/hint", PLAIN, 2000)


def _context(block: Json, at: str) -> Found:
    if not block.get("elements"):
        yield "missing required field: elements", at
    for number, each in enumerate(block.get("elements") or []):
        if isinstance(each, dict) and each.get("type") == "image":
            yield from models(each, f"{at}/elements/{number}", BlockElement.parse, quiet=False)
        else:
            yield from text_object(each, f"{at}/elements/{number}", ANY, 3000)


def _table(block: Json, at: str) -> Found:
    rows = block.get("rows")
    if not isinstance(rows, list) or not rows:
        yield "missing required field: rows", at
        return
    if len(rows) > 100:
        yield "no more than 100 items allowed", f"{at}/rows"
    if any(not isinstance(row, list) or len(row) > 20 for row in rows):
        yield "no more than 20 items allowed", f"{at}/rows"
    if len(json.dumps([cell.get("text", cell.get("elements")) for row in rows for cell in row])) > 10_000:
        yield "must be less than 10001 characters", f"{at}/rows"
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if cell.get("type") not in ("raw_text", "rich_text", "raw_number"):
                yield f"unsupported type: {cell.get('type')}", f"{at}/rows/{y}/{x}/type"
            elif cell["type"] == "raw_text":
                yield from string(cell.get("text"), f"{at}/rows/{y}/{x}/text", 10_000)


def _rich(block: Json, at: str) -> Found:
    for number, element in enumerate(block.get("elements") or []):
        where = f"{at}/elements/{number}"
        if element.get("type") not in RICH:
            yield f"unsupported type: {element.get('type')}", f"{where}/type"
        elif element["type"] == "rich_text_list":
            yield from _rich(element, where)
        else:
            for place, part in enumerate(element.get("elements") or []):
                needed = RICH_PARTS.get(part.get("type"))
                if needed is None:
                    yield f"unsupported type: {part.get('type')}", f"{where}/elements/{place}/type"
                elif not part.get(needed):
                    yield f"missing required field: {needed}", f"{where}/elements/{place}"


RULES: Mapping[str, Callable[[Json, str], Found]] = {
    "actions": _actions, "context": _context, "header": _header, "input": _input, "markdown": _markdown, "rich_text": _rich,
    "section": _section, "table": _table,
}  # fmt: skip
