"""What the Slack far side refuses in blocks and views, as the platform does. Effects: none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.far_sides.slack import blocks
from tests.far_sides.slack.world import ApiError

Block = dict[str, Any]


def plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def button(**more: Any) -> Block:
    return {"type": "button", "action_id": "go", "text": plain("Go"), "value": "1"} | more


def actions(*elements: Block) -> Block:
    return {"type": "actions", "block_id": "a", "elements": list(elements)}


def section(text: str = "hello") -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def select(*options: Block, **more: Any) -> Block:
    return {
        "type": "static_select",
        "action_id": "s",
        "placeholder": plain("Choose"),
        "options": list(options),
    } | more


def option(label: str = "one", value: str = "1") -> Block:
    return {"text": plain(label), "value": value}


def modal(*given: Block, **more: Any) -> Block:
    return {"type": "modal", "title": plain("A form"), "submit": plain("Send"), "blocks": list(given)} | more


def field(element: Block) -> Block:
    return {"type": "input", "label": plain("Why?"), "element": element}


TYPED = {"type": "plain_text_input", "action_id": "t", "multiline": True}
RICH = {
    "type": "rich_text",
    "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "x", "style": {"bold": True}}]}
    ],
}

GOOD = {
    "section": section("x" * 3000),
    "fields": {"type": "section", "fields": [mrkdwn("x" * 2000)] * 10},
    "buttons": actions(*(button(action_id=str(number), value="v" * 2000) for number in range(25))),
    "label": actions(button(text=plain("x" * 75), style="primary")),
    "header": {"type": "header", "text": plain("x" * 150)},
    "context": {"type": "context", "elements": [mrkdwn("x")] * 10},
    "markdown": {"type": "markdown", "text": "x" * 12_000},
    "rich": RICH,
    "table": {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 20] * 10},
    "select": actions(select(*(option(value=str(number)) for number in range(100)))),
    "divider": {"type": "divider"},
}

BAD: dict[str, tuple[Block, str]] = {
    "unknown type": ({"type": "secton"}, "unsupported type: secton [json-pointer:/blocks/0/type]"),
    "no type": ({"text": plain("x")}, "unsupported type: None [json-pointer:/blocks/0/type]"),
    "unknown key": ({"type": "divider", "color": "red"}, "invalid additional property: color [json-pointer:/blocks/0]"),
    "section too long": (section("x" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    "empty text": (section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
    "section of nothing": ({"type": "section"}, "must define either `text` or `fields` [json-pointer:/blocks/0]"),
    "field too long": ({"type": "section", "fields": [mrkdwn("x" * 2001)]}, "/blocks/0/fields/0/text"),
    "eleven fields": ({"type": "section", "fields": [mrkdwn("x")] * 11}, "fields attribute cannot exceed 10 items"),
    "header in mrkdwn": ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn"),
    "header too long": ({"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters"),
    "button in mrkdwn": (actions(button(text=mrkdwn("Go"))), "/blocks/0/elements/0/text/type"),
    "button too long": (actions(button(text=plain("x" * 76))), "must be less than 76 characters"),
    "button empty": (actions(button(text=plain(""))), "must be more than 0 characters"),
    "value too long": (actions(button(value="x" * 2001)), "must be less than 2001 characters"),
    "action id too long": (actions(button(action_id="x" * 256)), "must be less than 256 characters"),
    "style": (actions(button(style="loud")), "style attribute must be one of"),
    "button key": (actions(button(colour="red")), "invalid additional property: colour"),
    "action ids twice": (actions(button(), button()), "action_id already exists: go"),
    "26 buttons": (
        actions(*(button(action_id=str(number)) for number in range(26))),
        "elements attribute cannot exceed 25 elements",
    ),
    "no buttons": (actions(), "missing required field: elements"),
    "not a button": (actions(TYPED), "unsupported type: plain_text_input"),
    "block id too long": (section() | {"block_id": "x" * 256}, "block_id cannot exceed 255 characters"),
    "eleven in context": ({"type": "context", "elements": [mrkdwn("x")] * 11}, "cannot exceed 10 elements"),
    "image without words": ({"type": "image", "image_url": "https://x/y.png"}, "/blocks/0"),
    "markdown too long": ({"type": "markdown", "text": "x" * 12_001}, "must be less than 12001 characters"),
    "option too long": (actions(select(option("x" * 76))), "must be less than 76 characters"),
    "option value too long": (actions(select(option(value="x" * 151))), "must be less than 151 characters"),
    "no options": (actions(select()), "missing required field: options"),
    "101 options": (actions(select(*[option()] * 101)), "no more than 100 items allowed"),
    "table too wide": ({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}, "no more than 20 items"),
    "table too long": ({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * 101}, "no more than 100 items"),
    "table too full": ({"type": "table", "rows": [[{"type": "raw_text", "text": "x" * 10_001}]]}, "10001 characters"),
    "rich text of what": ({"type": "rich_text", "elements": [{"type": "paragraph"}]}, "unsupported type: paragraph"),
    "rich text empty": (
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}]},
        "missing required field: text",
    ),
    "elements of what": (actions() | {"elements": 7}, "failed to match all allowed schemas"),
    "options of what": (actions(select() | {"options": ["x"]}), "failed to match all allowed schemas"),
    "home's own": ({"type": "file", "external_id": "x", "source": "remote"}, "unsupported type: file"),
}  # fmt: skip

BAD_VIEWS: dict[str, tuple[Any, str]] = {
    "no view": (None, "unsupported type"),
    "title too long": (modal(section(), title=plain("x" * 25)), "must be less than 25 characters"),
    "title in mrkdwn": (modal(section(), title=mrkdwn("x")), "unsupported type: mrkdwn"),
    "no title": ({"type": "modal", "blocks": [section()]}, "missing required field: title"),
    "submit too long": (modal(section(), submit=plain("x" * 25)), "/view/submit/text"),
    "input without submit": (
        {"type": "modal", "title": plain("x"), "blocks": [field(TYPED)]},
        "missing required field: submit",
    ),
    "metadata too long": (modal(section(), private_metadata="x" * 3001), "must be less than 3001 characters"),
    "callback too long": (modal(section(), callback_id="x" * 256), "must be less than 256 characters"),
    "101 blocks": (modal(*[section()] * 101), "no more than 100 items allowed"),
    "markdown in a modal": (modal({"type": "markdown", "text": "x"}), "unsupported type: markdown"),
    "button as input": (modal(field(button())), "unsupported type: button"),
    "unknown key": (modal(section(), colour="red"), "invalid additional property: colour"),
}


def said(block: Block) -> list[str]:
    return [f"{what} [json-pointer:{where}]" for what, where in blocks.problems([block])]


@pytest.mark.parametrize("name", GOOD)
def test_what_slack_takes_is_taken(name: str) -> None:
    assert said(GOOD[name]) == []
    blocks.check_message([GOOD[name]])


@pytest.mark.parametrize("name", BAD)
def test_what_slack_refuses_is_refused(name: str) -> None:
    block, expected = BAD[name]
    assert any(expected in each for each in said(block)), said(block)


@pytest.mark.parametrize("name", BAD_VIEWS)
def test_bad_views_are_refused(name: str) -> None:
    view, expected = BAD_VIEWS[name]
    found = [f"{what} [json-pointer:{where}]" for what, where in blocks.view_problems(view)]
    assert any(expected in each for each in found), found


def test_good_views_are_taken() -> None:
    assert list(blocks.view_problems(modal(section(), field(TYPED), private_metadata="x" * 3000))) == []
    assert list(blocks.view_problems({"type": "home", "blocks": [section()] * 100})) == []


def test_a_message_has_limits_of_its_own() -> None:
    blocks.check_message([section()] * 50)
    with pytest.raises(ApiError, match="invalid_blocks"):
        blocks.check_message([section()] * 51)
    half = {"type": "markdown", "text": "x" * 6600}
    blocks.check_message([half, half])
    with pytest.raises(ApiError, match="msg_blocks_too_long"):
        blocks.check_message([half, half, {"type": "markdown", "text": "x"}])
    with pytest.raises(ApiError, match="invalid_blocks"):
        blocks.check_message([section() | {"block_id": "one"}] * 2)


@pytest.mark.parametrize("given", ["not json", '{"type": "section"}', "[1]", 7])
def test_what_is_no_list_of_blocks_is_refused(given: Any) -> None:
    with pytest.raises(ApiError, match="invalid_blocks_format"):
        blocks.decode(given)
