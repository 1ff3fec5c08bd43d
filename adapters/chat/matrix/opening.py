"""Events out of their encryption, and whom to encrypt for. Owns: opened, sealed_event, judge_devices, store_errors. Imports: nio, core.

Effects: reads and marks devices in the library's crypto store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import nio
import peewee
from nio.exceptions import EncryptionError

from adapters.chat.matrix import keys
from core.errors import Damaged, StorageFull

MEGOLM = "m.megolm.v1.aes-sha2"
WAY_OUT = "Put it back from a backup, or begin with a new device as docs/matrix.md tells."


class Asker(Protocol):
    """What looking up devices needs of a client."""

    @property
    def nio(self) -> nio.AsyncClient: ...

    async def ask(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]: ...


def opened(client: nio.AsyncClient, room: str, raw: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an event in clear: itself unless it is encrypted; None when it cannot be read or is not from whom it says."""
    if raw.get("type") != "m.room.encrypted" or not raw.get("content"):
        return dict(raw)
    sealed = sealed_event(room, raw)
    if sealed is None or client.olm is None or not _own_device(client, sealed):
        return None
    try:
        inside = client.olm.decrypt_megolm_event(sealed, room)
    except EncryptionError:
        return None
    plain: dict[str, Any] = dict(getattr(inside, "source", None) or {})
    if plain.get("room_id", room) != room or not isinstance(plain.get("content"), dict):
        return None
    clear = {**raw, "type": plain.get("type"), "content": dict(plain["content"])}
    outer = raw["content"].get("m.relates_to")
    if outer is not None:
        # The server sorts by the relation outside; what is inside may not say another thing.
        clear["content"]["m.relates_to"] = outer
    return clear


def sealed_event(room: str, raw: Mapping[str, Any]) -> nio.MegolmEvent | None:
    """Return an encrypted event as the library knows it; None for one it cannot know."""
    content = raw.get("content")
    if not isinstance(content, dict) or content.get("algorithm") != MEGOLM:
        return None
    event = nio.Event.parse_encrypted_event(dict(raw))
    if not isinstance(event, nio.MegolmEvent):
        return None
    event.room_id = room
    return event


def _own_device(client: nio.AsyncClient, sealed: nio.MegolmEvent) -> bool:
    """Whether the key a message came under belongs to a device of its sender: a server could hang it on somebody else."""
    devices = (
        list(client.device_store[sealed.sender].values())
        if sealed.sender in client.device_store.users
        else []
    )
    if sealed.sender == client.user_id or not devices:
        return True
    return any(device.curve25519 == sealed.sender_key for device in devices)


async def judge_devices(client: Asker, users: Sequence[str]) -> None:
    """Keep from keys the devices that their owners did not sign; let the signed ones have them."""
    told = await client.ask(
        "POST", "/_matrix/client/v3/keys/query", body={"device_keys": {user: [] for user in users}}
    )
    for user in users:
        signed = keys.signed_devices(user, told)
        for device in list(client.nio.device_store.active_user_devices(user)):
            if device.ed25519 in signed:
                client.nio.verify_device(device)
            elif device.id != client.nio.device_id:
                client.nio.blacklist_device(device)


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn what the library's crypto store raises into the bridge's errors."""
    try:
        yield
    except (peewee.DatabaseError, sqlite3.DatabaseError) as exc:
        if "full" in str(exc):
            raise StorageFull(f"{path} cannot grow: the disk is full") from exc
        raise Damaged(f"the crypto store {path} cannot be read ({exc})", remedy=WAY_OUT) from exc
