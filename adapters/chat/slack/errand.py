"""Slash commands on their way to becoming events. Owns: Errands. Imports: core and the modules beside. Effects: posts, remembers.

A command has no thread, and Slack tells of it once. One that begins a loop is therefore written down before Slack is told that it was
taken; then its thread is opened by a root message that everybody sees (once: its key is looked for first), and the command is handed on
as said in that thread. What a crash interrupts is found written down and carried on. Without a memory the order is: open, hand on, tell
Slack. Other commands belong to the channel itself, and their answers are for the asker alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TypedDict

from adapters.chat.slack import mrkdwn, names
from adapters.chat.slack.deeds import Slash
from adapters.chat.slack.workspace import Workspace
from core.errors import PortError, Rejected, Unavailable
from core.events import Author, Posted
from core.ids import IdentityKey
from core.message import Message, Text
from core.ports import Clock, Emit

log = logging.getLogger(__name__)

Remember = Callable[[str, str], Awaitable[None]]
Recall = Callable[[str], Awaitable[str | None]]
MayStart = Callable[[IdentityKey], Awaitable[bool]]
MEMORY = "slack:commands"
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
MAX_TASK = 2_000  # characters of a task that its root message shows
NOT_HERE = "I am not in this channel, so nothing was started. Invite me, then send the command again:"


class Errands:
    """Carries slash commands to where they become events."""

    def __init__(
        self,
        *,
        clock: Clock,
        remember: Remember | None,
        recall: Recall | None,
        may_start: MayStart | None = None,
    ) -> None:
        self._clock = clock
        self._may_start = may_start
        self._remember = remember
        self._recall = recall
        self._open: dict[str, Slash] = {}
        self._writing = asyncio.Lock()

    @property
    def has_memory(self) -> bool:
        """Whether a command outlives a crash once it was accepted."""
        return self._remember is not None and self._recall is not None

    async def opens(self, slash: Slash) -> bool:
        """Return whether a command opens a thread: nothing is said aloud in the name of somebody who may start nothing."""
        if not slash.starts or self._may_start is None:
            return slash.starts
        return await self._may_start(names.identity_of(slash.team, slash.user))

    async def waiting(self) -> list[Slash]:
        """Return the commands that an earlier process accepted and did not finish."""
        kept = await self._recall(MEMORY) if self._recall else None
        try:
            found = [Slash(**each) for each in json.loads(kept or "[]")]
        except (ValueError, TypeError):
            log.warning("chat.slack.commands_unreadable")
            found = []
        self._open |= {slash.trigger: slash for slash in found}
        return found

    async def accept(self, slash: Slash) -> None:
        """Write a command down. Raises Unavailable when it cannot be."""
        async with self._writing:
            self._open[slash.trigger] = slash
            try:
                await self._write()
            except Unavailable:
                del self._open[slash.trigger]
                raise

    async def run(self, slash: Slash, home: Workspace, emit: Emit) -> None:
        """Carry an accepted command through, as often as it takes."""
        wait = FIRST_WAIT
        while True:
            try:
                await self.once(slash, home, emit)
            except Unavailable as exc:
                log.warning("chat.slack.command_put_off", extra={"why": str(exc), "seconds": wait})
            else:
                break
            await self._clock.sleep(wait)
            wait = min(wait * 2, LONGEST_WAIT)
        async with self._writing:
            self._open.pop(slash.trigger, None)
            try:
                await self._write()
            except Unavailable as exc:
                # Written down for longer than needed: what runs it again finds its root and its event there.
                log.warning("chat.slack.command_kept", extra={"why": str(exc)})

    async def once(self, slash: Slash, home: Workspace, emit: Emit) -> None:
        """Open the command's thread and hand it on. Raises Unavailable; a refusal is told to whoever typed it."""
        name = (await home.named([{"user": slash.user}])).get(slash.user) or slash.name or slash.user
        words = f"/loop {slash.words}".strip()
        try:
            root = await home.voice.start(
                slash.channel,
                _root(name, slash.words),
                key=f"start:{slash.trigger}",
                payload={"user": slash.user, "name": name, "words": words},
            )
        except Rejected as exc:
            await self._refuse(slash, home, exc)
            return
        await emit(
            Posted(
                lane=names.thread_of(slash.team, slash.channel, root),
                at=names.moment(root),
                message=root,
                author=Author(identity=names.identity_of(slash.team, slash.user), name=name),
                text=words,
                permalink=names.permalink(home.me, slash.channel, root, root),
                room=slash.room,
                **_called(slash),
            )
        )

    async def _refuse(self, slash: Slash, home: Workspace, why: Rejected) -> None:
        log.info("chat.slack.command_refused", extra={"why": str(why)})
        typed = f"`/loop {mrkdwn.escape(slash.words).replace('`', 'ˋ')}`"
        words = (
            f"{NOT_HERE} {typed}"
            if "channel" in str(why)
            else f"Nothing was started: {why}. {why.remedy} {typed}"
        )
        try:
            await home.api.respond(slash.response_url, words)
        except PortError as exc:
            log.warning("chat.slack.answer_lost", extra={"why": str(exc)})

    async def _write(self) -> None:
        if self._remember is not None:
            await self._remember(MEMORY, json.dumps([asdict(slash) for slash in self._open.values()]))


class _Called(TypedDict):
    mentions: tuple[IdentityKey, ...]
    named: tuple[str, ...]


def aside(slash: Slash, name: str, clock: Clock) -> Posted:
    """Return a command that begins no loop, as said in the channel itself."""
    return Posted(
        lane=names.thread_of(slash.team, slash.channel, names.NOWHERE),
        at=clock.now(),
        message=names.derived(names.NOWHERE, names.NOWHERE, slash.trigger),
        author=Author(identity=names.identity_of(slash.team, slash.user), name=name),
        text=f"/loop {slash.words}".strip(),
        room=slash.room,
        **_called(slash),
    )


def _called(slash: Slash) -> _Called:
    return {
        "mentions": tuple(names.identity_of(slash.team, user) for user in slash.mentions),
        "named": tuple(slash.named),
    }


def _root(name: str, words: str) -> Message:
    shown = words if len(words) <= MAX_TASK else words[: MAX_TASK - 1] + "…"
    return Message(title=f"{name} asked for a loop", blocks=(Text(text=shown),))
