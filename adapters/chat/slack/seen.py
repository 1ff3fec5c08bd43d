"""Up to where each conversation was heard. Owns: Seen. Imports: core. Effects: remembers through what it is given.

A mark stands at the newest message up to which everything told was stored; it is written down now and then, since a mark that lags behind
costs a second look and nothing more. What could not be stored keeps its mark back.
"""

from __future__ import annotations

import json
import logging
from collections import OrderedDict

from adapters.chat.slack import names
from adapters.chat.slack.errand import Recall, Remember
from adapters.chat.slack.names import NOWHERE, Place
from adapters.chat.slack.payload import table
from core.errors import Unavailable

log = logging.getLogger(__name__)
KEPT = 300  # conversations of one workspace


class Seen:
    """The marks of one workspace: of channels (root NOWHERE) and of threads, the last heard of last."""

    def __init__(self, team: str, *, remember: Remember | None, recall: Recall | None) -> None:
        self._team = team
        self._key = f"slack:seen:{team}"
        self._remember = remember
        self._recall = recall
        self._marks: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._held: dict[tuple[str, str], set[str]] = {}
        self._written = ""

    async def load(self) -> None:
        """Read what an earlier process wrote down."""
        kept = await self._recall(self._key) if self._recall else None
        try:
            marks = table(json.loads(kept or "{}"))
        except ValueError:
            log.warning("chat.slack.marks_unreadable", extra={"team": self._team})
            return
        for name, ts in marks.items():
            channel, _, root = name.partition("/")
            if isinstance(ts, str) and names.is_ts(ts):
                self._marks.setdefault((channel, root), ts)

    def places(self) -> list[tuple[Place, str]]:
        """Return every conversation with its mark, the last heard of first."""
        return [
            (Place(team=self._team, channel=channel, root=root), ts)
            for (channel, root), ts in reversed(self._marks.items())
        ]

    def hold(self, place: Place, ts: str) -> None:
        """Keep the marks of a message that could not be stored yet before it."""
        for key in _keys(place, ts):
            self._held.setdefault(key, set()).add(ts)

    def heard(self, place: Place, ts: str) -> None:
        """Note that a message was stored."""
        for key in _keys(place, ts):
            held = self._held.get(key, set())
            held.discard(ts)
            if not held:
                self._held.pop(key, None)
            before = self._marks.get(key, "")
            newest = ts if not before or names.order(ts) > names.order(before) else before
            if not any(names.order(each) <= names.order(newest) for each in held):
                self._marks[key] = newest
                self._marks.move_to_end(key)
        while len(self._marks) > KEPT:
            self._marks.popitem(last=False)

    async def write(self) -> None:
        """Write the marks down when they moved."""
        if self._remember is None:
            return
        spelled = json.dumps({f"{channel}/{root}": ts for (channel, root), ts in self._marks.items()})
        if spelled == self._written:
            return
        try:
            await self._remember(self._key, spelled)
        except Unavailable as exc:
            log.warning("chat.slack.marks_not_kept", extra={"why": str(exc)})
        else:
            self._written = spelled


def _keys(place: Place, ts: str) -> list[tuple[str, str]]:
    # A root counts for its channel and begins its thread; a reply counts for its thread.
    channel = [(place.channel, NOWHERE)] if place.root == ts else []
    return [*channel, (place.channel, place.root)]
