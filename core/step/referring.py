"""Having looked up what somebody pointed at. Owns: refer. Imports: core. Effects: none."""

from __future__ import annotations

from core.effects import Priority, Refer
from core.events import Author
from core.events.context import Wants
from core.ids import LoopId
from core.references import Reference
from core.step.draft import Draft


def refer(
    draft: Draft,
    wants: Wants,
    reference: Reference,
    *,
    author: Author,
    message: str,
    via: str = "",
    words: str = "",
) -> None:
    """Have what somebody pointed at looked up."""
    draft.effects.append(
        Refer(
            key=draft.key("refer", wants), lane=draft.lane, priority=Priority.ASK, wants=wants, reference=reference, author=author,
            message=message, via=via, words=words, loop=draft.loop.id if draft.loop else LoopId(""),
        )
    )  # fmt: skip
