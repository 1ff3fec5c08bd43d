"""What was posted under which key. Owns: Posts, nonce. Imports: json, core.ids. Effects: remembers through what it is given.

Discord itself lets no message with the same nonce by twice, for a few minutes. What is begun is written down before it is sent, so that
after a longer absence the thread is read before anything is sent again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass

from adapters.chat.discord.recent import Recall, Recent, Remember
from core.ids import derived

log = logging.getLogger(__name__)
KEPT = 400
KEY = "discord:posts"
NONCE = 25  # characters Discord takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One key: the channel it went to, and its messages (joined by dashes) once they are known."""

    channel: str
    posted: str = ""


class Posts:
    """The newest posts by key."""

    def __init__(self, remember: Remember | None, recall: Recall | None) -> None:
        self._remember = remember
        self._recall = recall
        self._known: Recent[str, Post] = Recent(KEPT)
        self._writing = asyncio.Lock()

    async def load(self) -> None:
        """Read what an earlier process wrote down."""
        kept = await self._recall(KEY) if self._recall else None
        try:
            for name, channel, posted in json.loads(kept or "[]"):
                self._known[str(name)] = Post(channel=str(channel), posted=str(posted))
        except (ValueError, TypeError):
            log.warning("chat.discord.posts_unreadable")

    def get(self, key: str) -> Post | None:
        return self._known.get(_name(key))

    async def begin(self, key: str, channel: str) -> None:
        """Note that something is about to be sent."""
        await self._note(key, Post(channel=channel))

    async def done(self, key: str, channel: str, posted: str) -> None:
        """Note what it was sent as."""
        await self._note(key, Post(channel=channel, posted=posted))

    async def _note(self, key: str, post: Post) -> None:
        self._known[_name(key)] = post
        if self._remember is not None:
            async with self._writing:
                told = [[name, each.channel, each.posted] for name, each in self._known.items()]
                await self._remember(KEY, json.dumps(told))


def _name(key: str) -> str:
    return derived("discord", key)[:16]


def nonce(key: str, part: int) -> str:
    """Return what Discord tells a repeated message by."""
    return derived("discord", key, str(part))[:NONCE]
