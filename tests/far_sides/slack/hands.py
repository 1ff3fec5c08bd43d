"""What people press, type after a slash and submit. Owns: Hands. Imports: the modules beside. Effects: delivers, waits for acks.

Every deed returns the app's `Answer`; one that was not acked in time is what a person sees as "did not respond".
"""

from __future__ import annotations

from typing import Any

from tests.far_sides.slack import blocks, composing, events, forms, methods_views
from tests.far_sides.slack.emoji import coded
from tests.far_sides.slack.people import People, Which
from tests.far_sides.slack.posting import Answer
from tests.far_sides.slack.world import Channel, Message, Team, User, View


class NotInThreads(Exception):
    """A person typed a slash command in a thread: the client does not send it."""


class Hands(People):
    """People who do more than write."""

    async def user_slash(
        self,
        user: str,
        channel: str | Channel,
        line: str,
        *,
        thread: Which | None = None,
        team: Team | None = None,
    ) -> Answer:
        """Have a person type `/command text`. Raises NotInThreads, and LookupError for a command nobody registered."""
        if thread is not None:
            raise NotInThreads("/ commands are not supported in threads")
        where, who = self._place(channel, user, team)
        home = self.world.team_of(where)
        command, _, text = line.partition(" ")
        if command not in home.app.commands:
            raise LookupError(f"{command} is not a valid command")
        answer = await self.office.delivery.interact(
            home.app,
            "slash_commands",
            {
                "token": home.app.verification_token, "team_id": home.id, "team_domain": home.domain, "channel_id": where.id,
                "channel_name": {"im": "directmessage", "group": "privategroup"}.get(where.kind, where.name), "user_id": who.id,
                "user_name": who.handle, "command": command,
                "text": composing.commanded(home, text.strip()) if home.app.escapes else text.strip(), "api_app_id": home.app.id,
                "is_enterprise_install": "false", "response_url": self.office.response_url(home, who, where),
                "trigger_id": self.office.trigger(home, who),
            },
        )  # fmt: skip
        if answer.acked and (answer.payload.get("text") or answer.payload.get("blocks")):
            self._shown(where, who, answer.payload)
        return answer

    def _shown(self, channel: Channel, user: User, payload: dict[str, Any]) -> None:
        team = self.world.team_of(channel)
        given = payload.get("blocks") or []
        blocks.check_message(given)
        message = Message(
            ts=self.world.ts(), channel=channel.id, user=team.bot.id, bot_id=team.bot.bot_id, app_id=team.app.id,
            text=payload.get("text", ""), blocks=given,
        )  # fmt: skip
        if payload.get("response_type") == "in_channel":
            self.office.post(channel, message)
        else:
            message.to = user.id
            channel.ephemerals.append(message)

    async def user_presses(
        self, user: str, on: Which | View, label: str, *, choice: str = "", team: Team | None = None
    ) -> Answer:
        """Have a person press a button by its label or action id, or choose an option, on a message or a view.

        A button that is gone since is looked for in earlier versions: the person still has it before them.
        Raises LookupError when there never was one.
        """
        if isinstance(on, View):
            home = self.world.teams[on.team]
            who = self.user(user, team=home)
            element, block = _element(on.body["blocks"], label)
            origin: dict[str, Any] = {
                "container": {"type": "view", "view_id": on.id}, "view": events.view(home, on)
            }  # fmt: skip
        else:
            channel, message = self.found(on)
            home = self.world.team_of(channel)
            who = self.user(user, team=home)
            element, block = _on_message(message, label)
            origin = self._origin(home, who, channel, message)
        action = {"action_id": element["action_id"], "block_id": block["block_id"], "type": element["type"]}
        action |= {key: element[key] for key in ("text", "value", "style") if key in element}
        if choice:
            action |= forms.entered(element, choice)
        payload = self._deed(home, who, "block_actions") | origin
        return await self.office.delivery.interact(
            home.app, "interactive", payload | {"actions": [action | {"action_ts": self.world.ts()}], "state": {"values": {}}}
        )  # fmt: skip

    def _origin(self, team: Team, user: User, channel: Channel, message: Message) -> dict[str, Any]:
        container = {
            "type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": bool(message.to),
        }  # fmt: skip
        origin: dict[str, Any] = {
            "container": container | ({"thread_ts": message.thread_ts} if message.thread_ts else {}),
            "channel": {"id": channel.id, "name": "directmessage" if channel.kind == "im" else channel.name},
            "response_url": self.office.response_url(team, user, channel, message.ts),
        }
        if not message.to:
            origin["message"] = events.message(self.world, channel, message)
        return origin

    def _deed(self, team: Team, user: User, kind: str) -> dict[str, Any]:
        return {
            "type": kind, "token": team.app.verification_token, "api_app_id": team.app.id, "enterprise": None,
            "is_enterprise_install": False, "team": {"id": team.id, "domain": team.domain},
            "user": {"id": user.id, "username": user.handle, "name": user.handle, "team_id": user.team},
            "trigger_id": self.office.trigger(team, user),
        }  # fmt: skip

    async def user_shortcut(
        self, user: str, callback_id: str, *, on: Which | None = None, team: Team | None = None
    ) -> Answer:
        """Have a person use a shortcut: of a message when `on` names one, else a global one."""
        if on is None:
            home = team or self.team()
            payload = self._deed(home, self.user(user, team=home), "shortcut")
        else:
            channel, message = self.found(on)
            home = self.world.team_of(channel)
            who = self.user(user, team=home)
            payload = self._deed(home, who, "message_action") | self._origin(home, who, channel, message)
            payload |= {"message_ts": message.ts}
            del payload["container"]
        return await self.office.delivery.interact(
            home.app, "interactive", payload | {"callback_id": callback_id, "action_ts": self.world.ts()}
        )

    # ── forms ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def view_of(self, user: str, *, team: Team | None = None) -> View:
        """Return the modal on top of this person's screen. Raises LookupError."""
        home = team or self.team()
        who = self.user(user, team=home)
        stack = [
            view for view in home.views.values() if view.user == who.id and view.open and view.body["type"] == "modal"
        ]  # fmt: skip
        if not stack:
            raise LookupError(f"{user} has no modal open")
        return stack[-1]

    def home_of(self, user: str, *, team: Team | None = None) -> View:
        """Return the home tab the app published for this person. Raises LookupError."""
        home = team or self.team()
        view = methods_views.home_of(home, self.user(user, team=home).id)
        if view is None:
            raise LookupError(f"nothing was published for {user}")
        return view

    async def user_submits(
        self, user: str, values: dict[str, str], *, view: View | None = None, team: Team | None = None
    ) -> Answer:
        """Have a person fill the top modal in, by label, action id or block id, and submit it.

        Raises forms.Incomplete for what the client would not let them send.
        """
        home = team or self.team()
        shown = view or self.view_of(user, team=home)
        state = forms.state(shown.body["blocks"], values)
        payload = self._deed(home, self.user(user, team=home), "view_submission")
        payload |= {"view": events.view(home, shown, state), "response_urls": []}
        answer = await self.office.delivery.interact(home.app, "interactive", payload)
        if answer.acked:
            self._after(home, shown, answer.payload)
        return answer

    def _after(self, team: Team, view: View, payload: dict[str, Any]) -> None:
        match payload.get("response_action"):
            case None:
                view.open = False
            case "errors":
                known = {block.get("block_id") for block in view.body["blocks"]}
                if not set(payload.get("errors") or {"": ""}) <= known:
                    raise ValueError(f"errors for blocks that are not in the view: {payload}")
            case "clear":
                for each in team.views.values():
                    each.open = each.open and each.root != view.root
            case "update":
                view.body = methods_views.checked(self.office, payload["view"])
                view.hash = self.world.ts()
            case "push":
                body = methods_views.checked(self.office, payload["view"])
                self.office.show(team, team.users[view.user], body, on=view)
            case other:
                raise ValueError(f"unknown response_action {other!r}")

    async def user_closes(
        self, user: str, *, view: View | None = None, team: Team | None = None
    ) -> Answer | None:
        """Have a person close the top modal; the app hears of it only if it asked to."""
        home = team or self.team()
        shown = view or self.view_of(user, team=home)
        shown.open = False
        if not shown.body.get("notify_on_close"):
            return None
        payload = self._deed(home, self.user(user, team=home), "view_closed")
        del payload["trigger_id"]
        payload |= {"view": events.view(home, shown), "is_cleared": False}
        return await self.office.delivery.interact(home.app, "interactive", payload)


def _on_message(message: Message, label: str) -> tuple[dict[str, Any], dict[str, Any]]:
    for version in (message, *message.was[::-1]):
        try:
            return _element(version.blocks, label)
        except LookupError:
            continue
    raise LookupError(f"no button {label!r} on {message.ts}")


def _element(given: list[dict[str, Any]], label: str) -> tuple[dict[str, Any], dict[str, Any]]:
    for block in given:
        for element, _ in blocks.elements(block):
            text = element.get("text") or element.get("placeholder") or {}
            if element.get("action_id") == label or coded(str(text.get("text"))) == coded(label):
                return element, block
    raise LookupError(f"no button {label!r}")
