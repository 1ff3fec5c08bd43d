"""What a client makes of what a person types. Owns: composed. Imports: emoji, world. Effects: none.

People's messages arrive escaped, with mentions and links in angle brackets and emoji by name, and once more as rich text.
"""

from __future__ import annotations

import html
import re
from typing import Any

from tests.far_sides.slack import emoji
from tests.far_sides.slack.world import Team

TOKEN = re.compile(
    r"```(?P<fence>.*?)```|`(?P<code>[^`\n]+)`|(?<![\w@/.])@(?P<name>[a-z0-9][a-z0-9._-]*[a-z0-9]|[a-z0-9])"
    r"|(?P<url>https?://[^\s<>|]*[^\s<>|.,;:!?)\]'\"])",
    re.DOTALL,
)
CALLED = re.compile(r"<@([UW][A-Z0-9]+)>")
BROADCASTS = ("here", "channel", "everyone")
Part = dict[str, Any]


def escape(text: str) -> str:
    """Return a text with Slack's three entities."""
    return html.escape(text, quote=False)


def composed(team: Team, typed: str) -> tuple[str, list[Part]]:
    """Return the text and the blocks of a message that a person typed."""
    handles = {user.handle: user.id for user in team.users.values()}
    texts: list[str] = []
    sections: list[Part] = []
    parts: list[Part] = []
    end = 0
    for match in TOKEN.finditer(typed):
        _words(typed[end : match.start()], texts, parts)
        end = match.end()
        if match["fence"] is not None:
            texts.append(f"```{escape(match['fence'])}```")
            sections += [{"type": "rich_text_section", "elements": parts}] if parts else []
            parts = []
            code = {"type": "text", "text": match["fence"].strip("\n")}
            sections.append({"type": "rich_text_preformatted", "elements": [code], "border": 0})
        else:
            text, part = _token(match, handles)
            texts.append(text)
            parts.append(part)
    _words(typed[end:], texts, parts)
    sections += [{"type": "rich_text_section", "elements": parts}] if parts else []
    return "".join(texts), [
        {"type": "rich_text", "block_id": "rich", "elements": sections}
    ] if sections else []


def commanded(team: Team, typed: str) -> str:
    """Return the words after a slash command as an app hears them that has people and links escaped."""
    handles = {user.id: user.handle for user in team.users.values()}
    return CALLED.sub(lambda match: f"<@{match[1]}|{handles[match[1]]}>", composed(team, typed)[0])


def _token(match: re.Match[str], handles: dict[str, str]) -> tuple[str, Part]:
    if match["code"]:
        return f"`{escape(match['code'])}`", {"type": "text", "text": match["code"], "style": {"code": True}}
    if match["url"]:
        return f"<{escape(match['url'])}>", {"type": "link", "url": match["url"]}
    if match["name"] in handles:
        user = handles[match["name"]]
        return f"<@{user}>", {"type": "user", "user_id": user}
    if match["name"] in BROADCASTS:
        return f"<!{match['name']}>", {"type": "broadcast", "range": match["name"]}
    return match[0], {"type": "text", "text": match[0]}


def _words(typed: str, texts: list[str], parts: list[Part]) -> None:
    for kind, value in emoji.split(typed):
        if kind == "emoji":
            texts.append(f":{value}:")
            parts.append({"type": "emoji", "name": value, "unicode": emoji.points(value)})
        else:
            texts.append(escape(value))
            parts.append({"type": "text", "text": value})
