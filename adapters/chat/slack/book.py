"""What the bridge has posted where. Owns: Book, Page. Imports: core, client. Effects: reads threads at Slack.

Every post carries its key in the message's metadata, so a thread itself says what was posted under which key: before the first post into
a thread that is older than this process (and again after a call whose outcome is not known) the thread is read, unless what is known of it
came over from an earlier process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from adapters.chat.slack import names, wire
from adapters.chat.slack.client import Api
from adapters.chat.slack.names import Me, Place
from adapters.chat.slack.payload import Json, number, rows, table, text
from core.errors import PortError

PAGES = 2_000  # threads that are remembered
PER_PAGE = 500


@dataclass(slots=True, kw_only=True)
class Page:
    """One thread's posts: by key the ts of each part in order, and (ts, name) of the files that were shared."""

    parts: dict[str, dict[int, str]] = field(default_factory=dict)
    files: list[tuple[str, str]] = field(default_factory=list)
    under_way: int = 0  # posts and files whose outcome is not known yet
    hearsay: bool = False  # not read at Slack by this process
    whole: bool = True  # whether everything that was posted is on it

    def note(self, key: str, part: int, ts: str) -> None:
        """Remember a post."""
        self.parts.setdefault(key, {})[part] = ts

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Count what is sent within as under way, for good where it is called off: whether Slack took it is not known then."""
        self.under_way += 1
        try:
            yield
        except PortError:
            self.under_way -= 1
            raise
        self.under_way -= 1

    def key_of(self, posted: str) -> str | None:
        """Return the key of a message by the ts of its first part."""
        return next((key for key, parts in self.parts.items() if parts.get(0) == posted), None)


class Book:
    """The posts of one workspace. `began` is Slack's time when this process first spoke with it."""

    def __init__(self, api: Api, me: Me, *, began: float) -> None:
        self._api = api
        self._me = me
        self._began = began
        self._pages: OrderedDict[Place, Page] = OrderedDict()

    async def page(self, place: Place) -> Page:
        """Return what was posted in a thread. Raises what the Web API raises."""
        page = self._pages.get(place)
        if page is None:
            page = Page()
            if not place.thread_ts or float(place.thread_ts) <= self._began:
                await self._read(place, page)
            page = self._pages.setdefault(place, page)
        self._pages.move_to_end(place)
        while len(self._pages) > PAGES:
            self.forget(next(iter(self._pages)))
        return page

    def known(self, place: Place) -> Page | None:
        """Return what is known of a thread without asking Slack."""
        return self._pages.get(place)

    def pages(self) -> list[tuple[Place, Page]]:
        """Return what is known of each thread, the last spoken in last."""
        return list(self._pages.items())

    def learn(self, known: Sequence[tuple[Place, Page]]) -> None:
        """Take in what an earlier process knew of threads."""
        for place, page in known:
            page.hearsay = True
            self._pages.setdefault(place, page)

    async def again(self, place: Place) -> Page:
        """Return what was posted in a thread, read anew."""
        self.forget(place)
        return await self.page(place)

    def forget(self, place: Place) -> None:
        """Drop what is known of a thread, to be read again: a call's outcome is uncertain."""
        self._pages.pop(place, None)
        self._began = max(self._began, float(place.thread_ts or 0))

    async def _read(self, place: Place, page: Page) -> None:
        where: dict[str, Any] = {"channel": place.channel, "include_all_metadata": True}
        if place.thread_ts:
            pages = self._api.pages(
                "conversations.replies", "messages", limit=PER_PAGE, ts=place.thread_ts, **where
            )
        else:
            pages = self._api.pages("conversations.history", "messages", limit=PER_PAGE, most=1, **where)
        async for messages in pages:
            for message in messages:
                if wire.is_mine(message, self._me):
                    self._take(message, page)

    @staticmethod
    def _take(message: Json, page: Page) -> None:
        ts = text(message, "ts")
        metadata = table(message, "metadata")
        payload = table(metadata, "event_payload")
        if metadata.get("event_type") in (wire.POSTED, wire.STARTED) and names.is_ts(ts):
            page.note(text(payload, "key"), number(payload, "part"), ts)
        page.files += [(ts, text(file, "title") or text(file, "name")) for file in rows(message, "files")]
