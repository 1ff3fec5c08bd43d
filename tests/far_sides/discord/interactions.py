"""Interactions: their tokens, deadlines and answers. Owns: Interaction, Desk. Imports: the world. Effects: changes the world.

An answer must come within 3 s, once; its token is good for 15 minutes of follow-ups. The seconds that count are those tests let pass
(`advance`): real ones are forgiven, up to a bound, since the machine may be busy.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.far_sides.discord import forms, payloads, rights
from tests.far_sides.discord.records import EPHEMERAL, Attachment, Channel, Message, User
from tests.far_sides.discord.refusals import Refusal, invalid, unknown
from tests.far_sides.discord.world import World
from tests.patience import PATIENCE

DEADLINE, FORGIVEN, LIFETIME = timedelta(seconds=3), timedelta(seconds=20), timedelta(minutes=15)
LOADING = 1 << 7
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """Something a person asked of the bot. `kind` 0 means that nothing was answered yet."""

    id: int
    token: str
    type: int
    user: User
    channel: Channel
    born: datetime
    ahead: timedelta  # what the world's clock was ahead by then
    message: Message | None = None
    kind: int = 0
    data: dict[str, Any] = field(default_factory=dict)  # what the answer holds: a modal, choices
    original: Message | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def answered(self) -> Interaction:
        """Wait for the answer. Raises TimeoutError when none comes: "This interaction failed"."""
        await asyncio.wait_for(self.done.wait(), PATIENCE)
        return self


class Desk:
    """Every interaction so far, by token."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.all: dict[str, Interaction] = {}

    def ask(
        self, kind: int, user: User, channel: Channel, data: dict[str, Any], message: Message | None = None
    ) -> Interaction:
        """Have a person ask something of the bot."""
        world = self._world
        one = Interaction(
            id=world.new_id(), token=secrets.token_urlsafe(90), type=kind, user=user, channel=channel,
            born=world.now(), ahead=world.ahead, message=message,
        )  # fmt: skip
        self.all[one.token] = one
        told: dict[str, Any] = {
            "id": str(one.id), "application_id": str(world.application), "type": kind, "token": one.token, "version": 1,
            "channel_id": str(channel.id), "channel": payloads.channel(channel), "data": data, "locale": "en-US",
            "attachment_size_limit": 10_485_760, "entitlements": [], "authorizing_integration_owners": {},
            "app_permissions": str(rights.in_channel(channel, world.bot)),
        }  # fmt: skip
        if channel.guild is not None:
            member = payloads.member(channel.guild.members[user.id])
            member["permissions"] = str(rights.in_channel(channel, user))
            told |= {"guild_id": str(channel.guild.id), "member": member, "context": 0,
                     "guild": {"id": str(channel.guild.id), "locale": "en-US", "features": []}}  # fmt: skip
        else:
            told |= {"user": payloads.user(user), "context": 1}
        if message is not None:
            told["message"] = world.spell(message)
        # An interaction reaches the bot wherever it was asked, whatever the channel's permissions say.
        world.publish("INTERACTION_CREATE", told, None, 0)
        return one

    def _late(self, one: Interaction) -> bool:
        passed = self._world.ahead - one.ahead > DEADLINE
        return passed or self._world.now() - one.born > FORGIVEN

    # ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def callback(
        self, key: int, token: str, body: Mapping[str, Any], files: list[Attachment]
    ) -> Message | None:
        """Take the first answer to an interaction."""
        one = self.all.get(token)
        if one is None or one.id != key or (not one.kind and self._late(one)):
            raise unknown("interaction")
        if one.kind:
            raise Refusal(400, 40060, "Interaction has already been acknowledged.")
        kind, data = body["type"], body.get("data") or {}
        allowed = {
            COMMAND: (4, 5, 9), COMPONENT: (4, 5, 6, 7, 9), AUTOCOMPLETE: (8,),
            MODAL: (4, 5, 6, 7) if one.message else (4, 5),
        }  # fmt: skip
        if kind not in allowed[one.type]:
            raise invalid("type", "INTERACTION_CALLBACK_TYPE", "Not an answer to this kind of interaction.")
        self._take(one, kind, data, files)
        one.kind, one.data = kind, data
        one.done.set()
        return one.original

    def _take(self, one: Interaction, kind: int, data: dict[str, Any], files: list[Attachment]) -> None:
        if kind == 4:
            forms.message(data, files=len(files))
            one.original = self._post(one, data, files)
        elif kind == 5:
            one.original = self._post(one, {"flags": int(data.get("flags") or 0) | LOADING}, [])
        elif kind == 6:
            one.original = one.message
        elif kind == 7:
            assert one.message is not None
            self._edit(one.message, data, files)
            one.original = one.message
        elif kind == 8:
            forms.choices(data.get("choices", []))
        elif kind == 9:
            forms.modal(data)

    def _post(self, one: Interaction, data: Mapping[str, Any], files: list[Attachment]) -> Message:
        flags = int(data.get("flags") or 0)
        return self._world.post(
            one.channel, self._world.bot, data.get("content") or "", flags=flags, attachments=files,
            components=data.get("components") or [], to=one.user.id if flags & EPHEMERAL else 0, asked_by=one.user,
            type=20 if one.type == COMMAND else 0, allowed=data.get("allowed_mentions"),
        )  # fmt: skip

    def _edit(self, message: Message, data: Mapping[str, Any], files: list[Attachment]) -> None:
        forms.message(data, files=len(files), creating=False)
        fields = {name: data[name] for name in ("content", "components") if name in data}
        self._world.change(message, flags=message.flags & ~LOADING, **fields)
        message.attachments += files

    # ── after the first answer ───────────────────────────────────────────────────────────────────────────────────────

    def fresh(self, token: str) -> Interaction:
        """Return the interaction of a token that is still good."""
        one = self.all.get(token)
        if one is None:
            raise unknown("Webhook")
        if self._world.now() - one.born > LIFETIME:
            raise Refusal(401, 50027, "Invalid Webhook Token")
        if not one.kind:
            raise unknown("Webhook")
        return one

    def follow(self, token: str, body: Mapping[str, Any], files: list[Attachment]) -> Message:
        """Post a follow-up; the first one after a deferred answer takes its place."""
        one = self.fresh(token)
        forms.message(body, files=len(files))
        if one.original is not None and one.original.flags & LOADING:
            self._edit(one.original, body, files)
            return one.original
        return self._post(one, body, files)

    def reach(self, token: str, key: str) -> Message:
        """Return the message a follow-up route names: @original or an id."""
        one = self.fresh(token)
        found = one.original if key == "@original" else one.channel.messages.get(int(key))
        if found is None or found.id not in found.channel.messages:
            raise unknown("Message")
        return found

    def edit(self, token: str, key: str, body: Mapping[str, Any], files: list[Attachment]) -> Message:
        """Change a follow-up or the first answer."""
        found = self.reach(token, key)
        self._edit(found, body, files)
        return found
