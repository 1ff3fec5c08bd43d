"""What the bridge says to one person alone. Owns: Whispering. Imports: core and the modules beside. Effects: posts."""

from __future__ import annotations

import logging
from dataclasses import replace

from adapters.chat.discord import names, posts, render
from adapters.chat.discord.client import Api
from adapters.chat.discord.drafts import Forms
from adapters.chat.discord.errors import Refusal
from adapters.chat.discord.names import Me, Place
from adapters.chat.discord.opening import Opening
from adapters.chat.discord.posts import Posts
from adapters.chat.discord.recent import Recent, Tokens
from adapters.chat.discord.render import Part
from adapters.chat.discord.rooms import Rooms
from adapters.chat.discord.sending import MESSAGES, Sending, uploads
from core.errors import PortError
from core.ids import IdentityKey, ThreadKey
from core.message import Message, Text

log = logging.getLogger(__name__)
EPHEMERAL = 1 << 6


class Whispering:
    """Tells one person something: under what they just did, else directly, in the thread when nothing else is left."""

    def __init__(
        self,
        *,
        api: Api,
        me: Me,
        rooms: Rooms,
        opening: Opening,
        posts: Posts,
        forms: Forms,
        tokens: Tokens,
        sending: Sending,
    ) -> None:
        self._api = api
        self._me = me
        self._rooms = rooms
        self._opening = opening
        self._posts = posts
        self._forms = forms
        self._tokens = tokens
        self._sending = sending
        self.last_words: Recent[tuple[str, str], str] = Recent(2_000)  # somebody's newest message in a place

    async def whisper(self, thread: ThreadKey, to: IdentityKey, message: Message, *, key: str) -> None:
        """Tell one person alone: under what they just did, else in a direct message; in the thread when they take none."""
        known, user = self._posts.get(key), names.user_of(to)
        if known is not None and known.posted:
            return
        if known is None and await self.follow_up(thread, user, message):
            await self._posts.done(key, thread, user)
            return
        place = names.place(thread)
        try:
            await self._direct(place, user, message, key=key, again=known is not None)
        except Refusal as exc:
            log.info("chat.discord.no_direct_message", extra={"code": exc.code})
            channel = await self._opening.channel(place)
            reply_to = self.last_words.get((thread, user)) or ""
            await self._sending.send(channel, message, key=f"{key}:here", again=False, reply_to=reply_to)
            await self._posts.done(key, channel, user)

    async def _direct(self, place: Place, user: str, message: Message, *, key: str, again: bool) -> None:
        channel = await self._rooms.direct(user)
        if not place.direct:
            about = Text(text=f"about {names.permalink(place.guild, place.root)}")
            message = replace(message, blocks=(*message.blocks, about))
        await self._sending.send(channel, message, key=key, again=again)

    async def follow_up(self, thread: str, user: str, message: Message) -> bool:
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
                    files=uploads(part),
                    query={"wait": "true"},
                    webhook_id=self._me.application,
                    webhook_token=token,
                )
        except Refusal as exc:
            log.info("chat.discord.token_stale", extra={"code": exc.code})
            self._tokens.drop(thread, user)
            return False
        return True

    async def complain(self, user: str, words: str, *, key: str) -> None:
        """Tell somebody directly, if they take it."""
        body = render.body(Part(content=words), nonce=posts.nonce(key, 0))
        try:
            channel = await self._rooms.direct(user)
            await self._api.call("POST", MESSAGES, body=body, channel_id=channel)
        except PortError as exc:
            log.info("chat.discord.complaint_unheard", extra={"why": str(exc)})
