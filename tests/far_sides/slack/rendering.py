"""What people read. Owns: mrkdwn, markdown, plain, angles, block_text. Imports: emoji, world. Effects: none.

Marks that style are gone, code stands without its fences, buttons stand in [brackets].
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.far_sides.slack import emoji
from tests.far_sides.slack.world import Team

CODE = re.compile(r"```(.*?)```|`([^`\n]+)`", re.DOTALL)
ANGLE = re.compile(r"<([^<>\n]+)>")
MARKS = tuple(
    re.compile(rf"(?<![\w{mark}]){mark}(?=[^\s{mark}])([^\n{mark}]*?)(?<=[^\s{mark}]){mark}(?![\w{mark}])")
    for mark in (r"\*", "_", "~")
)
STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
SLANTED = re.compile(r"(?<![\w*])\*(?=[^\s*])([^\n*]+?)(?<=[^\s*])\*(?![\w*])")
STRUCK = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~")
LABELLED = re.compile(r"!?\[([^\]\n]*)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +", re.MULTILINE)
ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!~|<>&])")
ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def unescape(text: str) -> str:
    """Return a text without Slack's three entities (it knows no other)."""
    for entity, char in ENTITIES:
        text = text.replace(entity, char)
    return text


def mrkdwn(team: Team, text: str) -> str:
    """Return mrkdwn as people read it."""
    return _outside_code(text, lambda words: _styled(team, words), lambda code: angles(team, code))


def _outside_code(text: str, words: Any, code: Any) -> str:
    shown: list[str] = []
    end = 0
    for match in CODE.finditer(text):
        shown.append(words(text[end : match.start()]))
        fenced = match[1]
        shown.append(code(fenced.strip("\n") if fenced is not None else match[2]))
        end = match.end()
    return "".join([*shown, words(text[end:])])


def _styled(team: Team, text: str) -> str:
    for mark in MARKS:
        text = mark.sub(r"\1", text)
    return emoji.shown(angles(team, text))


def angles(team: Team, text: str) -> str:
    """Return a text with mentions, links and entities as people read them."""
    return unescape(ANGLE.sub(lambda match: _angle(team, match[1]), text))


def _angle(team: Team, inside: str) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        user = team.users.get(target[1:])
        return f"@{user.handle if user else label or target[1:]}"
    if target.startswith("#"):
        channel = team.channels.get(target[1:])
        return f"#{channel.name if channel else label or target[1:]}"
    if target.startswith("!"):
        return label or f"@{target[1:].partition('^')[0]}"
    return label or target


def markdown(team: Team, text: str) -> str:
    """Return the standard Markdown of a markdown block as people read it."""

    def words(each: str) -> str:
        each = LABELLED.sub(r"\1", HEADING.sub("", each))
        for mark in (STRONG, STRUCK, SLANTED):
            each = mark.sub(lambda match: str(match[match.re.groups]), each)
        return emoji.shown(angles(team, ESCAPED.sub(r"\1", each)))

    fences = re.sub(r"```[\w+-]+\n", "```\n", text)
    return _outside_code(fences, words, lambda code: code)


def plain(value: Mapping[str, Any]) -> str:
    """Return a plain_text object as people read it."""
    return emoji.shown(str(value["text"])) if value.get("emoji", True) else str(value["text"])


def _object(team: Team, value: Mapping[str, Any]) -> str:
    return mrkdwn(team, value["text"]) if value["type"] == "mrkdwn" else plain(value)


def block_text(team: Team, block: Mapping[str, Any]) -> str:
    """Return a block as people read it."""
    match block["type"]:
        case "section":
            parts = [_object(team, block["text"])] if block.get("text") else []
            parts += [_object(team, each) for each in block.get("fields") or []]
            parts += [_element(block["accessory"])] if block.get("accessory") else []
            return "\n".join(parts)
        case "header":
            return plain(block["text"])
        case "markdown":
            return markdown(team, block["text"])
        case "context":
            return " ".join(_context(team, each) for each in block["elements"])
        case "actions":
            return " ".join(_element(each) for each in block["elements"])
        case "image":
            return f"({block['alt_text']})"
        case "input":
            return f"{plain(block['label'])}: {_element(block['element'])}"
        case "rich_text":
            return "\n".join(_rich(team, each) for each in block["elements"])
        case "table":
            rows = [" | ".join(_cell(team, cell) for cell in row) for row in block["rows"]]
            return "\n".join(f"| {row} |" for row in rows)
        case _:
            return ""


def _context(team: Team, value: Mapping[str, Any]) -> str:
    return f"({value['alt_text']})" if value["type"] == "image" else _object(team, value)


def _element(element: Mapping[str, Any]) -> str:
    shown = element.get("text") or element.get("placeholder")
    if shown:
        return f"[{plain(shown)}]"
    if element["type"] == "image":
        return f"({element['alt_text']})"
    return f"[{element.get('initial_value', '')}]"


def _cell(team: Team, cell: Mapping[str, Any]) -> str:
    if cell["type"] == "rich_text":
        return "\n".join(_rich(team, each) for each in cell["elements"])
    return str(cell.get("text", cell.get("value", "")))


def _rich(team: Team, element: Mapping[str, Any]) -> str:
    match element["type"]:
        case "rich_text_list":
            signs = (
                (f"{number}. " for number in range(1, 10_000)) if element.get("style") == "ordered" else None
            )
            items = [_rich(team, each) for each in element["elements"]]
            return "\n".join(f"{next(signs) if signs else '• '}{item}" for item in items)
        case "rich_text_quote":
            return "> " + "".join(_part(team, each) for each in element["elements"])
        case _:
            return "".join(_part(team, each) for each in element["elements"])


def _part(team: Team, part: Mapping[str, Any]) -> str:
    match part["type"]:
        case "text":
            return str(part["text"])
        case "link":
            return str(part.get("text") or part["url"])
        case "emoji":
            return emoji.NAMES.get(part["name"], f":{part['name']}:")
        case "user":
            return _angle(team, f"@{part['user_id']}")
        case "channel":
            return _angle(team, f"#{part['channel_id']}")
        case "broadcast":
            return f"@{part['range']}"
        case _:
            return str(part.get("fallback", ""))
