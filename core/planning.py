"""A loop that plans before it acts. Owns: what it may do meanwhile, the card of its plan. Imports: core. Effects: none.

While a loop plans it looks and asks, and writes its plan; what would change anything is refused, whoever allowed it before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from core import asks, policy, progress, wording
from core.asks import Ask
from core.errors import Refused
from core.ids import IdentityKey
from core.loop import Loop
from core.message import Attachment, Block, Button, Buttons, Message, Text
from core.policy import Judgement, Policy

TOOL = "ExitPlanMode"
SHOWN_WHOLE = 6_000  # characters; a longer plan goes along as a file
# Of our own tools, those that change what others read.
LASTING = frozenset({"mcp__loop__promote", "mcp__loop__remember"})
RULE = "planning"
NOT_YET = "You are planning: nothing is changed and nothing that needs a person's yes is run before your plan is approved. Put it into the plan."


def plan_of(arguments: str) -> str:
    """Return the plan that a call hands in, "" when there is none."""
    plan = json.loads(arguments).get("plan")
    return plan.strip() if isinstance(plan, str) else ""


def judge(rules: Policy, tool: str, arguments: str, verdict: Judgement, *, submitted: bool) -> Judgement:
    """Return what becomes of a call while the loop plans, given what the rules say. `submitted`: a plan waits for its yes."""
    if tool in progress.EDITS and policy.is_plan(rules, arguments) and not submitted:
        return Judgement(action="allow", rule="the plan's own file")
    if verdict.action != "allow" or tool in progress.EDITS or tool in LASTING:
        return Judgement(action="deny", rule=RULE)
    return verdict


def gate(loop: Loop) -> None:
    """Raise Refused while a loop plans. For what its session asks of the bridge: a forged call never went through `judge`."""
    if loop.planning:
        raise Refused(NOT_YET)


def put(ask: Ask, *, notify: Sequence[IdentityKey], driver: str, expires_in: str) -> Message:
    """Return the card of a plan that waits for its yes."""
    plan = wording.visible(plan_of(ask.input))
    blocks: list[Block] = []
    if len(plan) > SHOWN_WHOLE:
        shown = plan[:SHOWN_WHOLE].rsplit("\n", 1)[0]
        blocks.append(Text(text=f"{shown}\n… (the whole plan, {len(plan):,} characters, is in the file)"))
        blocks.append(Attachment(name=f"plan-{ask.handle}.md", content=plan))
    else:
        blocks.append(Text(text=plan))
    blocks.append(
        Text(text=f"ask {ask.handle} · expires in {expires_in} · nothing is changed before it is approved")
    )
    blocks.append(Buttons(ask=ask.handle, buttons=(
        Button(label="Approve", token=asks.token(ask, "once"), style="primary"),
        Button(label="Change…", token=asks.token(ask, "deny"), style="danger", wants_text="What should change? (the agent is told)"),
    )))  # fmt: skip
    title = "here is my plan. Shall I go by it?"
    return Message(
        title=title if notify else f"{wording.line(driver, 40)}, {title}",
        blocks=tuple(blocks),
        notify=tuple(notify),
    )
