"""The error tree. Owns: LoopbridgeError and its branches. Imports: nothing. Effects: none.

LoopbridgeError
├── BadInput              what a person gave cannot be taken (config, a command, a name)
├── Refused               a rule says no (policy, role, judged pack)
├── Damaged               stored state cannot be read (database, journal, mirror)
└── PortError             something outside did not do what was asked
    ├── Unavailable       worth trying again
    │   ├── RateLimited   … after `retry_after` seconds
    │   └── StorageFull   … once there is room on the disk
    └── Rejected          trying again gives the same answer
"""

from __future__ import annotations


class LoopbridgeError(Exception):
    """Base of every error raised on purpose. `str(error)` is a sentence a person can read.

    `remedy` says what to do about it, as a sentence, or is empty when nothing can be done.
    """

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy


class BadInput(LoopbridgeError):
    """Something a person typed or configured cannot be used as it is."""


class Refused(LoopbridgeError):
    """A rule of the bridge says no."""


class Damaged(LoopbridgeError):
    """Stored state cannot be read back."""


class PortError(LoopbridgeError):
    """Something outside the bridge failed."""


class Unavailable(PortError):
    """The far side did not answer, or said that it cannot now; the same request may pass later."""


class RateLimited(Unavailable):
    """The far side asked for a pause of `retry_after` seconds."""

    def __init__(self, what: str, *, retry_after: float, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.retry_after = retry_after


class StorageFull(Unavailable):
    """The disk under the home directory has no room left."""


class Rejected(PortError):
    """The far side understood and refused; the same request would be refused again."""
