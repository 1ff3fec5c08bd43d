"""Facts that somebody wants kept. Owns: Wish, and how one that waits for a word is spelled. Imports: core, bridge.sources. Effects: none."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bridge.sources import Said
from core.events import Author
from core.ids import IdentityKey, ThreadKey, TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A fact that is to be kept, whose wish that is, and what brought it."""

    said: Said
    author: Author
    origin: str  # the graph's key of the message or the turn
    at: ThreadKey  # the lane
    via: str = ""
    card: str = ""
    learned: str = ""  # the handle of the loop whose agent promotes it
    turn: TurnId | None = None


def held(name: str) -> str:
    """Name the small value in which a wish waits for a word."""
    return f"memory:held:{name}"


def spell(wish: Wish) -> str:
    """Return a person's wish as text."""
    said, author = wish.said, wish.author
    return json.dumps(
        {
            "text": said.text,
            "key": said.key,
            "permalink": said.permalink,
            "edited": said.edited,
            "by": [said.by.identity, said.by.name],
            "author": [author.identity, author.name],
            "origin": wish.origin,
            "at": wish.at,
            "via": wish.via,
        }
    )


def read(text: str, name: str) -> Wish:
    """Return the wish that `spell` wrote, waiting under `name`. Raises ValueError or KeyError for a text that is none."""
    found = json.loads(text)
    said = Said(
        text=str(found["text"]), key=str(found["key"]), permalink=str(found["permalink"]), by=_author(found["by"]),
        edited=str(found.get("edited", "")),
    )  # fmt: skip
    return Wish(
        said=said, author=_author(found["author"]), origin=str(found["origin"]), at=ThreadKey(str(found["at"])), via=str(found["via"]),
        card=name,
    )  # fmt: skip


def _author(pair: object) -> Author:
    identity, name = pair if isinstance(pair, list) else ("", "")
    return Author(identity=IdentityKey(identity), name=name)
