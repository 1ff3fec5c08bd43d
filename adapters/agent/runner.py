"""The AgentRunner on the Claude Agent SDK. Owns: Sessions. Imports: core; the SDK with the first leg. Effects: runs processes.

Importing the SDK takes more than a second, so it happens in a thread when the first session is wanted, and only here.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from adapters.agent.faults import AGAIN, Gone
from adapters.agent.options import TOOLS
from adapters.agent.places import Places
from core.events import TurnParked, TurnResult
from core.ids import CallId, LoopId
from core.ports import Clock, Emit, Leg, ToolHand, Verdict

if TYPE_CHECKING:
    from adapters.agent.session import Session, Stretch
    from adapters.agent.translate import End

log = logging.getLogger(__name__)

SDK_SIDE = "adapters.agent.session"


class Sessions:
    """Claude sessions, one process per loop at most. Entered while in use; leaving it ends every process.

    `idle_after` is how many seconds a process stays after a result, `max_idle` how many may idle, `starts` how many may start
    at once. `stop_after` seconds after an interrupt a process that did not stop is ended; one that says nothing for `silence`
    seconds while no call waits is given up. `max_turns` bounds the model requests of one prompt. `hands` carry out our own tools; a
    list that is filled later counts from the next session on.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        idle_after: float = 600.0,
        max_idle: int = 3,
        starts: int = 2,
        tools: Sequence[str] = TOOLS,
        hands: Sequence[ToolHand] = (),
        max_turns: int | None = None,
        stop_after: float = 5.0,
        silence: float = 3600.0 + 600.0,
    ) -> None:
        self._clock = clock
        self._idle_after = idle_after
        self._max_idle = max_idle
        self._places = Places(starts)
        self._tools = tuple(tools)
        self._hands = hands
        self._max_turns = max_turns
        self._stop_after = stop_after
        self._silence = silence
        self._live: dict[LoopId, Session] = {}  # in the order of their last use
        self._leaving: set[Session] = set()
        self._running: dict[LoopId, Stretch] = {}
        self._retiring: dict[LoopId, asyncio.Task[None]] = {}
        self._shut = False
        self._locks: defaultdict[LoopId, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut = True
        await asyncio.gather(*(self._end(loop) for loop in tuple(self._live)))
        await asyncio.gather(*(session.close() for session in tuple(self._leaving)))

    async def run(self, leg: Leg, emit: Emit) -> None:
        """Run a leg to its end. Exactly one of TurnResult, TurnParked or TurnBroke is emitted last.

        Raises only what `emit` raises; then, and when it is cancelled, the process is ended first.
        """
        side = await _sdk_side()
        stretch: Stretch = side.Stretch(leg, emit, self._clock)
        if leg.loop in self._running:
            await emit(stretch.reader.broke("A turn of this loop is running already.", "Wait for its end."))
            return
        self._running[leg.loop] = stretch
        try:
            end = await self._run(stretch)
        finally:
            stretch.over.set()
            stretch.docket.close()
            del self._running[leg.loop]
        await emit(end)

    async def prewarm(self, leg: Leg) -> None:
        """Start the session's process before its prompt is ready (best effort)."""
        await _sdk_side()
        async with self._locks[leg.loop]:
            if leg.loop in self._live or leg.loop in self._running:
                return
            try:
                session = await self._start(leg, None, resume=leg.resume)
            except Gone as exc:
                log.info("agent.prewarm_failed", extra={"loop": leg.loop, "why": str(exc)})
                return
            if self._live.get(leg.loop) is not session:
                return  # it was closed as it started
            self._rest(leg.loop)
        await self._thin()

    def answer(self, loop: LoopId, call: CallId, verdict: Verdict) -> bool:
        """Hand a decision to a call that is held open; False when no live session holds it."""
        stretch = self._running.get(loop)
        return stretch is not None and stretch.docket.answer(call, verdict)

    async def interrupt(self, loop: LoopId) -> bool:
        """Ask the running turn to stop, and see that it does; False when none runs."""
        stretch = self._running.get(loop)
        if stretch is None:
            return False
        stretch.stop()
        session = stretch.session
        if session is None or not stretch.prompted:
            return True
        await session.interrupt(self._stop_after)
        try:
            async with asyncio.timeout(self._stop_after):
                await stretch.over.wait()
        except TimeoutError:
            await session.close()
        return True

    async def close(self, loop: LoopId) -> None:
        """End the loop's process, if any; a turn under way is stopped."""
        if (stretch := self._running.get(loop)) is not None:
            stretch.stop()
        await self._end(loop)

    async def _run(self, stretch: Stretch) -> End:
        loop = stretch.leg.loop
        end: End | None = None
        try:
            end = await self._play(stretch)
        except Gone as exc:
            end = stretch.reader.broke(str(exc), exc.remedy, lost=exc.lost)
        finally:
            session = stretch.session
            if session is not None and isinstance(end, TurnResult) and session.alive:
                session.stretch = None
                self._rest(loop)
                await self._thin()
            else:
                await self._end(loop)
        if self._shut and not isinstance(end, TurnResult | TurnParked):
            return stretch.reader.broke("The bridge closed while the turn ran.", AGAIN)
        if stretch.stopped and not (isinstance(end, TurnResult) and not end.error):
            return stretch.reader.broke("The turn was stopped.", "", stopped=True)
        return end

    async def _play(self, stretch: Stretch) -> End:
        leg = stretch.leg
        async with self._locks[leg.loop]:
            session = await self._obtain(stretch)
        try:
            return await self._carry(session, stretch)
        except Gone:
            if stretch.heard or not session.used or session.leg is leg:
                raise
        # It went away while it idled, before it took the prompt up.
        await self._end(leg.loop)
        return await self._carry(await self._start(leg, stretch, resume=True), stretch)

    async def _carry(self, session: Session, stretch: Stretch) -> End:
        if stretch.stopped:
            raise Gone("The turn was stopped.")
        await session.prompt(stretch)
        await stretch.emit(stretch.reader.started())
        stretch.docket.begun.set()
        return await session.play(stretch, silence=self._silence)

    async def _obtain(self, stretch: Stretch) -> Session:
        """Return the process that takes this leg: the loop's own if it fits, else a new one."""
        leg = stretch.leg
        self._wake(leg.loop)
        there = self._live.get(leg.loop)
        if there is None:
            return await self._start(leg, stretch, resume=leg.resume)
        if there.fits(leg):
            there.take(stretch)
            return there
        await self._end(leg.loop)
        again = there.used and there.leg.session == leg.session
        return await self._start(leg, stretch, resume=leg.resume or again)

    async def _start(self, leg: Leg, stretch: Stretch | None, *, resume: bool) -> Session:
        async def waiting(ahead: int) -> None:
            if stretch is not None:
                await stretch.emit(stretch.reader.queued(ahead))

        async with self._places.hold(waiting):
            if self._shut or (stretch is not None and stretch.stopped):
                raise Gone("The bridge is closing." if self._shut else "The turn was stopped.")
            side = await _sdk_side()
            session: Session = side.Session(
                leg, resume=resume, offered=self._tools, max_turns=self._max_turns, hands=tuple(self._hands)
            )
            if stretch is not None:
                session.take(stretch)
            self._live[leg.loop] = session
            try:
                await session.start()
            except BaseException:
                await self._end(leg.loop)
                raise
            return session

    async def _end(self, loop: LoopId) -> None:
        self._wake(loop)
        session = self._live.pop(loop, None)
        if session is not None:
            self._leaving.add(session)
            try:
                await session.close()
            finally:
                self._leaving.discard(session)

    def _rest(self, loop: LoopId) -> None:
        """Let the loop's process idle for a while, as the one last used."""

        async def retire() -> None:
            await self._clock.sleep(self._idle_after)
            async with self._locks[loop]:
                # From here on a leg that comes waits for the end instead of calling it off.
                del self._retiring[loop]
                await self._end(loop)

        self._live[loop] = self._live.pop(loop)
        self._retiring[loop] = asyncio.create_task(retire(), name=f"agent.retire.{loop}")

    def _wake(self, loop: LoopId) -> None:
        if (timer := self._retiring.pop(loop, None)) is not None:
            timer.cancel()

    async def _thin(self) -> None:
        """End the processes that idle longest, past the bound."""
        idle = [
            loop for loop, session in self._live.items() if session.stretch is None and loop in self._retiring
        ]
        await asyncio.gather(*(self._end(loop) for loop in idle[: max(0, len(idle) - self._max_idle)]))


async def _sdk_side() -> Any:
    """Return the module that imports the SDK."""
    if (module := sys.modules.get(SDK_SIDE)) is not None and hasattr(module, "Session"):
        return module
    return await asyncio.to_thread(importlib.import_module, SDK_SIDE)
