"""What the bridge says in a workspace: posts, edits, whispers, files. Owns: Speaking. Imports: core, book, client, render.

Effects: writes to Slack. A message that needs several posts is told apart by `part` in their metadata; an edit replaces each, adds what
is missing and takes away what is too many. A key that was posted is never posted again.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from adapters.chat.slack import names, render, wire
from adapters.chat.slack.book import Book, Page
from adapters.chat.slack.client import Api
from adapters.chat.slack.errors import Uncertain, name_of
from adapters.chat.slack.names import Me, Place
from adapters.chat.slack.payload import rows
from adapters.chat.slack.render import Part
from core.errors import Rejected
from core.ids import IdentityKey, derived
from core.message import Attachment, Checklist, Message

SHOWN = 4_000  # posts whose present content is remembered
WHISPERED = 4_000
MAX_FILE = 50 << 20  # bytes of a file that is shared
NOT_HERE = frozenset({"user_not_in_channel", "not_in_channel", "channel_not_found"})


class Speaking:
    """The bridge's voice in one workspace."""

    def __init__(self, api: Api, me: Me, *, began: float) -> None:
        self._api = api
        self._me = me
        self._book = Book(api, me, began=began)
        self._shown: OrderedDict[str, str] = OrderedDict()  # by ts: a digest of what stands there
        self._whispered: OrderedDict[str, None] = OrderedDict()

    @property
    def book(self) -> Book:
        """Return what was posted where."""
        return self._book

    # ── posts ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, place: Place, message: Message, *, key: str) -> str:
        """Post a message, or what of it is not there yet, and return the ts of its first part."""
        page = await self._book.page(place)
        files = await self._files(place, page, message, key)
        there = page.parts.get(key, {})
        first = there.get(0, "")
        parts = render.parts(message, self._me.team)
        for number in range(len(parts)):
            if number not in there:
                part = parts[number]
                ts = await self._put(place, page, part, key=key, number=number, of=len(parts))
                if not first:
                    first = ts
                    parts = render.parts(message, self._me.team, first=first)
        await self._share(place, page, files)
        return first

    async def start(self, channel: str, message: Message, *, key: str, payload: dict[str, str]) -> str:
        """Post the root of a thread that somebody's command opens, and return its ts."""
        place = Place(team=self._me.team, channel=channel, root=names.NOWHERE)
        page = await self._book.page(place)
        there = page.parts.get(key, {})
        if 0 in there:
            return there[0]
        (part, *_) = render.parts(message, self._me.team)
        metadata = {"event_type": wire.STARTED, "event_payload": {**payload, "key": key, "part": 0}}
        ts = await self._send(place, part, metadata)
        page.note(key, 0, ts)
        return ts

    async def _put(self, place: Place, page: Page, part: Part, *, key: str, number: int, of: int) -> str:
        with page.sending():
            ts = await self._send(place, part, _metadata(key, number, of))
            page.note(key, number, ts)
        self._remember(ts, part)
        return ts

    async def _send(self, place: Place, part: Part, metadata: dict[str, Any]) -> str:
        try:
            answer = await self._api.call(
                "chat.postMessage",
                channel=place.channel,
                thread_ts=place.thread_ts or None,
                text=part.text,
                blocks=list(part.blocks),
                metadata=metadata,
                unfurl_links=False,
                unfurl_media=False,
            )
        except Uncertain:
            self._book.forget(place)
            raise
        return str(answer["ts"])

    # ── edits ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def edit(self, place: Place, posted: str, message: Message) -> None:
        """Replace a message by the ts of its first part. Raises Rejected when it is gone or not the bridge's own."""
        page = await self._book.page(place)
        key = page.key_of(posted)
        if key is None and page.hearsay:
            page = await self._book.again(place)
            key = page.key_of(posted)
        if key is None:
            raise Rejected("this Slack message is not the bridge's own")
        there = dict(page.parts[key])
        parts = render.parts(message, self._me.team, first=posted)
        urgent = not any(isinstance(block, Checklist) for block in message.blocks)
        for number, part in enumerate(parts):
            if number not in there:
                await self._put(place, page, part, key=key, number=number, of=len(parts))
            elif self._shown.get(there[number]) != _digest(part):
                await self._replace(
                    place, there[number], part, _metadata(key, number, len(parts)), urgent=urgent
                )
        for number in sorted(set(there) - set(range(len(parts)))):
            await self._remove(place, there[number])
            page.parts[key].pop(number, None)

    async def _replace(
        self, place: Place, ts: str, part: Part, metadata: dict[str, Any], *, urgent: bool
    ) -> None:
        await self._api.pace.edit(ts, urgent=urgent)
        self._shown.pop(ts, None)
        await self._api.call(
            "chat.update",
            paced=False,
            channel=place.channel,
            ts=ts,
            text=part.text,
            blocks=list(part.blocks),
            metadata=metadata,
        )
        self._remember(ts, part)

    async def _remove(self, place: Place, ts: str) -> None:
        self._shown.pop(ts, None)
        try:
            await self._api.call("chat.delete", channel=place.channel, ts=ts)
        except Rejected as exc:
            if name_of(exc) != "message_not_found":
                raise

    def _remember(self, ts: str, part: Part) -> None:
        self._shown[ts] = _digest(part)
        while len(self._shown) > SHOWN:
            self._shown.popitem(last=False)

    # ── whispers ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def whisper(self, place: Place, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone: in the thread (in the channel, while it is none yet), or in a direct message when they are not there.

        Slack keeps no ephemeral message, so a key holds within this process: after a crash a whisper may be heard twice.
        """
        _, user = names.user_of(to)
        where = await self._heard_in(place)
        for number, part in enumerate(render.parts(message, self._me.team, files=False)):
            told = f"{key}~{number}"
            if told in self._whispered:
                continue
            try:
                await self._api.call(
                    "chat.postEphemeral",
                    channel=place.channel,
                    user=user,
                    thread_ts=where or None,
                    text=part.text,
                    blocks=list(part.blocks),
                )
            except Rejected as exc:
                if name_of(exc) not in NOT_HERE:
                    raise
                await self._direct(user, part, told)
            self._whispered[told] = None
            while len(self._whispered) > WHISPERED:
                self._whispered.popitem(last=False)

    async def _heard_in(self, place: Place) -> str:
        """Return the thread a whisper is shown in, empty for the channel: Slack shows none under a message that nobody replied to yet."""
        root = place.thread_ts
        known = self._book.known(place)
        if not root or (known and any(ts != root for parts in known.parts.values() for ts in parts.values())):
            return root
        try:
            answer = await self._api.call("conversations.replies", channel=place.channel, ts=root, limit=2)
        except Rejected:
            return root
        return root if len(rows(answer, "messages")) > 1 else ""

    async def _direct(self, user: str, part: Part, key: str) -> None:
        opened = await self._api.call("conversations.open", users=user)
        place = Place(team=self._me.team, channel=str(opened["channel"]["id"]), root=names.NOWHERE)
        page = await self._book.page(place)
        if 0 not in page.parts.get(key, {}):
            await self._put(place, page, part, key=key, number=0, of=1)

    # ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _files(self, place: Place, page: Page, message: Message, key: str) -> list[tuple[str, str]]:
        """Bring the message's files to Slack, those of them that the thread lacks; return (id, name) of each.

        They are uploaded before anything is posted: where they cannot be, nothing is said that refers to them.
        """
        since = names.order(page.parts.get(key, {}).get(0, ""))
        files = []
        for block in message.blocks:
            if isinstance(block, Attachment) and not (
                since != (0, 0)
                and any(name == block.name and names.order(ts) > since for ts, name in page.files)
            ):
                content = block.content.encode("utf-8", "replace")[:MAX_FILE] or b"\n"
                files.append((await self._api.upload(block.name, content), block.name))
        return files

    async def _share(self, place: Place, page: Page, files: list[tuple[str, str]]) -> None:
        for identifier, name in files:
            try:
                with page.sending():
                    await self._api.call(
                        "files.completeUploadExternal",
                        files=[{"id": identifier, "title": name}],
                        channel_id=place.channel,
                        thread_ts=place.thread_ts or None,
                    )
                    page.whole = False  # which message the file became is for the thread to tell
            except Uncertain:
                self._book.forget(place)
                raise


def _metadata(key: str, number: int, of: int) -> dict[str, Any]:
    return {"event_type": wire.POSTED, "event_payload": {"key": key, "part": number, "parts": of}}


def _digest(part: Part) -> str:
    return derived(part.text, repr(part.blocks))
