"""How often a method may be called. Owns: Rates, TIERS. Imports: stdlib. Effects: none.

Tiers hold per method, workspace and app over a sliding minute; messages besides one a second per channel with a short burst.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque

MINUTE = 60.0
BURST = 5  # messages a channel takes at once
TIERS = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}  # calls a minute; 5 stands for methods with a rate of their own
METHODS = {
    # No real bridge lives on one connection a minute, and Slack lets it have more: "1+" in its words.
    "apps.connections.open": 2,
    "agents.sessions.setStatus": 3, "auth.test": 5, "bots.info": 3, "chat.delete": 3, "chat.getPermalink": 5,
    "chat.postEphemeral": 4, "chat.postMessage": 5, "chat.update": 3, "conversations.history": 3, "conversations.info": 3,
    "conversations.join": 3, "conversations.list": 2, "conversations.members": 4, "conversations.open": 3,
    "conversations.replies": 3, "files.completeUploadExternal": 4, "files.delete": 3, "files.getUploadURLExternal": 4,
    "files.info": 4, "reactions.add": 3, "reactions.get": 3, "reactions.remove": 2, "team.info": 3, "users.conversations": 3,
    "users.info": 4, "users.list": 2, "views.open": 4, "views.publish": 4, "views.push": 4, "views.update": 4,
}  # fmt: skip


class Rates:
    """The meters of one far side. `minute` is how many seconds its minute lasts; None turns limits off."""

    def __init__(self, minute: float | None) -> None:
        self.minute = minute
        self._calls: dict[tuple[str, ...], deque[float]] = defaultdict(deque)
        self._bucket: dict[tuple[str, str], tuple[float, float]] = {}

    def refuse(self, method: str, team: str, channel: str = "") -> int:
        """Count a call; return 0, or after how many whole seconds it may be tried again (then it did not count)."""
        if self.minute is None:
            return 0
        now = time.monotonic()
        calls = self._calls[method, team]
        while calls and calls[0] <= now - self.minute:
            calls.popleft()
        if len(calls) >= TIERS[METHODS.get(method, 3)]:
            return max(1, math.ceil(calls[0] + self.minute - now))
        if method == "chat.postMessage" and channel:
            second = self.minute / MINUTE
            tokens, at = self._bucket.get((team, channel), (float(BURST), now))
            tokens = min(float(BURST), tokens + (now - at) / second)
            if tokens < 1:
                self._bucket[team, channel] = tokens, now
                return max(1, math.ceil((1 - tokens) * second))
            self._bucket[team, channel] = tokens - 1, now
        calls.append(now)
        return 0
