"""Words to the bridge itself. Owns: aside, said. Imports: core. Effects: none.

`/loop status`, `/loop why 3f2a91c` or `approve 7f3` say nothing about the work: no agent is given them, nothing is distilled from them and
no receipt counts them. A command whose own words start or steer work (a task, a reason, an answer, a decision) is something said.
"""

from __future__ import annotations

import re

from core import commands
from core.commands import LOOKS_LIKE_A_HANDLE, Command
from core.errors import BadInput
from core.graph import Node

DECIDED = re.compile(r"\s*(?:approve|deny)\s+#?[0-9a-f]{3,32}[.!]?\s*", re.IGNORECASE)
MAYBE = re.compile(
    r"\s*(?:[/!]loop|approve|deny)\b", re.IGNORECASE
)  # most messages are neither, and long threads have thousands
WITH_A_HANDLE = frozenset({"approve", "deny", "reject", "edit-proposal"})  # what counts stands behind it
WITH_WORDS = frozenset({"start", "answer", "resume", "decide", "remember", "inbox"})
KEEPING = ("list", "pause", "resume", "delete")  # of schedules that are there


def said(node: Node) -> bool:
    """Return whether a message's node holds something said rather than words to the bridge."""
    return not (node.props.get("aside") or aside(node.text))


def aside(text: str, *, addressed: bool = False) -> bool:
    """Return whether a text is for the bridge alone; one that is `addressed` to it needs no `/loop` before the word."""
    if not addressed and not MAYBE.match(text):
        return False
    words = commands.spoken(text)
    if words is None and not addressed:
        return bool(DECIDED.fullmatch(text))
    try:
        command = commands.parse(text if words is None else words)
    except BadInput:
        # A slip behind `/loop`; without it, talk that begins like a word of ours.
        return words is not None
    return not _tells(command) and (words is not None or command.word != "")


def _tells(command: Command) -> bool:
    """Whether a command's own words are of use to whoever works here."""
    word, rest = command.word, command.rest
    first, _, more = rest.partition(" ")
    if word in WITH_A_HANDLE:
        return bool(more.strip() if LOOKS_LIKE_A_HANDLE.match(first) or not more else rest)
    if word == "schedule":
        return bool(rest) and first not in KEEPING
    if word == "promote":
        return bool(more)
    if word == "focus":
        return first == "pin"
    return word in WITH_WORDS and bool(rest)
