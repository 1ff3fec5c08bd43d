"""What people and other bots do in their clients. Owns: People. Imports: the modules beside. Effects: changes the world, delivers.

People are named by handle, channels by name or id, messages by `ts` or by what a call here returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.far_sides.slack import composing, emoji, events, methods_files
from tests.far_sides.slack.methods_conversations import opened
from tests.far_sides.slack.office import Office
from tests.far_sides.slack.world import App, Channel, Message, Team, User, World

Which = str | Message


class People:
    """The people's side of a far side. `office` is its state."""

    office: Office

    @property
    def world(self) -> World:
        """Return everything Slack knows."""
        return self.office.world

    def team(self, name: str = "", *, own_app: bool = False) -> Team:
        """Return a workspace, opening it at need: the first one without a name. `own_app` installs another app there."""
        teams = self.world.teams.values()
        for team in teams:
            if name in ("", team.name, team.id):
                return team
        app: App = (
            self.world.app() if own_app or not self.world.apps else next(iter(self.world.apps.values()))
        )
        team = self.world.team(name or "acme", app)
        self.channel("general", team=team)
        return team

    def channel(
        self,
        name: str,
        *,
        team: Team | None = None,
        private: bool = False,
        bot: bool = True,
        ext_shared: bool = False,
    ) -> Channel:
        """Return a channel, opening it with everybody (when it is private: with the bot alone) at need."""
        home = team or self.team()
        for channel in home.channels.values():
            if name in (channel.name, channel.id):
                return channel
        members = [
            user.id for user in home.users.values() if (bot if user is home.bot else not private)
        ]  # fmt: skip
        channel = Channel(
            id=self.world.id("C", name), team=home.id, name=name, kind="group" if private else "channel",
            members=members, ext_shared=ext_shared,
        )  # fmt: skip
        return home.channels.setdefault(channel.id, channel)

    def user(
        self,
        handle: str,
        *,
        team: Team | None = None,
        name: str = "",
        guest: bool = False,
        stranger: bool = False,
        bot: bool = False,
    ) -> User:
        """Return a person (or another app's bot), who joins every public channel at need."""
        home = team or self.team()
        for user in home.users.values():
            if handle in (user.handle, user.id):
                return user
        user = User(
            id=self.world.id("U", handle), team=self.world.id("T", "OTHER") if stranger else home.id, handle=handle,
            name=name or handle.title(), guest=guest, stranger=stranger, bot_id=self.world.id("B", handle) if bot else "",
            app_id=self.world.id("A", handle) if bot else "",
        )  # fmt: skip
        for channel in home.channels.values():
            if channel.kind == "channel":
                channel.members.append(user.id)
        return home.users.setdefault(user.id, user)

    def dm(self, *handles: str, team: Team | None = None) -> Channel:
        """Return the direct conversation of these people with the bot."""
        home = team or self.team()
        return opened(self.office, home, [self.user(handle, team=home).id for handle in handles])

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def user_posts(
        self,
        user: str,
        channel: str | Channel,
        text: str,
        *,
        thread: Which | None = None,
        files: Mapping[str, bytes] | None = None,
        remote_file: str = "",
        broadcast: bool = False,
        team: Team | None = None,
    ) -> Message:
        """Have a person write, as typed: `@loop` mentions, `<` is a sign. `remote_file` is a URL somewhere else."""
        where, who = self._place(channel, user, team)
        home = self.world.team_of(where)
        words, blocks = composing.composed(home, text)
        added = [
            methods_files.new_file(self.office, home, who, name, data) for name, data in (files or {}).items()
        ]
        if remote_file:
            remote = methods_files.new_file(self.office, home, who, remote_file.rpartition("/")[2] or "file")
            remote.mode, remote.url = "external", remote_file
            added.append(remote)
        home.files |= {file.id: file for file in added}
        message = Message(
            ts=self.world.ts(), channel=where.id, team=home.id, user=who.id, text=words, blocks=blocks, files=added,
            thread_ts=self._root(thread), client_msg_id=f"{self.world.number():08x}-0000-4000-8000-000000000000",
            subtype="file_share" if added else "thread_broadcast" if broadcast else "",
        )  # fmt: skip
        return self.office.post(where, message)

    async def bot_posts(
        self,
        bot: str,
        channel: str | Channel,
        text: str,
        *,
        thread: Which | None = None,
        classic: bool = False,
        attachments: list[dict[str, Any]] | None = None,
        blocks: list[dict[str, Any]] | None = None,
        team: Team | None = None,
    ) -> Message:
        """Have another app post; `classic` as an incoming webhook does, with a name and without a user."""
        home = team or self.team()
        self.user(bot, team=home, name=f"{bot.upper()} bot", bot=True)
        where, who = self._place(channel, bot, team)
        message = Message(
            ts=self.world.ts(), channel=where.id, team=home.id, user=who.id, bot_id=who.bot_id, app_id=who.app_id,
            text=emoji.coded(text), thread_ts=self._root(thread), attachments=attachments or [], blocks=blocks or [],
            subtype="bot_message" if classic else "", username=who.name if classic else "",
        )  # fmt: skip
        return self.office.post(where, message)

    async def user_edits(self, user: str, message: Which, text: str) -> Message:
        """Have a person change a message of theirs. Raises PermissionError for another's."""
        channel, found = self._own(user, message)
        found.remember()
        found.text, found.blocks = composing.composed(self.world.team_of(channel), text)
        found.edited = {"user": found.user, "ts": self.world.ts()}
        self.office.changed(channel, found)
        return found

    async def user_deletes(self, user: str, message: Which) -> None:
        """Have a person delete a message of theirs. Raises PermissionError for another's."""
        channel, found = self._own(user, message)
        self.office.remove(channel, found)

    async def user_reacts(self, user: str, message: Which, name: str, *, added: bool = True) -> None:
        """Have a person add (or take away) an emoji, given as a sign or by its name."""
        channel, found = self.found(message)
        who = self.user(user, team=self.world.team_of(channel))
        short = emoji.BY_CHAR.get(name, name.strip(":"))
        self.office.react(channel, found, who.id, short, added=added)

    async def slack_unfurls(self, message: Which, title: str = "A page") -> None:
        """Have Slack put a preview under a message: a change that nobody made."""
        channel, found = self.found(message)
        found.remember()
        found.attachments = [{"id": 1, "title": title, "from_url": "https://example.com/", "fallback": title}]
        self.office.changed(channel, found)

    async def opens_home(self, user: str, *, team: Team | None = None) -> None:
        """Have a person open the app's home tab."""
        home = team or self.team()
        who = self.user(user, team=home)
        event = {
            "type": "app_home_opened",
            "user": who.id,
            "channel": self.dm(user, team=home).id,
            "tab": "home",
        }
        self.office.emit(home, event | {"event_ts": self.world.ts()})

    def declare_agent(self, *, stops: bool = True, team: Team | None = None) -> None:
        """Declare the app an agent; with `stops` it subscribes to the stop button too."""
        home = team or self.team()
        home.agents = True
        home.scopes.add("assistant:write")
        home.app.events |= {"agent_session_stopped"} if stops else set()

    async def user_stops(self, user: str, thread: Which) -> None:
        """Have a person press the stop button of an agent session. Raises LookupError where none is shown."""
        channel, root = self.found(thread)
        home = self.world.team_of(channel)
        session = self.office.sessions.get(root.root, {})
        if session.get("status") != "processing" or "agent_session_stopped" not in home.app.events:
            raise LookupError("there is no stop button")
        event = {
            "type": "agent_session_stopped", "channel": channel.id, "thread_ts": root.root, "streaming_message_ts": [],
            "user": self.user(user, team=home).id,
        }  # fmt: skip
        self.office.emit(home, event | {"event_ts": self.world.ts()}, channel)

    def found(self, message: Which) -> tuple[Channel, Message]:
        """Return a message and its channel. Raises LookupError."""
        return self.world.message(message if isinstance(message, str) else message.ts)

    def _own(self, user: str, message: Which) -> tuple[Channel, Message]:
        channel, found = self.found(message)
        if self.user(user, team=self.world.team_of(channel)).id != found.user:
            raise PermissionError("only the author may")
        return channel, found

    def _place(self, channel: str | Channel, user: str, team: Team | None) -> tuple[Channel, User]:
        where = channel if isinstance(channel, Channel) else self.channel(channel, team=team)
        who = self.user(user, team=self.world.team_of(where))
        if who.id not in where.members:
            where.members.append(who.id)
        return where, who

    def _root(self, thread: Which | None) -> str:
        return "" if thread is None else self.found(thread)[1].root

    def event_of(self, message: Which) -> dict[str, Any]:
        """Return the event that told of a post, as it would be told now."""
        channel, found = self.found(message)
        return events.posted(self.world, channel, found)
