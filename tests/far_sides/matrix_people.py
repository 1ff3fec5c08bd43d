"""People on a homeserver, in a process of their own. Owns: People, Person. Effects: a child process with a Matrix client per person.

The child speaks one JSON object a line: {"id", "who", "do", …} and {"id", "ok"|"error"}. A process of its own, because the library binds
its crypto store to the whole process, and because people on other machines share no memory with the bridge either.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from itertools import count
from types import TracebackType
from typing import Any, Self

import nio
from nio.crypto import attachments

SYNC = 10_000
PATIENCE = 15.0
FILTER = {"presence": {"types": []}, "room": {"ephemeral": {"types": []}, "timeline": {"limit": 50}}}


class People:
    """Starts the child and asks it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._child: asyncio.subprocess.Process | None = None
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.far_sides.matrix_people",
            self._url,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        assert self._reading is not None
        self._child.stdin.close()
        await self._child.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        async for line in self._child.stdout:
            told = json.loads(line)
            waiting = self._waiting.pop(told["id"])
            if waiting.done():
                continue
            if "error" in told:
                waiting.set_exception(AssertionError(told["error"]))
            else:
                waiting.set_result(told["ok"])

    async def ask(self, who: str, do: str, **given: Any) -> Any:
        """Have a person do something; return what came of it."""
        assert self._child is not None
        assert self._child.stdin is not None
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "who": who, "do": do, **given})
        self._child.stdin.write(line.encode() + b"\n")
        return await asyncio.wait_for(self._waiting[number], 60)


class Person:
    """One person's client, in the child."""

    def __init__(self, url: str, store: str) -> None:
        config = nio.AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0)
        self.nio = nio.AsyncClient(url, "", None, store, config)
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
        async with asyncio.timeout(PATIENCE):
            async with self._turn:
                while not happened():
                    try:
                        await asyncio.wait_for(self._turn.wait(), PATIENCE)
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
        """Wait until others are in a room."""
        await self.wait(f"{users} in {room}", lambda: set(users) <= set(self.nio.rooms[room].users))

    async def send(self, room: str, content: dict[str, Any], kind: str = "m.room.message") -> str:
        """Send an event as it is."""
        sent = await self.nio.room_send(room, kind, content, ignore_unverified_devices=True)
        assert isinstance(sent, nio.RoomSendResponse), sent
        return sent.event_id

    async def attach(self, room: str, name: str, content: str, told: dict[str, Any]) -> str:
        """Send a file (its content in base64), with what else the message says."""
        data, mime = b64decode(content), mimetypes.guess_type(name)[0] or "application/octet-stream"
        info, sent = {"mimetype": mime, "size": len(data)}, data
        keys: dict[str, Any] = {}
        if self.nio.rooms[room].encrypted:
            sent, keys = attachments.encrypt_attachment(data)
        uploaded, _ = await self.nio.upload(lambda *_: sent, mime, name, filesize=len(sent))
        assert isinstance(uploaded, nio.UploadResponse), uploaded
        where = {"file": {**keys, "url": uploaded.content_uri}} if keys else {"url": uploaded.content_uri}
        return await self.send(
            room, {"msgtype": "m.file", "body": name, "filename": name, "info": info, **where, **told}
        )

    async def redact(self, room: str, event: str) -> str:
        """Take an event away."""
        gone = await self.nio.room_redact(room, event)
        assert isinstance(gone, nio.RoomRedactResponse), gone
        return gone.event_id

    async def discard(self, room: str) -> None:
        """Use a new key for what is written next."""
        self.nio.invalidate_outbound_session(room)

    async def leave(self, room: str) -> None:
        """Leave a room."""
        await self.nio.room_leave(room)

    # ── what a person sees ───────────────────────────────────────────────────────────────────────────────────────────

    async def event(self, room: str, event: str) -> dict[str, Any]:
        """Return an event in clear; `type` stays m.room.encrypted when it cannot be read."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.nio.room_get_event(room, event)
                assert isinstance(found, nio.RoomGetEventResponse), found
                if not isinstance(found.event, nio.MegolmEvent):
                    return {**found.event.source, "event_id": event, "sender": found.event.sender}
                async with self._turn:
                    await asyncio.wait_for(self._turn.wait(), PATIENCE)

    async def thread(self, room: str, root: str) -> list[dict[str, Any]]:
        """Return a thread as this person reads it: its messages with edits applied, oldest first, and the signs on them."""
        return _shown(await self._everything(room), root)

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
            if not shut or time.monotonic() - begun > 3:
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


async def _answer(
    people: dict[str, Person], url: str, stores: str, told: Mapping[str, Any]
) -> dict[str, Any]:
    given = {name: value for name, value in told.items() if name not in ("id", "who", "do")}
    try:
        if told["do"] == "login":
            people[told["who"]] = Person(url, tempfile.mkdtemp(dir=stores))
        came = await getattr(people[told["who"]], told["do"])(**given)
    except Exception as exc:  # noqa: BLE001 - the child's top: told to whoever asked
        return {"id": told["id"], "error": f"{told['who']} {told['do']}: {type(exc).__name__}: {exc}"}
    return {"id": told["id"], "ok": came}


async def _main(url: str, stores: str) -> None:
    people: dict[str, Person] = {}
    reader = asyncio.StreamReader(limit=1 << 26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks: set[asyncio.Task[None]] = set()

    async def one(told: Mapping[str, Any]) -> None:
        sys.stdout.write(json.dumps(await _answer(people, url, stores, told)) + "\n")
        sys.stdout.flush()

    async for line in reader:
        task = asyncio.create_task(one(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for person in people.values():
        await person.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_main(sys.argv[1], folder))
