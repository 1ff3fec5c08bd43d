"""A terminal's end of the room. Owns: Client. Imports: asyncio, core. Effects: talks to the room's socket.

The client keeps what it was told: `records` by message id, the newest revision of each. It comes back by itself when the bridge
restarts; a request under way then is asked again under the same key, so that it counts once.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from adapters.chat.local import render, sockets, wire
from adapters.chat.local.records import Heading, Record, identity_of
from core import ids
from core.errors import BadInput, LoopbridgeError, Unavailable
from core.message import Button

MAX_REPLY = 256 << 20  # bytes of one line from the bridge: a thread of 20,000 messages fits
RETRY = 0.2  # seconds between two tries to reach a bridge that went away


class Client:
    """One user at the room. Enter it to connect; `patience` is how many seconds a request waits for a bridge to come back."""

    def __init__(
        self,
        path: Path,
        user: str,
        *,
        name: str = "",
        bot: bool = False,
        patience: float = 30.0,
        backlog: int = 2000,
    ) -> None:
        self.user = user
        self.name = name or user
        self.records: dict[int, Record] = {}
        self.names: dict[str, str] = {}
        self.connected = False
        self.watch: Callable[[str, Record | None, str], None] = lambda kind, record, text: None
        self._hello = {"user": user, "name": self.name, "bot": bot}
        self._path = path
        self._patience = patience
        self._backlog = backlog
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._count = 0
        self._ready = asyncio.Event()
        self._change = asyncio.Condition()
        self._refused: LoopbridgeError | None = None

    async def __aenter__(self) -> Self:
        await self._connect()
        self._task = asyncio.create_task(self._stay(), name="chat.local.client")
        try:
            await asyncio.wait_for(self._ready.wait(), self._patience)
        except TimeoutError as exc:
            await self.aclose()
            raise Unavailable("the bridge does not answer") from exc
        if self._refused:
            await self.aclose()
            raise self._refused
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave (idempotent)."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._hang_up()

    # ── what a person does ───────────────────────────────────────────────────────────────────────────────────────────

    async def post(
        self,
        text: str,
        *,
        channel: str = "general",
        thread: int = 0,
        files: Sequence[str] = (),
        reply_to: int = 0,
    ) -> int:
        """Write a message, opening a thread when `thread` is 0; return its id."""
        value = await self._ask(
            "post",
            key=ids.new_id(),
            channel=channel,
            thread=thread,
            text=text,
            files=list(files),
            reply_to=reply_to,
        )
        return int(value["message"])

    async def press(self, message: int, button: Button | str, *, text: str = "") -> None:
        """Press a button (or its token) of a message; `text` answers its form."""
        token = button if isinstance(button, str) else button.token
        await self._ask("press", key=ids.new_id(), message=message, token=token, text=text)

    async def edit(self, message: int, text: str) -> None:
        """Change a message of one's own."""
        await self._ask("edit", message=message, text=text)

    async def delete(self, message: int) -> None:
        """Take a message of one's own away."""
        await self._ask("delete", message=message)

    async def react(self, message: int, emoji: str) -> None:
        """Put an emoji on a message."""
        await self._ask("react", message=message, emoji=emoji)

    async def upload(self, name: str, content: bytes, *, mime: str = "") -> str:
        """Hand a file in; return its id, which goes into `post(files=…)`."""
        value = await self._ask("upload", name=name, mime=mime, content=base64.b64encode(content).decode())
        return str(value["file"])

    async def download(self, file: str) -> bytes:
        """Return a file's content."""
        return base64.b64decode((await self._ask("download", file=file))["content"])

    # ── what a person sees ───────────────────────────────────────────────────────────────────────────────────────────

    def messages(self, thread: int) -> list[Record]:
        """Return what this client has seen of a thread, oldest first, deleted messages left out."""
        return [
            record
            for number, record in sorted(self.records.items())
            if record.root == thread and not record.deleted
        ]

    async def read(self, thread: int, *, channel: str = "general", limit: int = 20_000) -> list[Record]:
        """Fetch a thread from the room and return it, oldest first."""
        value = await self._ask("read", channel=channel, thread=thread, limit=limit)
        for raw in value["records"]:
            self._take(wire.unspell(raw))
        return self.messages(thread)

    async def threads(self, limit: int = 50) -> list[Heading]:
        """Fetch the list of threads, the last active first."""
        return [wire.unheading(raw) for raw in (await self._ask("threads", limit=limit))["threads"]]

    async def wait_for(self, predicate: Callable[[Record], bool], timeout: float = 30.0) -> Record:
        """Return the newest message that satisfies `predicate`, now or once it does. Raises Unavailable after `timeout` s."""

        def found() -> Record | None:
            matching = [
                record for record in self.records.values() if not record.deleted and predicate(record)
            ]
            return max(matching, key=lambda record: record.id, default=None)

        try:
            async with asyncio.timeout(timeout), self._change:
                while (record := found()) is None:
                    await self._change.wait()
                return record
        except TimeoutError as exc:
            raise Unavailable(f"nothing like that was said within {timeout:g} s") from exc

    def text(self, record: Record) -> str:
        """Return a message as this person sees it."""
        return render.shown(record, self.names)

    def is_called(self, record: Record) -> bool:
        """Whether a message calls this person: only the bridge's own list of mentions does, never words in a text."""
        return record.body is not None and identity_of(self.user) in record.body.notify

    # ── the line ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ask(self, do: str, **fields: object) -> Mapping[str, Any]:
        """Ask the room for something; when the bridge goes away meanwhile, ask again once it is back."""
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    await self._ready.wait()
                    try:
                        return await self._request(do, **fields)
                    except _Gone:
                        await asyncio.sleep(0)
        except TimeoutError as exc:
            raise Unavailable("the bridge does not answer", remedy="Start it with `loopbridge run`.") from exc

    async def _request(self, do: str, **fields: object) -> Mapping[str, Any]:
        writer = self._writer
        if writer is None:
            raise _Gone("the bridge is away", remedy="Wait until it is back, and try again.")
        self._count += 1
        number = self._count
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        line = json.dumps({"id": number, "do": do, **fields}, ensure_ascii=False).encode() + b"\n"
        try:
            writer.write(line)
            await writer.drain()
            return await answer
        except ConnectionError as exc:
            raise _Gone("the bridge went away", remedy="Wait until it is back, and try again.") from exc
        finally:
            self._waiting.pop(number, None)

    async def _connect(self) -> asyncio.StreamReader:
        link = await asyncio.to_thread(sockets.connect, self._path)
        reader, self._writer = await asyncio.open_unix_connection(sock=link, limit=MAX_REPLY)
        self._reader = reader
        return reader

    async def _hang_up(self) -> None:
        writer, self._writer = self._writer, None
        self.connected = False
        self._ready.clear()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_Gone("the bridge went away"))
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _stay(self) -> None:
        while True:
            with suppress(OSError):
                await self._attend(self._reader)
            await self._hang_up()
            self.watch("away", None, "the bridge is away; what you write is sent when it is back")
            while self._writer is None:
                await asyncio.sleep(RETRY)
                with suppress(Unavailable):
                    await self._connect()

    async def _attend(self, reader: asyncio.StreamReader) -> None:
        greeting = asyncio.create_task(self._greet(), name="chat.local.greeting")
        try:
            while line := await reader.readline():
                await self._hear(json.loads(line))
        finally:
            greeting.cancel()
            with suppress(asyncio.CancelledError):
                await greeting

    async def _greet(self) -> None:
        try:
            await self._request("hello", **self._hello)
            value = await self._request("subscribe", limit=self._backlog)
        except _Gone:
            return
        except LoopbridgeError as error:
            self._refused = error
        else:
            self.names.update(value["people"])
            self.connected = True
        self._ready.set()
        self.watch("here", None, "")

    async def _hear(self, raw: Mapping[str, Any]) -> None:
        if "re" in raw:
            answer = self._waiting.get(raw["re"])
            if answer is not None and not answer.done():
                if raw["ok"]:
                    answer.set_result(raw["value"])
                else:
                    answer.set_exception(BadInput(raw["error"], remedy=raw["remedy"]))
            return
        if raw["push"] == "notice":
            self.watch("notice", None, raw["value"]["text"])
            return
        record = wire.unspell(raw["value"])
        known = self.records.get(record.id)
        self._take(record)
        # What a reconnect tells again is no news.
        if known is None or record.rev > known.rev:
            async with self._change:
                self._change.notify_all()
            self.watch("new" if known is None else "changed", record, "")

    def _take(self, record: Record) -> None:
        known = self.records.get(record.id)
        if known is None or record.rev >= known.rev:
            self.records[record.id] = record
        self.names[record.author] = record.name


class _Gone(Unavailable):
    """The line broke before the answer came."""
