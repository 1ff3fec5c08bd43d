"""What the chat checks work with. Owns: Rig, Trouble, Sent, Seen, opened, taken, texts. Imports: core. Effects: none (a rig has them).

A rig wires a real adapter to a far side and plays the people there. It keeps a listener running whose events `next_event` hands
out one by one; an event counts as acked once it was queued there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from core.events import Event, Posted
from core.ids import IdentityKey, ThreadKey
from core.message import Message
from core.ports import ChatAdapter

E = TypeVar("E", bound=Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a person wrote: where it is and the platform's id of it."""

    thread: ThreadKey
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message as a person sees it in the thread now."""

    id: str
    author: str
    text: str
    bot: bool = False
    reactions: tuple[str, ...] = ()


class Trouble(Protocol):
    """What can go wrong between an adapter and a far side it reaches over a network."""

    async def away(self) -> None:
        """Leave the adapter; people go on."""

    async def back(self) -> None:
        """Enter an adapter with the state of the one that left, once the far side gave up telling what nobody heard."""

    async def limit_posts(self) -> float:
        """Have the far side refuse posts that come too fast; return the longest pause it asks for, in seconds."""

    async def limit_edits(self) -> None:
        """Have the far side refuse edits that come too fast, and posts only where it does not tell the two apart."""

    def refusals(self) -> int:
        """Return how many requests were refused for coming too fast."""

    async def fall_silent(self) -> None:
        """Have every connection that stands carry nothing any more and stay open; new ones work."""

    async def send_unknown(self) -> str:
        """Have the far side tell of something of a well-formed kind that no adapter knows; return the kind."""

    def secrets(self) -> Sequence[str]:
        """Return what opens the platform to whoever reads it: tokens, passwords, signing secrets."""


class Rig(Protocol):
    """An adapter under check, and the people at its far side: "maya", "ravi" and the bot "ci"."""

    bot_mention: str  # what a person types to address the bridge, e.g. "@loop"
    page: int  # messages of a thread that the far side hands out at once

    @property
    def trouble(self) -> Trouble | None:
        """What can go wrong on the way; None where there is no way (`Caps.remote`)."""

    @property
    def adapter(self) -> ChatAdapter:
        """The adapter as it is now; another one after `reconnect`."""

    def identity(self, who: str) -> IdentityKey:
        """Return the key of a person."""

    async def user_posts(
        self,
        text: str,
        *,
        thread: ThreadKey | None = None,
        who: str = "maya",
        files: Mapping[str, bytes] | None = None,
    ) -> Sent:
        """Write in a thread, or open one."""

    async def alerts(self, title: str, detail: str, *, thread: ThreadKey | None = None) -> Sent:
        """Have "ci" post an alert in the form such bots use: blocks, attachments, embeds, with no plain text where that can be."""

    async def user_edits(self, sent: Sent, text: str, *, who: str = "maya") -> None: ...
    async def user_deletes(self, sent: Sent, *, who: str = "maya") -> None: ...
    async def user_presses(
        self, thread: ThreadKey, posted: str, label: str, *, who: str = "maya", text: str = ""
    ) -> None:
        """Press the button with this label on a message, as it was when this person first saw it; `text` fills its form."""

    async def next_event(self) -> Event:
        """Return the next event, waiting some seconds at most. Raises TimeoutError."""

    async def transcript(self, thread: ThreadKey, *, who: str = "maya") -> Sequence[Seen]:
        """Return the thread as this person sees it, oldest first."""

    async def pinged(self, thread: ThreadKey, posted: str) -> Sequence[str]:
        """Return who was called by a message of the bridge."""

    async def fail_next(self) -> None:
        """Have the next delivery fail with StorageFull, once."""

    async def redeliver(self) -> None:
        """Have the far side hand over what it delivered last once more, as after a lost ack."""

    async def reconnect(self) -> None:
        """Leave the adapter and enter a new one with the same state, as a restart does."""

    async def post_and_die(self, thread: ThreadKey, message: Message, *, key: str) -> None:
        """Post with a bridge that is killed when the far side has taken the post but before anybody was told."""

    async def stranger_posts(self, thread: ThreadKey, message: Message) -> str:
        """Post as another bridge on the same account, with a state of its own; return the message's id."""

    async def send_garbage(self) -> None:
        """Have the far side send what no adapter can read."""


async def taken(rig: Rig, kind: type[E]) -> E:
    """Take the next event, which has to be of this kind."""
    event = await rig.next_event()
    assert isinstance(event, kind), event
    return event


async def opened(rig: Rig, words: str = "the login test fails again") -> Sent:
    """Open a thread and take its event."""
    sent = await rig.user_posts(words)
    assert (await taken(rig, Posted)).lane == sent.thread
    return sent


async def texts(rig: Rig, thread: ThreadKey) -> list[str]:
    """Return what maya reads in a thread, oldest first."""
    return [seen.text for seen in await rig.transcript(thread)]
