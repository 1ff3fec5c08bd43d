"""One person's Matrix client. Owns: Person. Effects: talks to a homeserver; keeps a crypto store in a folder.

Runs in the child of `matrix_people`, whose requests name these methods.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any

import nio
from nio.crypto import attachments

from adapters.chat.matrix import keys
from tests.patience import PATIENCE

SYNC = 10_000
POLL = "org.matrix.msc3381.poll"
FILTER = {"presence": {"types": []}, "room": {"ephemeral": {"types": []}, "timeline": {"limit": 50}}}


class Person:
    """One person's client, in the child."""

    def __init__(self, url: str, store: str) -> None:
        config = nio.AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0)
        self.nio = nio.AsyncClient(url, "", None, store, config)
        self.withheld: dict[str, Any] = {}
        self._signed: set[str] = set()  # events with a reaction on them
        self.nio.add_event_callback(self._reacted, nio.ReactionEvent)
        self._syncing: asyncio.Task[None] | None = None
        self._turn = asyncio.Condition()

    async def login(self, user: str, device: str, token: str) -> None:
        """Become a user."""
        self.nio.restore_login(user, device, token)
        await self._step(0)
        self._syncing = asyncio.create_task(self._sync())

    async def _sync(self) -> None:
        while True:
            await self._step(SYNC)

    async def _step(self, wait: int) -> None:
        await self.nio.sync(timeout=wait, sync_filter=FILTER, full_state=not wait)
        if self.nio.should_upload_keys:
            await self.nio.keys_upload()
        if self.nio.should_query_keys:
            await self.nio.keys_query()
        if self.nio.should_claim_keys:
            await self.nio.keys_claim(self.nio.get_users_for_key_claiming())
            if self.nio.olm is not None:  # what was asked for by a device this one never spoke with
                self.nio.olm.collect_key_requests()  # type: ignore[no-untyped-call]
        await self.nio.send_to_device_messages()
        async with self._turn:
            self._turn.notify_all()

    async def close(self) -> None:
        """Go away."""
        if self._syncing is not None:
            self._syncing.cancel()
        await self.nio.close()  # type: ignore[no-untyped-call]

    async def wait(self, what: str, happened: Any) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(PATIENCE), self._turn:
                while not happened():
                    await self._turn.wait()
        except TimeoutError as exc:
            raise TimeoutError(f"waited in vain for {what}") from exc

    # ── what a person does ───────────────────────────────────────────────────────────────────────────────────────────

    async def create(
        self, invite: Sequence[str], *, encrypted: bool, direct: bool = False, version: str = ""
    ) -> str:
        """Open a room."""
        state = [
            {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
        ]
        made = await self.nio.room_create(
            invite=invite,
            is_direct=direct,
            initial_state=state if encrypted else (),
            room_version=version or None,
        )
        assert isinstance(made, nio.RoomCreateResponse), made
        await self.wait("my own room", lambda: made.room_id in self.nio.rooms)
        return made.room_id

    async def join(self, room: str) -> None:
        """Accept an invitation."""
        joined = await self.nio.join(room)
        assert isinstance(joined, nio.JoinResponse), joined
        await self.wait("the room", lambda: room in self.nio.rooms)

    async def meet(self, room: str, users: Sequence[str]) -> None:
        """Wait until others have come into a room."""
        known = self.nio.rooms
        await self.wait(
            f"{users} in {room}",
            lambda: set(users) <= set(known[room].users) - set(known[room].invited_users),
        )

    async def invite(self, room: str, user: str) -> None:
        """Ask somebody in."""
        invited = await self.nio.room_invite(room, user)
        assert isinstance(invited, nio.RoomInviteResponse), invited

    async def send(self, room: str, content: dict[str, Any], kind: str = "m.room.message") -> str:
        """Send an event as it is."""
        sent = await self.nio.room_send(room, kind, content, ignore_unverified_devices=True)
        assert isinstance(sent, nio.RoomSendResponse), sent
        return sent.event_id

    async def attach(self, room: str, name: str, content: str, told: dict[str, Any]) -> str:
        """Send a file (its content in base64), with what else the message says."""
        data, mime = b64decode(content), mimetypes.guess_type(name)[0] or "application/octet-stream"
        info, sent = {"mimetype": mime, "size": len(data)}, data
        secret: dict[str, Any] = {}
        if self.nio.rooms[room].encrypted:
            sent, secret = attachments.encrypt_attachment(data)
        uploaded, _ = await self.nio.upload(lambda *_: sent, mime, name, filesize=len(sent))
        assert isinstance(uploaded, nio.UploadResponse), uploaded
        where = {"file": {**secret, "url": uploaded.content_uri}} if secret else {"url": uploaded.content_uri}
        return await self.send(
            room, {"msgtype": "m.file", "body": name, "filename": name, "info": info, **where, **told}
        )

    async def redact(self, room: str, event: str) -> str:
        """Take an event away."""
        gone = await self.nio.room_redact(room, event)
        assert isinstance(gone, nio.RoomRedactResponse), gone
        return gone.event_id

    async def withhold(self, room: str, user: str, but: Sequence[str] = ()) -> None:
        """Write what comes next under a new key that the devices of a user do not get, `but` some."""
        olm = self.nio.olm
        assert olm is not None
        self.nio.invalidate_outbound_session(room)
        known = olm.device_store
        await self.wait(
            f"the devices of {user}",
            lambda: (found := {each.id for each in known.active_user_devices(user)}) and found >= set(but),
        )
        for device in known.active_user_devices(user):
            if device.id not in but:
                self.nio.blacklist_device(device)
        await self.nio.share_group_session(room, ignore_unverified_devices=True)
        session = olm.outbound_group_sessions[room]
        self.withheld = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": room,
            "session_id": session.id,
            "session_key": session.session_key,
        }

    async def hand_over(self, user: str) -> None:
        """Give the devices of a user the key that was withheld."""
        olm = self.nio.olm
        assert olm is not None
        for device in olm.device_store.active_user_devices(user):
            self.nio.unblacklist_device(device)
            await self.nio.keys_claim({user: [device.id]})
            session = olm.session_store.get(device.curve25519)
            sealed = olm._olm_encrypt(session, device, "m.room_key", self.withheld)  # type: ignore[no-untyped-call]
            message = nio.ToDeviceMessage("m.room.encrypted", user, device.id, sealed)
            await self.nio.to_device(message)

    async def trust(self, device: str) -> None:
        """Hold another device of one's own for good."""
        olm, user = self.nio.olm, self.nio.user_id
        assert olm is not None
        await self.wait(device, lambda: device in olm.device_store[user])
        self.nio.verify_device(olm.device_store[user][device])

    async def signed_by(self, seeds: str) -> None:
        """Have this device signed with the account's signing keys, which another device made."""
        await self._vouch(keys.Seeds.read(seeds))

    async def sign(self, password: str) -> None:
        """Set up cross-signing, and sign this device with it."""
        user = self.nio.user_id
        seeds = keys.Seeds.fresh()
        body: dict[str, Any] = keys.cross_signing(user, seeds)
        path = "/_matrix/client/v3/keys/device_signing/upload"
        answer = await self._ask("POST", path, body)
        if "session" in answer:
            who = {"type": "m.id.user", "user": user}
            proof = {"type": "m.login.password", "identifier": who, "password": password}
            await self._ask("POST", path, {**body, "auth": {**proof, "session": answer["session"]}})
        await self._vouch(seeds)

    async def _vouch(self, seeds: keys.Seeds) -> None:
        user, device = self.nio.user_id, str(self.nio.device_id)
        found = await self._ask("POST", "/_matrix/client/v3/keys/query", {"device_keys": {user: []}})
        signed = keys.sign(found["device_keys"][user][device], user=user, seed=seeds.self_signing)
        await self._ask("POST", "/_matrix/client/v3/keys/signatures/upload", {user: {device: signed}})

    async def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.nio.access_token}"}
        answer = await self.nio.send(method, path, json.dumps(body), headers)
        told: dict[str, Any] = await answer.json()
        return told

    async def leave(self, room: str) -> None:
        """Leave a room."""
        await self.nio.room_leave(room)

    # ── what a person sees ───────────────────────────────────────────────────────────────────────────────────────────

    async def answer_of(self, room: str, user: str) -> dict[str, Any]:
        """Return what a user's membership says once they have answered their invitation."""
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE:
            found = await self.nio.room_get_state_event(room, "m.room.member", user)
            assert isinstance(found, nio.RoomGetStateEventResponse), found
            told: dict[str, Any] = found.content
            if told["membership"] != "invite":
                return told
            await asyncio.sleep(0.1)
        raise TimeoutError(f"{user} never answered")

    async def said(self, room: str, words: str) -> None:
        """Wait until somebody says words in a room."""
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE:
            if any(words in str(raw["content"].get("body")) for raw in await self._everything(room)):
                return
            await asyncio.sleep(0.1)
        raise TimeoutError(f"nobody said {words!r}")

    async def rooms(self) -> list[str]:
        """Return the rooms this person is in."""
        return list(self.nio.rooms)

    async def thread(self, room: str, root: str) -> list[dict[str, Any]]:
        """Return a thread as this person reads it: its messages with edits applied, oldest first, and the signs on them."""
        return _shown(await self._everything(room), root)

    async def _reacted(self, room: nio.MatrixRoom, event: nio.Event) -> None:
        if isinstance(event, nio.ReactionEvent):
            self._signed.add(event.reacts_to)

    async def signed(self, event: str) -> None:
        """Wait until there is a reaction on an event."""
        await self.wait(f"a sign on {event}", lambda: event in self._signed)

    async def polls(self, room: str, root: str) -> list[dict[str, Any]]:
        """Return the polls of a thread as this person sees them, oldest first: the answers by label, and what ended each."""
        raws = await self._everything(room)
        ends = {
            (raw["content"].get("m.relates_to") or {}).get("event_id"): raw["content"].get("body", "")
            for raw in raws
            if raw["type"] == f"{POLL}.end"
        }
        return [
            {
                "id": raw["event_id"],
                "question": raw["content"][f"{POLL}.start"]["question"]["org.matrix.msc1767.text"],
                "answers": {
                    each["org.matrix.msc1767.text"]: each["id"]
                    for each in raw["content"][f"{POLL}.start"]["answers"]
                },
                "ended": ends.get(raw["event_id"]),
            }
            for raw in raws
            if raw["type"] == f"{POLL}.start"
            and (raw["content"].get("m.relates_to") or {}).get("event_id") == root
        ]

    async def vote(self, room: str, poll: str, answer: str) -> str:
        """Answer a poll."""
        relation = {"rel_type": "m.reference", "event_id": poll}
        told = {"m.relates_to": relation, f"{POLL}.response": {"answers": [answer]}}
        return await self.send(room, told, f"{POLL}.response")

    async def _everything(self, room: str) -> list[dict[str, Any]]:
        """Return a room's events in clear, oldest first."""
        begun = time.monotonic()
        while True:
            start: str | None = None
            events: list[dict[str, Any]] = []
            shut = 0
            while True:
                page = await self.nio.room_messages(room, start, limit=500)
                assert isinstance(page, nio.RoomMessagesResponse), page
                for event in page.chunk:
                    if isinstance(event, nio.UnknownBadEvent):
                        continue
                    shut += isinstance(event, nio.MegolmEvent) and event.sender != self.nio.user_id
                    events.append({**event.source, "event_id": event.event_id, "sender": event.sender})
                if not page.end or not page.chunk:
                    break
                start = page.end
            if not shut or time.monotonic() - begun > 8:
                return events[::-1]
            await asyncio.sleep(0.1)


def _shown(raws: Sequence[dict[str, Any]], root: str) -> list[dict[str, Any]]:
    edits: dict[str, dict[str, Any]] = {}
    signs: dict[str, list[str]] = {}
    within = {root}
    kept: list[dict[str, Any]] = []
    for raw in raws:
        content = raw.get("content") or {}
        relation = content.get("m.relates_to") or {}
        target = relation.get("event_id", "") if isinstance(relation, dict) else ""
        reply = (
            (relation.get("m.in_reply_to") or {}).get("event_id", "") if isinstance(relation, dict) else ""
        )
        if relation.get("rel_type") == "m.replace" and "m.new_content" in content:
            edits[target] = {**content["m.new_content"], "by": raw["sender"]}
        elif raw["type"] == "m.reaction":
            signs.setdefault(target, []).append(relation.get("key", ""))
        elif (
            raw["type"] in ("m.room.message", "m.room.encrypted")
            and content
            and (raw["event_id"] == root or target == root or (not target and reply in within))
        ):
            within.add(raw["event_id"])
            kept.append(raw)
    return [
        {
            "id": raw["event_id"],
            "sender": raw["sender"],
            "content": {**raw["content"], **edits.get(raw["event_id"], {})}
            if edits.get(raw["event_id"], {}).get("by", raw["sender"]) == raw["sender"]
            else raw["content"],
            "signs": signs.get(raw["event_id"], []),
        }
        for raw in kept
    ]
