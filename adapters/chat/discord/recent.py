"""What is remembered for a while. Owns: Recent, Remember, Recall, Tokens. Imports: collections. Effects: none."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
Remember = Callable[[str, str], Awaitable[None]]  # keeps a small value for good, under a key
Recall = Callable[[str], Awaitable[str | None]]


class Recent(Generic[K, V]):
    """The newest `most` entries of a table."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[K, V] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._known

    def __setitem__(self, key: K, value: V) -> None:
        self._known[key] = value
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def get(self, key: K) -> V | None:
        return self._known.get(key)

    def pop(self, key: K) -> V | None:
        return self._known.pop(key, None)

    def items(self) -> list[tuple[K, V]]:
        """Return everything, the oldest first."""
        return list(self._known.items())


class Tokens:
    """Interactions that can still be answered, by place and person. Times are monotonic seconds."""

    GOOD_FOR = 14 * 60.0  # of Discord's 15 minutes

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: Recent[tuple[str, str], tuple[str, float]] = Recent(1_000)

    def note(self, place: str, user: str, token: str) -> None:
        """Remember that a person asked something here just now."""
        self._known[place, user] = (token, self._now() + self.GOOD_FOR)

    def get(self, place: str, user: str) -> str:
        """Return a token that is still good, or ""."""
        token, until = self._known.get((place, user)) or ("", 0.0)
        return token if self._now() < until else ""

    def drop(self, place: str, user: str) -> None:
        """Forget a token that turned out stale."""
        self._known.pop((place, user))
