"""Texts and elements within blocks. Owns: element_rules, text_object, string, models. Imports: slack_sdk.models. Effects: none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError

Json = Mapping[str, Any]
Found = Iterator[tuple[str, str]]  # what is wrong, and the JSON pointer of where

BUTTONISH = frozenset({
    "button", "checkboxes", "datepicker", "datetimepicker", "timepicker", "overflow", "radio_buttons", "static_select",
    "external_select", "users_select", "conversations_select", "channels_select", "workflow_button", "multi_static_select",
    "multi_external_select", "multi_users_select", "multi_conversations_select", "multi_channels_select", "rich_text_input",
})  # fmt: skip
INPUTS = (BUTTONISH - {"button", "overflow", "workflow_button"}) | {
    "plain_text_input", "email_text_input", "url_text_input", "number_input", "file_input",
}  # fmt: skip
PLAIN, ANY = ("plain_text",), ("plain_text", "mrkdwn")
MOST_OPTIONS = {"checkboxes": 10, "radio_buttons": 10, "overflow": 5}


def element_rules(element: Json, at: str, allowed: frozenset[str]) -> Found:
    """Yield what is wrong with an interactive element."""
    kind = element.get("type")
    if kind not in allowed:
        yield f"unsupported type: {kind}", f"{at}/type"
        return
    if kind == "button":
        yield from text_object(element.get("text"), f"{at}/text", PLAIN, 75)
    for key, limit in (("value", 2000), ("action_id", 255)):
        if key in element:
            yield from string(element[key], f"{at}/{key}", limit)
    if element.get("placeholder") is not None:
        yield from text_object(element["placeholder"], f"{at}/placeholder", PLAIN, 150)
    yield from _options(element, at)
    confirm = element.get("confirm") or {}
    for key, kinds, limit in (
        ("title", PLAIN, 100),
        ("text", ANY, 300),
        ("confirm", PLAIN, 30),
        ("deny", PLAIN, 30),
    ):
        if confirm:
            yield from text_object(confirm.get(key), f"{at}/confirm/{key}", kinds, limit)


def _options(element: Json, at: str) -> Found:
    kind = str(element["type"])
    groups = element.get("option_groups") or []
    options = [
        *(element.get("options") or []),
        *(each for group in groups for each in group.get("options", [])),
    ]
    if (
        kind in ("static_select", "multi_static_select", "checkboxes", "radio_buttons", "overflow")
        and not options
    ):
        yield "missing required field: options", at
    most = MOST_OPTIONS.get(kind, 100)
    if len(options) > most:
        yield f"no more than {most} items allowed", f"{at}/options"
    shown = ANY if kind in ("checkboxes", "radio_buttons") else PLAIN
    for number, option in enumerate(options):
        yield from text_object(option.get("text"), f"{at}/options/{number}/text", shown, 75)
        yield from string(option.get("value"), f"{at}/options/{number}/value", 150)
        if option.get("description") is not None:
            yield from text_object(option["description"], f"{at}/options/{number}/description", shown, 75)


def text_object(value: Any, at: str, kinds: Sequence[str], limit: int) -> Found:
    """Yield what is wrong with a text object."""
    if not isinstance(value, dict):
        yield f"missing required field: {at.rpartition('/')[2]}", at.rpartition("/")[0]
        return
    if value.get("type") not in kinds:
        yield f"unsupported type: {value.get('type')}", f"{at}/type"
    extra = {"emoji"} if value.get("type") == "plain_text" else {"verbatim"}
    for key in set(value) - {"type", "text"} - extra:
        yield f"invalid additional property: {key}", at
    yield from string(value.get("text"), f"{at}/text", limit)


def string(value: Any, at: str, limit: int) -> Found:
    """Yield what is wrong with a string that must be there."""
    if not isinstance(value, str):
        yield f"missing required field: {at.rpartition('/')[2]}", at.rpartition("/")[0]
    elif not value:
        yield "must be more than 0 characters", at
    elif len(value) > limit:
        yield f"must be less than {limit + 1} characters", at


def models(value: Json, at: str, parse: Any, *, quiet: bool) -> Found:
    """Yield what Slack's own models say; `quiet` when something was found already (they would say it again)."""
    try:
        parsed = parse(dict(value))
        if parsed is None:
            yield f"unsupported type: {value.get('type')}", f"{at}/type"
            return
        for key in set(value) - set(parsed.attributes) - {"type"}:
            yield f"invalid additional property: {key}", at
        if not quiet:
            parsed.validate_json()
    except SlackObjectFormationError as exc:
        yield str(exc), at
    except (TypeError, ValueError, AttributeError, KeyError) as exc:
        yield f"failed to match all allowed schemas ({type(exc).__name__})", at
