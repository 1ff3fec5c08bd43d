"""Matrix for the chat checks. Owns: MatrixRig, cast. Effects: accounts and a room on a real homeserver, people in a process of their own."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

from adapters.chat.local import encoding
from adapters.chat.matrix import names, plugin, signs
from adapters.chat.matrix.adapter import MatrixChat, Parts
from adapters.chat.matrix.engine import Engine
from core.errors import PortError, StorageFull
from core.events import Event
from core.ids import IdentityKey, ThreadKey
from core.message import Message
from core.ports import ChatAdapter
from core.testing.chat_rig import Seen, Sent
from tests.contract.chat_local_rig import QuickClock
from tests.contract.chat_matrix_trouble import MatrixTrouble
from tests.far_sides.matrix_people import People
from tests.far_sides.synapse import Account, Synapse
from tests.patience import PATIENCE

CAST = ("maya", "ravi", "ci")
DYING = """
import asyncio, json, os, pathlib, signal, sys
from adapters.chat.local import encoding
from adapters.chat.matrix import client, plugin
from tests.contract.chat_local_rig import QuickClock
class Dying(client.Client):
    async def send(self, room, kind, content, txn):
        await super().send(room, kind, content, txn)
        os.kill(os.getpid(), signal.SIGKILL)
async def main(given, thread, key):
    from adapters.chat.matrix import adapter
    adapter.Client = Dying
    given = json.loads(given)
    async with plugin.build(clock=QuickClock(), **{**given, "home": pathlib.Path(given["home"])}) as chat:
        await chat.post(thread, encoding.decode(sys.stdin.read()), key=key)
asyncio.run(main(*sys.argv[1:]))
"""
GARBAGE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("m.room.message", {}),
    ("m.room.message", {"msgtype": 7, "body": ["a"]}),
    ("m.room.message", {"msgtype": "m.text", "body": {"a": 1}}),
    ("m.room.message", {"msgtype": "m.file", "body": "x", "url": 5, "info": []}),
    ("m.room.message", {"msgtype": "m.text", "body": "", "m.relates_to": {"rel_type": "m.replace", "event_id": "$no"}}),
    ("m.room.message", {"msgtype": "m.text", "body": "x", "m.new_content": 1, "m.relates_to": {"rel_type": "m.replace", "event_id": "$no"}}),
    ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$no", "key": "✅"}}),
    ("org.example.thing", {"body": "x", "msgtype": "m.text"}),
    ("m.room.redaction", {"redacts": "$no"}),
    ("m.room.encrypted", {"algorithm": "org.example.none", "ciphertext": {}}),
    ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "y", "sender_key": "z", "device_id": "D"}),
)  # fmt: skip


async def cast(synapse: Synapse, people: People) -> dict[str, Account]:
    """Register everybody and have them online."""
    accounts = {who: await synapse.register(who) for who in CAST}
    for who, account in accounts.items():
        await people.ask(who, "login", user=account.user, device=account.device, token=account.token)
    return accounts


class MatrixRig:
    """A bot of its own in a room of its own, with everybody in it."""

    page = 100

    def __init__(
        self,
        synapse: Synapse,
        people: People,
        accounts: Mapping[str, Account],
        home: Path,
        *,
        encrypted: bool,
    ) -> None:
        self.synapse = synapse
        self.people = people
        self.accounts = accounts
        self.encrypted = encrypted
        self.home = home
        self.room = self.bot_mention = ""
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._failures = 0
        self._heard: list[str] = []
        self._stored: set[str] = set()
        self._since = ""
        self._listening: asyncio.Task[None] | None = None
        self.given: dict[str, Any] = {}
        self.trouble = MatrixTrouble(self)
        self._adapter: ChatAdapter | None = None

    @property
    def adapter(self) -> ChatAdapter:
        assert self._adapter is not None
        return self._adapter

    @property
    def chat(self) -> MatrixChat:
        """The adapter, with what it has beyond the port."""
        assert isinstance(self._adapter, MatrixChat)
        return self._adapter

    @property
    def parts(self) -> Parts:
        """What the adapter is made of; it lives in the thread of `engine`."""
        return self.chat._at_work

    @property
    def engine(self) -> Engine:
        return self.chat._engine

    @property
    def listening(self) -> asyncio.Task[None]:
        assert self._listening is not None
        return self._listening

    async def __aenter__(self) -> Self:
        bot = await self.synapse.register("loop")
        self.bot_mention = bot.user
        self.given = {
            "homeserver": self.synapse.url, "user_id": bot.user, "password": bot.password, "home": str(self.home)
        }  # fmt: skip
        await self.open()
        self.room = await self.new_room()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
        await self.trouble.end()

    async def new_room(self, **options: Any) -> str:
        """Open a room with everybody in it."""
        others = [account.user for who, account in self.accounts.items() if who != "maya"]
        given = {"encrypted": self.encrypted, "version": "" if self.encrypted else "10", **options}
        room = await self.people.ask("maya", "create", invite=[*others, self.bot_mention], **given)
        await asyncio.gather(*(self.people.ask(who, "join", room=room) for who in CAST[1:]))
        await self.people.ask("maya", "meet", room=room, users=[*others, self.bot_mention])
        if self.encrypted:
            await asyncio.gather(
                *(self.people.ask(who, "meet", room=room, users=[self.bot_mention]) for who in CAST[1:])
            )
        return str(room)

    def build(self, **options: Any) -> ChatAdapter:
        """Return an adapter with the rig's arguments."""
        return plugin.build(clock=QuickClock(), **{**self.given, "home": self.home, **options})

    async def open(self, **options: Any) -> None:
        self._adapter = self.build(**options)
        await self._adapter.__aenter__()
        self._since = ""
        self._listening = asyncio.create_task(self._adapter.listen(self._emit))

    async def close(self) -> None:
        self.listening.cancel()
        with suppress(asyncio.CancelledError, PortError):
            await self.listening
        await self.adapter.__aexit__(None, None, None)

    async def _emit(self, event: Event) -> None:
        if self._failures:
            self._failures -= 1
            raise StorageFull("the disk is full")
        self._heard.append(event.dedup)
        if event.dedup not in self._stored:
            self.events.put_nowait(event)

    @property
    def token(self) -> str:
        """Return the bot's access token."""
        return self._device()["token"]

    @property
    def device(self) -> str:
        """Return the id of the bot's device."""
        return self._device()["device"]

    def _device(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads(self.state("SELECT value FROM fact WHERE name = 'device'")[0][0])
        return kept

    def state(self, sql: str, *values: object) -> list[Any]:
        """Look into the adapter's own file."""
        with closing(sqlite3.connect(self.home / "matrix" / "state.db")) as db, db:
            return db.execute(sql, values).fetchall()

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def identity(self, who: str) -> IdentityKey:
        return names.identity_of(self.synapse.server_name, self.accounts[who].user)

    def thread(self, root: str, room: str = "") -> ThreadKey:
        """Return the key of a thread in the rig's room."""
        return names.thread_of(self.synapse.server_name, names.Place(room or self.room, root))

    async def says(
        self, content: Mapping[str, Any], *, who: str = "maya", kind: str = "m.room.message"
    ) -> str:
        """Send an event as it is."""
        return str(await self.people.ask(who, "send", room=self.room, content=content, kind=kind))

    async def user_posts(
        self,
        text: str,
        *,
        thread: ThreadKey | None = None,
        who: str = "maya",
        files: Mapping[str, bytes] | None = None,
    ) -> Sent:
        self._since = self.state("SELECT coalesce(max(value), '') FROM fact WHERE name = 'since'")[0][0]
        place = names.place_of(thread) if thread else names.Place(self.room, "")
        content: dict[str, Any] = {"msgtype": "m.notice" if who == "ci" else "m.text", "body": text}
        content["m.mentions"] = {"user_ids": [self.bot_mention]} if self.bot_mention in text else {}
        if place.root:
            reply = {"is_falling_back": True, "m.in_reply_to": {"event_id": place.root}}
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": place.root, **reply}
        event = ""
        for name, data in (files or {}).items():
            told = {key: value for key, value in content.items() if key != "msgtype"}
            spelled = b64encode(data).decode()
            event = await self.people.ask(
                who, "attach", room=place.room, name=name, content=spelled, told=told
            )
        if not files:
            event = await self.people.ask(who, "send", room=place.room, content=content)
        return Sent(thread=thread or self.thread(event, place.room), message=event)

    async def alerts(self, title: str, detail: str, *, thread: ThreadKey | None = None) -> Sent:
        place = names.place_of(thread) if thread else names.Place(self.room, "")
        shown = {"format": "org.matrix.custom.html", "formatted_body": f"<h4>{title}</h4><p>{detail}</p>"}
        content: dict[str, Any] = {"msgtype": "m.notice", "body": f"{title}\n{detail}", **shown}
        if place.root:
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": place.root}
        event = await self.says(content, who="ci")
        return Sent(thread=thread or self.thread(event), message=event)

    def note_stored(self) -> None:
        """Take what was heard so far as stored: should the adapter tell it again, a store would know it."""
        self._stored = set(self._heard)

    async def settled(self) -> None:
        """Wait until it is noted that what was posted last was heard."""
        async with asyncio.timeout(PATIENCE):
            while self.state("SELECT value FROM fact WHERE name = 'since'") == [(self._since,)]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def user_edits(self, sent: Sent, text: str, *, who: str = "maya") -> None:
        new = {"msgtype": "m.text", "body": text, "m.mentions": {}}
        told = {**new, "body": f"* {text}", "m.new_content": new}
        told["m.relates_to"] = {"rel_type": "m.replace", "event_id": sent.message}
        await self.people.ask(who, "send", room=names.place_of(sent.thread).room, content=told)

    async def user_deletes(self, sent: Sent, *, who: str = "maya") -> None:
        await self.people.ask(who, "redact", room=names.place_of(sent.thread).room, event=sent.message)

    async def user_presses(
        self, thread: ThreadKey, posted: str, label: str, *, who: str = "maya", text: str = ""
    ) -> None:
        if sign := signs.SIGNS.get(label.rstrip("…")):
            await self.reacts(posted, sign, who=who)
            return
        room, root = names.place_of(thread)
        polls = await self.people.ask(who, "polls", room=room, root=root)
        poll = next(each for each in reversed(polls) if label in each["answers"])
        await self.people.ask(who, "vote", room=room, poll=poll["id"], answer=poll["answers"][label])

    async def reacts(self, event: str, sign: str, *, who: str = "maya") -> str:
        """Put a sign on an event."""
        told = {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": sign}}
        return await self.says(told, who=who, kind="m.reaction")

    async def read(self, thread: ThreadKey, *, who: str = "maya") -> list[dict[str, Any]]:
        """Return a thread as a person's client has it."""
        room, root = names.place_of(thread)
        shown: list[dict[str, Any]] = await self.people.ask(who, "thread", room=room, root=root)
        return shown

    async def transcript(self, thread: ThreadKey, *, who: str = "maya") -> Sequence[Seen]:
        return [
            Seen(
                id=each["id"],
                author=each["sender"],
                text=each["content"].get("body", ""),
                bot=each["sender"] == self.bot_mention or each["content"].get("msgtype") == "m.notice",
                reactions=tuple(each["signs"]),
            )
            for each in await self.read(thread, who=who)
        ]

    async def pinged(self, thread: ThreadKey, posted: str) -> Sequence[str]:
        (content,) = [each["content"] for each in await self.read(thread) if each["id"] == posted]
        assert set(content["m.mentions"]) <= {"user_ids"}
        called = content["m.mentions"].get("user_ids", [])
        return [who for who, account in self.accounts.items() if account.user in called]

    # ── the bridge's side ────────────────────────────────────────────────────────────────────────────────────────────

    async def next_event(self) -> Event:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def fail_next(self) -> None:
        self._failures = 1

    async def redeliver(self) -> None:
        await self.close()
        self.state("UPDATE fact SET value = ? WHERE name = 'since'", self._since)
        await self.open()

    async def reconnect(self) -> None:
        await self.close()
        await self.open()

    async def post_and_die(self, thread: ThreadKey, message: Message, *, key: str) -> None:
        await self.close()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", DYING, json.dumps(self.given), thread, key, stdin=asyncio.subprocess.PIPE
        )
        await child.communicate(encoding.encode(message).encode())
        assert child.returncode == -signal.SIGKILL
        await self.open()

    async def stranger_posts(self, thread: ThreadKey, message: Message) -> str:
        await self.close()  # a process has room for one crypto store
        self.note_stored()
        async with self.build(home=self.home / "stranger") as stranger:
            posted = await stranger.post(thread, message, key="stranger")
        await self.open()
        return posted

    async def send_garbage(self) -> None:
        for kind, content in GARBAGE:
            with suppress(AssertionError):  # some of it the server itself refuses
                await self.says(content, kind=kind)
