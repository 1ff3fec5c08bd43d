"""What people do with their hands: commands, buttons, forms, shortcuts. Owns: Hands. Imports: core and the modules beside.

Effects: hands events on, opens forms. A deed is told once and its person waits for it: what cannot be stored now is refused at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from adapters.chat.slack import deeds, forms, names
from adapters.chat.slack.errand import Errands, aside
from adapters.chat.slack.names import Place
from adapters.chat.slack.payload import Json, table, text
from adapters.chat.slack.workspace import Workspace
from core import message
from core.errors import BadInput, PortError, Rejected
from core.ports import Clock, Emit

log = logging.getLogger(__name__)

Answer = dict[str, Any]  # what goes into an ack
Spawn = Callable[[str, Coroutine[Any, Any, None]], None]
QUIET: Answer = {}


class Hands:
    """Turns deeds into events, for all workspaces of the app."""

    def __init__(self, *, errands: Errands, clock: Clock, hand_on: Emit, spawn: Spawn) -> None:
        self._errands = errands
        self._clock = clock
        self._hand_on = hand_on
        self._spawn = spawn

    async def commanded(self, body: Json, home: Workspace) -> Answer:
        """Take a slash command."""
        slash = deeds.slash(body, home.me)
        if not await self._errands.opens(slash):
            await self._hand_on(aside(slash, await self._name(home, slash.user, slash.name), self._clock))
        elif self._errands.has_memory:
            await self._errands.accept(slash)
            self._spawn("command", self._errands.run(slash, home, self._hand_on))
        else:
            await self._errands.once(slash, home, self._hand_on)
        return QUIET

    async def pressed(self, body: Json, home: Workspace) -> None:
        """Take a press; a button with a question opens its form."""
        for press in deeds.presses(body, home.me.team):
            if press.question:
                form = forms.answer(press.asked, question=press.question, draft=press.draft)
                asker = press.place, press.user
                self._spawn("form", self._open(home, press.trigger, form, asker=asker))
            else:
                name = await self._name(home, press.user, press.name)
                await self._hand_on(deeds.pressed(press, name, at=self._clock.now()))

    def shortcut(self, body: Json, home: Workspace) -> None:
        """Take the shortcut that opens the start form."""
        used = deeds.shortcut(body, home.me.team)
        self._spawn("form", self._open_start(used, home, asker=(used.place, text(body, "user", "id"))))

    async def submitted(self, body: Json, home: Workspace) -> Answer:
        """Take a form that somebody sent."""
        view = table(body, "view")
        name = await self._name(home, text(body, "user", "id"), text(body, "user", "name"))
        if text(view, "callback_id") == forms.ANSWER:
            asked, answer = forms.answered(view)
            press, unique = deeds.answered(asked, answer, body)
            await self._hand_on(
                deeds.pressed(press, name, at=self._clock.now(), answer=answer, unique=unique)
            )
        elif text(view, "callback_id") == forms.START:
            try:
                start = forms.started(view)
            except BadInput as exc:
                field, _, sentence = str(exc).partition(": ")
                if not sentence:
                    raise
                return {"response_action": "errors", "errors": {field: sentence}}
            await self._hand_on(deeds.begun(start, body, name, at=self._clock.now()))
        return QUIET

    async def _open_start(
        self, shortcut: deeds.Shortcut, home: Workspace, *, asker: tuple[Place, str]
    ) -> None:
        try:
            info = await home.api.call("conversations.info", channel=shortcut.place.channel)
        except Rejected:
            info = {}
        if table(info, "channel").get("is_member") is False or not info:
            words = "I am not in this channel yet. Invite me with /invite @loop, then use the shortcut again."
            await self._open(home, shortcut.trigger, forms.note("Start a loop here", words), asker=asker)
            return
        # "All of it" means all there is when the form is sent: no message is later than that.
        newest = f"{int(self._clock.now().timestamp()) + 3600}.000000"
        form = forms.start(shortcut.place, message=shortcut.message, newest=newest)
        await self._open(home, shortcut.trigger, form, asker=asker)

    @staticmethod
    async def _open(
        home: Workspace, trigger: str, view: Mapping[str, object], *, asker: tuple[Place, str]
    ) -> None:
        try:
            await home.api.call("views.open", trigger_id=trigger, view=view)
        except PortError as exc:
            log.warning("chat.slack.form_not_opened", extra={"why": str(exc)})
            place, user = asker
            words = message.text(
                f"The form could not be opened: {exc}. Nothing was changed. Press it once more."
            )
            await home.voice.whisper(
                place, names.identity_of(home.me.team, user), words, key=f"form:{trigger}"
            )

    @staticmethod
    async def _name(home: Workspace, user: str, fallback: str) -> str:
        called = await home.named([{"user": user}])
        return called.get(user) or fallback or user
