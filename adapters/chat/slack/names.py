"""How Slack's things are called here. Owns: Place, Me, keys of threads and people, ids of messages. Imports: core. Effects: none.

A message's id is its `ts`. What a person starts otherwise than by writing (a reaction, a form) has a derived id,
`<ts it hangs on>~<last ts it speaks of>~<what made it unique>`, from which both can be read back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core import ids
from core.errors import Rejected
from core.ids import IdentityKey, ThreadKey

PLATFORM = "slack"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOWHERE = "0"  # the root of what is said in a channel and in no thread
_TS = re.compile(r"\d{1,12}\.\d{1,6}")
_ID = re.compile(r"[A-Z0-9]{2,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """The bridge's own user in one workspace; `url` is the workspace's web address with a final slash."""

    team: str
    user: str
    bot: str
    url: str = ""
    name: str = "loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A thread by Slack's ids; `root` is NOWHERE for the channel itself."""

    team: str
    channel: str
    root: str

    @property
    def thread_ts(self) -> str:
        """Return what Slack calls the thread, empty for the channel itself."""
        return "" if self.root == NOWHERE else self.root

    @property
    def key(self) -> ThreadKey:
        return thread_of(self.team, self.channel, self.root)


def thread_of(team: str, channel: str, root: str) -> ThreadKey:
    """Spell the key of a thread by its workspace, its channel and the ts of its first message."""
    return ids.thread_key(PLATFORM, team, channel, root)


def identity_of(team: str, user: str) -> IdentityKey:
    """Spell the key of a user (or of a bot that has no user)."""
    return ids.identity_key(PLATFORM, team, user)


def place(thread: ThreadKey) -> Place:
    """Take a thread's key apart. Raises Rejected for a key of another platform."""
    head, _, rest = thread.partition("/")
    platform, _, team = head.partition(":")
    channel, _, root = rest.partition("/")
    if platform != PLATFORM or not (_ID.fullmatch(team) and _ID.fullmatch(channel)):
        raise Rejected(f"{thread} is not a thread of Slack")
    if root != NOWHERE and not _TS.fullmatch(root):
        raise Rejected(f"{thread} is not a thread of Slack")
    return Place(team=team, channel=channel, root=root)


def user_of(identity: IdentityKey) -> tuple[str, str]:
    """Return the workspace and the user out of an identity key, both empty for another platform's."""
    head, _, user = identity.partition("/")
    platform, _, team = head.partition(":")
    return (team, user) if platform == PLATFORM and _ID.fullmatch(user) else ("", "")


def is_ts(value: str) -> bool:
    """Whether a value is a Slack timestamp."""
    return bool(_TS.fullmatch(value))


def derived(target: str, upto: str, unique: str) -> str:
    """Spell the id of something that hangs on message `target` and speaks of the thread up to `upto`."""
    return f"{target}~{upto}~{unique}"


def target(message: str) -> str:
    """Return the ts a message id stands for or hangs on. Raises Rejected for something else."""
    ts = message.partition("~")[0]
    if ts != NOWHERE and not is_ts(ts):
        raise Rejected(f"{message!r} is not a message of Slack")
    return ts


def upto(message: str) -> str:
    """Return the ts up to which a message id speaks of its thread."""
    parts = message.split("~")
    return parts[1] if len(parts) > 1 and is_ts(parts[1]) else target(message)


def moment(ts: str) -> datetime:
    """Return the instant of a ts. Raises ValueError for what is none."""
    seconds, _, fraction = ts.partition(".")
    return EPOCH + timedelta(0, int(seconds), int(fraction.ljust(6, "0")[:6]))


def order(ts: str) -> tuple[int, int]:
    """Return what timestamps sort by."""
    seconds, _, fraction = ts.partition(".")
    return int(seconds or 0), int(fraction.ljust(6, "0")[:6])


def permalink(me: Me, channel: str, ts: str, root: str) -> str:
    """Return the address of a message, empty when the workspace's own is not known."""
    if not me.url:
        return ""
    link = f"{me.url}archives/{channel}/p{ts.replace('.', '')}"
    return link if root == ts else f"{link}?thread_ts={root}&cid={channel}"
