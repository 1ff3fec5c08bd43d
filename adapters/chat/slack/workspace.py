"""One workspace the app is installed in. Owns: Workspace, enter. Imports: core and the modules beside. Effects: calls Slack."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from adapters.chat.slack import names, wire
from adapters.chat.slack.client import Api
from adapters.chat.slack.directory import Directory
from adapters.chat.slack.errors import name_of
from adapters.chat.slack.linked import Linked
from adapters.chat.slack.names import Me, Place
from adapters.chat.slack.payload import Json, rows, table, text
from adapters.chat.slack.reading import people
from adapters.chat.slack.sessions import Sessions
from adapters.chat.slack.speaking import Speaking
from core import commands
from core.errors import Rejected
from core.events import FileRef, Posted
from core.ports import Clock, History

PER_PAGE = 500
LIVE = 1.0  # seconds an event may wait for names
PATIENT = 15.0  # … and a thread that is read for a loop
# How the bridge's reactions are called; what is not here is refused.
EMOJI: Mapping[str, str] = {
    "👀": "eyes", "✅": "white_check_mark", "❌": "x", "🔁": "repeat", "👍": "+1", "👎": "-1", "⏳": "hourglass_flowing_sand",
    "🎉": "tada", "⚠️": "warning", "🛑": "octagonal_sign", "♾️": "infinity", "🤖": "robot_face", "💬": "speech_balloon",
}  # fmt: skip
_DECISION = re.compile(r"\s*(approve|deny|edit|answer)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace, who the bridge is there, and the ways to it."""

    me: Me
    api: Api
    people: Directory
    voice: Speaking
    sessions: Sessions
    linked: Linked
    scopes: frozenset[str]

    async def named(self, messages: Iterable[Json], *, within: float = LIVE) -> Mapping[str, str]:
        """Return the names of everybody these messages speak of."""
        users = {user for message in messages for user in people(message)} - {self.me.user}
        known = await self.people.names(users, within=within)
        return {**known, self.me.user: self.me.name}

    async def message(self, channel: str, ts: str) -> Json:
        """Return one message, a reply as well as a root; empty when it is gone."""
        answer = await self.api.call(
            "conversations.replies", channel=channel, ts=ts, latest=ts, inclusive=True, limit=1
        )
        return next((each for each in rows(answer, "messages") if text(each, "ts") == ts), {})

    async def history(self, place: Place, *, upto: str, limit: int) -> History:
        """Return the root and the newest `limit` messages up to `upto`."""
        if not place.thread_ts:
            return History(messages=())
        last = names.order(upto)
        root: Json = {}
        newest: deque[Json] = deque(maxlen=limit)
        seen = 0
        async for page in self.api.pages(
            "conversations.replies",
            "messages",
            limit=PER_PAGE,
            channel=place.channel,
            ts=place.thread_ts,
            latest=upto,
            inclusive=True,
            include_all_metadata=True,
        ):
            for message in page:
                ts = text(message, "ts")
                if not self._counts(message, ts, last):
                    continue
                if ts == place.thread_ts:
                    root = message
                else:
                    newest.append(message)
                    seen += 1
        kept = [*([root] if root else []), *newest]
        called = await self.named(kept, within=PATIENT)
        read = await asyncio.to_thread(self._past, kept, place.channel, called)
        messages = await self.linked.quoted(read, within=PATIENT)
        return History(messages=tuple(messages), left_out=seen - len(newest))

    def _past(
        self, kept: Iterable[Json], channel: str, called: Mapping[str, str]
    ) -> list[tuple[Json, Posted]]:
        """Read a thread, in a worker's thread: a long one would hold up the event loop."""
        read = ((message, wire.past(message, channel, self.me, called)) for message in kept)
        return [(message, each) for message, each in read if each]

    async def with_links(self, raw: Json, event: Posted) -> Posted:
        """Return what was just said in a thread with the messages it links to, as far as they come at once.

        A command stays as it is: options are read off its end. So does the first message of a thread, which is read with it.
        """
        if names.place(event.lane).root == event.message or commands.spoken(event.text) is not None:
            return event
        if _DECISION.match(event.text) or (event.addressed and "--" in event.text):
            return event
        return (await self.linked.quoted([(raw, event)], within=LIVE))[0]

    @staticmethod
    def _counts(message: Json, ts: str, last: tuple[int, int]) -> bool:
        spoken = text(message, "subtype") in wire.SPOKEN
        return spoken and names.is_ts(ts) and names.order(ts) <= last

    async def recent(self, place: Place, *, after: str) -> list[tuple[Json, Posted]]:
        """Return what others wrote after a moment, in a thread or (NOWHERE) in the channel itself, oldest first."""
        found: list[Json] = []
        window: dict[str, Any] = {
            "channel": place.channel,
            "oldest": after,
            "inclusive": False,
            "limit": 200,
            "most": 10,
        }
        if place.thread_ts:
            pages = self.api.pages("conversations.replies", "messages", ts=place.thread_ts, **window)
        else:
            pages = self.api.pages("conversations.history", "messages", **window)
        async for page in pages:
            found += [
                each for each in page
                if names.is_ts(text(each, "ts")) and names.order(text(each, "ts")) > names.order(after)
            ]  # fmt: skip
        found.sort(key=lambda each: names.order(text(each, "ts")))
        called = await self.named(found, within=PATIENT)
        read = [(each, wire.event({"channel": place.channel, **each}, self.me, called)) for each in found]
        return [(each, event) for each, event in read if isinstance(event, Posted)]

    async def react(self, place: Place, ts: str, emoji: str) -> None:
        """Put an emoji on a message; again changes nothing."""
        name = EMOJI.get(emoji)
        if name is None:
            raise Rejected(f"the Slack adapter has no name for {emoji}")
        try:
            await self.api.call("reactions.add", channel=place.channel, timestamp=ts, name=name)
        except Rejected as exc:
            if name_of(exc) != "already_reacted":
                raise

    async def content(self, file: FileRef, *, max_bytes: int) -> bytes:
        """Return a file's bytes. Raises Rejected when it is too large, gone, or does not lie at Slack."""
        answer = await self.api.call("files.info", file=file.id.rpartition("/")[2])
        described = table(answer, "file")
        if described.get("is_external") is True or text(described, "mode") == "external":
            raise Rejected(f"the file {file.name!r} does not lie at Slack; it was not fetched")
        size = described.get("size")
        if isinstance(size, int) and size > max_bytes:
            raise Rejected(f"the file {file.name!r} has {size} bytes; at most {max_bytes} are taken")
        address = text(described, "url_private_download") or text(described, "url_private")
        return await self.api.download(address, name=file.name, max_bytes=max_bytes)


async def enter(api: Api, *, clock: Clock) -> Workspace:
    """Ask Slack who a token is. Raises Rejected when it is no good, Unavailable when Slack cannot be asked."""
    answer = await api.call("auth.test")
    me = Me(
        team=text(answer, "team_id"),
        user=text(answer, "user_id"),
        bot=text(answer, "bot_id"),
        url=text(answer, "url"),
        name=text(answer, "user") or "loop",
    )
    if not (me.team and me.user and me.bot):
        raise Rejected(
            "this Slack token is not a bot's", remedy="Use the Bot User OAuth Token, which begins with xoxb-."
        )
    scopes = frozenset(filter(None, text(answer, "headers", "x-oauth-scopes").replace(" ", "").split(",")))
    directory = Directory(api, clock)
    return Workspace(
        me=me,
        api=api,
        people=directory,
        voice=Speaking(api, me, began=_slack_time(answer)),
        sessions=Sessions(api, clock, scopes=scopes),
        linked=Linked(api, me, directory, clock),
        scopes=scopes,
    )


def _slack_time(answer: Json) -> float:
    """Return Slack's own time of an answer, rounded up; without one every thread counts as older."""
    try:
        at: datetime = parsedate_to_datetime(text(answer, "headers", "date"))
    except ValueError:
        return float("inf")
    return at.timestamp() + 1.0
