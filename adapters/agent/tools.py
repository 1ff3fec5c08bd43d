"""Our own tools, as the CLI is offered them. Owns: servers. Imports: claude_agent_sdk, core. Effects: those of the hands.

The server lives in the bridge and speaks over the session's pipes. Whose call it is, is what the session knows: an argument never says it.
What comes over the pipes can be forged by whatever runs in the box, past the hook that judges calls: hands hold without any consent, and
are called a bounded number of times.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import claude_agent_sdk as sdk

from adapters.agent import plain
from adapters.agent.options import OURS
from core.errors import LoopbridgeError
from core.ports import Leg, ToolAnswer, ToolHand, ToolUse

AT_ONCE, PER_LEG = 4, 500
log = logging.getLogger(__name__)
NO_TURN = ToolAnswer(text="No turn is running: wait until you are spoken to.", failed=True)
TOO_MANY = ToolAnswer(
    text=f"More than {PER_LEG} calls of the loop's tools in one go: end the turn first.", failed=True
)
BROKEN = ToolAnswer(
    text="The bridge could not do this. Go on without it and say so in your answer.", failed=True
)


def servers(hands: Sequence[ToolHand], leg: Callable[[], Leg | None]) -> dict[str, Any]:
    """Return what the SDK takes as `mcp_servers`. `leg` returns the one under way, None between two legs."""
    if not hands:
        return {}
    door = _Door(leg)
    return {OURS: sdk.create_sdk_mcp_server(OURS, tools=[_offered(hand, door) for hand in hands])}


class _Door:
    """Lets a session's calls in: few at once, and not without end."""

    def __init__(self, leg: Callable[[], Leg | None]) -> None:
        self._leg = leg
        self._places = asyncio.Semaphore(AT_ONCE)
        self._counted: Leg | None = None
        self._calls = 0

    async def call(self, hand: ToolHand, given: dict[str, Any]) -> ToolAnswer:
        """Have a hand carry out a call of the leg under way."""
        async with self._places:
            leg = self._leg()
            if leg is None:
                return NO_TURN
            if leg is not self._counted:
                self._counted, self._calls = leg, 0
            self._calls += 1
            return TOO_MANY if self._calls > PER_LEG else await _carried_out(hand, leg, given)


def _offered(hand: ToolHand, door: _Door) -> sdk.SdkMcpTool[Any]:
    spec = hand.spec

    async def handle(given: dict[str, Any]) -> dict[str, Any]:
        answer = await door.call(hand, given)
        return {"content": [{"type": "text", "text": answer.text}], "is_error": answer.failed}

    return sdk.tool(spec.name, spec.description, dict(spec.schema))(handle)


async def _carried_out(hand: ToolHand, leg: Leg, given: dict[str, Any]) -> ToolAnswer:
    use = ToolUse(
        loop=leg.loop, thread=leg.thread, turn=leg.turn, leg=leg.number, name=hand.spec.name, input=given
    )
    try:
        return await hand(use)
    except LoopbridgeError as exc:
        return ToolAnswer(text=" ".join(part for part in (f"{exc}", exc.remedy) if part), failed=True)
    except Exception as exc:
        log.exception(
            "agent.tool_broke", extra={"loop": leg.loop, "tool": use.name, "why": plain.short(str(exc), 200)}
        )
        return BROKEN
