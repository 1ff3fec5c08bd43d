"""The messages that people link to, quoted. Owns: Linked. Imports: core and the modules beside. Effects: reads Slack.

The bot may read more than the people it works for. A message is therefore quoted only when whoever posted the link is a member of its
channel, and everybody in the thread's channel could read it too: it is public, or they are all members. What cannot be read, may not be
or does not exist is told in the same words. The bridge's own posts and other bots' are left alone: nobody vouches for their links.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from adapters.chat.slack import names, wire
from adapters.chat.slack.client import Api
from adapters.chat.slack.directory import Directory
from adapters.chat.slack.names import Me, Place
from adapters.chat.slack.payload import Json, rows, table, text
from adapters.chat.slack.reading import people
from core.errors import BadInput, PortError
from core.events import Posted
from core.ports import Clock

MOST = 10  # links of one thread, the newest
MAX_QUOTE = 4_000  # characters
MAX_PAGES = 20  # of a channel's members, 200 each
FRESH = 60.0  # seconds a channel's members are good for
KEPT = 200  # channels
NAMES_WITHIN = 1.0  # seconds
UNREADABLE = "(could not be read)"
# Options are read off the end of a command: nothing quoted may stand there.
END = "(end of what is linked)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """A link as it was written, and the message it leads to."""

    url: str
    channel: str
    ts: str
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """Who is in a channel. `whole`: these are all; `public`: the workspace can read it; `shared`: other workspaces can, too."""

    members: frozenset[str]
    whole: bool
    public: bool
    shared: bool


class Linked:
    """The links within one workspace."""

    def __init__(self, api: Api, me: Me, people: Directory, clock: Clock) -> None:
        self._api = api
        self._me = me
        self._people = people
        self._clock = clock
        self._rooms: OrderedDict[str, tuple[_Room, float]] = OrderedDict()
        self._pattern = re.compile(
            rf"(?<!\w){re.escape(me.url)}archives/([CDG][A-Z0-9]+)/p(\d{{10}})(\d{{6}})(?!\d)(?:\?([^\s<>()|]*))?"
        )

    async def quoted(self, said: Sequence[tuple[Json, Posted]], *, within: float) -> list[Posted]:
        """Return posts, oldest first, with the messages they link to quoted beneath, as far as they can be read in so many seconds."""
        there = {event.message for _, event in said}
        found = [
            (place, link)
            for place, (raw, event) in enumerate(said)
            for link in self._links(raw, event, there)
        ]
        told: dict[tuple[int, str], str] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                for place, link in reversed(found[-MOST:]):
                    told[place, link.url] = await self._quote(said[place][1], link)
        added: dict[int, list[str]] = {}
        for place, link in found[-MOST:]:
            quote = told.get((place, link.url))
            added.setdefault(place, []).append(quote or f"> {link.url} {UNREADABLE}")
        for place in {place for (place, _), quote in told.items() if quote}:
            added[place].append(END)
        return [
            replace(event, text="\n".join([event.text, *added[place]])) if place in added else event
            for place, (_, event) in enumerate(said)
        ]

    def _links(self, raw: Json, event: Posted, there: set[str]) -> list[_Link]:
        """Return whose messages a post links to, each once: not its own thread's, nor what Slack has quoted already."""
        if not self._me.url or self._me.url not in event.text:
            return []
        # The root that the bridge posts for somebody's command is that person's word.
        if event.author.bot or event.author.identity == names.identity_of(self._me.team, self._me.user):
            return []
        here = names.place(event.lane)
        shown = {
            (link.channel, link.ts)
            for attachment in rows(raw, "attachments")
            for link in self._read(text(attachment, "from_url"))
        }
        found: dict[tuple[str, str], _Link] = {}
        for link in self._read(event.text):
            near = link.channel == here.channel and (here.root in (link.ts, link.root) or link.ts in there)
            if not near and (link.channel, link.ts) not in shown:
                found.setdefault((link.channel, link.ts), link)
        return list(found.values())

    def _read(self, words: str) -> list[_Link]:
        found = []
        for match in self._pattern.finditer(words):
            root = re.search(r"(?:^|[&;])thread_ts=(\d+\.\d+)", match[4] or "")
            found.append(
                _Link(
                    url=match[0], channel=match[1], ts=f"{match[2]}.{match[3]}", root=root[1] if root else ""
                )
            )
        return found

    async def _quote(self, event: Posted, link: _Link) -> str:
        """Return a message as a quote, empty when it is not to be had."""
        try:
            if not await self._may(names.place(event.lane), names.user_of(event.author.identity)[1], link):
                return ""
            raw = await self._message(link)
            called = await self._people.names(people(raw) - {self._me.user}, within=NAMES_WITHIN)
            said = wire.past(raw, link.channel, self._me, {**called, self._me.user: self._me.name})
        except (PortError, BadInput):
            return ""
        if said is None:
            return ""
        words = said.text if len(said.text) <= MAX_QUOTE else f"{said.text[:MAX_QUOTE]}…"
        name = " ".join(said.author.name.split())
        lines = [f"{name}, {said.at:%Y-%m-%d %H:%M} UTC, {link.url}", *(words or "(no words)").split("\n")]
        return "\n".join(f"> {line}".rstrip() for line in lines)

    async def _message(self, link: _Link) -> Json:
        answer = await self._api.call(
            "conversations.replies",
            channel=link.channel,
            ts=link.ts,
            latest=link.ts,
            inclusive=True,
            limit=1,
            include_all_metadata=True,
        )
        return next((each for each in rows(answer, "messages") if text(each, "ts") == link.ts), {})

    # ── who may read what ────────────────────────────────────────────────────────────────────────────────────────────

    async def _may(self, here: Place, user: str, link: _Link) -> bool:
        """Whether a message may be shown in this thread on this person's word."""
        room = await self._room(link.channel)
        if not user or user not in room.members:
            return False
        if link.channel == here.channel:
            return True
        audience = await self._room(here.channel)
        if room.public and not audience.shared:
            return True
        return audience.whole and audience.members - {self._me.user} <= room.members

    async def _room(self, channel: str) -> _Room:
        known = self._rooms.get(channel)
        if known is None or known[1] <= self._clock.monotonic():
            known = await self._ask(channel), self._clock.monotonic() + FRESH
            self._rooms[channel] = known
        self._rooms.move_to_end(channel)
        while len(self._rooms) > KEPT:
            self._rooms.popitem(last=False)
        return known[0]

    async def _ask(self, channel: str) -> _Room:
        about = table(await self._api.call("conversations.info", channel=channel), "channel")
        members: set[str] = set()
        cursor = ""
        for _ in range(MAX_PAGES):
            answer = await self._api.call(
                "conversations.members", channel=channel, limit=200, cursor=cursor or None
            )
            listed = answer.get("members")
            members |= (
                {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()
            )
            cursor = text(answer, "response_metadata", "next_cursor")
            if not cursor:
                break
        return _Room(
            members=frozenset(members),
            whole=not cursor,
            public=about.get("is_channel") is True and about.get("is_private") is False,
            shared=about.get("is_shared") is not False,
        )
