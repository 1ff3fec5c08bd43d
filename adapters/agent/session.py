"""One live session. Owns: Session, Stretch. Imports: claude_agent_sdk, core. Effects: runs a process.

The client is connected and disconnected by one task of the session's own, which lives as long as the process does. A leg is
played in the task that runs it; between two legs whatever the process says is dropped.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import claude_agent_sdk as sdk

from adapters.agent import errors, faults, options, plain, tools
from adapters.agent.permission import HOOK, Callbacks, Docket
from adapters.agent.translate import End, Reader
from adapters.agent.transport import Pipes
from core.ports import Clock, Emit, Leg, ToolHand

log = logging.getLogger(__name__)

HOOK_TIMEOUT = 30 * 24 * 3600.0  # seconds; a call that is held open waits for a person
INBOX = 64  # messages; past that the process has to wait
RESUMES_WITHIN = 30.0  # seconds in which a session that has no prompt goes on at its deferred call
STOP_WITHIN = 1.0  # seconds a process that is to end gets to put its tool down


class Stretch:
    """A leg while it runs."""

    def __init__(self, leg: Leg, emit: Emit, clock: Clock) -> None:
        self.leg = leg
        self.emit = emit
        self.uuid = str(uuid.uuid4()) if leg.prompt else ""
        self.reader = Reader(leg, clock, uuid=self.uuid)
        self.docket = Docket(
            self.reader, emit, clock, park_after=leg.park_after, silent=leg.resume and not leg.prompt
        )
        self.session: Session | None = None
        self.prompted = False
        self.heard = False  # the process said something since
        self.stopped = False
        self.over = asyncio.Event()

    def stop(self) -> None:
        """Note that a person wants the leg to end."""
        self.stopped = True
        self.docket.stop()


class Session:
    """A CLI process and the client that speaks with it."""

    def __init__(
        self,
        leg: Leg,
        *,
        resume: bool,
        offered: Sequence[str],
        max_turns: int | None,
        hands: Sequence[ToolHand] = (),
    ) -> None:
        self.leg = leg  # the one it was started for
        self.used = resume  # a result was seen in it: it can be resumed
        self.stretch: Stretch | None = None
        self._inbox: asyncio.Queue[sdk.Message] = asyncio.Queue(INBOX)
        self._settled = asyncio.Event()
        self._fault: faults.Gone | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._leaving = False
        self._pipes = Pipes(
            options.command(leg, resume=resume, tools=offered, max_turns=max_turns, with_ours=bool(hands)),
            cwd=leg.launcher.parent,
            max_line=options.MAX_LINE,
        )
        calls = Callbacks(lambda: self.stretch.docket if self.stretch else None)
        matcher = sdk.HookMatcher(hooks=[calls.before_tool], timeout=HOOK_TIMEOUT, on_failure="block")
        self._client = sdk.ClaudeSDKClient(
            sdk.ClaudeAgentOptions(
                hooks={HOOK: [matcher]},
                can_use_tool=calls.can_use_tool,
                verbatim_prompts=True,
                mcp_servers=tools.servers(hands, lambda: self.stretch.leg if self.stretch else None),
            ),
            transport=self._pipes,
        )

    @property
    def alive(self) -> bool:
        """Whether the process is there and connected."""
        return (
            self._settled.is_set() and self._task is not None and not self._task.done() and not self._closing
        )

    def fits(self, leg: Leg) -> bool:
        """Whether this process can take the leg as it is."""
        mine = self.leg
        same = (mine.session, mine.launcher, mine.model, mine.system, mine.budget_usd, mine.plan)
        return (
            self.alive
            and bool(leg.prompt)
            and same == (leg.session, leg.launcher, leg.model, leg.system, leg.budget_usd, leg.plan)
            and (self.used or not leg.resume)
        )

    def take(self, stretch: Stretch) -> None:
        """Play this leg next: what the process says and asks from now on belongs to it."""
        while not self._inbox.empty():
            self._inbox.get_nowait()
        stretch.session = self
        self.stretch = stretch

    async def start(self) -> None:
        """Start the process and shake hands. Raises Gone."""
        self._task = asyncio.create_task(self._own(), name=f"agent.session.{self.leg.session}")
        await self._settled.wait()
        if self._fault is not None:
            raise self._fault

    async def prompt(self, stretch: Stretch) -> None:
        """Hand over the leg's prompt, if it has one. Raises Gone."""
        if stretch.leg.prompt:
            try:
                await self._client.query(_spoken(stretch.leg.prompt, stretch.uuid))
            except sdk.ClaudeSDKError as exc:
                raise errors.gone(exc, self._pipes.last_words) from exc
        stretch.prompted = True

    async def play(self, stretch: Stretch, *, silence: float) -> End:
        """Tell what happens until the leg's end, and return that. Raises Gone, and whatever `emit` raises.

        `silence` is how many seconds without a word are too long while no call waits.
        """
        patience = silence if stretch.leg.prompt else min(RESUMES_WITHIN, silence)
        while True:
            try:
                message = await self._next(patience)
            except TimeoutError:
                if stretch.docket.waiting or (stretch.docket.used and patience < silence):
                    patience = silence
                    continue
                raise faults.Gone(
                    f"The agent's process said nothing for {patience:.0f} seconds, and was ended."
                ) from None
            if stretch.docket.failure is not None:
                raise stretch.docket.failure
            if message is None:
                raise self._fault or faults.Gone("The agent's process ended without a result.")
            stretch.heard = True
            patience = silence
            refused = stretch.reader.refused
            for event in stretch.reader.read(message):
                await stretch.emit(event)
            stretch.docket.heard()
            if stretch.reader.refused is not refused:
                await self.interrupt(STOP_WITHIN)
            if (end := stretch.reader.end(message)) is not None:
                self.used = True
                return end

    async def interrupt(self, within: float) -> bool:
        """Ask the process to stop its turn; whether it heard."""
        try:
            async with asyncio.timeout(within):
                await self._client.interrupt()
        except Exception as exc:  # noqa: BLE001 - the SDK raises a plain Exception here
            log.info(
                "agent.interrupt_unheard", extra={"loop": self.leg.loop, "why": plain.short(str(exc), 200)}
            )
            return False
        return True

    async def close(self) -> None:
        """End the process and wait for its end (idempotent)."""
        if self._task is None:
            return
        if not self._closing:
            self._closing = True
            if self.stretch is not None and self._settled.is_set() and not self._task.done():
                # Only an idle process leaves at once when its input ends.
                await self.interrupt(STOP_WITHIN)
            if not self._leaving:
                self._task.cancel()
        await asyncio.wait({self._task})

    async def _own(self) -> None:
        try:
            await self._client.connect()
            self._settled.set()
            async for message in self._client.receive_messages():
                if self.stretch is not None:
                    await self._inbox.put(message)
        except Exception as exc:  # noqa: BLE001 - the top of the task: what a hostile process makes the SDK raise is open
            self._fault = errors.gone(exc, self._pipes.last_words)
            if not self._closing:
                log.warning(
                    "agent.session_broke",
                    extra={
                        "loop": self.leg.loop,
                        "why": plain.short(str(exc), 500),
                        "stderr": plain.short(self._pipes.last_words, 1000),
                    },
                )
        finally:
            # From here on nobody cancels the task: what is half closed would stay so.
            self._leaving = True
            self._settled.set()
            await self._disconnect()

    async def _disconnect(self) -> None:
        try:
            await self._client.disconnect()
        except Exception as exc:  # noqa: BLE001 - the SDK's reader hands on whatever ended it
            log.info(
                "agent.disconnect_again", extra={"loop": self.leg.loop, "why": plain.short(str(exc), 200)}
            )
            await self._client.disconnect()

    async def _next(self, patience: float) -> sdk.Message | None:
        """Return the next message, None once the process is gone. Raises TimeoutError."""
        assert self._task is not None  # noqa: S101 - played only after it was started
        if self._inbox.empty() and not self._task.done():
            getter = asyncio.create_task(self._inbox.get())
            try:
                done, _ = await asyncio.wait(
                    {getter, self._task}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                if not getter.done():
                    getter.cancel()
            if getter in done:
                return getter.result()
            if not done:
                raise TimeoutError
        return None if self._inbox.empty() else self._inbox.get_nowait()


async def _spoken(prompt: str, identifier: str) -> AsyncIterator[dict[str, Any]]:
    yield {
        "type": "user",
        "message": {"role": "user", "content": prompt},
        "parent_tool_use_id": None,
        "uuid": identifier,
    }
