"""What Discord accepts in a body. Owns: the checks of messages, commands, modals and choices. Imports: refusals. Effects: none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.far_sides.discord.refusals import Refusal, invalid, too_long

NAME = re.compile(r"^[-_'\w]{1,32}$")
Body = Mapping[str, Any]


def length(value: Any, path: str, low: int, high: int) -> None:
    """Check a string and its length."""
    if not isinstance(value, str):
        raise invalid(path, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    if not low <= len(value) <= high:
        raise invalid(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.")


def message(body: Body, *, files: int, creating: bool = True) -> None:
    """Check the body of a message. Raises Refusal as Discord words it."""
    content = body.get("content") or ""
    if len(content) > 2000:
        raise too_long("content", 2000)
    if int(body.get("flags") or 0) & 1 << 15:
        raise invalid("flags", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", "Not for the bridge.")
    if (
        creating
        and not content.strip()
        and not files
        and not body.get("embeds")
        and not body.get("components")
    ):
        raise Refusal(400, 50006, "Cannot send an empty message")
    nonce = body.get("nonce")
    if nonce is not None and len(str(nonce)) > 25:
        raise too_long("nonce", 25)
    _mentions(body.get("allowed_mentions"))
    rows(body.get("components") or [])
    if len(body.get("attachments") or []) > 10:
        raise invalid("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")


def _mentions(allowed: Body | None) -> None:
    if allowed is None:
        return
    for name in ("users", "roles"):
        if name in allowed.get("parse", ()) and allowed.get(name):
            raise invalid(
                "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{name}"] and {name}: [ids...] are mutually exclusive.',
            )  # fmt: skip
        if len(allowed.get(name, ())) > 100:
            raise too_long(f"allowed_mentions.{name}", 100)


def rows(components: Sequence[Body]) -> None:
    """Check the rows under a message."""
    if len(components) > 5:
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for at, row in enumerate(components):
        path = f"components.{at}"
        if row.get("type") != 1:
            raise invalid(path, "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (1,).')
        inside = row.get("components", [])
        widest = 1 if any(part.get("type") == 3 for part in inside) else 5
        if not 1 <= len(inside) <= widest:
            raise invalid(
                f"{path}.components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {widest} in length."
            )
        for number, part in enumerate(inside):
            _part(part, f"{path}.components.{number}", seen)


def _part(part: Body, path: str, seen: set[str]) -> None:
    length(part.get("custom_id"), f"{path}.custom_id", 1, 100)
    if part["custom_id"] in seen:
        raise invalid(
            f"{path}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
        )
    seen.add(part["custom_id"])
    if part["type"] == 2:
        length(part.get("label"), f"{path}.label", 1, 80)
        if part.get("style") not in (1, 2, 3, 4):
            raise invalid(f"{path}.style", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4, 5, 6}.")
    elif part["type"] == 3:
        if not 1 <= len(part.get("options", [])) <= 25:
            raise invalid(f"{path}.options", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
        for number, option in enumerate(part["options"]):
            length(option.get("label"), f"{path}.options.{number}.label", 1, 100)
            length(option.get("value"), f"{path}.options.{number}.value", 1, 100)
    else:
        raise invalid(f"{path}.type", "UNION_TYPE_CHOICES", 'Value of field "type" must be one of (2, 3).')


def modal(body: Body) -> None:
    """Check a modal."""
    length(body.get("title"), "data.title", 1, 45)
    length(body.get("custom_id"), "data.custom_id", 1, 100)
    if not 1 <= len(body.get("components", [])) <= 5:
        raise invalid("data.components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    for at, row in enumerate(body["components"]):
        (field,) = row["components"]
        path = f"data.components.{at}.components.0"
        if field.get("type") != 4 or field.get("style") not in (1, 2):
            raise invalid(f"{path}.style", "BASE_TYPE_REQUIRED", "This field is required")
        length(field.get("custom_id"), f"{path}.custom_id", 1, 100)
        length(field.get("label"), f"{path}.label", 1, 45)
        length(field.get("value") or "", f"{path}.value", 0, field.get("max_length", 4000))
        length(field.get("placeholder") or "", f"{path}.placeholder", 0, 100)


def choices(given: Sequence[Body], path: str = "data.choices") -> None:
    """Check what an autocompletion offers."""
    if len(given) > 25:
        raise too_long(path, 25)
    for at, choice in enumerate(given):
        length(choice.get("name"), f"{path}.{at}.name", 1, 100)
        length(choice.get("value"), f"{path}.{at}.value", 1, 100)


def commands(given: Sequence[Body]) -> None:
    """Check the commands of an application."""
    for at, command in enumerate(given):
        kind = command.get("type", 1)
        if kind == 1:
            _command(command, str(at))
        else:
            length(command.get("name"), f"{at}.name", 1, 32)
            if command.get("description"):
                raise invalid(
                    f"{at}.description", "APPLICATION_COMMAND_DESCRIPTION_CANNOT_BE_SET", "Not here."
                )
        if command.get("default_member_permissions", None) not in (None, "0"):
            raise invalid(f"{at}.default_member_permissions", "BASE_TYPE_CHOICES", "Not for the bridge.")


def _command(command: Body, path: str) -> None:
    name = command.get("name")
    if not isinstance(name, str) or not NAME.match(name) or name != name.lower():
        raise invalid(f"{path}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    length(command.get("description"), f"{path}.description", 1, 100)
    options = command.get("options", [])
    if len(options) > 25:
        raise too_long(f"{path}.options", 25)
    names = [option["name"] for option in options]
    if len(set(names)) < len(names):
        raise invalid(
            f"{path}.options", "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names must be unique"
        )
    optional = False
    for at, option in enumerate(options):
        _command(option, f"{path}.options.{at}")
        if option.get("required") and optional:
            raise invalid(
                f"{path}.options.{at}", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            )  # fmt: skip
        optional = optional or not option.get("required")
        if option.get("choices"):
            choices(option["choices"], f"{path}.options.{at}.choices")
            if option.get("autocomplete"):
                raise invalid(
                    f"{path}.options.{at}", "APPLICATION_COMMAND_OPTIONS_CHOICES", "Either, not both"
                )
