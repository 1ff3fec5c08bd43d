"""What a fact rests on, and who could read that. Owns: Said, Sources. Imports: core. Effects: reads the store."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import focus, graph, wording
from core.audience import Sight
from core.effects import Remember
from core.errors import BadInput
from core.events import Author
from core.graph import Node
from core.ids import IdentityKey, ThreadKey, message_key
from core.layers import EVERYBODY
from core.people import Member
from core.ports import Store

LINK = re.compile(r"^<?(https?://[^\s<>]+)>?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A fact's words, who said them, and the node they stand in (`key`) with its permalink and audience.

    `command` is the node of the message that asked for it to be kept, where that is another; `edited` says when the message had been
    edited as it was read, empty for words as they were first written.
    """

    text: str
    by: Author
    key: str = ""
    permalink: str = ""
    audience: str = EVERYBODY
    command: str = ""
    edited: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Finds the message that words lead to."""

    store: Store

    async def said(self, effect: Remember, here: ThreadKey, member: Member) -> Said:
        """Return the words that are to be kept: those of the command, or of the message it links or replies to.

        Raises BadInput when there is no such message, or when it may not be read from `here` by this member.
        """
        command = graph.message(message_key(effect.lane, effect.message))
        link = LINK.match(effect.text)
        if effect.text and not link:
            nodes = await self.store.nodes([command])
            permalink = nodes[0].props.get("permalink", "") if nodes else ""
            return Said(
                text=wording.clean(effect.text).strip(), by=effect.author, key=command, permalink=permalink, audience=here
            )  # fmt: skip
        node = await (self.linked(link.group(1), here, member) if link else self._replied(effect, here))
        words = wording.clean(node.text).strip() if node and not node.props.get("deleted") else ""
        if node is None or not words:
            raise BadInput(
                "No message the bridge knows is there, or none that may be read from here.",
                remedy="Write the fact itself: `/loop remember staging is at db2`.",
            )
        return Said(
            text=words,
            by=Author(
                identity=IdentityKey(node.props.get("identity", "")),
                name=node.props.get("author", "somebody"),
            ),
            key=node.key,
            permalink=node.props.get("permalink", ""),
            audience=node.audience,
            command=command,
            edited=node.props.get("edited", ""),
        )

    async def linked(self, link: str, here: ThreadKey, member: Member | None) -> Node | None:
        """Return the message a permalink leads to, None when there is none that may be read from a thread (or by the member)."""
        node = (await self.store.linked([link])).get(link)
        if node is None:
            return None
        sight = Sight(thread=here, member=member.id if member else None)
        if sight.sees(node.audience) or await self.is_open([ThreadKey(node.audience)]):
            return node
        return None

    async def open_to_all(self, here: ThreadKey, said: Said) -> bool:
        """Whether every member could have read these words: the thread they are kept from, and the one they stand in."""
        return await self.is_open([here, *([] if said.audience == EVERYBODY else [ThreadKey(said.audience)])])

    async def is_open(self, threads: Sequence[ThreadKey]) -> bool:
        """Whether every member may enter the rooms of all these threads, as far as is known."""
        rooms = await self.rooms(threads)
        return all(rooms.get(thread) == focus.OPEN for thread in threads)

    async def rooms(self, threads: Sequence[ThreadKey]) -> Mapping[ThreadKey, str]:
        """Return what the threads' nodes say of their rooms."""
        keys = {graph.thread(thread): thread for thread in threads}
        nodes = await self.store.nodes(list(keys))
        return {keys[node.key]: node.props.get("room", "") for node in nodes}

    async def _replied(self, effect: Remember, here: ThreadKey) -> Node | None:
        nodes = await self.store.nodes([graph.message(message_key(here, effect.reply_to))])
        return nodes[0] if nodes else None
