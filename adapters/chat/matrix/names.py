"""How Matrix things are spelled in keys. Owns: Place, the key functions, links. Imports: urllib, core.ids. Effects: none.

Room, event and user ids may hold `/`, `#` and `%`, which separate the parts of keys: those are percent-encoded, nothing else is.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from core.errors import Rejected
from core.ids import IdentityKey, ThreadKey, identity_key, thread_key

PLATFORM: Final = "matrix"
_SAFE: Final = "!$@:+=,;&'()*~|[]{}<>?^\"\\ `"


class Place(NamedTuple):
    """A thread: its room and its root event."""

    room: str
    root: str


def server_of(user: str) -> str:
    """Return the server's part of a user id (with its port, if it has one)."""
    return user.partition(":")[2]


def thread_of(server: str, place: Place) -> ThreadKey:
    """Spell a thread's key; `server` is that of the bot's own account."""
    return thread_key(PLATFORM, _spell(server), _spell(place.room), _spell(place.root))


def place_of(thread: ThreadKey) -> Place:
    """Return the room and root of a thread's key. Raises Rejected for a key of another platform."""
    head, _, rest = thread.partition("/")
    room, _, root = rest.partition("/")
    if not head.startswith(f"{PLATFORM}:") or not room or not root or "/" in root:
        raise Rejected(f"{thread} is not a thread of Matrix")
    return Place(unquote(room), unquote(root))


def identity_of(server: str, user: str) -> IdentityKey:
    """Spell a person's key from their full user id."""
    return identity_key(PLATFORM, _spell(server), _spell(user))


def user_of(identity: IdentityKey) -> str:
    """Return the user id of a person's key, or "" when it belongs to another platform."""
    head, _, user = identity.partition("/")
    return unquote(user) if head.startswith(f"{PLATFORM}:") else ""


def file_id(room: str, event: str) -> str:
    """Spell a file's id: where it was posted. Its address and key are looked up there, and stay there."""
    return f"{_spell(room)}/{_spell(event)}"


def file_place(file: str) -> tuple[str, str]:
    """Return the room and event of a file's id. Raises Rejected for anything else."""
    room, _, event = file.partition("/")
    if not room.startswith("!") or not event.startswith("$") or "/" in event:
        raise Rejected(f"{file!r} is not a file of Matrix")
    return unquote(room), unquote(event)


def link(room: str, event: str, server: str) -> str:
    """Return the address people open a message by."""
    return f"https://matrix.to/#/{quote(room, safe='!:')}/{quote(event, safe='$:')}?via={quote(server, safe=':')}"


def person_link(user: str) -> str:
    """Return the address of a person: a mention, in a client's eyes."""
    return f"https://matrix.to/#/{quote(user, safe='@:')}"


def _spell(part: str) -> str:
    return quote(part, safe=_SAFE)
