"""The life of a turn. Owns: its beginnings and legs, and what comes back after a cut. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace

from core import asks, cards, graph, prompts
from core.effects import Assemble, Priority
from core.events import (
    CapsuleMade,
    Prepared,
    ThreadRead,
    TurnBroke,
    TurnInterrupted,
    TurnParked,
    TurnQueued,
    TurnResult,
    TurnStarted,
    WorkStuck,
    WorkTaken,
)  # fmt: skip
from core.ids import message_key, session_id, turn_id
from core.loop import Input, Turn
from core.step import messages
from core.step.draft import Draft
from core.step.voice import failure_card


def thread_read(draft: Draft, event: ThreadRead) -> None:
    """The earlier thread is known: note it, then make the folder."""
    loop = draft.loop
    if loop is None or loop.id != event.loop or loop.attempts:
        return
    for message in event.messages:
        messages.note(draft, message)
        messages.give_files(draft, message.files)
    if event.failed:
        draft.now(thread_note=f"the earlier thread (it could not be read: {event.failed})")
    draft.now(thread_size=len(event.messages) + event.left_out)
    draft.prepare()


def prepared(draft: Draft, event: Prepared) -> None:
    """The folder stands: put the receipt on the card and begin the first turn."""
    loop = draft.loop
    if loop is None or loop.id != event.loop or loop.prepared:
        return
    loop = draft.now(
        prepared=True, pristine=True, base=event.base, first_base=event.base, branch=event.branch, receipt=received(draft, event, event.files),
        pinned=event.layers, private=event.private,
    )  # fmt: skip
    given = {*event.messages, *event.others}
    if given & set(loop.excluded) or any(entry.key not in given for entry in loop.added):
        assemble(draft)  # somebody said so while it was made
    if loop.halted or not loop.live:
        draft.show_status(priority=Priority.STATUS)
        return
    begin(draft, prompts.task(loop), trigger=loop.trigger)


def received(draft: Draft, event: Prepared | CapsuleMade, files: int) -> str:
    """Note what a capsule holds; return the receipt's line."""
    for key in (*event.messages, *event.others):
        draft.edge(graph.loop(draft.has().id), "ingested", key)
    return cards.receipt(event, files)


def assemble(draft: Draft) -> None:
    """Have the capsule written anew, if there is one yet."""
    loop = draft.has()
    if loop.prepared and loop.live:
        draft.effects.append(Assemble(key=draft.key("assemble"), lane=draft.lane, loop=loop.id))


def begin(draft: Draft, prompt: str, *, trigger: str) -> None:
    """Begin a new turn with everything said so far."""
    loop = draft.now(turns=draft.has().turns + 1, failure="", remedy="", notice="", halted=False)
    turn = Turn(
        id=turn_id(loop.id, loop.turns),
        number=loop.turns,
        prompt="\n\n".join(
            part for part in (prompt, prompts.news(loop.news), prompts.said(loop.inputs)) if part
        ),
        started_at=draft.at,
        trigger=trigger,
    )
    for entry in loop.inputs:
        messages.give_files(draft, entry.files)
    draft.now(turn=turn, inputs=(), news=(), status="queued")
    node = draft.node(graph.turn(turn.id), "turn", prompt[:4000], number=str(turn.number))
    draft.edge(graph.loop(loop.id), "ran", node)
    if trigger:
        draft.edge(node, "ingested", graph.message(message_key(loop.thread, trigger)))
    for entry in loop.inputs:
        draft.edge(node, "ingested", graph.message(message_key(loop.thread, entry.message)))
    start_leg(draft, turn.prompt)
    draft.show_status(priority=Priority.STATUS)


def next_turn(draft: Draft) -> None:
    """Begin a turn if anything said asks for one."""
    loop = draft.has()
    asking = [entry for entry in loop.inputs if entry.turn]
    if asking and not loop.busy and loop.live and loop.prepared:
        begin(draft, "", trigger=asking[-1].message)


def start_leg(draft: Draft, prompt: str, *, resume_at_call: bool = False) -> None:
    """Run the turn's current leg: in the loop's session when a result was seen in it, else in a fresh one."""
    loop, turn = draft.has(), draft.turn()
    if resume_at_call:
        session, resume = turn.session, True
    elif loop.session:
        session, resume = loop.session, True
    else:
        session, resume = session_id(turn.id, turn.leg), False
        prompt = prompts.afresh(loop, prompt)
    draft.turn(session=session, state="starting")
    # A session that was put away at its plan has to be told there what became of it.
    at_plan = resume_at_call and any(
        call.state == "asked" and asks.KINDS.get(call.tool) == "plan" for call in turn.calls
    )
    draft.run_leg(session=session, resume=resume, prompt=prompt, plan=loop.planning or at_plan)


def another_leg(draft: Draft, prompt: str, *, resume_at_call: bool = False) -> None:
    """Go on with the turn in a new leg."""
    draft.turn(leg=draft.turn().leg + 1)
    draft.now(status="running", failure="", remedy="", notice="")
    start_leg(draft, prompt, resume_at_call=resume_at_call)
    draft.show_status(priority=Priority.STATUS)


def current(
    draft: Draft,
    event: TurnQueued
    | TurnStarted
    | TurnResult
    | TurnParked
    | TurnBroke
    | TurnInterrupted
    | WorkTaken
    | WorkStuck,
) -> bool:
    """Whether an event speaks of the leg that is under way; echoes of older legs change nothing."""
    turn = draft.loop.turn if draft.loop else None
    return turn is not None and (turn.id, turn.leg) == (event.turn, event.leg) and turn.state != "ended"


def queued(draft: Draft, event: TurnQueued) -> None:
    if current(draft, event) and draft.turn().state == "starting":
        draft.turn(queued_behind=event.ahead)
        draft.now(status="queued")
        draft.show_status()


def started(draft: Draft, event: TurnStarted) -> None:
    if current(draft, event) and draft.turn().state == "starting":
        draft.turn(state="running", session=event.session, queued_behind=0)
        draft.now(status="running")
        draft.show_status()


def carry_on(draft: Draft) -> None:
    """Go on after an interruption: the agent is told what was done, what is uncertain and what was decided."""
    loop, turn = draft.has(), draft.turn()
    pending = {call.id for call in turn.calls if call.state == "asked"}
    decided = [
        ask for ask in draft.asks.values() if ask.turn == turn.id and ask.call in pending and not ask.open
    ]
    prompt = prompts.interrupted(loop, turn, decided, loop.inputs)
    take_inputs(draft)
    another_leg(draft, prompt)


def retry(draft: Draft, inputs: tuple[Input, ...] = ()) -> None:
    """Take up what failed or was stopped: the folder, or the turn."""
    loop = draft.has()
    if loop.failure:
        draft.show(failure_card(loop), cards.tried_again(loop), priority=Priority.STATUS)
    draft.now(inputs=(*loop.inputs, *inputs), halted=False)
    if not loop.prepared:
        draft.prepare()
        draft.show_status(priority=Priority.STATUS)
        return
    turn = loop.turn
    if turn is None:
        begin(draft, prompts.task(loop), trigger=loop.trigger)
        return
    prompt = prompts.again(
        turn, loop.failure or "it was stopped.", draft.has().inputs, fresh=not loop.session
    )
    take_inputs(draft)
    draft.turn(started_at=draft.at, looked=False)
    another_leg(draft, prompt)


def take_inputs(draft: Draft) -> None:
    """Count what was said as delivered with this turn."""
    loop = draft.has()
    for entry in loop.inputs:
        messages.give_files(draft, entry.files)
    for entry in loop.inputs:
        draft.edge(
            graph.turn(draft.turn().id), "ingested", graph.message(message_key(loop.thread, entry.message))
        )
    draft.now(inputs=())


def withdraw(draft: Draft) -> None:
    """End the open asks of a turn that is over."""
    for ask in draft.open_calls():
        over = replace(ask, state="withdrawn")
        draft.put_ask(over)
        draft.show_settled(over)
        call = draft.turn().call(ask.call) if draft.has().turn is not None else None
        if call is not None and call.state == "asked":
            draft.put_call(replace(call, state="denied", note="withdrawn"))


def close_calls(draft: Draft) -> None:
    """A call that was allowed and never ended has an unknown outcome."""
    turn = draft.turn()
    draft.turn(
        calls=tuple(
            replace(call, state="unknown") if call.state == "allowed" else call for call in turn.calls
        )
    )
