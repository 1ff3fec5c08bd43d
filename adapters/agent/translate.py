"""SDK messages → events. Owns: Reader. Imports: claude_agent_sdk, core. Effects: none.

Everything in a message is untrusted: it comes from a process that runs what the agent wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import claude_agent_sdk as sdk

from adapters.agent import faults, notes, plain
from core.events import (
    AgentSaid,
    Event,
    ToolCalled,
    ToolEnded,
    TurnBroke,
    TurnParked,
    TurnQueued,
    TurnResult,
    TurnStarted,
)
from core.ids import CallId
from core.policy import digest
from core.ports import Clock, Leg

WHY = 300  # characters
SAID = 20_000
ANSWER = 200_000
REFUSING = frozenset({401, 403})  # trying again gives the same answer

End = TurnResult | TurnParked | TurnBroke


class Reader:
    """What the messages of one leg mean, in their order. `uuid` marks the prompt of this leg, empty when it has none."""

    def __init__(self, leg: Leg, clock: Clock, *, uuid: str = "") -> None:
        self.unfinished: set[CallId] = set()  # calls of the main thread that have no result yet
        self.refused: End | None = None  # the model's side will not take it, however often the CLI tries
        self._leg = leg
        self._clock = clock
        self._uuid = uuid
        self._ran: dict[CallId, tuple[str, Mapping[str, Any]]] = {}
        self._said = 0
        self._text = ""  # what was said and not told yet: the answer, unless a call follows
        self._before = ""  # what was said just before the newest call

    def called(self, call: CallId, tool: str, arguments: str) -> ToolCalled:
        """Return the event for a call that is to be judged. Raises UnicodeEncodeError when its input is not text."""
        fields = json.loads(arguments)
        described = fields.get("description") if isinstance(fields, dict) else None
        why = self._before or self._text or (described if isinstance(described, str) else "")
        return ToolCalled(
            **self._of(),
            call=call,
            tool=plain.short(tool, 200),
            input=arguments,
            digest=digest(tool, arguments),
            why=plain.short(why, WHY),
        )

    def ran(self, call: CallId, tool: str, arguments: str) -> None:
        """Note that a call was let through with this input: its end will be told."""
        self._ran[call] = (tool, json.loads(arguments))

    def read(self, message: object) -> Iterator[Event]:
        """Yield the events of a message, in order."""
        match message:
            case sdk.AssistantMessage(parent_tool_use_id=None, error=None):
                yield from self._assistant(message.content)
            case sdk.UserMessage(content=list(blocks)):
                yield from self._results(blocks)
            case sdk.SystemMessage(subtype="api_retry") if message.data.get("error_status") in REFUSING:
                self.refused = self._failed(message.data["error_status"], "", "")

    def end(self, message: object) -> End | None:
        """Return the leg's last event if this message is its end."""
        if not isinstance(message, sdk.ResultMessage):
            return None
        if self.refused is not None:
            return self.refused
        if message.stop_reason == "tool_deferred" and message.deferred_tool_use is not None:
            return TurnParked(
                **self._of(), call=CallId(message.deferred_tool_use.id), session=self._leg.session
            )
        if message.is_error:
            said = "; ".join(message.errors or ()) or message.result or ""
            return self._failed(message.api_error_status, message.subtype, said)
        if self._uuid and self._uuid not in (message.user_message_uuids or ()):
            # An earlier turn of the session came to its end (a resumed call, say); this leg's prompt is still to be taken up.
            self._text = ""
            return None
        return TurnResult(
            **self._of(), text=plain.whole(message.result or self._text, ANSWER), session=self._leg.session
        )

    def started(self) -> TurnStarted:
        """Return the event that says that the agent has the prompt."""
        return TurnStarted(**self._of(), session=self._leg.session)

    def queued(self, ahead: int) -> TurnQueued:
        """Return the event that says how many are before this leg."""
        return TurnQueued(**self._of(), ahead=ahead)

    def broke(self, what: str, remedy: str, *, stopped: bool = False, lost: bool = False) -> TurnBroke:
        """Return the end of a leg whose process ended early."""
        return TurnBroke(**self._of(), what=what, remedy=remedy, stopped=stopped, lost=lost)

    def _assistant(self, blocks: Sequence[object]) -> Iterator[Event]:
        for block in blocks:
            if isinstance(block, sdk.TextBlock):
                self._text = "\n\n".join(
                    part for part in (self._text, plain.whole(block.text, SAID).strip()) if part
                )
            elif isinstance(block, sdk.ToolUseBlock):
                if self._text:
                    self._said += 1
                    yield AgentSaid(**self._of(), number=self._said, text=self._text)
                    self._before, self._text = self._text, ""
                self.unfinished.add(CallId(block.id))

    def _results(self, blocks: Sequence[object]) -> Iterator[Event]:
        for block in blocks:
            if not isinstance(block, sdk.ToolResultBlock):
                continue
            self._before = ""
            call = CallId(block.tool_use_id)
            self.unfinished.discard(call)
            if (ran := self._ran.pop(call, None)) is not None:
                ok = not block.is_error
                yield ToolEnded(
                    **self._of(), call=call, ok=ok, note=notes.note(*ran, _output(block.content), ok=ok)
                )

    def _failed(self, status: int | None, subtype: str, text: str) -> TurnResult:
        error, remedy = faults.of_result(status=status, subtype=subtype, text=text)
        return TurnResult(**self._of(), text="", session=self._leg.session, error=error, remedy=remedy)

    def _of(self) -> dict[str, Any]:
        leg = self._leg
        return {
            "lane": leg.thread,
            "at": self._clock.now(),
            "loop": leg.loop,
            "turn": leg.turn,
            "leg": leg.number,
        }


def _output(content: str | Sequence[Mapping[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
