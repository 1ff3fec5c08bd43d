"""What Slack tells, taken in. Owns: Hearing, Refusal. Imports: core and the modules beside. Effects: hands events to `emit`.

`take` returns once what was told is durable, and only then may Slack be told so. Deliveries about one channel are taken one after
another; an event that cannot be stored now holds up its channel and is tried again, a person's deed is refused at once: they see it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace

from adapters.chat.slack import deeds, forms, hometab, names, wire
from adapters.chat.slack.errand import Errands
from adapters.chat.slack.hands import QUIET, Answer, Hands, Spawn
from adapters.chat.slack.hometab import Home
from adapters.chat.slack.lines import Lines
from adapters.chat.slack.payload import Json, table, text
from adapters.chat.slack.seen import Seen
from adapters.chat.slack.workspace import Workspace
from core.errors import BadInput, Rejected, Unavailable
from core.events import Deleted, Edited, Event, Posted, Room
from core.ports import Clock, Emit

log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
TOLD = 5_000


class Hearing:
    """Turns deliveries into events, for all workspaces of the app."""

    def __init__(
        self,
        *,
        workspaces: Mapping[str, Workspace],
        seen: Mapping[str, Seen],
        errands: Errands,
        clock: Clock,
        emit: Emit,
        spawn: Spawn,
        home: Home | None,
        shut_out: Callable[[], None],
    ) -> None:
        self._workspaces = workspaces
        self._seen = seen
        self._clock = clock
        self._emit = emit
        self._spawn = spawn
        self._home = home
        self._shut_out = shut_out
        self._lines = Lines()
        self._hands = Hands(errands=errands, clock=clock, hand_on=self.hand_on, spawn=spawn)
        self._caught_up = asyncio.Event()
        self._told: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._rooms: dict[tuple[str, str], Room] = {}

    def lag(self) -> None:
        """Keep events waiting: what was missed comes first."""
        self._caught_up.clear()

    def catch_up(self) -> None:
        """Let events pass."""
        self._caught_up.set()

    async def take(self, body: Json) -> Answer:
        """Take a delivery in and return what its ack says. Raises Unavailable when it could not be stored."""
        if body.get("type") == "event_callback":
            await self._caught_up.wait()
        try:
            home = self._workspace(deeds.team_of(body))
            async with self._lines.of(f"{home.me.team}/{deeds.channel_of(body)}"):
                return await self._take(body, home)
        except (BadInput, Rejected) as exc:
            # It would read the same every time: acked, so that Slack does not send it again.
            log.warning("chat.slack.unreadable", extra={"kind": _kind(body), "why": str(exc)})
            return QUIET

    async def hand_on(self, event: Event) -> None:
        """Emit what a deed of somebody's stands for, and count its thread as heard from there on."""
        await self._emit(event)
        if isinstance(event, Posted) and names.is_ts(names.target(event.message)):
            place = names.place(event.lane)
            self._seen[place.team].heard(place, names.target(event.message))

    async def recovered(self, home: Workspace, raw: Json, event: Posted) -> None:
        """Take in a message that was found in the past."""
        async with self._lines.of(f"{home.me.team}/{names.place(event.lane).channel}"):
            if not self._twin(home, text(raw, "type"), event):
                await self._store(home, await home.with_links(raw, event))

    def _workspace(self, team: str) -> Workspace:
        known = self._workspaces.get(team)
        if known is None and len(self._workspaces) == 1:
            # In a shared channel, deeds of the other side's people name their own workspace.
            (known,) = self._workspaces.values()
        if known is None:
            raise BadInput(f"nothing is known of the Slack workspace {team or '(none)'}")
        return known

    async def _take(self, body: Json, home: Workspace) -> Answer:
        if "command" in body:
            return await self._hands.commanded(body, home)
        match body.get("type"):
            case "event_callback":
                await self._happened(table(body, "event"), home)
            case "block_actions":
                await self._hands.pressed(body, home)
            case "message_action" if text(body, "callback_id") == forms.START:
                self._hands.shortcut(body, home)
            case "view_submission":
                return await self._hands.submitted(body, home)
            case _:
                log.info("chat.slack.skipped", extra={"kind": _kind(body)})
        return QUIET

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _happened(self, event: Json, home: Workspace) -> None:
        match event.get("type"):
            case "message" | "app_mention":
                await self._said(event, home)
            case "reaction_added":
                if text(event, "item", "type") == "message":
                    await self._reacted(event, home)
            case "agent_session_stopped":
                await self._stopped(event, home)
            case "app_home_opened":
                if self._home is not None and text(event, "tab") == "home":
                    self._spawn("home tab", hometab.publish(home, self._home, text(event, "user")))
            case "tokens_revoked" if not table(event, "tokens").get("bot"):
                log.info("chat.slack.skipped", extra={"kind": "tokens_revoked"})  # people's own ones
            case "tokens_revoked" | "app_uninstalled":
                log.warning("chat.slack.uninstalled", extra={"team": home.me.team})
                self._shut_out()
            case _:
                log.info("chat.slack.skipped", extra={"kind": text(event, "type")})

    async def _said(self, event: Json, home: Workspace) -> None:
        before = table(event, "previous_message")
        called = await home.named([wire.subject(event), before])
        found = wire.event(event, home.me, called)
        if isinstance(found, Posted):
            found = self._roomed(home, found)
        if found is None or (isinstance(found, Posted) and self._twin(home, text(event, "type"), found)):
            return
        if isinstance(found, Posted):
            found = await home.with_links(event, found)
        await self._store(home, found)
        if isinstance(found, Posted):
            self._told[_post(home, found)] = text(event, "type")
            while len(self._told) > TOLD:
                self._told.popitem(last=False)

    def _roomed(self, home: Workspace, event: Posted) -> Posted:
        """Return a post that says what its channel is: a mention does not, what came from there before it did."""
        channel = home.me.team, names.place(event.lane).channel
        if event.room:
            self._rooms[channel] = event.room
        return replace(event, room=self._rooms.get(channel, ""))

    def _twin(self, home: Workspace, kind: str, event: Posted) -> bool:
        """Whether Slack told of this post already under its other type: a mention comes as `message` and `app_mention`."""
        return self._told.get(_post(home, event), kind) != kind

    async def _store(self, home: Workspace, event: Posted | Edited | Deleted) -> None:
        place, seen = names.place(event.lane), self._seen[home.me.team]
        counts = isinstance(event, Posted) and names.is_ts(event.message)
        wait = FIRST_WAIT
        while True:
            try:
                await self._emit(event)
            except Unavailable as exc:
                log.warning("chat.slack.not_stored", extra={"why": str(exc), "seconds": wait})
                if counts:
                    seen.hold(place, event.message)
            else:
                break
            await self._clock.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
        if counts:
            seen.heard(place, event.message)

    async def _stopped(self, event: Json, home: Workspace) -> None:
        found = deeds.stopped(event, home.me, await home.named([{"user": text(event, "user")}]))
        await self._store(home, found)
        home.sessions.stopped(names.place(found.lane))

    async def _reacted(self, event: Json, home: Workspace) -> None:
        meant = {deeds.REPEAT: deeds.repeated, deeds.PIN: deeds.marked}.get(text(event, "reaction"))
        if meant is None:
            return
        message = await home.message(text(event, "item", "channel"), text(event, "item", "ts"))
        called = await home.named([message, {"user": text(event, "user")}])
        found = meant(event, message, home.me, called)
        if found is not None:
            await self._store(home, found)


def _post(home: Workspace, event: Posted) -> tuple[str, str, str]:
    return home.me.team, names.place(event.lane).channel, event.message


def _kind(body: Json) -> str:
    return text(body, "event", "type") or text(body, "type") or text(body, "command")
