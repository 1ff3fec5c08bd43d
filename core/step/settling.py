"""How an ask ends: by a decision or by time. Owns: decide, due, expire. Imports: core. Effects: none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from core import askcards, asks, graph, policy, prompts, questions
from core.asks import Ask, Choice
from core.effects import Priority
from core.errors import BadInput
from core.events import AskDue, Author
from core.ids import AskId
from core.people import Member
from core.step import consenting, turns
from core.step.draft import Draft
from core.step.voice import ask_card


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
    """Record a decision and let what waited for it go on. Raises BadInput when the edit or the answer cannot be taken."""
    updated = _updated(draft, ask, edited) if choice == "edit" else ""
    if choice == "answer":
        ask = _answered(draft, ask, edited, author, message)
        if len(ask.answers) < len(questions.read(ask.input)):
            return
        updated = questions.filled(ask)
    done = asks.settle(
        ask, choice, member=member.id, name=author.name, at=draft.at, reason=reason, updated_input=updated
    )
    draft.put_ask(done)
    draft.show_settled(done)
    if ask.kind == "plan" and done.state == "allowed":
        draft.now(planning=False)
    if choice == "loop":
        loop = draft.has()
        draft.now(granted=(*loop.granted, policy.grant(ask.tool, ask.input)))
    _record(draft, done, author, message)
    if done.about == "work":
        consenting.decided(draft, done)
        return
    _go_on(draft, done)


def _answered(draft: Draft, ask: Ask, words: str, author: Author, message: str) -> Ask:
    """Return the ask with one more of its questions answered; the next one, if there is any, is put. Raises BadInput."""
    place, question = questions.current(ask)
    try:
        answer = questions.meant(question, words)
    except BadInput as refusal:
        raise BadInput(
            str(refusal), remedy=f"Answer anew, for example by `answer {ask.handle} …`. It still waits."
        ) from refusal
    more = replace(ask, answers=(*ask.answers, answer))
    draft.put_ask(more)
    if len(more.answers) == len(questions.read(ask.input)):
        return more
    draft.show(
        ask_card(ask), askcards.answered(ask, answer, by=author.name, at=draft.at), priority=Priority.ASK
    )
    _record(draft, replace(more, id=AskId(f"{ask.id}.{place}")), author, message, of=ask)
    draft.put_on_card(more)
    return more


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
            line = f" from line {exc.lineno} on" if isinstance(exc, json.JSONDecodeError) else ""
            raise BadInput(
                f"The edit can't be read{line}: it has to be JSON, as it was shown.",
                remedy="Change the values of the fields alone. The ask still waits.",
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


def _record(draft: Draft, ask: Ask, author: Author, message: str, *, of: Ask | None = None) -> None:
    """Note who decided what, and where. `of` is the ask that this answers a part of."""
    words = f"{ask.state} by {author.name}: {askcards.gist_of(ask)[:2000]}"
    if ask.answers:
        words = f"answered by {author.name}: {questions.settled(replace(ask, answers=ask.answers[:-1]), ask.answers[-1])}"
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
    draft.edge(node, "decided", graph.ask(of.id if of else ask.id))
    if ask.state == "allowed" and ask.about == "call":
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
        if not draft.open_calls():
            turns.carry_on(draft)
        else:
            draft.show_status(priority=Priority.STATUS)
        return
    call = turn.call(ask.call)
    if call is not None and call.state == "asked":
        allowed = ask.state == "allowed"
        draft.put_call(
            replace(
                call,
                state="allowed" if allowed else "denied",
                input=ask.updated_input or call.input,
                note=askcards.undone(ask),
            )
        )
        draft.rule(call, ask, deny="" if allowed else prompts.refusal(ask))
    draft.now(status="waiting" if draft.open_calls() else "running")
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
    if over.about == "call":
        _go_on(draft, over)
