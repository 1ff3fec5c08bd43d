"""What the bridge says on Discord. Owns: Speaking. Imports: core and the modules beside. Effects: posts, edits, reacts, opens threads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from adapters.chat.discord import errors, names, permissions, render
from adapters.chat.discord.client import Api
from adapters.chat.discord.drafts import Forms
from adapters.chat.discord.errors import Refusal
from adapters.chat.discord.names import Place
from adapters.chat.discord.opening import Opening
from adapters.chat.discord.posts import Posts
from adapters.chat.discord.recent import Recent
from adapters.chat.discord.render import Part
from adapters.chat.discord.rooms import Rooms
from adapters.chat.discord.sending import MESSAGE, Sending, uploads
from adapters.chat.discord.whispering import Whispering
from core.errors import PortError, Rejected
from core.ids import ThreadKey
from core.message import Message


class Speaking:
    """Posts, edits and reacts, each where it belongs."""

    def __init__(
        self,
        *,
        api: Api,
        rooms: Rooms,
        opening: Opening,
        posts: Posts,
        forms: Forms,
        sending: Sending,
        whispering: Whispering,
    ) -> None:
        self._api = api
        self._rooms = rooms
        self._opening = opening
        self._posts = posts
        self._forms = forms
        self._sending = sending
        self._whispering = whispering
        self._complained: Recent[str, str] = Recent(200)
        self.quiet: Recent[str, str] = Recent(500)  # places that are one person's command alone, and whose
        self.askers: Recent[str, str] = Recent(2_000)  # who addressed the bridge last in a place
        self.authors: Recent[str, str] = Recent(2_000)  # who wrote a message

    # ── posting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under a key; return the messages' ids, joined by dashes."""
        known = self._posts.get(key)
        if known is not None and known.posted:
            return known.posted
        place = names.place(thread)
        user = self.quiet.get(thread)
        if user and await self._whispering.follow_up(thread, user, message):
            return place.root
        await self._forms.note(message)
        try:
            channel = known.channel if known else await self._opening.channel(place)
            return await self._sending.send(channel, message, key=key, again=known is not None)
        except Refusal as exc:
            raise await self._explained(place, exc) from exc

    # ── changing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def edit(self, thread: ThreadKey, posted: str, message: Message) -> None:
        """Replace what `post` returned. It never becomes more messages than it was: what is left over is a file."""
        place = names.place(thread)
        if not names.is_message(posted):
            raise Rejected(f"{posted!r} is no message of Discord")
        await self._forms.note(message)
        ids = posted.split("-")
        try:
            await self._replace(place, ids, render.parts(message, most=len(ids)), message)
        except Refusal as exc:
            raise await self._explained(place, exc) from exc

    async def _replace(self, place: Place, ids: list[str], parts: tuple[Part, ...], message: Message) -> None:
        for at, part in enumerate(parts):
            if self._sending.shown.get(ids[at]) == part:
                continue
            try:
                await self._patch(place, ids[at], part)
            except Refusal as exc:
                if exc.code != errors.UNKNOWN_MESSAGE or not at:
                    raise
                # An earlier, shorter text took this message away: the ones before hold what they can.
                await self._replace(place, ids[:at], render.parts(message, most=at), message)
                return
        for surplus in ids[len(parts) :]:
            await self._delete(place, surplus)

    async def _patch(self, place: Place, message: str, part: Part) -> None:
        body = render.body(part)

        async def call(channel: str) -> Any:
            return await self._api.call(
                "PATCH", MESSAGE, body=body, files=uploads(part), channel_id=channel, message_id=message
            )

        await self._wherever(place, message, call)
        self._sending.shown[message] = part

    async def _delete(self, place: Place, message: str) -> None:
        async def call(channel: str) -> Any:
            return await self._api.call("DELETE", MESSAGE, channel_id=channel, message_id=message)

        try:
            await self._wherever(place, message, call)
        except Refusal as exc:
            if exc.code != errors.UNKNOWN_MESSAGE:
                raise
        self._sending.shown.pop(message)

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent)."""
        if not names.is_message(message):
            raise Rejected(f"{message!r} is no message of Discord")
        if user := self.authors.get(message):
            # What gets a sign is acted on: its author waits for an answer, however plain the words.
            self.askers[thread] = user

        async def call(channel: str) -> Any:
            path = f"{MESSAGE}/reactions/{{emoji}}/@me"
            return await self._api.call("PUT", path, channel_id=channel, message_id=message, emoji=emoji)

        place = names.place(thread)
        try:
            await self._wherever(place, message, call)
        except Refusal as exc:
            raise await self._explained(place, exc) from exc

    async def _wherever(self, place: Place, message: str, call: Callable[[str], Awaitable[Any]]) -> None:
        """Do something with a message: it is in the thread, or above it in the channel; an archived thread is opened for it."""
        where = [place.root, place.channel] if message != place.root else [place.channel, place.root]
        missing: Refusal | None = None
        for channel in dict.fromkeys(where):
            try:
                await self._opening.awake(channel, call)
            except Refusal as exc:
                if exc.code not in (errors.UNKNOWN_MESSAGE, errors.UNKNOWN_CHANNEL):
                    raise
                # Of the two answers the one about the message says more.
                missing = exc if missing is None or exc.code == errors.UNKNOWN_MESSAGE else missing
            else:
                return
        if missing is not None:
            raise missing

    # ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _explained(self, place: Place, exc: Refusal) -> PortError:
        """Return a refusal with the missing permission named, having told whoever waits for an answer what keeps it away."""
        if place.direct:
            return exc
        if exc.code in (errors.LOCKED, errors.ARCHIVED, errors.UNKNOWN_CHANNEL):
            where = names.permalink(place.guild, place.root)
            await self._told_once(place, f"{exc} {exc.remedy} <{where}>")
            return exc
        if exc.code not in (errors.NO_ACCESS, errors.NOT_ALLOWED):
            return exc
        has_thread = self._rooms.get(place.root) is not None
        lacking = await self._rooms.lacking(place, in_thread=has_thread)
        if not lacking:
            return exc
        words = (
            f"{permissions.sentence(lacking, f'<#{place.channel}>')} What you wrote is kept. "
            "Ask somebody who manages the channel to allow it."
        )
        await self._told_once(place, words)
        return Refusal(words.replace("**", ""), code=exc.code, remedy="Allow it in the channel's settings.")

    async def _told_once(self, place: Place, words: str) -> None:
        """Tell who addressed the bridge here last, alone, why nothing comes."""
        user = self.askers.get(place.key)
        if user and self._complained.get(place.key) != words:
            self._complained[place.key] = words
            await self._whispering.complain(user, words, key=f"why:{place.key}:{words}")
