"""What becomes of a decision that was marked. Owns: end, source_changed. Imports: core. Effects: none."""

from __future__ import annotations

from core import decided, graph
from core.decided import Mark
from core.events import Deleted, Edited
from core.ids import message_key
from core.step.draft import Draft


def end(draft: Draft, mark: Mark, status: str, **props: str) -> None:
    """Note a decision's new state. Its words stay, and so does its audience: a node keeps that from its first telling."""
    draft.node(mark.key, "decision", "", status=status, **props)


def source_changed(draft: Draft, event: Edited | Deleted) -> None:
    """Follow what becomes of a marked message: an edit is flagged, a deletion takes the decision's words with it."""
    key = graph.message(message_key(draft.desk.thread, event.message))
    for mark in draft.desk.decisions:
        if mark.source != key:
            continue
        if isinstance(event, Deleted):
            end(draft, mark, decided.WITHDRAWN, flagged="deleted", deleted=event.at.isoformat())
        else:
            end(draft, mark, decided.LIVE, flagged="edited", edited=event.at.isoformat())
