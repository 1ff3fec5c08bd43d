"""Tool calls and the asks they raise. Owns: judging, and what is told of calls. Imports: core. Effects: none."""

from __future__ import annotations

import json
from dataclasses import replace

from core import askcards, asks, graph, planning, policy, progress, prompts, questions, wording
from core.asks import Ask
from core.errors import BadInput
from core.events import AgentSaid, ToolCalled, ToolEnded
from core.loop import Call
from core.step.draft import Draft, mint

READ_ONLY = progress.READS | progress.SEARCHES
TOO_LARGE = "This input is too large for a person to see whole, so nobody can approve it. Make it smaller."


def called(draft: Draft, event: ToolCalled) -> None:
    """Judge a call: it runs, it waits for a person, or it is refused; a call already decided gets its verdict again."""
    loop = draft.loop
    call = Call(
        id=event.call,
        leg=event.leg,
        tool=event.tool,
        input=event.input,
        digest=event.digest,
        state="asked",
        at=event.at,
    )
    if (
        loop is None
        or loop.turn is None
        or (loop.turn.id, loop.turn.leg) != (event.turn, event.leg)
        or loop.turn.state == "ended"
    ):
        return
    draft.now(notice="", pristine=loop.pristine and event.tool in READ_ONLY)
    if draft.turn().state == "starting":
        draft.turn(state="running")
        draft.now(status="running")
    _note(draft, call)
    known = _decided(draft, call)
    if known is not None:
        _again(draft, call, known)
    else:
        _judge(draft, call, event.why)
    draft.show_status()


def _note(draft: Draft, call: Call) -> None:
    turn = draft.turn()
    node = draft.node(
        graph.call(turn.id, call.id),
        "tool_call",
        f"{call.tool} {progress.OWN_NOTES if progress.alone(call) else call.input[:4000]}",
        tool=call.tool,
        digest=call.digest,
    )
    draft.edge(graph.turn(turn.id), "ran", node)


def _decided(draft: Draft, call: Call) -> Ask | None:
    """Return the ask that already stands for this call: the same call resumed, or the same input repeated after a crash."""
    turn = draft.turn()
    mine = [ask for ask in draft.asks.values() if ask.turn == turn.id and ask.digest == call.digest]
    # A withdrawn ask was decided by nobody: whoever tries again asks again.
    standing = [ask for ask in mine if ask.state != "withdrawn"]
    same = [ask for ask in standing if ask.call == call.id]
    if same:
        return max(same, key=lambda ask: ask.asked_at)
    waiting = {known.id for known in turn.calls if known.state == "asked" and known.leg < call.leg}
    repeated = [ask for ask in standing if ask.call in waiting and not ask.open]
    return max(repeated, key=lambda ask: ask.asked_at, default=None)


def _again(draft: Draft, call: Call, ask: Ask) -> None:
    """Answer a call from the ask that was decided for it. The older call gives its place to this one: it runs once."""
    turn = draft.turn()
    older = next((known for known in turn.calls if known.id == ask.call and known.leg < call.leg), None)
    if older is not None and older.state == "unknown":
        _ask(draft, call, ask.rule, ask.why, after_crash=True)
        return
    if older is not None:
        draft.turn(calls=tuple(known for known in turn.calls if known is not older))
    if ask.open:
        draft.put_call(replace(call, ask=ask.id))
    elif ask.state == "allowed":
        draft.put_call(replace(call, state="allowed", ask=ask.id, input=ask.updated_input or call.input))
        draft.rule(call, ask)
        draft.now(status="waiting" if draft.open_calls() else "running")
    else:
        draft.put_call(replace(call, state="denied", ask=ask.id, note=askcards.undone(ask)))
        draft.rule(call, deny=prompts.refusal(ask))
    if not ask.open and ask.call != call.id:
        # A repeated call has an id of its own; its node hangs on the same decision.
        draft.edge(
            graph.ask(ask.id),
            "allowed" if ask.state == "allowed" else "decided",
            graph.call(turn.id, call.id),
        )


def _judge(draft: Draft, call: Call, why: str) -> None:
    loop, turn = draft.has(), draft.turn()
    verdict = policy.judge(draft.house.policy, loop.granted, call.tool, call.input)
    if loop.planning and call.tool not in asks.KINDS:
        submitted = any(ask.kind == "plan" for ask in draft.open_asks())
        verdict = planning.judge(draft.house.policy, call.tool, call.input, verdict, submitted=submitted)
    lost = any(known.digest == call.digest and known.state == "unknown" and known.ask for known in turn.calls)
    if verdict.action == "deny":
        planned = verdict.rule == planning.RULE
        _refuse(
            draft,
            call,
            planning.NOT_YET
            if planned
            else f"The bridge's rules refuse this ({verdict.rule}). Find another way, or say what you need.",
            note="not while planning" if planned else "against the rules",
        )
    elif call.tool in asks.KINDS:
        _put(draft, call, why)
    elif verdict.action == "allow" and not (lost and call.tool not in READ_ONLY):
        draft.put_call(replace(call, state="allowed"))
        draft.rule(call)
    elif not askcards.approvable(call.tool, call.input):
        _refuse(draft, call, TOO_LARGE, note="too large to be shown")
    else:
        _ask(draft, call, verdict.rule, why, after_crash=lost)


def _refuse(draft: Draft, call: Call, reason: str, *, note: str) -> None:
    draft.put_call(replace(call, state="denied", note=note))
    draft.rule(call, deny=reason)


def _put(draft: Draft, call: Call, why: str) -> None:
    """Put a question or a plan to people, whatever the rules allow: its answer is theirs."""
    if not askcards.approvable(call.tool, call.input):
        _refuse(draft, call, TOO_LARGE, note="too large to be shown")
    elif asks.KINDS[call.tool] == "question":
        try:
            questions.read(call.input)
        except BadInput as refusal:
            _refuse(draft, call, str(refusal), note="not a question that can be put")
        else:
            _ask(draft, call, "a question", why, after_crash=False)
    elif not draft.has().planning:
        _refuse(
            draft, call, "You are not planning: the plan was approved, or none was wanted. Carry on.", note=""
        )
    elif not planning.plan_of(call.input):
        _refuse(draft, call, "There is no plan yet: write it into the plan's file first.", note="no plan yet")
    else:
        _ask(draft, call, "a plan", why, after_crash=False)


def _ask(draft: Draft, call: Call, rule: str, why: str, *, after_crash: bool) -> None:
    ask = mint(draft, call, rule, why)
    draft.put_ask(ask)
    draft.put_call(replace(call, ask=ask.id))
    draft.now(status="waiting")
    node = draft.node(
        graph.ask(ask.id),
        "ask",
        f"{ask.tool}: {askcards.gist(ask.tool, ask.input)[:4000]}",
        handle=ask.handle,
        digest=ask.digest,
    )
    draft.edge(graph.call(draft.turn().id, call.id), "asked", node)
    draft.put_on_card(ask, after_crash=after_crash)


def ended(draft: Draft, event: ToolEnded) -> None:
    """A call is over: tell it on the card, note what it touched."""
    loop = draft.loop
    turn = loop.turn if loop else None
    call = turn.call(event.call) if turn and turn.id == event.turn else None
    if loop is None or turn is None or call is None or call.state in ("ended", "failed", "denied"):
        return
    draft.put_call(replace(call, state="ended" if event.ok else "failed", note=wording.line(event.note, 80)))
    path = json.loads(call.input).get("file_path") if call.tool in progress.EDITS and event.ok else None
    workdir = draft.house.policy.workdir + "/"
    if isinstance(path, str) and path.startswith(workdir) and loop.repo:
        name = path.removeprefix(workdir)
        draft.edge(
            graph.call(turn.id, call.id), "touches", draft.node(graph.path(loop.repo, name), "file", name)
        )
    draft.show_status()


def spoke(draft: Draft, event: AgentSaid) -> None:
    """Words between calls go to the record, not to the thread: the card tells the steps."""
    if draft.loop and draft.loop.turn and draft.loop.turn.id == event.turn and draft.loop.notice:
        draft.now(notice="")
