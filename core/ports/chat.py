"""Chat platforms. Owns: ChatAdapter, Reconnecting, History. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from core.events import FileRef, Posted
from core.ids import IdentityKey, ThreadKey
from core.message import Caps, Message
from core.ports.base import Emit, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Messages of a thread, oldest first; `left_out` counts those past the limit."""

    messages: tuple[Posted, ...]
    left_out: int = 0


class ChatAdapter(AbstractAsyncContextManager["ChatAdapter"], Protocol):
    """One chat platform. Its checks are in `core.testing.chat_contract`. Entering it connects, leaving it ends every task."""

    platform: str
    caps: Caps

    async def listen(self, emit: Emit) -> None:
        """Hand every inbound event to `emit` until cancelled; the platform is acked only after `emit` returned."""

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under an idempotency key; return the platform's id of the (first) message. Twice with one key posts once."""

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace a message that `post` returned."""

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone where the platform can, else in the thread."""

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent)."""

    async def history(self, thread: ThreadKey, *, upto: str, limit: int) -> History:
        """Return the thread up to and including message `upto`: its root and the newest `limit` messages."""

    async def fetch(self, file: FileRef, into: Path, *, max_bytes: int) -> None:
        """Download a file of the chat. Raises Rejected when it is too large or not the platform's own."""

    async def probe(self) -> Sequence[Finding]:
        """Test tokens, scopes and the connection, for `doctor`."""


@runtime_checkable
class Reconnecting(Protocol):
    """A chat that takes a lost connection up again by itself, and can tell that it is at it."""

    @property
    def away_for(self) -> float:
        """Return for how many seconds the platform has not been able to reach the adapter; 0.0 while it can."""
