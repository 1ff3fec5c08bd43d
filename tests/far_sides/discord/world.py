"""The state of one Discord, and everything that can happen to it. Owns: World. Imports: the sibling records. Effects: none but its own.

Whoever acts is named: a person or the bot. What the bot may not do raises Refusal with Discord's own code; people are trusted to
do what the client lets them. Each change is told to `publish` as a gateway event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.far_sides.discord import payloads, rights
from tests.far_sides.discord import records as kinds
from tests.far_sides.discord.records import Attachment, Channel, Guild, Member, Message, Role, User
from tests.far_sides.discord.refusals import Refusal, missing_access, missing_permissions, unknown

EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
NONCE_WINDOW = timedelta(minutes=5)
Publish = Callable[[str, dict[str, Any], Channel | None, int], None]


class World:
    """Users, guilds, channels and messages. `origin` is where its files are served."""

    def __init__(self, *, content_intent: bool = True) -> None:
        self.origin = ""
        self.content_intent = content_intent
        self.ahead = timedelta()
        self.sessions_left = 1000
        self._last_id = 0
        self.publish: Publish = lambda kind, data, channel, intent: None
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.commands: dict[int, list[dict[str, Any]]] = {}
        self.bot = self.user("loop", bot=True)
        self.application = self.new_id()

    # ── time and ids ─────────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def new_id(self) -> int:
        """Return a snowflake: larger than any before, and telling its time."""
        fresh = int((self.now() - EPOCH) / timedelta(milliseconds=1)) << 22
        self._last_id = max(fresh, self._last_id + 1)
        return self._last_id

    # ── setting up ───────────────────────────────────────────────────────────────────────────────────────────────────

    def user(self, name: str, *, shown: str = "", bot: bool = False) -> User:
        fresh = User(id=self.new_id(), name=name, shown=shown, bot=bot)
        self.users[fresh.id] = fresh
        return fresh

    def guild(self, name: str, owner: User, *others: User, bot_may: int = rights.USUAL) -> Guild:
        """Found a guild; the bot is in it with a role of its own that grants `bot_may`."""
        fresh = Guild(id=self.new_id(), name=name, owner=owner.id)
        fresh.roles[fresh.id] = Role(
            id=fresh.id, name="@everyone", permissions=rights.USUAL & ~rights.EMBED_LINKS
        )
        own = Role(id=self.new_id(), name="loop", permissions=bot_may, bot=self.bot.id)
        fresh.roles[own.id] = own
        for person in (owner, *others):
            fresh.members[person.id] = Member(user=person, nick=person.shown)
        fresh.members[self.bot.id] = Member(user=self.bot, roles=[own.id])
        self.guilds[fresh.id] = fresh
        data = payloads.guild(fresh, [], self.bot)
        self.publish("GUILD_CREATE", data, None, 0)
        return fresh

    def channel(self, guild: Guild, name: str, *, type: int = kinds.TEXT) -> Channel:
        fresh = Channel(id=self.new_id(), type=type, name=name, guild=guild)
        self.channels[fresh.id] = fresh
        self.publish("CHANNEL_CREATE", payloads.channel(fresh), fresh, 0)
        return fresh

    def direct(self, person: User) -> Channel:
        """Return the DM channel between a person and the bot."""
        for known in self.channels.values():
            if known.type == kinds.DM and person.id in known.recipients:
                return known
        fresh = Channel(id=self.new_id(), type=kinds.DM, recipients=[person.id, self.bot.id])
        self.channels[fresh.id] = fresh
        return fresh

    def deny(self, channel: Channel, permission: int) -> None:
        """Take a permission from the bot in a channel."""
        allow, deny = channel.overwrites.get(self.bot.id, (0, 0))
        channel.overwrites[self.bot.id] = (allow & ~permission, deny | permission)
        self.publish("CHANNEL_UPDATE", payloads.channel(channel), channel, 0)

    # ── looking up ───────────────────────────────────────────────────────────────────────────────────────────────────

    def seen_channel(self, key: str | int, who: User) -> Channel:
        found = self.channels.get(int(key))
        if found is None:
            raise unknown("Channel")
        if not rights.in_channel(found, who) & rights.VIEW_CHANNEL:
            raise missing_access()
        return found

    def message(self, channel: Channel, key: str | int) -> Message:
        found = channel.messages.get(int(key))
        if found is None or found.to:
            raise unknown("Message")
        return found

    def spell(self, message: Message, viewer: User | None = None) -> dict[str, Any]:
        one = viewer or self.bot
        value = payloads.message(message, viewer=one, origin=self.origin, content=self.content_intent)
        thread = self.channels.get(message.id)
        return {**value, "thread": payloads.channel(thread)} if thread is not None else value

    def need(self, channel: Channel, who: User, permission: int) -> None:
        granted = rights.in_channel(channel, who)
        if not granted & rights.VIEW_CHANNEL:
            raise missing_access()
        if not granted & permission:
            raise missing_permissions()

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def post(self, channel: Channel, author: User, content: str = "", **more: Any) -> Message:
        """Add a message and tell of it; `more` are fields of Message. Ephemeral ones are told to nobody."""
        fresh = Message(
            id=self.new_id(), channel=channel, author=author, at=self.now(), content=content, **more
        )
        fresh.first_components = fresh.components
        fresh.pings = self._pinged(fresh)
        channel.messages[fresh.id] = fresh
        if channel.is_thread and channel.archived:
            channel.archived = False
            self.publish("THREAD_UPDATE", payloads.channel(channel), channel, 0)
        if not fresh.to:
            self._tell("MESSAGE_CREATE", fresh)
        return fresh

    def send(self, channel: Channel, body: Mapping[str, Any], files: list[Attachment]) -> Message:
        """Post what the bot sent over REST, with its rights, nonce and reference looked at."""
        self.need(
            channel, self.bot, rights.SEND_MESSAGES_IN_THREADS if channel.is_thread else rights.SEND_MESSAGES
        )
        if files:
            self.need(channel, self.bot, rights.ATTACH_FILES)
        if channel.locked and not rights.in_channel(channel, self.bot) & rights.MANAGE_THREADS:
            raise Refusal(400, 160005, "Thread is locked")
        if channel.type == kinds.FORUM:
            raise Refusal(400, 50008, "Cannot send messages in a non-text channel")
        if channel.guild is None and not all(self.users[key].takes_dms for key in channel.recipients):
            raise Refusal(403, 50007, "Cannot send messages to this user")
        nonce = str(body.get("nonce") or "")
        if nonce and body.get("enforce_nonce"):
            for known in channel.messages.values():
                if known.nonce == nonce and self.now() - known.at < NONCE_WINDOW:
                    return known
        return self.post(
            channel, self.bot, body.get("content") or "", nonce=nonce, flags=int(body.get("flags") or 0),
            components=body.get("components") or [], embeds=body.get("embeds") or [], attachments=files,
            allowed=body.get("allowed_mentions"), reference=self._referenced(channel, body),
            type=19 if body.get("message_reference") else 0,
        )  # fmt: skip

    def _referenced(self, channel: Channel, body: Mapping[str, Any]) -> Message | None:
        given = body.get("message_reference")
        if not given:
            return None
        found = channel.messages.get(int(given["message_id"]))
        if found is None and given.get("fail_if_not_exists", True):
            raise Refusal(
                400, 50035, "Invalid Form Body",
                {"message_reference": {"_errors": [{"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]}},
            )  # fmt: skip
        return found

    def _pinged(self, message: Message) -> list[int]:
        """Return who is notified: what the text names, as far as `allowed_mentions` lets it."""
        guild, allowed = message.channel.guild, message.allowed
        if guild is None:
            return []
        parse = ["users", "roles", "everyone"] if allowed is None else allowed.get("parse", [])
        listed = {int(key) for key in (allowed or {}).get("users", [])}
        called: dict[int, None] = {}
        for found in payloads.MENTION.findall(_without_code(message.content)):
            if int(found) in guild.members and ("users" in parse or int(found) in listed):
                called[int(found)] = None
        if re.search(r"@(everyone|here)\b", message.content) and "everyone" in parse:
            called |= dict.fromkeys(guild.members)
        replied = message.reference
        if replied is not None and (allowed is None or allowed.get("replied_user", False)):
            called[replied.author.id] = None
        return [key for key in called if key != message.author.id]

    def change(self, message: Message, **fields: Any) -> None:
        """Change a message and tell of it."""
        for name, value in fields.items():
            setattr(message, name, value)
        last = message.edited_at
        message.edited_at = max(self.now(), last + timedelta(milliseconds=1) if last else message.at)
        if not message.to:
            self._tell("MESSAGE_UPDATE", message)

    def remove(self, message: Message) -> None:
        """Delete a message and tell of it."""
        del message.channel.messages[message.id]
        if not message.to:
            self.publish("MESSAGE_DELETE", self._where(message) | {"id": str(message.id)}, message.channel, 9)

    def react(self, message: Message, who: User, emoji: str, *, on: bool = True) -> None:
        """Put a reaction on a message, or take it off."""
        users = message.reactions.setdefault(emoji, [])
        if on == (who.id in users):
            return
        users.append(who.id) if on else users.remove(who.id)
        data = self._where(message) | {
            "user_id": str(who.id), "message_id": str(message.id), "emoji": {"id": None, "name": emoji},
            "message_author_id": str(message.author.id), "burst": False, "type": 0,
        }  # fmt: skip
        if on and message.channel.guild:
            data["member"] = payloads.member(message.channel.guild.members[who.id])
        self.publish("MESSAGE_REACTION_ADD" if on else "MESSAGE_REACTION_REMOVE", data, message.channel, 10)

    def _where(self, message: Message) -> dict[str, Any]:
        where = {"channel_id": str(message.channel.id)}
        guild = message.channel.guild
        return {**where, "guild_id": str(guild.id)} if guild else where

    def told(self, message: Message) -> dict[str, Any]:
        """Return a message as the gateway tells of it: with guild, member and nonce."""
        data = self._where(message) | self.spell(message)
        guild = message.channel.guild
        if guild and message.author.id in guild.members:
            data["member"] = payloads.member(guild.members[message.author.id], with_user=False)
        return {**data, "nonce": message.nonce} if message.nonce else data

    def _tell(self, kind: str, message: Message) -> None:
        self.publish(kind, self.told(message), message.channel, 9 if message.channel.guild else 12)

    # ── threads ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def thread(
        self, parent: Channel, owner: User, name: str, *, of: Message | None = None, private: bool = False
    ) -> Channel:
        """Open a thread, from a message (whose id it takes) or on its own."""
        kind = kinds.PRIVATE_THREAD if private else kinds.PUBLIC_THREAD
        if of is not None and of.id in self.channels:
            raise Refusal(400, 160004, "A thread has already been created for this message")
        if parent.type not in (kinds.TEXT, kinds.NEWS, kinds.FORUM):
            raise Refusal(400, 50024, "Cannot execute action on this channel type")
        fresh = Channel(
            id=of.id if of else self.new_id(),
            type=kind,
            name=name,
            guild=parent.guild,
            parent=parent,
            owner=owner.id,
        )
        self.channels[fresh.id] = fresh
        self.publish("THREAD_CREATE", payloads.channel(fresh) | {"newly_created": True}, fresh, 0)
        if of is not None:
            of.flags |= kinds.HAS_THREAD
            self._tell("MESSAGE_UPDATE", of)
            start = Message(
                id=self.new_id(), channel=fresh, author=of.author, at=self.now(), type=21, reference=of
            )
            fresh.messages[start.id] = start
            self._tell("MESSAGE_CREATE", start)
        return fresh

    def forum_post(self, forum: Channel, author: User, name: str, content: str) -> Channel:
        """Open a post in a forum: a thread whose first message has its id."""
        fresh = self.thread(forum, author, name)
        first = Message(id=fresh.id, channel=fresh, author=author, at=self.now(), content=content)
        fresh.messages[first.id] = first
        self._tell("MESSAGE_CREATE", first)
        return fresh

    def set_thread(self, thread: Channel, **fields: Any) -> None:
        """Archive, lock or rename a thread."""
        for name, value in fields.items():
            setattr(thread, name, value)
        self.publish("THREAD_UPDATE", payloads.channel(thread), thread, 0)

    def delete_channel(self, channel: Channel) -> None:
        """Delete a channel or thread with all in it."""
        del self.channels[channel.id]
        if channel.is_thread:
            assert channel.guild is not None
            assert channel.parent is not None
            data = {"id": str(channel.id), "guild_id": str(channel.guild.id), "parent_id": str(channel.parent.id),
                    "type": channel.type}  # fmt: skip
            self.publish("THREAD_DELETE", data, channel.parent, 0)
        else:
            self.publish("CHANNEL_DELETE", payloads.channel(channel), channel, 0)

    def visible(self, guild: Guild) -> list[Channel]:
        return [each for each in self.channels.values() if each.guild is guild]


def _without_code(text: str) -> str:
    """Return the text outside code: Discord finds no mentions within."""
    return re.sub(r"```.*?```|`[^`\n]*`", " ", text, flags=re.DOTALL)
