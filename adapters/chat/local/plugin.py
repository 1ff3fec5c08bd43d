"""The local chat's way in. Owns: build. Imports: core. Effects: none."""

from __future__ import annotations

from pathlib import Path

from adapters.chat.local.adapter import LocalChat
from core.ports import ChatAdapter, Clock


def build(*, home: Path, clock: Clock) -> ChatAdapter:
    """Return the built-in chat of a home directory, not yet entered."""
    return LocalChat(home=home, clock=clock)
