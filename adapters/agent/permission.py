"""Calls that wait for a verdict. Owns: Docket, Callbacks. Imports: claude_agent_sdk, core. Effects: emits events.

Every call of a leg passes here: by the PreToolUse hook, by `can_use_tool`, or by one after the other. It is told once and
judged elsewhere; both get the same verdict.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import claude_agent_sdk as sdk

from adapters.agent.translate import Reader
from core.ids import CallId
from core.policy import digest
from core.ports import Clock, Emit, Verdict

MAX_HELD = 64  # calls held open at once
HEARD_WITHIN = 2.0  # seconds a hook waits for the message that holds its call, so that both are told in order
# Seconds that a call stays open however soon sessions are parked: until the rules have answered, until a decision has arrived.
JUDGED_WITHIN, DECIDED_WITHIN = 1.0, 30.0
HOOK: Final = "PreToolUse"
MAX_INPUT = 1 << 20  # characters
CHANGED = Verdict(decision="deny", reason="The input changed after it was judged. Make the call again.")
NO_TURN = Verdict(decision="deny", reason="No turn is running: wait until you are spoken to.")
NOT_TEXT = Verdict(decision="deny", reason="The input holds characters that are not valid text.")
STOPPED = Verdict(decision="deny", reason="The turn was stopped by a person.")
TOO_LARGE = Verdict(decision="deny", reason="The input is larger than a million characters. Make it smaller.")
TOO_MANY = Verdict(decision="deny", reason=f"More than {MAX_HELD} calls wait already: make fewer at once.")


def _promise() -> asyncio.Future[Verdict | None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, kw_only=True)
class Held:
    """A call and its verdict; None stands for putting it away. `asked` and `allowed` are digests of inputs."""

    asked: str
    can_park: bool
    allowed: str = ""
    ripe: bool = False
    verdict: asyncio.Future[Verdict | None] = field(default_factory=_promise)


class Docket:
    """The calls of one leg. Entered while the leg runs; leaving it ends its timers."""

    def __init__(self, reader: Reader, emit: Emit, clock: Clock, *, park_after: float, silent: bool) -> None:
        """`silent`: the leg begins with a call that no message announces."""
        self.begun = asyncio.Event()  # the leg has been told to have started
        self.failure: Exception | None = None  # why an event could not be told
        self._reader = reader
        self._emit = emit
        self._clock = clock
        self._park_after = park_after
        self._silent = silent
        self._stopped = False
        self._calls: dict[CallId, Held] = {}
        self._timers: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    @property
    def waiting(self) -> list[CallId]:
        """Return the calls that have no verdict."""
        return [call for call, held in self._calls.items() if not held.verdict.done()]

    @property
    def used(self) -> bool:
        """Whether any call came."""
        return bool(self._calls)

    def answer(self, call: CallId, verdict: Verdict) -> bool:
        """Hand a verdict to a call that is held open; False when it is not, or was put away. A second one changes nothing."""
        held = self._calls.get(call)
        if held is None:
            return False
        if not held.verdict.done():
            held.verdict.set_result(verdict)
            self._consider()
        return held.verdict.result() is not None

    def stop(self) -> None:
        """Refuse every further call."""
        self._stopped = True

    def heard(self) -> None:
        """Note that messages were read: calls may have been announced, or have ended."""
        self._silent = False
        self._news.set()
        self._news = asyncio.Event()
        self._consider()

    async def decide(
        self, tool: str, fields: dict[str, Any], call: CallId, *, can_park: bool
    ) -> Verdict | None:
        """Return what becomes of a call once that is known; None when it is to be put away."""
        arguments = json.dumps(fields, ensure_ascii=False)
        if len(arguments) > MAX_INPUT:
            return TOO_LARGE
        try:
            asked = digest(tool, arguments)
        except UnicodeEncodeError:
            return NOT_TEXT
        held = self._calls.get(call)
        if held is not None and asked not in (held.asked, held.allowed):
            return CHANGED
        if held is None:
            if self._stopped:
                return STOPPED
            if len(self.waiting) >= MAX_HELD:
                return TOO_MANY
            held = self._calls[call] = Held(asked=asked, can_park=can_park)
            decided = self._silent  # a session that goes on at a call does so because somebody decided it
            await self._tell(tool, arguments, call, announced=can_park)
            self._ripen_later(held, at_least=DECIDED_WITHIN if decided else JUDGED_WITHIN)
        try:
            verdict = await asyncio.shield(held.verdict)
        except asyncio.CancelledError:
            # The CLI took the question back: nobody waits for it any more.
            if not held.verdict.done():
                held.verdict.set_result(STOPPED)
            raise
        if verdict is not None and verdict.decision == "allow":
            ran = verdict.updated_input or arguments
            held.allowed = digest(tool, ran)
            self._reader.ran(call, tool, ran)
        return verdict

    def close(self) -> None:
        """End the timers."""
        for timer in self._timers:
            timer.cancel()

    async def _tell(self, tool: str, arguments: str, call: CallId, *, announced: bool) -> None:
        await self.begun.wait()
        if announced and not self._silent:
            await self._announced(call)
        try:
            await self._emit(self._reader.called(call, tool, arguments))
        except Exception as exc:
            self.failure = exc
            raise

    async def _announced(self, call: CallId) -> None:
        try:
            async with asyncio.timeout(HEARD_WITHIN):
                while call not in self._reader.unfinished:
                    await self._news.wait()
        except TimeoutError:
            return

    def _ripen_later(self, held: Held, *, at_least: float) -> None:
        async def ripen() -> None:
            await self._clock.sleep(max(self._park_after, at_least))
            held.ripe = True
            self._consider()

        timer = asyncio.create_task(ripen(), name="agent.ripen")
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)

    def _consider(self) -> None:
        """Put the only call that waits away, once it waited long and no other call of its message is unfinished."""
        waiting = self.waiting
        if len(waiting) != 1 or self._stopped or self._reader.unfinished - set(waiting):
            return
        held = self._calls[waiting[0]]
        if held.ripe and held.can_park:
            held.verdict.set_result(None)


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What the SDK calls. `docket` returns that of the leg under way, or None between two legs."""

    docket: Callable[[], Docket | None]

    async def before_tool(
        self, given: sdk.HookInput, call: str | None, context: sdk.HookContext
    ) -> sdk.HookJSONOutput:
        """Answer the PreToolUse hook."""
        del context
        fields: Any = given  # one of many typed dicts; this hook is registered for one event only
        docket = self.docket()
        if docket is None:
            return _hook(NO_TURN)
        identifier = CallId(call or fields["tool_use_id"])
        can_park = not fields.get("agent_id")
        return _hook(
            await docket.decide(fields["tool_name"], fields["tool_input"], identifier, can_park=can_park)
        )

    async def can_use_tool(
        self, tool: str, fields: dict[str, Any], context: sdk.ToolPermissionContext
    ) -> sdk.PermissionResult:
        """Answer what the CLI asks where the hook did not settle it; such a call cannot be put away."""
        docket = self.docket()
        verdict: Verdict | None = NO_TURN
        if docket is not None and context.tool_use_id:
            verdict = await docket.decide(tool, fields, CallId(context.tool_use_id), can_park=False)
        if verdict is None or verdict.decision == "deny":
            return sdk.PermissionResultDeny(message=verdict.reason if verdict else NO_TURN.reason)
        edited = verdict.updated_input
        return sdk.PermissionResultAllow(updated_input=json.loads(edited) if edited else fields)


def _hook(verdict: Verdict | None) -> sdk.HookJSONOutput:
    said: sdk.PreToolUseHookSpecificOutput = {"hookEventName": HOOK}
    if verdict is None:
        said["permissionDecision"] = "defer"
    else:
        said["permissionDecision"] = verdict.decision
        if verdict.decision == "deny":
            said["permissionDecisionReason"] = verdict.reason
        elif verdict.updated_input is not None:
            said["updatedInput"] = json.loads(verdict.updated_input)
    return {"hookSpecificOutput": said}
