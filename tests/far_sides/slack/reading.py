"""A thread as a person sees it. Owns: Line, Reading. Imports: the modules beside. Effects: none."""

from __future__ import annotations

from dataclasses import dataclass

from tests.far_sides.slack import emoji, reach, rendering
from tests.far_sides.slack.hands import Hands
from tests.far_sides.slack.people import Which
from tests.far_sides.slack.world import Channel, Message, Team


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One message on the screen. `to` is the one person who sees it, when it is ephemeral."""

    ts: str
    author: str
    text: str
    bot: bool = False
    edited: bool = False
    reactions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    to: str = ""

    def __str__(self) -> str:
        whom = f" (only to {self.to})" if self.to else ""
        marks = " (edited)" if self.edited else ""
        if self.reactions:
            marks += f"  {' '.join(self.reactions)}"
        return f"{self.author}{whom}: {self.text}{marks}"


class Reading(Hands):
    """People who read."""

    def transcript(
        self,
        channel: str | Channel,
        thread: Which | None = None,
        *,
        who: str = "",
        team: Team | None = None,
    ) -> list[Line]:
        """Return a thread (or, without one, what stands in the channel itself), oldest first.

        Ephemeral messages are among it: all of them, or those to `who` when a person is named.
        """
        where = channel if isinstance(channel, Channel) else self.channel(channel, team=team)
        home = self.world.team_of(where)
        root = self.found(thread)[1].root if thread is not None else ""
        viewer = self.user(who, team=home).id if who else ""
        whispers = [each for each in where.ephemerals if viewer in ("", each.to)]
        seen = [
            each for each in (*where.messages.values(), *whispers)
            if (each.root == root if root else not each.thread_ts or each.subtype == "thread_broadcast")
        ]  # fmt: skip
        return [self._line(home, each) for each in sorted(seen, key=lambda each: each.ts)]

    def text(
        self,
        channel: str | Channel,
        thread: Which | None = None,
        *,
        who: str = "",
        team: Team | None = None,
    ) -> str:
        """Return a transcript as one text, a paragraph per message."""
        return "\n".join(str(line) for line in self.transcript(channel, thread, who=who, team=team))

    def pings(self, message: Which) -> list[str]:
        """Return who was called by a message: handles, or @here, @channel, @everyone."""
        channel, found = self.found(message)
        return reach.pings(self.world.team_of(channel), found)

    def _line(self, team: Team, message: Message) -> Line:
        user = team.users.get(message.user)
        return Line(
            ts=message.ts,
            author=message.username or (user.name if user else message.user),
            text=self._text(team, message),
            bot=bool(message.bot_id),
            edited=message.edited is not None,
            reactions=tuple(emoji.NAMES.get(name, f":{name}:") for name in message.reactions),
            files=tuple(file.name for file in message.files),
            buttons=tuple(
                rendering.plain(element["text"])
                for block in message.blocks
                if block["type"] == "actions"
                for element in block["elements"]
                if element["type"] == "button"
            ),
            to=team.users[message.to].handle if message.to else "",
        )

    @staticmethod
    def _text(team: Team, message: Message) -> str:
        """Return what is shown: the blocks where a bot's message has some, else its text; then previews and files."""
        if message.blocks and message.bot_id:
            parts = [rendering.block_text(team, block) for block in message.blocks]
        elif message.bot_id:
            parts = [rendering.mrkdwn(team, message.text)]
        else:
            # What a person typed is read as it was typed.
            parts = [emoji.shown(rendering.angles(team, message.text))]
        for attachment in message.attachments:
            parts += [
                str(attachment.get(key)) for key in ("pretext", "title", "text") if attachment.get(key)
            ] or [str(attachment.get("fallback", ""))]
        parts += [f"({file.title or file.name})" for file in message.files]
        return "\n".join(part for part in parts if part)
