"""What the bridge says on Discord. Owns: Speaking. Imports: core and the modules beside. Effects: posts, edits, reacts, opens threads."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from adapters.chat.discord import errors, names, permissions, posts, render
from adapters.chat.discord.client import Api, Upload
from adapters.chat.discord.errors import Refusal
from adapters.chat.discord.names import Me, Place
from adapters.chat.discord.opening import Opening
from adapters.chat.discord.payload import Json, rows, snowflake, table, text
from adapters.chat.discord.posts import Forms, Posts
from adapters.chat.discord.recent import Recent, Tokens
from adapters.chat.discord.render import Part
from adapters.chat.discord.rooms import Rooms
from core.errors import PortError, Rejected
from core.ids import IdentityKey, ThreadKey
from core.message import Message, Text

log = logging.getLogger(__name__)
MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
EPHEMERAL = 1 << 6
READ_BACK = 100  # messages looked through for one that may have been sent before


class Speaking:
    """Posts, edits and whispers, each where it belongs."""

    def __init__(
        self, *, api: Api, me: Me, rooms: Rooms, opening: Opening, posts: Posts, forms: Forms, tokens: Tokens
    ) -> None:
        self._api = api
        self._me = me
        self._rooms = rooms
        self._opening = opening
        self._posts = posts
        self._forms = forms
        self._tokens = tokens
        self._shown: Recent[str, Part] = Recent(500)
        self._complained: Recent[str, bool] = Recent(200)
        self.quiet: Recent[str, str] = Recent(500)  # places that are one person's command alone, and whose
        self.askers: Recent[str, str] = Recent(2_000)  # who addressed the bridge last in a place
        self.last_words: Recent[tuple[str, str], str] = Recent(2_000)  # somebody's newest message in a place

    # ── posting ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def post(self, thread: ThreadKey, message: Message, *, key: str) -> str:
        """Post under a key; return the messages' ids, joined by dashes."""
        known = self._posts.get(key)
        if known is not None and known.posted:
            return known.posted
        place = names.place(thread)
        user = self.quiet.get(thread)
        if user and await self._follow_up(thread, user, message):
            return place.root
        await self._forms.note(message)
        try:
            channel = known.channel if known else await self._opening.channel(place)
            return await self._send(channel, message, key=key, again=known is not None)
        except Refusal as exc:
            raise await self._explained(place, exc) from exc

    async def _send(
        self, channel: str, message: Message, *, key: str, again: bool, reply_to: str = ""
    ) -> str:
        if not again:
            await self._posts.begin(key, channel)
        past = await self._own(channel) if again else []
        sent: list[str] = []
        for at, part in enumerate(render.parts(message)):
            found = next(
                (each for each in past if snowflake(each, "id") not in sent and _same(each, part)), None
            )
            if found is None:
                body = render.body(part, nonce=posts.nonce(key, at))
                if reply_to and not at:
                    body["message_reference"] = {"message_id": reply_to, "fail_if_not_exists": False}
                found = await self._api.call(
                    "POST", MESSAGES, body=body, files=_uploads(part), channel_id=channel
                )
            sent.append(snowflake(found, "id"))
            self._shown[sent[-1]] = part
        posted = "-".join(sent)
        await self._posts.done(key, channel, posted)
        return posted

    async def _own(self, channel: str) -> list[Json]:
        """Return the bridge's newest messages in a channel, oldest first."""
        query = {"limit": str(READ_BACK)}
        told = await self._api.call("GET", MESSAGES, query=query, channel_id=channel)
        return [each for each in reversed(told) if text(table(each, "author"), "id") == self._me.user]

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
            if self._shown.get(ids[at]) == part:
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
                "PATCH", MESSAGE, body=body, files=_uploads(part), channel_id=channel, message_id=message
            )

        await self._wherever(place, message, call)
        self._shown[message] = part

    async def _delete(self, place: Place, message: str) -> None:
        async def call(channel: str) -> Any:
            return await self._api.call("DELETE", MESSAGE, channel_id=channel, message_id=message)

        try:
            await self._wherever(place, message, call)
        except Refusal as exc:
            if exc.code != errors.UNKNOWN_MESSAGE:
                raise
        self._shown.pop(message)

    async def react(self, thread: ThreadKey, message: str, emoji: str) -> None:
        """Put an emoji on a message (idempotent)."""
        if not names.is_message(message):
            raise Rejected(f"{message!r} is no message of Discord")

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

    # ── to one person ────────────────────────────────────────────────────────────────────────────────────────────────

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone: under what they just did, else in a direct message; in the thread when they take none."""
        known, user = self._posts.get(key), names.user_of(to)
        if known is not None and known.posted:
            return
        if known is None and await self._follow_up(thread, user, message):
            await self._posts.done(key, thread, user)
            return
        place = names.place(thread)
        try:
            await self._direct(place, user, message, key=key, again=known is not None)
        except Refusal as exc:
            log.info("chat.discord.no_direct_message", extra={"code": exc.code})
            channel = await self._opening.channel(place)
            reply_to = self.last_words.get((thread, user)) or ""
            await self._send(channel, message, key=f"{key}:here", again=False, reply_to=reply_to)
            await self._posts.done(key, channel, user)

    async def _direct(self, place: Place, user: str, message: Message, *, key: str, again: bool) -> None:
        channel = await self._rooms.direct(user)
        if not place.direct:
            about = Text(text=f"about {names.permalink(place.guild, place.root)}")
            message = replace(message, blocks=(*message.blocks, about))
        await self._send(channel, message, key=key, again=again)

    async def _follow_up(self, thread: str, user: str, message: Message) -> bool:
        """Tell it under the person's own command or press; False when that is too long ago."""
        token = self._tokens.get(thread, user)
        if not token:
            return False
        await self._forms.note(message)
        try:
            for part in render.parts(message):
                body = render.body(part)
                body["flags"] |= EPHEMERAL
                await self._api.call(
                    "POST",
                    "/webhooks/{webhook_id}/{webhook_token}",
                    body=body,
                    files=_uploads(part),
                    query={"wait": "true"},
                    webhook_id=self._me.application,
                    webhook_token=token,
                )
        except Refusal as exc:
            log.info("chat.discord.token_stale", extra={"code": exc.code})
            self._tokens.drop(thread, user)
            return False
        return True

    # ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _explained(self, place: Place, exc: Refusal) -> PortError:
        """Return the refusal with the missing permission named, having told whoever waits for an answer."""
        if exc.code not in (errors.NO_ACCESS, errors.NOT_ALLOWED) or place.direct:
            return exc
        has_thread = self._rooms.get(place.root) is not None
        lacking = await self._rooms.lacking(place, in_thread=has_thread)
        if not lacking:
            return exc
        where = f"<#{place.channel}>"
        words = f"{permissions.sentence(lacking, where)} What you wrote is kept. Ask somebody who manages the channel to allow it."
        user = self.askers.get(place.key)
        if user and place.key not in self._complained:
            self._complained[place.key] = True
            await self._complain(user, words, key=f"lacking:{place.key}:{'-'.join(lacking)}")
        return Refusal(words.replace("**", ""), code=exc.code, remedy="Allow it in the channel's settings.")

    async def _complain(self, user: str, words: str, *, key: str) -> None:
        body: Mapping[str, Any] = {
            **render.body(Part(content=words)),
            "nonce": posts.nonce(key, 0),
            "enforce_nonce": True,
        }
        try:
            channel = await self._rooms.direct(user)
            await self._api.call("POST", MESSAGES, body=body, channel_id=channel)
        except PortError as exc:
            log.info("chat.discord.complaint_unheard", extra={"why": str(exc)})


def _uploads(part: Part) -> list[Upload]:
    return [
        Upload(name=render.name_of(file), content=file.content.encode(errors="replace"))
        for file in part.files
    ]


def _same(raw: Json, part: Part) -> bool:
    """Whether a message is what a part was sent as."""

    def ids(parts: tuple[Json, ...]) -> list[str]:
        return [text(each, "custom_id") for row in parts for each in rows(row, "components")]

    wanted = [each["custom_id"] for row in part.rows for each in row["components"]]
    return text(raw, "content").strip() == part.content.strip() and ids(rows(raw, "components")) == wanted
