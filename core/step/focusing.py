"""What matters now, as people say it. Owns: the words `focus`, `tag`, `untag`, `inbox`, and what follows from Jotted. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from core import focus, graph, memory, memorycards, reports, wording
from core.commands import Command
from core.effects import Jot
from core.errors import BadInput
from core.events import Jotted, Posted
from core.people import Member
from core.step import driving
from core.step.draft import Draft


def show(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Show the board, or change its pins. Raises BadInput for a pin without words."""
    first, _, rest = command.rest.strip().partition(" ")
    if first == "pin":
        _jot(draft, event, "pin", rest)
    elif first == "unpin":
        if not rest.strip().isdigit():
            raise BadInput("Which pin?", remedy="`/loop focus unpin 1`; `/loop focus` numbers them.")
        _jot(draft, event, "unpin", rest)
    else:
        draft.look("focus", "", event.author.identity)


def inbox(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Put a line into the team's inbox. Raises BadInput for an empty one."""
    _jot(draft, event, "inbox", command.rest)


def tag(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Tag this thread's loop. Raises BadInput when there is none, or the words are no tags."""
    loop = driving.here(draft)
    found = focus.tags(command.rest)
    if not found:
        known = f"It is tagged {wording.listing(loop.tags)}." if loop.tags else "It has none yet."
        raise BadInput("Which tag?", remedy=f"{known} `/loop tag auth` adds one.")
    put(draft, found)
    _said(draft)


def untag(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Take tags off this thread's loop. Raises BadInput when it has none of them."""
    loop = driving.here(draft)
    found = [tag for tag in focus.tags(command.rest) if tag in loop.tags]
    if not found:
        known = f"It is tagged {wording.listing(loop.tags)}." if loop.tags else "It has no tag."
        raise BadInput("The loop has no such tag.", remedy=known)
    # The edges stay: that it was tagged so is what happened; what it is tagged with now, the loop says.
    draft.now(tags=tuple(tag for tag in loop.tags if tag not in found))
    _said(draft)


def put(draft: Draft, found: Sequence[str]) -> None:
    """Tag the loop, and note it."""
    loop = draft.has()
    draft.now(tags=focus.tagged(loop, found))
    for tag in found:
        draft.edge(graph.loop(loop.id), "tagged", draft.node(graph.focus(tag), "focus", tag))


def jotted(draft: Draft, event: Jotted) -> None:
    """Say what became of a line."""
    draft.say(memorycards.jotted(event), what="jotted")


def _jot(draft: Draft, event: Posted, what: Literal["pin", "unpin", "inbox"], words: str) -> None:
    line = wording.line(words, focus.LONGEST_PIN)
    if not line:
        raise BadInput(
            "Write what?", remedy=f"`/loop {'inbox' if what == 'inbox' else f'focus {what}'} <text>`."
        )
    if found := memory.secret(words):
        raise BadInput(
            f"That looks like it holds {found}: it was not written down.", remedy="Secrets have no place in notes."
        )  # fmt: skip
    draft.effects.append(
        Jot(
            key=draft.key("jot"), lane=draft.lane, what=what, words=line, author=event.author, message=event.message, via=event.via
        )
    )  # fmt: skip


def _said(draft: Draft) -> None:
    loop = draft.has()
    words = f"is tagged {wording.listing(loop.tags)}" if loop.tags else "has no tag any more"
    draft.say(reports.note(f"Loop #{loop.handle} {words}."), what="tagged")
