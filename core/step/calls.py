"""Tool calls and the asks they raise. Owns: judging, deciding, expiry. Imports: core. Effects: none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from core import askcards, asks, graph, policy, progress, prompts, wording
from core.asks import Ask, Choice
from core.effects import Priority
from core.errors import BadInput
from core.events import AgentSaid, AskDue, Author, ToolCalled, ToolEnded
from core.loop import Call
from core.people import Member
from core.step import turns
from core.step.draft import Draft, ask_card, mint

READ_ONLY = progress.READS | progress.SEARCHES


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
    draft.now(notice="")
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
        f"{call.tool} {call.input[:4000]}",
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
        draft.now(status="waiting" if draft.open_asks() else "running")
    else:
        draft.put_call(replace(call, state="denied", ask=ask.id))
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
    lost = any(known.digest == call.digest and known.state == "unknown" and known.ask for known in turn.calls)
    if verdict.action == "deny":
        draft.put_call(replace(call, state="denied", note="against the rules"))
        draft.rule(
            call,
            deny=f"The bridge's rules refuse this ({verdict.rule}). Find another way, or say what you need.",
        )
    elif verdict.action == "allow" and not (lost and call.tool not in READ_ONLY):
        draft.put_call(replace(call, state="allowed"))
        draft.rule(call)
    elif not askcards.approvable(call.tool, call.input):
        draft.put_call(replace(call, state="denied", note="too large to be shown"))
        draft.rule(
            call,
            deny="This input is too large for a person to see whole, so nobody can approve it. Make it smaller.",
        )
    else:
        _ask(draft, call, verdict.rule, why, after_crash=lost)


def _ask(draft: Draft, call: Call, rule: str, why: str, *, after_crash: bool) -> None:
    ask = mint(draft, call, rule, why)
    draft.put_ask(ask)
    draft.put_call(replace(call, ask=ask.id))
    loop = draft.now(status="waiting")
    node = draft.node(
        graph.ask(ask.id),
        "ask",
        f"{ask.tool}: {askcards.shown(ask.tool, ask.input)[:4000]}",
        handle=ask.handle,
        digest=ask.digest,
    )
    draft.edge(graph.call(draft.turn().id, call.id), "asked", node)
    message = askcards.put(
        ask,
        notify=draft.callable_deciders(),
        driver=loop.driver_name,
        expires_in=wording.duration((ask.expires_at - ask.asked_at).total_seconds()),
        after_crash=after_crash,
    )
    draft.say(message, what=f"ask:{ask.id}", priority=Priority.ASK, card=ask_card(ask))


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


def decide(
    draft: Draft,
    ask: Ask,
    choice: Choice,
    *,
    member: Member,
    author: Author,
    message: str,
    reason: str = "",
    edited: str = "",
) -> None:
    """Record a decision and let what waited for it go on. Raises BadInput when the edit cannot be taken."""
    updated = _updated(draft, ask, edited) if choice == "edit" else ""
    done = asks.settle(
        ask, choice, member=member.id, name=author.name, at=draft.at, reason=reason, updated_input=updated
    )
    draft.put_ask(done)
    draft.show_settled(done)
    if choice == "loop":
        loop = draft.has()
        draft.now(granted=(*loop.granted, policy.grant(ask.tool, ask.input)))
    _record(draft, done, author, message)
    _go_on(draft, done)


def _updated(draft: Draft, ask: Ask, edited: str) -> str:
    """Return the whole input that is to run instead. Raises BadInput when it is none, or when the rules refuse it."""
    fields = json.loads(ask.input)
    if not edited.strip():
        raise BadInput(
            "The edit is empty.",
            remedy=f"Say what should run instead: `edit {ask.handle} <command>`. The ask still waits.",
        )
    if ask.tool == "Bash":
        fields["command"] = edited
    else:
        try:
            fields = json.loads(edited)
        except ValueError as exc:
            raise BadInput(
                f"The edit is not JSON ({exc}).",
                remedy="Change the values of the fields shown. The ask still waits.",
            ) from exc
        if not isinstance(fields, dict):
            raise BadInput(
                "The edit is no JSON object.",
                remedy="Keep the fields of the ask as they are named. The ask still waits.",
            )
    updated = json.dumps(fields, ensure_ascii=False)
    verdict = policy.judge(draft.house.policy, (), ask.tool, updated)
    if verdict.action == "deny":
        raise BadInput(
            f"The bridge's rules refuse the edited call ({verdict.rule}).", remedy="The ask still waits."
        )
    return updated


def _record(draft: Draft, ask: Ask, author: Author, message: str) -> None:
    words = f"{ask.state} by {author.name}: {askcards.shown(ask.tool, ask.updated_input or ask.input)[:2000]}"
    node = draft.node(
        graph.decision(ask.id),
        "decision",
        words,
        state=ask.state,
        choice=ask.choice or "",
        reason=ask.reason,
        where=message,
    )
    person = draft.node(graph.person(author.identity), "person", author.name)
    draft.edge(node, "by", person)
    draft.edge(node, "decided", graph.ask(ask.id))
    if ask.state == "allowed":
        draft.edge(node, "allowed", graph.call(ask.turn, ask.call))


def _go_on(draft: Draft, ask: Ask) -> None:
    """Let the session hear the verdict: at once where it waits, by a new leg where it was put away or lost."""
    loop = draft.has()
    turn = loop.turn
    if turn is None or turn.id != ask.turn or turn.state == "ended":
        return
    if turn.state == "parked":
        turns.another_leg(draft, "", resume_at_call=True)
        return
    if turn.state == "adrift":
        if not draft.open_asks():
            turns.carry_on(draft)
        else:
            draft.show_status(priority=Priority.STATUS)
        return
    call = turn.call(ask.call)
    if call is not None and call.state == "asked":
        allowed = ask.state == "allowed"
        draft.put_call(
            replace(call, state="allowed" if allowed else "denied", input=ask.updated_input or call.input)
        )
        draft.rule(call, ask, deny="" if allowed else prompts.refusal(ask))
    draft.now(status="waiting" if draft.open_asks() else "running")
    draft.show_status(priority=Priority.STATUS)


def due(draft: Draft, event: AskDue) -> None:
    """An ask has waited long: remind once, then let it expire, which is not a no."""
    ask = draft.asks.get(event.ask)
    if ask is None or not ask.open or draft.loop is None:
        return
    if event.stage == "remind":
        draft.say(
            askcards.reminder(ask, notify=draft.callable_deciders(), now=draft.at),
            what=f"remind:{ask.id}",
            priority=Priority.ASK,
        )
        return
    expire(draft, ask, draft.at)


def expire(draft: Draft, ask: Ask, at: datetime) -> None:
    """Let an ask expire and tell the agent so."""
    over = replace(ask, state="expired", decided_at=at)
    draft.put_ask(over)
    draft.show_settled(over)
    _go_on(draft, over)
