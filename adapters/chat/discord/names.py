"""How things of Discord are called here. Owns: Place, Room, Me and the spelling of keys. Imports: core. Effects: none.

A thread's key is `discord:<guild>/<channel>/<root>`: `root` is the thread's id, which is also the id of the message it was opened from;
so a message that has no thread yet and the thread it gets have one key. A direct conversation is `discord:@me/<channel>/<channel>`.
People have one id everywhere on Discord: their key is `discord:users/<id>` whatever the guild.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.chat.discord.payload import Json, number, rows, snowflake, some_id, table, text
from core import ids
from core.errors import Rejected
from core.ids import IdentityKey, ThreadKey

PLATFORM = "discord"
DIRECT = "@me"
USERS = "users"
EPOCH = datetime(2015, 1, 1, tzinfo=UTC)
PRIVATE_THREAD = 12
THREADS = frozenset({10, 11, PRIVATE_THREAD})
FORUMS = frozenset({15, 16})  # hold threads alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a conversation is."""

    guild: str
    channel: str
    root: str

    @property
    def direct(self) -> bool:
        """Whether it is a conversation with one person alone."""
        return self.guild == DIRECT

    @property
    def key(self) -> ThreadKey:
        return ids.thread_key(PLATFORM, self.guild, self.channel, self.root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A channel or thread as Discord tells of it; `parent` is a thread's channel.

    `denied` and `allowed` are the permissions that the channel takes from, and gives to, everybody in its guild.
    """

    id: str
    guild: str = DIRECT
    parent: str = ""
    name: str = ""
    kind: int = 0
    last: str = ""  # the newest message's id
    denied: int = 0
    allowed: int = 0

    @property
    def is_thread(self) -> bool:
        return bool(self.parent)

    def place(self, root: str) -> Place:
        """Return where a message belongs; `root` counts only where there is no thread around it."""
        if self.guild == DIRECT:
            return Place(guild=DIRECT, channel=self.id, root=self.id)
        if self.is_thread:
            return Place(guild=self.guild, channel=self.parent, root=self.id)
        return Place(guild=self.guild, channel=self.id, root=root)


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who the bridge is: its user, its application, and the roles that are its own."""

    user: str
    application: str
    roles: frozenset[str] = frozenset()


def room(raw: Json, guild: str = "") -> Room:
    """Read a channel; `guild` is where it is when the payload does not say. Raises BadInput."""
    is_thread = number(raw, "type") in THREADS
    guild = some_id(raw, "guild_id") or guild or DIRECT
    rules = [rule for rule in rows(raw, "permission_overwrites") if some_id(rule, "id") == guild]
    return Room(
        id=snowflake(raw, "id"),
        guild=guild,
        parent=snowflake(raw, "parent_id") if is_thread else "",
        name=text(raw, "name"),
        kind=number(raw, "type"),
        last=some_id(raw, "last_message_id"),
        denied=number(rules[0], "deny") if rules else 0,
        allowed=number(rules[0], "allow") if rules else 0,
    )


def own_roles(guild: Json, user: str) -> frozenset[str]:
    """Return the ids of the roles Discord made for the bot itself: people mention them by mistake."""
    return frozenset(
        some_id(role, "id") for role in rows(guild, "roles") if some_id(table(role, "tags"), "bot_id") == user
    )


def place(thread: ThreadKey) -> Place:
    """Return where a thread is. Raises Rejected for a key that is none of Discord's."""
    head, _, rest = thread.partition("/")
    channel, _, root = rest.partition("/")
    platform, _, guild = head.partition(":")
    if platform != PLATFORM or not is_id(channel) or not is_id(root) or not (guild == DIRECT or is_id(guild)):
        raise Rejected(f"{thread} is not a thread of Discord")
    return Place(guild=guild, channel=channel, root=root)


def identity(user: str) -> IdentityKey:
    """Return the key of a person."""
    return ids.identity_key(PLATFORM, USERS, user)


def user_of(key: IdentityKey) -> str:
    """Return Discord's id of a person. Raises Rejected for somebody of another platform."""
    head, _, user = key.partition("/")
    if head != f"{PLATFORM}:{USERS}" or not is_id(user):
        raise Rejected(f"{key} is nobody on Discord")
    return user


def is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def when(snowflake: str) -> datetime:
    """Return the instant an id was made at."""
    return EPOCH + timedelta(milliseconds=int(snowflake) >> 22)


def id_at(instant: datetime) -> str:
    """Return the smallest id of an instant."""
    return str(int((instant - EPOCH) / timedelta(milliseconds=1)) << 22)


def permalink(guild: str, channel: str, message: str = "") -> str:
    return f"https://discord.com/channels/{guild}/{channel}" + (f"/{message}" if message else "")


def is_message(posted: str) -> bool:
    """Whether it can be what `post` returned: an id, or several joined by dashes."""
    return all(is_id(each) for each in posted.split("-"))
