"""What people point at in their words. Owns: links, pages, Reference, read. Imports: re, core. Effects: none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from core import graph, layers
from core.ids import MemberId, MessageKey, ThreadKey, message_key

MOST = 50  # of one reading
URL = re.compile(r"https?://[^\s<>\"'|`]+")
# A message's own key. Its parts are bounded: whoever writes a long text decides nothing about how long it takes to read.
KEY = re.compile(r"(?<![\w/])[a-z]{2,20}:[^\s/#]{1,100}/[^\s#<>\"'`]{1,400}#[^\s<>\"'`]{1,200}")
PAGE = re.compile(r"(?<![\w/.-])(?:knowledge|notes)/[\w./-]*\w")
OWN_PAGE = re.compile(r"^(?:(knowledge|notes|personal)/)([\w./ -]*\w)$")
FACT = re.compile(r"^m([0-9a-f]{3,32})$", re.IGNORECASE)
LOOP = re.compile(r"^(?:loop\s+)?#?([0-9a-f]{4,32})$", re.IGNORECASE)
NUMBER = re.compile(r"^\d{1,4}$")
TRAILING = ".,;:!?)]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One thing somebody named: `name` is a number on a receipt, a link, a message's or page's node key, the start of a loop's
    or a fact's id."""

    kind: Literal["number", "link", "node", "loop", "fact"]
    name: str


def links(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses and message keys in texts, each once, the first ones when there are very many."""
    found = (
        match.rstrip(TRAILING) for text in texts for pattern in (URL, KEY) for match in pattern.findall(text)
    )
    return tuple(dict.fromkeys(found))[:MOST]


def pages(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the nodes of the team's pages that texts name by path, each once."""
    found = (match for text in texts for match in PAGE.findall(text) if "." in match.rpartition("/")[2])
    return tuple(dict.fromkeys(f"page:{name}" for name in found))[:MOST]


def read(words: str, *, thread: ThreadKey, member: MemberId, numbered: bool = False) -> Reference | None:
    """Return what a member's words name, None when they name nothing: a link, a page, a fact, a loop, a message of this thread.

    With `numbered` a bare number is a line of the receipt.
    """
    plain = words.strip().strip("<>`").rstrip(TRAILING)
    if numbered and NUMBER.match(plain):
        return Reference(kind="number", name=plain)
    if KEY.fullmatch(plain):
        return Reference(kind="node", name=graph.message(MessageKey(plain)))
    if URL.fullmatch(plain):
        return Reference(kind="link", name=plain)
    if page := OWN_PAGE.match(plain):
        layer = layers.personal(member) if page.group(1) == "personal" else page.group(1)
        return Reference(kind="node", name=graph.page(layer, page.group(2)))
    if match := FACT.match(plain):
        return Reference(kind="fact", name=match.group(1).lower())
    if match := LOOP.match(plain):
        return Reference(kind="loop", name=match.group(1).lower())
    if re.fullmatch(r"#?[\w.$:-]{1,200}", plain):
        return Reference(kind="node", name=graph.message(message_key(thread, plain.lstrip("#"))))
    return None


def of_message(key: str) -> str:
    """Return how people name a message that has no address of its own: by its key."""
    return key.removeprefix("message:")
