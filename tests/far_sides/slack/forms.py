"""What a person enters into a modal. Owns: state, entered, Incomplete. Imports: nothing else. Effects: none."""

from __future__ import annotations

from typing import Any

SINGLE = {"static_select": "selected_option", "radio_buttons": "selected_option"}
NAMED = {
    "users_select": "selected_user", "conversations_select": "selected_conversation", "channels_select": "selected_channel",
    "datepicker": "selected_date", "timepicker": "selected_time",
}  # fmt: skip
INITIAL = {
    "static_select": "initial_option", "radio_buttons": "initial_option", "checkboxes": "initial_options",
    "multi_static_select": "initial_options", "users_select": "initial_user", "conversations_select": "initial_conversation",
    "channels_select": "initial_channel", "datepicker": "initial_date", "timepicker": "initial_time",
}  # fmt: skip


class Incomplete(Exception):
    """The client does not submit this form."""


def state(blocks: list[dict[str, Any]], values: dict[str, str]) -> dict[str, Any]:
    """Return the state of a form filled in by label, action id or block id; several options are joined by commas.

    Raises Incomplete for a field that is required, too short or too long, and LookupError for one that is not there.
    """
    left = dict(values)
    found: dict[str, Any] = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        names = (block["label"]["text"], element["action_id"], block["block_id"])
        given = next((left.pop(name) for name in names if name in left), None)
        entry = _initial(element) if given is None else entered(element, given)
        if not block.get("optional") and all(value in (None, "", []) for value in entry.values()):
            raise Incomplete(f"{names[0]}: please complete this required field")
        found.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], **entry}
    if left:
        raise LookupError(f"no such field: {', '.join(left)}")
    return found


def entered(element: dict[str, Any], given: str) -> dict[str, Any]:
    """Return the part of a state (or an action) that says what was entered or chosen."""
    kind = element["type"]
    if kind in SINGLE:
        return {SINGLE[kind]: _option(element, given)}
    if kind in ("checkboxes", "multi_static_select"):
        return {"selected_options": [_option(element, each) for each in given.split(",") if each]}
    if kind == "overflow":
        return {"selected_option": _option(element, given)}
    if kind in NAMED:
        return {NAMED[kind]: given}
    if given and not element.get("min_length", 0) <= len(given) <= element.get("max_length", 3000):
        raise Incomplete(f"{len(given)} characters do not fit")
    return {"value": given or None}


def _option(element: dict[str, Any], given: str) -> dict[str, Any]:
    groups = element.get("option_groups") or []
    options = [*(element.get("options") or []), *(each for group in groups for each in group["options"])]
    for option in options:
        if given in (option["value"], option["text"]["text"]):
            return dict(option)
    raise LookupError(f"no option {given!r}")


def _initial(element: dict[str, Any]) -> dict[str, Any]:
    kind = element["type"]
    value = element.get(INITIAL.get(kind, "initial_value"))
    if kind in SINGLE:
        return {SINGLE[kind]: value}
    if kind in ("checkboxes", "multi_static_select"):
        return {"selected_options": value or []}
    return {NAMED.get(kind, "value"): value}
