"""A person at the room, in code. Owns: Client. Imports: asyncio, core. Effects: talks to the room's socket (see `line.py`).

The client keeps what it was told: `records` by message id, the newest revision of each.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from adapters.chat.local import line, render, wire
from adapters.chat.local.records import Heading, Record, identity_of
from core import ids
from core.errors import Unavailable
from core.message import Button


class Client:
    """One user at the room. Enter it to connect; `patience` is how many seconds a request waits for a bridge to come back.

    `watch` is called with "new" or "changed" and the message, and with "notice", "away" or "here", None and a sentence.
    Every request raises BadInput for what the room refuses and Unavailable when no bridge answers in time.
    """

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
        self.watch: Callable[[str, Record | None, str], None] = lambda kind, record, text: None
        self._news = asyncio.Event()
        self._line = line.Line(
            path,
            {"user": user, "name": self.name, "bot": bot},
            patience=patience,
            backlog=backlog,
            heard=self._heard,
            changed=self._changed,
        )

    @property
    def connected(self) -> bool:
        """Whether the bridge is there now."""
        return self._line.connected

    async def __aenter__(self) -> Self:
        await self._line.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave (idempotent)."""
        await self._line.aclose()

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
        value = await self._line.ask(
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
        await self._line.ask("press", key=ids.new_id(), message=message, token=token, text=text)

    async def edit(self, message: int, text: str) -> None:
        """Change a message of one's own."""
        await self._line.ask("edit", message=message, text=text)

    async def delete(self, message: int) -> None:
        """Take a message of one's own away."""
        await self._line.ask("delete", message=message)

    async def react(self, message: int, emoji: str) -> None:
        """Put an emoji on a message."""
        await self._line.ask("react", message=message, emoji=emoji)

    async def upload(self, name: str, content: bytes, *, mime: str = "") -> str:
        """Hand a file in; return its id, which goes into `post(files=…)`."""
        value = await self._line.ask(
            "upload", name=name, mime=mime, content=base64.b64encode(content).decode()
        )
        return str(value["file"])

    async def download(self, file: str) -> bytes:
        """Return a file's content."""
        return base64.b64decode((await self._line.ask("download", file=file))["content"])

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
        value = await self._line.ask("read", channel=channel, thread=thread, limit=limit)
        for raw in value["records"]:
            self._take(wire.unspell(raw))
        return self.messages(thread)

    async def threads(self, limit: int = 50) -> list[Heading]:
        """Fetch the list of threads, the last active first."""
        return [wire.unheading(raw) for raw in (await self._line.ask("threads", limit=limit))["threads"]]

    async def wait_for(self, predicate: Callable[[Record], bool], timeout: float = 30.0) -> Record:
        """Return the newest message that satisfies `predicate`, now or once it does. Raises Unavailable after `timeout` s."""

        def found() -> Record | None:
            matching = [
                record for record in self.records.values() if not record.deleted and predicate(record)
            ]
            return max(matching, key=lambda record: record.id, default=None)

        try:
            async with asyncio.timeout(timeout):
                while (record := found()) is None:
                    self._news.clear()
                    await self._news.wait()
                return record
        except TimeoutError as exc:
            raise Unavailable(f"nothing like that was said within {timeout:g} s") from exc

    def text(self, record: Record) -> str:
        """Return a message as this person sees it."""
        return render.shown(record, self.names)

    def is_called(self, record: Record) -> bool:
        """Whether a message calls this person: only the bridge's own list of mentions does, never words in a text."""
        return record.body is not None and identity_of(self.user) in record.body.notify

    # ── what the room tells ──────────────────────────────────────────────────────────────────────────────────────────

    def _changed(self, state: str, text: str, people: Mapping[str, str]) -> None:
        self.names.update(people)
        self.watch(state, None, text)

    def _heard(self, push: str, value: Mapping[str, Any]) -> None:
        if push == "notice":
            self.watch("notice", None, value["text"])
            return
        record = wire.unspell(value)
        known = self.records.get(record.id)
        self._take(record)
        # What a reconnect tells again is no news.
        if known is None or record.rev > known.rev:
            self._news.set()
            self.watch("new" if known is None else "changed", record, "")

    def _take(self, record: Record) -> None:
        known = self.records.get(record.id)
        if known is None or record.rev >= known.rev:
            self.records[record.id] = record
        self.names[record.author] = record.name
