"""Who gets called and what gets fetched by a message. Owns: pings, unfurling. Imports: re, world. Effects: none.

Where Slack's documents leave it open, the louder reading is taken: better a test that fails than a channel that rings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.far_sides.slack.world import Message, Team

CALLS = re.compile(r"<(@[UW][A-Z0-9]+|!(?:here|channel|everyone|subteam\^[A-Z0-9]+))(?:\|[^>]*)?>")
PLAIN_CALLS = re.compile(r"(?<![\w@`/.])@(here|channel|everyone|[a-z0-9][a-z0-9._-]*)")
URL = re.compile(r"https?://[^\s<>|\"')\]]+")


def unfurling(message: Message) -> Iterator[str]:
    """Yield the links Slack would fetch for a preview."""
    if message.unfurl:
        for text, _ in [(message.text, False), *texts(message.blocks)]:
            yield from URL.findall(text)


def texts(blocks: Any) -> Iterator[tuple[str, bool]]:
    """Yield every text of blocks in which control sequences work, and whether plain @names do too."""
    if isinstance(blocks, list):
        for each in blocks:
            yield from texts(each)
    elif isinstance(blocks, Mapping):
        if blocks.get("type") == "mrkdwn":
            yield str(blocks.get("text", "")), not blocks.get("verbatim", False)
        elif blocks.get("type") == "markdown":
            yield str(blocks.get("text", "")), False
        elif blocks.get("type") != "plain_text":
            for each in blocks.values():
                yield from texts(each)


def pings(team: Team, message: Message) -> list[str]:
    """Return the handles of who is called (or @here, @channel, @everyone), each once.

    Who is named in the fallback text alone, beside blocks that do not name them, is marked as such: some clients ring, some don't.
    """
    loud = [(message.text, message.link_names)]
    shown = list(texts(message.blocks))
    called = _called(team, shown or loud) + [name for name in _rich(team, message.blocks)]
    if message.blocks:
        called += [f"{name} (fallback text only)" for name in _called(team, loud) if name not in called]
    return list(dict.fromkeys(called))


def _called(team: Team, found: list[tuple[str, bool]]) -> list[str]:
    handles = {user.handle for user in team.users.values()}
    called: list[str] = []
    for text, plain in found:
        called += [_name(team, match[1]) for match in CALLS.finditer(text)]
        if plain:
            for match in PLAIN_CALLS.finditer(text):
                if match[1] in ("here", "channel", "everyone"):
                    called.append(f"@{match[1]}")
                elif match[1] in handles:
                    called.append(match[1])
    return called


def _name(team: Team, target: str) -> str:
    if target.startswith("!"):
        return f"@{target[1:]}"
    user = team.users.get(target[1:])
    return user.handle if user else target


def _rich(team: Team, blocks: Any) -> Iterator[str]:
    if isinstance(blocks, list):
        for each in blocks:
            yield from _rich(team, each)
    elif isinstance(blocks, Mapping):
        match blocks.get("type"):
            case "user":
                yield _name(team, f"@{blocks.get('user_id')}")
            case "broadcast":
                yield f"@{blocks.get('range')}"
            case "usergroup":
                yield f"@{blocks.get('usergroup_id')}"
            case _:
                for each in blocks.values():
                    yield from _rich(team, each)
