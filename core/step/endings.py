"""How legs and turns end. Owns: what follows from TurnResult, WorkTaken, TurnBroke and their like. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace

from core import cards, graph, landing, memorycards, prompts, reports, wording
from core.effects import Priority
from core.events import (
    PrepareFailed,
    TurnBroke,
    TurnInterrupted,
    TurnParked,
    TurnResult,
    WorkStuck,
    WorkTaken,
)  # fmt: skip
from core.step import consenting, distilling, scheduling, turns
from core.step.draft import Draft
from core.step.voice import failure_card


def prepare_failed(draft: Draft, event: PrepareFailed) -> None:
    """The folder could not be made: say so; Retry makes it again."""
    loop = draft.loop
    if loop is None or loop.id != event.loop or event.attempt != loop.attempts:
        return
    fail(draft, event.what, event.remedy)


def result(draft: Draft, event: TurnResult) -> None:
    """The agent answered (or the model failed it)."""
    if not turns.current(draft, event):
        return
    turns.withdraw(draft)
    if event.error:
        turns.close_calls(draft)
        fail(draft, event.error, event.remedy)
        return
    loop = draft.now(session=event.session, notice="")
    turns.close_calls(draft)
    fresh = [entry for entry in loop.inputs if entry.turn]
    if fresh and not draft.turn().looked:
        draft.turn(looked=True)
        turns.take_inputs(draft)
        turns.another_leg(draft, prompts.before_answer(loop.inputs))
        return
    draft.turn(answer=event.text, state="taking")
    if loop.repo and not loop.pristine:
        draft.take_work()
    else:
        finish(draft, None)


def taken(draft: Draft, event: WorkTaken) -> None:
    """The commits are out (or objected to): note them, then answer."""
    if not turns.current(draft, event):
        return
    loop, turn = draft.has(), draft.turn()
    repo = draft.node(graph.repo(event.repo), "repo", event.repo) if event.repo else ""
    for commit in event.commits if event.where else ():
        key = draft.node(
            graph.commit(event.repo, commit.sha),
            "commit",
            commit.subject,
            branch=event.branch,
            sha=commit.sha,
        )
        draft.edge(graph.turn(turn.id), "produced", key)
        draft.edge(key, "tagged", repo)
        for name, _, _ in commit.files:
            draft.edge(key, "touches", draft.node(graph.path(event.repo, name), "file", name))
    if event.commits and event.where:
        draft.now(base=event.commits[-1].sha)
    standing = consenting.before(draft, event)
    asks = landing.may_be_asked(event)
    if asks and standing is not None:
        # What was asked about before is no news: the answer says in a word how it stands.
        finish(draft, replace(event, commits=()), more=landing.still(standing))
        return
    finish(draft, event)
    if asks:
        consenting.ask(draft, event)
    elif event.objections:
        draft.say(cards.objections(event), what=f"objections:{loop.id}")


def stuck(draft: Draft, event: WorkStuck) -> None:
    """The commits could not be brought out: answer all the same, and say what became of them."""
    if turns.current(draft, event):
        finish(draft, None, more=f"{event.what} The commits are kept in the loop's clone. {event.remedy}")


def finish(draft: Draft, work: WorkTaken | None, *, more: str = "") -> None:
    """Post the answer, settle the card, and go on with what was said meanwhile."""
    turn = draft.turn(state="ended")
    loop = draft.now(status="idle")
    if distilling.ended(draft):
        return
    draft.show_status(priority=Priority.STATUS)
    draft.say(
        cards.answer(loop, turn, work, at=draft.at, secret=draft.house.secret, more=more),
        what=f"answer:{turn.id}",
    )
    scheduling.over(draft, ok=True)
    turns.next_turn(draft)


def parked(draft: Draft, event: TurnParked) -> None:
    """The session was put away at a call; if its ask was decided in that very moment, bring it back."""
    if not turns.current(draft, event):
        return
    turn = draft.turn(state="parked", session=event.session)
    ask = next(
        (ask for ask in draft.asks.values() if ask.call == event.call and ask.turn == event.turn), None
    )
    if ask is None:
        # Its verdict came too late, so it never ran: it comes again, and is one step.
        draft.turn(calls=tuple(call for call in turn.calls if call.id != event.call))
    if ask is None or not ask.open:
        turns.another_leg(draft, "", resume_at_call=True)


def broke(draft: Draft, event: TurnBroke) -> None:
    """The agent's process ended early: by a person's wish, or not."""
    if not turns.current(draft, event):
        return
    turns.withdraw(draft)
    turns.close_calls(draft)
    if event.lost:
        draft.now(session="")
    if event.stopped:
        _tell_learned(draft)
        who = wording.line(draft.turn().stopped_by, 40)
        draft.turn(state="ended", stopped_by="")
        draft.now(status="idle", notice=f"stopped by {who}" if who else "stopped")
        draft.show_status(priority=Priority.STATUS)
        turns.next_turn(draft)
    else:
        fail(draft, event.what, event.remedy)


def interrupted(draft: Draft, event: TurnInterrupted) -> None:
    """The bridge was away: say so, and carry on, or wait on for the people who are asked."""
    if not turns.current(draft, event) or draft.turn().state not in ("starting", "running"):
        # Its end had been told before the bridge went away; whatever follows from that is under way.
        return
    running = [call for call in draft.turn().calls if call.state == "allowed"]
    turns.close_calls(draft)
    loop = draft.has()
    waiting = draft.open_calls()
    new = len([entry for entry in loop.inputs if entry.turn])
    names = tuple({"Bash": "the command"}.get(call.tool, call.tool) for call in running[-1:])
    draft.say(
        cards.back(loop, event.down_for, running=names, new=0 if waiting else new, waiting=bool(waiting)),
        what="back",
    )
    if waiting:
        draft.turn(state="adrift")
        draft.now(status="waiting")
        draft.show_status(priority=Priority.STATUS)
        return
    turns.carry_on(draft)


def fail(draft: Draft, what: str, remedy: str) -> None:
    """Put the loop down with what happened; Retry takes it up again."""
    _tell_learned(draft)
    if draft.has().turn is not None:
        draft.turn(state="ended")
    distilling.shows(draft)
    loop = draft.now(status="failed", failure=what, remedy=remedy, notice="")
    draft.show_status(priority=Priority.STATUS)
    message = cards.failure(loop, secret=draft.house.secret)
    draft.say(message, what=f"failure:{loop.id}", card=failure_card(loop))
    scheduling.over(draft, ok=False)


def _tell_learned(draft: Draft) -> None:
    """Say what a turn promoted when no answer will; a retry does not say it again."""
    loop, turn = draft.has(), draft.has().turn
    if turn is not None and (turn.learned or turn.learned_alone):
        words = memorycards.announced(turn.learned, turn.learned_alone, name=loop.driver_name)
        draft.say(reports.note(words), what=f"learned:{turn.id}")
        draft.turn(learned=(), learned_alone=())
    if turn is not None and turn.told:
        draft.say(reports.note("\n".join(turn.told)), what=f"told:{turn.id}")
        draft.turn(told=())
