"""Messages on their way to Discord, once each. Owns: Sending and the paths of messages. Imports: core and the modules beside. Effects: posts."""

from __future__ import annotations

from adapters.chat.discord import posts, render
from adapters.chat.discord.client import Api, Upload
from adapters.chat.discord.names import Me
from adapters.chat.discord.payload import Json, rows, snowflake, table, text
from adapters.chat.discord.posts import Posts
from adapters.chat.discord.recent import Recent
from adapters.chat.discord.render import Part
from core.message import Message

MESSAGES = "/channels/{channel_id}/messages"
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
READ_BACK = 100  # messages looked through for one that may have been sent before


class Sending:
    """Sends messages under their keys. `shown` is what each message says now, as far as it is known."""

    def __init__(self, api: Api, me: Me, posts: Posts) -> None:
        self._api = api
        self._me = me
        self._posts = posts
        self.shown: Recent[str, Part] = Recent(500)

    async def send(self, channel: str, message: Message, *, key: str, again: bool, reply_to: str = "") -> str:
        """Send a message in as many parts as it takes; return their ids, joined by dashes.

        With `again` it may have been sent before: the nonce tells Discord for some minutes, the channel itself tells later.
        """
        if not again:
            await self._posts.begin(key, channel)
        past = await self._own(channel) if again else []
        sent: list[str] = []
        for at, part in enumerate(render.parts(message)):
            found = next(
                (each for each in past if snowflake(each, "id") not in sent and same(each, part)), None
            )
            if found is None:
                body = render.body(part, nonce=posts.nonce(key, at))
                if reply_to and not at:
                    body["message_reference"] = {"message_id": reply_to, "fail_if_not_exists": False}
                found = await self._api.call(
                    "POST", MESSAGES, body=body, files=uploads(part), channel_id=channel
                )
            sent.append(snowflake(found, "id"))
            self.shown[sent[-1]] = part
        posted = "-".join(sent)
        await self._posts.done(key, channel, posted)
        return posted

    async def _own(self, channel: str) -> list[Json]:
        """Return the bridge's newest messages in a channel, oldest first."""
        query = {"limit": str(READ_BACK)}
        told = await self._api.call("GET", MESSAGES, query=query, channel_id=channel)
        return [each for each in reversed(told) if text(table(each, "author"), "id") == self._me.user]


def uploads(part: Part) -> list[Upload]:
    """Return a part's files."""
    return [
        Upload(name=render.name_of(file), content=file.content.encode(errors="replace"))
        for file in part.files
    ]


def same(raw: Json, part: Part) -> bool:
    """Whether a message is what a part was sent as."""

    def ids(parts: tuple[Json, ...]) -> list[str]:
        return [text(each, "custom_id") for row in parts for each in rows(row, "components")]

    wanted = [each["custom_id"] for row in part.rows for each in row["components"]]
    return text(raw, "content").strip() == part.content.strip() and ids(rows(raw, "components")) == wanted
