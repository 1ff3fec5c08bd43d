"""Identifiers. Owns: the NewTypes and the functions that spell keys. Imports: hashlib, secrets, uuid. Effects: `new_id` draws randomness."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from typing import NewType

ThreadKey = NewType("ThreadKey", str)  # platform:workspace/channel/root
MessageKey = NewType("MessageKey", str)  # <ThreadKey>#<platform message id>
IdentityKey = NewType("IdentityKey", str)  # platform:workspace/user
MemberId = NewType("MemberId", str)  # 32 hex
LoopId = NewType("LoopId", str)  # 32 hex
TurnId = NewType("TurnId", str)  # <LoopId>.<n>
AskId = NewType("AskId", str)  # 32 hex
CallId = NewType("CallId", str)  # the model's tool_use id
Token = NewType("Token", str)  # what a button carries: opaque, 128 bit
CardKey = NewType("CardKey", str)  # names one message that is edited in place

SHORT = 6


def new_id() -> str:
    """Return 128 fresh random bits as 32 hex digits."""
    return secrets.token_hex(16)


def short(identifier: str) -> str:
    """Return the first six characters, as people see an id."""
    return identifier[:SHORT]


def thread_key(platform: str, workspace: str, channel: str, root: str) -> ThreadKey:
    """Spell a thread's key; the one place that knows its form."""
    return ThreadKey(f"{platform}:{workspace}/{channel}/{root}")


def message_key(thread: ThreadKey, message: str) -> MessageKey:
    """Spell a message's key from its thread and the platform's own id of it."""
    return MessageKey(f"{thread}#{message}")


def identity_key(platform: str, workspace: str, user: str) -> IdentityKey:
    """Spell the key of a person as one platform knows them: by id, never by name."""
    return IdentityKey(f"{platform}:{workspace}/{user}")


def platform_of(key: str) -> str:
    """Return the platform's name out of a thread or identity key."""
    return key.partition(":")[0]


def turn_id(loop: LoopId, number: int) -> TurnId:
    """Spell a turn's id; turns of a loop count from 1."""
    return TurnId(f"{loop}.{number}")


def session_id(turn: TurnId, leg: int) -> str:
    """Return the UUID of the fresh session that a leg begins, the same whenever it is asked for."""
    return str(uuid.UUID(hex=derived("session", turn, str(leg))))


def derived(*parts: str) -> str:
    """Return 32 hex digits that are the same for the same parts, for ids that a replay must find again."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def note_of(effect: str) -> str:
    """Name the small value in which an effect notes what it began; it goes when that effect is over."""
    return f"effect:{effect}"


def slug(text: str, *, limit: int = 32) -> str:
    """Return `[a-z0-9-]` of at most `limit` characters, cut between words; "loop" when nothing is left."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    out = ""
    for word in words:
        joined = f"{out}-{word}" if out else word[:limit]
        if len(joined) > limit:
            break
        out = joined
    return out or "loop"
