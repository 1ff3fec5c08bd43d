"""What was missed while nobody listened. Owns: recover. Imports: core and the modules beside. Effects: reads Slack's past, emits.

Slack gives up telling an event after a few minutes. Every conversation that was heard of lately is read from its mark on, and what is new
comes in as if told; the store knows what it has already.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from adapters.chat.slack import names
from adapters.chat.slack.hearing import Hearing
from adapters.chat.slack.names import Place
from adapters.chat.slack.payload import text
from adapters.chat.slack.seen import Seen
from adapters.chat.slack.workspace import Workspace
from core.errors import PortError

log = logging.getLogger(__name__)
MOST = 100  # conversations of one workspace


async def recover(workspaces: Mapping[str, Workspace], seen: Mapping[str, Seen], hearing: Hearing) -> None:
    """Take in what came after the marks; each conversation that had something is logged as a gap."""
    for team, home in workspaces.items():
        marks = dict(seen[team].places()[:MOST])
        for place, mark in marks.items():
            try:
                await _conversation(home, hearing, place, mark, known=marks)
            except PortError as exc:
                log.warning("chat.slack.past_unread", extra={"where": place.key, "why": str(exc)})


async def _conversation(
    home: Workspace, hearing: Hearing, place: Place, mark: str, *, known: Mapping[Place, str]
) -> None:
    found = await home.recent(place, after=mark)
    if found:
        log.warning("chat.slack.gap", extra={"channel": place.key, "count": len(found)})
    for raw, event in found:
        await hearing.recovered(home, raw, event)
        thread = names.place(event.lane)
        # A thread that began meanwhile has replies of its own, which the channel does not show.
        if not place.thread_ts and thread not in known and text(raw, "latest_reply"):
            await _conversation(home, hearing, thread, thread.root, known=known)
