"""Our own tools, as the CLI is offered them. Owns: servers. Imports: claude_agent_sdk, core. Effects: those of the hands.

The server lives in the bridge and speaks over the session's pipes. Whose call it is, is what the session knows: an argument never says it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import claude_agent_sdk as sdk

from adapters.agent import plain
from adapters.agent.options import OURS
from core.errors import LoopbridgeError
from core.ports import Leg, ToolAnswer, ToolHand, ToolUse

log = logging.getLogger(__name__)
NO_TURN = ToolAnswer(text="No turn is running: wait until you are spoken to.", failed=True)
BROKEN = ToolAnswer(
    text="The bridge could not do this. Go on without it and say so in your answer.", failed=True
)


def servers(hands: Sequence[ToolHand], leg: Callable[[], Leg | None]) -> dict[str, Any]:
    """Return what the SDK takes as `mcp_servers`. `leg` returns the one under way, None between two legs."""
    if not hands:
        return {}
    offered = [_offered(hand, leg) for hand in hands]
    return {OURS: sdk.create_sdk_mcp_server(OURS, tools=offered)}


def _offered(hand: ToolHand, leg: Callable[[], Leg | None]) -> sdk.SdkMcpTool[Any]:
    spec = hand.spec

    async def handle(given: dict[str, Any]) -> dict[str, Any]:
        answer = await _carried_out(hand, leg(), given)
        return {"content": [{"type": "text", "text": answer.text}], "is_error": answer.failed}

    return sdk.tool(spec.name, spec.description, dict(spec.schema))(handle)


async def _carried_out(hand: ToolHand, leg: Leg | None, given: dict[str, Any]) -> ToolAnswer:
    if leg is None:
        return NO_TURN
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
