"""Up to where each channel was heard. Owns: Seen. Imports: json. Effects: remembers through what it is given.

A mark stands at the newest message of a channel that was stored; it is written down now and then, since a mark that lags behind costs a
second look and nothing more. Ids grow with time everywhere on Discord: in a channel without a mark, what is newer than all marks is new.
"""

from __future__ import annotations

import json
import logging

from adapters.chat.discord.names import DIRECT, is_id
from adapters.chat.discord.recent import Recall, Recent, Remember

log = logging.getLogger(__name__)
KEPT = 500
KEY = "discord:seen"


class Seen:
    """The marks: by channel its guild and the newest message heard. `begin` is where a bridge begins that never was here."""

    def __init__(self, remember: Remember | None, recall: Recall | None) -> None:
        self._remember = remember
        self._recall = recall
        self._marks: Recent[str, tuple[str, str]] = Recent(KEPT)
        self._newest = 0
        self._base = 0
        self._stored: Recent[str, bool] = Recent(5_000)
        self._gone: Recent[str, bool] = Recent(KEPT)
        self._written = ""

    async def load(self, begin: str) -> None:
        """Read what an earlier process wrote down."""
        kept = await self._recall(KEY) if self._recall else None
        try:
            told = json.loads(kept or "{}")
            for channel, (guild, message) in told.get("marks", {}).items():
                if is_id(channel) and is_id(message):
                    self._mark(channel, str(guild), message)
            for channel in told.get("gone", []):
                self._gone[str(channel)] = True
            self._newest = max(self._newest, int(told.get("newest") or begin))
        except (ValueError, TypeError, AttributeError):
            log.warning("chat.discord.marks_unreadable")
            self._newest = max(self._newest, int(begin))
        self.rebase()

    def after(self, channel: str) -> str:
        """Return the message after which a channel was not heard yet."""
        known = self._marks.get(channel)
        return known[1] if known else str(self._base)

    def rebase(self) -> None:
        """Note that a session begins: what is newer than all that was heard by now was missed."""
        self._base = self._newest

    def of(self, guild: str) -> list[tuple[str, str]]:
        """Return (channel, mark) of a guild's channels, the last heard first."""
        return [(channel, mark) for channel, (where, mark) in reversed(self._marks.items()) if where == guild]

    def direct(self) -> list[tuple[str, str]]:
        """Return (channel, mark) of the direct conversations."""
        return self.of(DIRECT)

    def is_stored(self, message: str) -> bool:
        """Whether this process stored a message already."""
        return message in self._stored

    def heard(self, channel: str, guild: str, message: str) -> None:
        """Note that a message was stored, or needs not be."""
        self._stored[message] = True
        self._mark(channel, guild, message)

    def _mark(self, channel: str, guild: str, message: str) -> None:
        known = self._marks.get(channel)
        if known is None or int(known[1]) < int(message):
            self._marks[channel] = (guild, message)
        self._newest = max(self._newest, int(message))

    def is_gone(self, thread: str) -> bool:
        """Whether somebody deleted a thread: the bridge makes it no second time."""
        return thread in self._gone

    def lose(self, thread: str) -> None:
        """Note that a thread was deleted."""
        self._gone[thread] = True
        self._marks.pop(thread)

    async def write(self) -> None:
        """Write the marks down when they moved."""
        told = {
            "marks": dict(self._marks.items()),
            "gone": [thread for thread, _ in self._gone.items()],
            "newest": str(self._newest),
        }
        spelled = json.dumps(told)
        if self._remember is not None and spelled != self._written:
            await self._remember(KEY, spelled)
            self._written = spelled
