"""What people do and see. Owns: Hands, Seen. Imports: the world. Effects: changes the world as a person's client would.

A person can only do what the client offers: commands that are registered, options they have, buttons that are or were on the message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.far_sides.discord import eyes, payloads, rights
from tests.far_sides.discord.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Desk, Interaction
from tests.far_sides.discord.records import Attachment, Channel, Message, User
from tests.far_sides.discord.world import World

TYPES = {3: str, 4: int, 5: bool, 6: User, 10: float}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message as somebody sees it. `text` holds its files too: a text file opens in place."""

    id: int
    author: str
    text: str
    bot: bool = False
    reactions: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    private: bool = False
    replies_to: int = 0


class Hands:
    """The people of the world, acting."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world = world
        self._desk = desk

    # ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def user_posts(
        self,
        who: User,
        channel: Channel,
        text: str,
        *,
        files: Mapping[str, bytes] | None = None,
        reply_to: Message | None = None,
        embeds: Sequence[dict[str, Any]] = (),
    ) -> Message:
        """Write in a channel or thread, perhaps as a reply to a message of it."""
        uploads = [
            Attachment(id=self._world.new_id(), name=name, content=content)
            for name, content in (files or {}).items()
        ]
        return self._world.post(
            channel,
            who,
            text,
            attachments=uploads,
            reference=reply_to,
            type=19 if reply_to else 0,
            embeds=list(embeds),
        )

    def user_edits(self, message: Message, text: str) -> None:
        self._world.change(message, content=text)

    def user_deletes(self, message: Message) -> None:
        self._world.remove(message)

    def user_reacts(self, who: User, message: Message, emoji: str, *, on: bool = True) -> None:
        self._world.react(message, who, emoji, on=on)

    def user_opens_thread(self, who: User, of: Message, name: str = "thread") -> Channel:
        """Open a thread from a message, or find the one there is."""
        known = self._world.channels.get(of.id)
        return known or self._world.thread(of.channel, who, name, of=of)

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _registered(self, channel: Channel, name: str, kind: int) -> dict[str, Any]:
        scopes = [0, channel.guild.id] if channel.guild else [0]
        for scope in scopes:
            for command in self._world.commands.get(scope, []):
                if command["name"] == name and command.get("type", 1) == kind:
                    return command
        raise LookupError(f"there is no command {name!r} here")

    def _filled(
        self, channel: Channel, path: str, given: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a command's data, and the resolved users, for "loop start" and the options that were filled in."""
        name, *subs = path.split(" ")
        command = level = self._registered(channel, name, 1)
        for sub in subs:
            level = next(
                option for option in level["options"] if option["name"] == sub and option["type"] in (1, 2)
            )
        options, resolved = [], {}
        known = {option["name"]: option for option in level.get("options", [])}
        for key, value in given.items():
            option = known[key]
            assert isinstance(value, TYPES[option["type"]]), key
            if option.get("choices"):
                assert value in [choice["value"] for choice in option["choices"]], value
            if isinstance(value, User):
                resolved[str(value.id)] = payloads.user(value)
                value = str(value.id)
            options.append({"name": key, "type": option["type"], "value": value})
        missing = [key for key, option in known.items() if option.get("required") and key not in given]
        assert not missing, f"the client asks for {missing} first"
        for sub in reversed(subs):
            options = [{"name": sub, "type": 1, "options": options}]
        return {"id": command["id"], "name": name, "type": 1, "options": options}, resolved

    def slash(self, who: User, channel: Channel, path: str, **given: Any) -> Interaction:
        """Send a slash command without waiting for its answer."""
        data, resolved = self._filled(channel, path, given)
        if resolved:
            data["resolved"] = {"users": resolved}
        return self._desk.ask(COMMAND, who, channel, data)

    async def user_slash(self, who: User, channel: Channel, path: str, **given: Any) -> Interaction:
        """Send a slash command ("loop start", task="…") and wait for its answer."""
        return await self.slash(who, channel, path, **given).answered()

    async def user_completes(
        self, who: User, channel: Channel, path: str, option: str, typed: str
    ) -> list[tuple[str, str]]:
        """Type in an option with autocompletion; return what is offered as (name, value)."""
        name, *subs = path.split(" ")
        command = self._registered(channel, name, 1)
        options: list[dict[str, Any]] = [{"name": option, "type": 3, "value": typed, "focused": True}]
        for sub in reversed(subs):
            options = [{"name": sub, "type": 1, "options": options}]
        data = {"id": command["id"], "name": name, "type": 1, "options": options}
        answered = await self._desk.ask(AUTOCOMPLETE, who, channel, data).answered()
        return [(choice["name"], choice["value"]) for choice in answered.data["choices"]]

    async def user_applies(self, who: User, message: Message, name: str) -> Interaction:
        """Choose a message's command from its menu."""
        command = self._registered(message.channel, name, 3)
        data = {"id": command["id"], "name": name, "type": 3, "target_id": str(message.id),
                "resolved": {"messages": {str(message.id): self._world.spell(message)}}}  # fmt: skip
        return await self._desk.ask(COMMAND, who, message.channel, data).answered()

    # ── pressing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def press(self, who: User, message: Message, label: str) -> Interaction:
        """Press a button, as the message was when people first saw it; don't wait."""
        for row in [*message.components, *message.first_components]:
            for part in row["components"]:
                if part.get("label") == label and not part.get("disabled"):
                    data = {"custom_id": part["custom_id"], "component_type": 2, "id": 1}
                    return self._desk.ask(COMPONENT, who, message.channel, data, message)
        raise LookupError(f"there is no button {label!r}")

    async def user_presses(self, who: User, message: Message, label: str, *, text: str = "") -> Interaction:
        """Press a button and wait for the answer; a form that opens is filled in with `text` and sent."""
        answered = await self.press(who, message, label).answered()
        return await self.user_fills(answered, text) if answered.kind == 9 else answered

    def offered(self, message: Message) -> list[str]:
        """Return what the message's menus offer, as the message was when people first saw it."""
        return [option["label"] for menu in _menus(message) for option in menu["options"]]

    async def user_selects(self, who: User, message: Message, labels: Sequence[str]) -> Interaction:
        """Choose from the menu of the message that offers this, as the message was when people first saw it."""
        menu = next(
            menu for menu in _menus(message) if set(labels) <= {option["label"] for option in menu["options"]}
        )
        assert menu.get("min_values", 1) <= len(labels) <= menu.get("max_values", 1)
        values = [option["value"] for option in menu["options"] if option["label"] in labels]
        data = {"custom_id": menu["custom_id"], "component_type": 3, "values": values, "id": 1}
        return await self._desk.ask(COMPONENT, who, message.channel, data, message).answered()

    async def user_fills(self, opened: Interaction, *texts: str) -> Interaction:
        """Fill in the fields of an opened form, in order, and send it."""
        assert opened.kind == 9
        rows = []
        for at, row in enumerate(opened.data["components"]):
            (field,) = row["components"]
            value = texts[at] if at < len(texts) else field.get("value") or ""
            assert value or not field.get("required", True), "the client wants this field filled"
            rows.append(
                {"type": 1, "components": [{"type": 4, "custom_id": field["custom_id"], "value": value}]}
            )
        data = {"custom_id": opened.data["custom_id"], "components": rows}
        return await self._desk.ask(MODAL, opened.user, opened.channel, data, opened.message).answered()

    # ── seeing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def sees(self, who: User, channel: Channel) -> list[Seen]:
        """Return a channel as somebody sees it, oldest first; a thread begins with the message it was opened from."""
        if not rights.in_channel(channel, who):
            return []
        shown = [
            each for each in channel.messages.values() if each.to in (0, who.id) and each.type not in (21, 18)
        ]
        root = channel.parent.messages.get(channel.id) if channel.is_thread and channel.parent else None
        names = {user.id: user.shown or user.name for user in self._world.users.values()}
        return [
            self._seen(each, names)
            for each in sorted([*([root] if root else []), *shown], key=lambda each: each.id)
        ]

    def _seen(self, message: Message, names: Mapping[int, str]) -> Seen:
        files = [
            f"[file] {each.name}" + (f"\n{each.content.decode()}" if each.mime == "text/plain" else "")
            for each in message.attachments
        ]
        text = eyes.read(message.content, names)
        return Seen(
            id=message.id, author=names[message.author.id], bot=message.author.bot, private=bool(message.to),
            text="\n".join([*([text] if text else []), *files]),
            reactions=tuple(emoji for emoji, users in message.reactions.items() for _ in users),
            buttons=tuple(part["label"] for row in message.components for part in row["components"] if part["type"] == 2),
            files=tuple(each.name for each in message.attachments),
            replies_to=message.reference.id if message.reference else 0,
        )  # fmt: skip

    def pinged(self, message: Message) -> list[str]:
        """Return the names of who was notified by a message."""
        return [self._world.users[key].name for key in message.pings]


def _menus(message: Message) -> list[dict[str, Any]]:
    rows = [*message.components, *message.first_components]
    return [part for row in rows for part in row["components"] if part["type"] == 3]
