"""What the adapter does at the homeserver. Owns: Client, Synced. Imports: nio, core. Effects: HTTP (see `line.py`), the crypto store."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import nio
from nio.crypto import attachments

from adapters.chat.matrix import faults, opening
from adapters.chat.matrix.line import CRYPTO, REQUEST, Line, Raw
from core.errors import Rejected, Unavailable
from core.events import Room

API = "/_matrix/client/v3"
LONG = 120.0  # seconds that a server may take to gather the state of every room
PAGE = 100  # events of a page; Synapse gives no more
TIMELINE: dict[str, Any] = {"limit": PAGE}
NOTHING: dict[str, Any] = {"types": []}
FILTER = {
    "presence": NOTHING,
    "account_data": NOTHING,
    "room": {"ephemeral": NOTHING, "account_data": NOTHING, "timeline": TIMELINE},
}


class Synced(NamedTuple):
    """One answer of the sync: its token, its rooms as the server spelled them, and the sessions whose keys came with it."""

    token: str
    rooms: Raw
    sessions: Sequence[str]


class Client(Line):
    """The bot's device at work: its stream, its rooms, its files."""

    def __init__(self, homeserver: str, folder: Path, *, patience: float = REQUEST) -> None:
        super().__init__(homeserver, folder, patience=patience)
        self.trusting = True  # whether devices their owners did not sign get keys too
        self.own_changed = False  # whether the account's devices were looked up since they were judged

    async def sync(self, since: str, *, full: bool, wait: float, silence: float = LONG) -> Synced:
        """Ask what is new since a token, waiting at most `wait` seconds; `full` brings every room's whole state along.

        Raises Unavailable when nothing came `silence` seconds after that: the line is dead.
        """
        query = {"filter": json.dumps(FILTER), "timeout": int(wait * 1000), "set_presence": "offline"}
        if since:
            query["since"] = since
        if full:
            query["full_state"] = "true"
        raw = await self.ask("GET", f"{API}/sync", query=query, timeout=wait + silence)
        parsed = nio.SyncResponse.from_dict(raw)
        if not isinstance(parsed, nio.SyncResponse):
            raise Unavailable("the homeserver answered a sync with something that cannot be read")
        with faults.network(), opening.store_errors(self.folder / CRYPTO):
            await self.nio.receive_response(parsed)
        sessions = [
            event.session_id
            for event in parsed.to_device_events
            if isinstance(event, nio.RoomKeyEvent | nio.ForwardedRoomKeyEvent)
        ]
        return Synced(parsed.next_batch, raw.get("rooms") or {}, sessions)

    async def upkeep(self) -> None:
        """Upload, look up and claim keys where they are due; send what encryption has to tell other devices."""
        client = self.nio
        with faults.network(), opening.store_errors(self.folder / CRYPTO):
            if client.should_upload_keys:
                _well(await client.keys_upload())
            await self._look_up()
            if client.should_claim_keys:
                _well(await client.keys_claim(client.get_users_for_key_claiming()))
            for answer in await client.send_to_device_messages():
                _well(answer)

    async def _look_up(self) -> None:
        """Look up the devices of whom the server says that they changed."""
        if self.nio.should_query_keys:
            self.own_changed |= self.user in self.nio.users_for_key_query
            _well(await self.nio.keys_query())

    # ── rooms ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def encrypted(self, room: str) -> bool:
        """Whether a room is encrypted."""
        known = self.nio.rooms.get(room)
        return bool(known and known.encrypted) or room in self.nio.encrypted_rooms

    async def _sure(self, room: str) -> None:
        """Return when it is known whether a room is encrypted. Raises Unavailable while it is, and its members are not known."""
        if room in self.nio.rooms:
            return
        try:
            await self.ask("GET", f"{API}/rooms/{_q(room)}/state/m.room.encryption/")
        except faults.Refusal as refusal:
            if refusal.code != "M_NOT_FOUND":
                raise
            return
        raise Unavailable(
            "the bot has only just come into the room, and does not know yet whom to encrypt for"
        )

    def name(self, room: str, user: str) -> str:
        """Return what a person is called in a room, or the first part of their id."""
        known = self.nio.rooms.get(room)
        return (known.user_name(user) if known else None) or user[1:].partition(":")[0]

    def open_to(self, room: str) -> Room:
        """Return whether everybody may enter a room by themselves."""
        known = self.nio.rooms.get(room)
        return "" if known is None else "open" if known.join_rule == "public" else "closed"

    def members(self, room: str) -> frozenset[str]:
        """Return who is in a room or invited there."""
        known = self.nio.rooms.get(room)
        return frozenset(known.users) | frozenset(known.invited_users) if known else frozenset()

    async def send(self, room: str, kind: str, content: Raw, txn: str) -> str:
        """Send an event, encrypted where the room is, under a transaction id; return the event's id."""
        await self._sure(room)
        told = dict(content)
        if kind != "m.reaction" and self.encrypted(room):
            with faults.network(), opening.store_errors(self.folder / CRYPTO):
                kind, told = await self._encrypt(room, kind, told)
        path = f"{API}/rooms/{_q(room)}/send/{kind}/{_q(txn)}"
        return str((await self.ask("PUT", path, body=told))["event_id"])

    async def _encrypt(self, room: str, kind: str, content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        client = self.nio
        if not client.rooms[room].members_synced:
            _well(await client.joined_members(room))
        await self._look_up()
        if self.olm.should_share_group_session(room):
            if sharing := client.sharing_session.get(room):
                await sharing.wait()
            else:
                if not self.trusting:
                    await opening.judge_devices(self, sorted(client.rooms[room].users))
                _well(await client.share_group_session(room, ignore_unverified_devices=True))
        sealed: tuple[str, dict[str, Any]] = client.encrypt(room, kind, content)
        return sealed

    async def redact(self, room: str, event: str, txn: str) -> None:
        """Take an event away."""
        await self.ask("PUT", f"{API}/rooms/{_q(room)}/redact/{_q(event)}/{_q(txn)}", body={})

    async def event(self, room: str, event: str) -> dict[str, Any]:
        """Return one event as the server has it."""
        return await self.ask("GET", f"{API}/rooms/{_q(room)}/event/{_q(event)}")

    async def thread(self, room: str, root: str) -> AsyncIterator[dict[str, Any]]:
        """Return the events of a thread but its root, newest first, as the server has them."""
        path = f"/_matrix/client/v1/rooms/{_q(room)}/relations/{_q(root)}/m.thread"
        query: dict[str, Any] = {"dir": "b", "limit": PAGE}
        while True:
            page = await self.ask("GET", path, query=query)
            for each in page.get("chunk") or ():
                yield each
            if not page.get("next_batch"):
                return
            query["from"] = page["next_batch"]

    async def before(self, room: str, token: str, *, until: str) -> AsyncIterator[dict[str, Any]]:
        """Return a room's events before one token and after another, newest first."""
        query: dict[str, Any] = {"dir": "b", "limit": PAGE, "from": token}
        if until:
            query["to"] = until
        while True:
            page = await self.ask("GET", f"{API}/rooms/{_q(room)}/messages", query=query)
            for each in page.get("chunk") or ():
                yield each
            if not page.get("end") or not page.get("chunk"):
                return
            query["from"] = page["end"]

    def open(self, room: str, raw: Raw) -> dict[str, Any] | None:
        """Return an event in clear, or None when it cannot be decrypted (yet), or not by whom it says it is from."""
        return opening.opened(self.nio, room, raw)

    async def request_key(self, room: str, raw: Raw) -> None:
        """Ask the account's other devices for the key of an event."""
        sealed = opening.sealed_event(room, raw)
        if sealed is None:
            return
        with faults.network(), opening.store_errors(self.folder / CRYPTO):
            # The library may have asked the sender by itself, under the same name; it takes no key from there.
            if asked := self.olm.outgoing_key_requests.pop(str(sealed.session_id), None):
                self.olm.store.remove_outgoing_key_request(asked)
            _well(await self.nio.request_room_key(sealed))

    # ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def upload(self, name: str, mime: str, content: bytes, *, encrypt: bool) -> dict[str, Any]:
        """Hand a file in; return what a message says of where it is (`url`, or `file` with its key)."""
        keys: dict[str, Any] = {}
        if encrypt:
            content, keys = attachments.encrypt_attachment(content)
            name, mime = "", "application/octet-stream"
        query = {"filename": name} if name else None
        async with self.answer("POST", "/_matrix/media/v3/upload", query, content, 300.0, mime) as answer:
            told = await answer.json(content_type=None)
            if answer.status >= 400:
                raise faults.answer_error(answer.status, told, answer.headers)
        return {"file": {**keys, "url": told["content_uri"]}} if encrypt else {"url": told["content_uri"]}

    async def download(self, address: str, *, max_bytes: int) -> bytes:
        """Return a file of the homeserver's media. Raises Rejected when it is larger than wanted or elsewhere."""
        server, _, media = address.removeprefix("mxc://").partition("/")
        if not address.startswith("mxc://") or not server or not media or "/" in media:
            raise Rejected("the file is not in the homeserver's media")
        path = f"/_matrix/client/v1/media/download/{_q(server)}/{_q(media)}"
        async with self.answer("GET", path, None, None, 300.0, "application/json") as answer:
            if answer.status >= 400:
                raise faults.answer_error(answer.status, {}, answer.headers)
            content = bytearray()
            async for chunk in answer.content.iter_chunked(1 << 16):
                content += chunk
                if len(content) > max_bytes:
                    raise Rejected(f"the file has more than the {max_bytes} bytes that are taken")
        return bytes(content)


def _well(answer: object) -> None:
    """Raise what a reply of the library stands for, when it is an error."""
    if isinstance(answer, nio.ErrorResponse):
        raise faults.nio_error(answer)


def _q(part: str) -> str:
    return quote(part, safe="")
