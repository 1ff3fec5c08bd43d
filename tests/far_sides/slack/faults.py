"""Bad days. Owns: Faults, signature. Imports: stdlib. Effects: none (the doors and the delivery look here what to do).

Method names are Slack's ("chat.postMessage"), or "*" for every one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

How = Literal["reset", "reset_after_commit", "hang"] | int


@dataclass(slots=True, kw_only=True)
class Trouble:
    """What befalls the next `times` calls of a method: an HTTP status, a connection reset, or a 429 with `retry_after`."""

    times: int
    how: How
    retry_after: int = 0


class Faults:
    """What is to go wrong, set by a test and used up by traffic."""

    def __init__(self) -> None:
        self._troubles: dict[str, list[Trouble]] = defaultdict(list)
        self._slow: dict[str, float] = {}
        self.duplicates = 0
        self.held = 0

    def fail(self, method: str, times: int = 1, status: How = 500) -> None:
        """Have calls end in a status (502 comes as HTML), be reset before or after they took effect, or hang."""
        self._troubles[method].append(Trouble(times=times, how=status))

    def rate_limit(self, method: str, retry_after: int = 1, times: int = 1) -> None:
        """Have calls end in a 429, whatever the tiers say."""
        self._troubles[method].append(Trouble(times=times, how=429, retry_after=retry_after))

    def slow(self, method: str, seconds: float) -> None:
        """Delay every call of a method; 0 ends it."""
        self._slow[method] = seconds

    def duplicate(self, number: int = 1) -> None:
        """Have the next deliveries come twice, under two envelope ids."""
        self.duplicates += number

    def reorder(self, number: int = 2) -> None:
        """Have the next `number` event deliveries come in reverse."""
        self.held = number

    def clear(self) -> None:
        """End all of it."""
        self.__init__()  # type: ignore[misc]

    def delay(self, method: str) -> float:
        """Return how long a call has to wait."""
        return self._slow.get(method, self._slow.get("*", 0.0))

    def next(self, method: str) -> Trouble | None:
        """Use up and return what befalls this call."""
        for name in (method, "*"):
            if waiting := self._troubles.get(name):
                waiting[0].times -= 1
                return waiting.pop(0) if waiting[0].times <= 0 else waiting[0]
        return None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the v0 signature of a request body."""
    return (
        "v0="
        + hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    )
