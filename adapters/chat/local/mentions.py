"""Who a text is meant for. Owns: Reading, read. Imports: re. Effects: none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.chat.local.records import BOT

# Not in "a@loop.example" nor "@loop-bot"; a colon or comma right after the name belongs to the mention.
_BOT = re.compile(rf"(?<![\w@./-])@{BOT}(?![\w-]|\.\w)[,:]?[ \t]*", re.IGNORECASE)
_ANYBODY = re.compile(r"(?<![\w@./-])@([\w][\w-]*(?:\.[\w-]+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A text as the bridge gets it: without the mention of itself; `mentions` are user ids, in order."""

    text: str
    addressed: bool
    mentions: tuple[str, ...]


def read(text: str, people: Mapping[str, str]) -> Reading:
    """Read a person's text; `people` maps the ids of everybody in the room to their names."""
    kept = _BOT.sub("", text)
    known = {name.lower(): user for user, name in people.items() if " " not in name}
    known |= {user.lower(): user for user in people}
    found = dict.fromkeys(
        known[word.lower()]
        for word in _ANYBODY.findall(text)
        if word.lower() in known and word.lower() != BOT
    )
    addressed = kept != text
    return Reading(text=kept.strip() if addressed else text, addressed=addressed, mentions=tuple(found))
