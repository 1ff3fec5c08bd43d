"""Who could have read what. Owns: Sight. Imports: core.ids, core.layers. Effects: none.

Every node carries the audience of its source: a thread's key, `bridge`, or `member:<id>`. A thread may be given what everybody in it
could have read: never wider than known. What is not known to be shared is not shared.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.ids import MemberId, ThreadKey, platform_of
from core.layers import EVERYBODY

# Where whoever reads a channel reads all its threads, from their beginnings. Discord has private threads in open channels, and a
# Matrix room can hide from those who join what was said before.
WHOLE_CHANNELS = frozenset({"local", "slack"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What those who read a thread can all see; with `member`, what that one member sees besides, alone.

    `elsewhere`: for readers in another thread that follows this one. They see what it says, and not what stands beside it.
    """

    thread: ThreadKey
    member: MemberId | None = None
    elsewhere: bool = False

    @property
    def exact(self) -> tuple[str, ...]:
        """Return the audiences that are seen, as they are spelled."""
        return (EVERYBODY, self.thread, *((f"member:{self.member}",) if self.member else ()))

    @property
    def channel(self) -> str:
        """Return how every audience of the thread's channel begins, empty where one thread says nothing of the others."""
        whole = platform_of(self.thread) in WHOLE_CHANNELS and not self.elsewhere
        return self.thread.rpartition("/")[0] + "/" if whole else ""

    def sees(self, audience: str) -> bool:
        """Say whether what this audience could read is seen."""
        return audience in self.exact or bool(self.channel and audience.startswith(self.channel))
