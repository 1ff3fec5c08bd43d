"""Commands, buttons and forms of Discord. Owns: Asking, Completions. Imports: core and the modules beside. Effects: emits events, answers.

An event is stored before its interaction is answered. A start leaves a message that everybody sees: in a channel the thread is opened from
it. Any other command is its author's affair until the bridge answers in the thread.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.chat.discord import answering, forms, markdown, names, permissions, posts, render, slash, wire
from adapters.chat.discord.answering import Answer
from adapters.chat.discord.client import Api
from adapters.chat.discord.drafts import Forms
from adapters.chat.discord.errors import Refusal
from adapters.chat.discord.hearing import Hearing
from adapters.chat.discord.names import Place
from adapters.chat.discord.opening import Opening
from adapters.chat.discord.payload import snowflake, text, words_of
from adapters.chat.discord.recent import Tokens
from adapters.chat.discord.render import Part
from adapters.chat.discord.sending import MESSAGES
from adapters.chat.discord.slash import Spoken
from adapters.chat.discord.speaking import Speaking
from adapters.chat.discord.taking import take_in
from adapters.chat.discord.wire import Asked
from core.errors import BadInput, PortError, Unavailable
from core.events import Posted, Pressed
from core.ids import IdentityKey, Token
from core.ports import Clock, Emit

log = logging.getLogger(__name__)
SHOWN = 1_500  # characters of a task that its first message shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Completions:
    """What the bridge knows beforehand: repositories and somebody's loops (handle, title) to complete with, and who may start one."""

    repos: Callable[[], Awaitable[Sequence[str]]] | None = None
    loops: Callable[[IdentityKey], Awaitable[Sequence[tuple[str, str]]]] | None = None
    may_start: Callable[[IdentityKey], Awaitable[bool]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Takes interactions in."""

    api: Api
    hearing: Hearing
    speaking: Speaking
    opening: Opening
    forms: Forms
    tokens: Tokens
    clock: Clock
    completions: Completions

    async def take(self, raw: Any, emit: Emit) -> None:
        """Handle one interaction from beginning to end; what goes wrong is told to its person, and logged."""
        try:
            asked = wire.asked(raw)
        except (BadInput, AttributeError, TypeError, ValueError, OverflowError) as exc:
            log.warning("chat.discord.passed_over", extra={"kind": "INTERACTION_CREATE", "why": str(exc)})
            return
        try:
            await self._take(asked, emit)
        except PortError as exc:
            log.warning("chat.discord.interaction_failed", extra={"why": str(exc)})

    async def _take(self, asked: Asked, emit: Emit) -> None:
        if not self.hearing.serves(asked.room.guild):
            async with self._answer(asked) as answer:
                await answer.say("This bridge does not serve this server. Nothing was done.")
        elif asked.type == wire.COMPLETING:
            await self._complete(asked)
        elif asked.type == wire.COMMAND and asked.data.get("type") == 3:
            await self._answer(asked).give(
                answering.MODAL, forms.start(asked.room.id, slash.target(asked.data))
            )
        elif asked.type == wire.COMMAND:
            await self._command(asked, emit)
        elif asked.type == wire.COMPONENT:
            await self._press(asked, emit)
        elif asked.type == wire.FORM:
            await self._form(asked, emit)

    def _answer(self, asked: Asked, *, update: bool = False) -> Answer:
        return Answer(self.api, asked, self.hearing.me.application, update=update)

    # ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _complete(self, asked: Asked) -> None:
        kind, typed = slash.focused(asked.data)
        found: Sequence[tuple[str, str]] = ()
        if kind == "repos" and self.completions.repos is not None:
            found = [(name, name) for name in await self.completions.repos()]
        elif kind == "loops" and self.completions.loops is not None:
            found = [
                (handle, f"{handle} · {title}")
                for handle, title in await self.completions.loops(asked.author.identity)
            ]
        choices = slash.completed(kind, typed, found)
        await self._answer(asked).give(answering.CHOICES, {"choices": choices})

    async def _command(self, asked: Asked, emit: Emit) -> None:
        async with self._answer(asked) as answer:
            try:
                spoken = slash.read(asked.data, self.hearing.me)
            except BadInput as exc:
                await answer.say(f"{exc} Nothing was done. {exc.remedy}")
                return
            if spoken.starts:
                await self._start(asked, spoken, asked.room.place(""), answer, emit)
                return
            await self._quietly(asked, spoken, answer, emit)

    async def _quietly(self, asked: Asked, spoken: Spoken, answer: Answer, emit: Emit) -> None:
        """Take a command of which nobody else sees anything but what the bridge answers in the thread."""
        place = asked.room.place(asked.id)
        if not asked.room.is_thread and not place.direct:
            # Nothing in the channel shows it: its answers go to whoever asked, alone.
            self.speaking.quiet[place.key] = asked.user
        self._note(asked, place)
        await take_in(emit, self._posted(asked, spoken, place, asked.id), self.clock, answer.say)
        await answer.say(f"Heard: {markdown_code(spoken.text)}")

    async def _start(self, asked: Asked, spoken: Spoken, place: Place, answer: Answer, emit: Emit) -> None:
        """Begin a loop at a place; without a root in the channel: under a message that says who began what."""
        may = self.completions.may_start
        if may is not None and not await may(asked.author.identity):
            # Whoever may start nothing gets their answer alone: the bridge says nothing aloud in their name.
            await self._quietly(asked, spoken, answer, emit)
            return
        lacking = () if place.direct else permissions.missing(asked.may, in_thread=asked.room.is_thread)
        if lacking:
            await answer.say(
                f"{permissions.sentence(lacking, 'this channel')} No loop was started; your task was: “{spoken.task[:300]}” "
                "Ask somebody who manages the channel to allow it, then do it again."
            )
            return
        try:
            place, message = await self._begin(asked, spoken, place)
        except (Refusal, Unavailable) as exc:
            await answer.say(f"{exc} No loop was started. {exc.remedy or 'Do it again in a minute.'}")
            return
        self._note(asked, place)
        await take_in(emit, self._posted(asked, spoken, place, message), self.clock, answer.say)
        here = place.direct or asked.room.is_thread
        # Whether it starts, the bridge says there.
        await answer.say("Posted here." if here else f"Posted: {names.permalink(place.guild, place.root)}")

    async def _begin(self, asked: Asked, spoken: Spoken, place: Place) -> tuple[Place, str]:
        channel = place.channel if not place.root else await self.opening.channel(place)
        shown = spoken.text if len(spoken.text) <= SHOWN else f"{spoken.text[:SHOWN]}…"
        content = f"<@{asked.user}> {markdown.escape(shown)}"
        body = render.body(Part(content=content), nonce=posts.nonce(f"start:{asked.id}", 0))
        try:
            made = await self.api.call("POST", MESSAGES, body=body, channel_id=channel)
        except Unavailable:
            # Its answer may be all that was lost; the nonce keeps a second message away.
            made = await self.api.call("POST", MESSAGES, body=body, channel_id=channel)
        message = snowflake(made, "id")
        self.opening.titles[message] = spoken.task
        if place.root:
            return place, message
        place = asked.room.place(message)
        try:
            await self.opening.channel(place)
        except Unavailable as exc:
            # The bridge's first words open it, then.
            log.info("chat.discord.thread_put_off", extra={"why": str(exc)})
        return place, message

    def _posted(self, asked: Asked, spoken: Spoken, place: Place, message: str) -> Posted:
        return Posted(
            lane=place.key,
            at=names.when(message),
            message=message,
            author=asked.author,
            text=spoken.text,
            addressed=True,
            mentions=tuple(names.identity(user) for user in spoken.mentions),
            named=spoken.named,
            permalink=names.permalink(place.guild, asked.room.id, "" if message == asked.id else message),
            room=self.hearing.open_to(asked.room),
        )

    def _note(self, asked: Asked, place: Place) -> None:
        self.tokens.note(place.key, asked.user, asked.token)
        self.speaking.askers[place.key] = asked.user

    # ── buttons and forms ────────────────────────────────────────────────────────────────────────────────────────────

    async def _press(self, asked: Asked, emit: Emit) -> None:
        custom = text(asked.data, "custom_id")
        token = Token(custom[len(render.PRESS) :])
        if custom.startswith(render.FORM):
            question, draft = await self.forms.get(token)
            await self._answer(asked).give(answering.MODAL, forms.ask(token, question, draft))
        elif custom.startswith(render.PRESS):
            await self._pressed(asked, token, "", emit)
        elif custom.startswith(render.PICK) and (chosen := words_of(asked.data.get("values"))):
            await self._pressed(asked, Token(chosen[0]), "", emit)
        else:
            async with self._answer(asked) as answer:
                await answer.say("This button is not of this bridge. Nothing was done.")

    async def _pressed(self, asked: Asked, token: Token, words: str, emit: Emit) -> None:
        place = asked.room.place(asked.message or asked.id)
        self._note(asked, place)
        event = Pressed(
            lane=place.key,
            at=names.when(asked.id),
            press=asked.id,
            card=asked.message,
            token=token,
            author=asked.author,
            text=words,
        )
        async with self._answer(asked, update=True) as answer:
            await take_in(emit, event, self.clock, answer.say)
            await answer.taken()

    async def _form(self, asked: Asked, emit: Emit) -> None:
        custom = text(asked.data, "custom_id")
        answers = forms.answers(asked.data)
        if custom.startswith(forms.ANSWER):
            token = Token(custom[len(forms.ANSWER) :])
            await self._pressed(asked, token, answers.get("words", ""), emit)
            await self.forms.used(token)
            return
        async with self._answer(asked) as answer:
            target = forms.target(custom)
            if target is None:
                await answer.say("This form is not of this bridge. Nothing was done.")
                return
            try:
                spoken = slash.start(answers, self.hearing.me)
            except BadInput as exc:
                await answer.say(f"{exc} No loop was started. {exc.remedy}")
                return
            await self._start(asked, spoken, asked.room.place(target), answer, emit)


def markdown_code(words: str) -> str:
    """Return a command's first line as inline code."""
    line = words.split("\n", 1)[0].replace("`", "ˋ")
    return f"`{line if len(line) <= 200 else line[:199] + '…'}`"
