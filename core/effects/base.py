"""What every effect has. Owns: Priority, Doing. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from core.ids import ThreadKey


class Priority(IntEnum):
    """What overtakes what on the way to one thread."""

    ASK = 0
    ANSWER = 1
    STATUS = 2
    PROGRESS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What every effect has."""

    key: str
    lane: ThreadKey
    priority: Priority = Priority.ANSWER
