"""What a driver does with a loop. Owns: stop, retry, handing over, ending. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace

from core import cards, commands, people, reports, wording
from core.commands import Command
from core.effects import Priority
from core.errors import BadInput
from core.events import Author, Posted
from core.ids import IdentityKey
from core.loop import Loop, Status
from core.people import Member
from core.step import admission, consenting, messages, turns
from core.step.draft import Draft
from core.step.voice import failure_card


def here(draft: Draft) -> Loop:
    """Return this thread's loop. Raises BadInput when there is none."""
    if draft.loop is None:
        raise BadInput(
            "This thread has no loop.",
            remedy="`/loop list` shows where the loops are; `/loop <task>` starts one here.",
        )
    return draft.loop


def driven(draft: Draft, member: Member) -> Loop:
    """Return the loop if this member may drive it."""
    loop = here(draft)
    if member.role != "admin" and member.id != draft.driver():
        raise BadInput(
            f"{wording.line(loop.driver_name, 40)} drives this loop.",
            remedy="They can `/loop handoff @you` or `/loop release` it.",
        )
    return loop


def _stop(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    here(draft)
    stop(draft, event.author)


def stop(draft: Draft, author: Author) -> None:
    """Stop what runs; everything made so far stays. Anyone who may talk may stop: stopping is safe."""
    loop = draft.has()
    if not loop.busy and loop.status != "queued":
        raise BadInput("Nothing runs here.", remedy=f"The loop is {loop.status}.")
    turns.withdraw(draft)
    state = loop.turn.state if loop.turn else ""
    notice = f"stopped by {wording.line(author.name, 40)}"
    if state in ("starting", "running"):
        draft.turn(stopped_by=author.name)
        draft.now(notice="stopping")
        draft.interrupt()
    elif state in ("parked", "adrift"):
        turns.close_calls(draft)
        draft.turn(state="ended")
        draft.now(status="idle", notice=notice)
    elif state != "taking":
        draft.now(status="idle", halted=True, notice=notice)
    draft.show_status(priority=Priority.STATUS)


def _retry(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    retry(draft, event, member, command.rest)


def retry(draft: Draft, event: Posted | None, member: Member, words: str) -> None:
    """Take up a failed or stopped loop."""
    loop = driven(draft, member)
    if loop.busy or (loop.status == "queued" and not loop.halted):
        raise BadInput("The loop is at work already.", remedy="`/loop stop` stops it.")
    if loop.condenses is not None and loop.condenses.asked:
        raise BadInput("That waits for somebody's word on the card above.", remedy="Press a button there.")
    if loop.resting:
        loop = wake(draft)
    if not loop.live:
        raise BadInput(
            f"Loop #{loop.handle} is {loop.status}: it is not tried again. What it made is kept.",
            remedy="`/loop <task>` starts a new one in this thread.",
        )
    said = (messages.as_input(event, words, turn=True),) if event and words else ()
    if loop.failure or loop.halted or loop.notice or said or loop.turn is None:
        turns.retry(draft, said)
    else:
        raise BadInput(
            "There is nothing to try again: the last turn ended well.", remedy="Just say what to do next."
        )


def _handoff(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    loop = driven(draft, member)
    remedy = "`/loop handoff @ravi`; they must be a member of the bridge."
    if not event.mentions:
        raise admission.unmentioned(command.rest, "Say who takes over, by mention.", remedy)
    key = next((key for key in event.mentions if draft.desk.people.of(key)), event.mentions[0])
    who = draft.desk.people.of(key)
    if who is None or not people.may(who, "drive"):
        named = dict(zip(event.mentions, event.named, strict=False)).get(key)
        raise BadInput(
            f"{wording.line(named or admission.name_of(draft, key), 40)} can't drive a loop: that takes a member of this bridge.",
            remedy="`/loop people add @them member` makes them one.",
        )
    if who.id == loop.driver and loop.status != "rfd":
        raise BadInput(f"{wording.line(who.name, 40)} drives this loop already.", remedy="Nothing changed.")
    if loop.busy and loop.private and who.id != loop.personal:
        raise BadInput(
            "The loop is at work with your own notes in it.", remedy="`/loop stop` first, then hand it over."
        )
    draft.now(
        driver=who.id,
        driver_identity=key,
        driver_name=who.name,
        status="idle" if loop.status == "rfd" else loop.status,
    )
    _changed(draft, f"{who.name} drives this loop now.{_without_notes(draft)}", notify=(key,))


def _without_notes(draft: Draft) -> str:
    """Take its starter's own layer from a loop that somebody else drives; return the sentence that says so, if there is need."""
    loop = draft.has()
    if loop.personal is None or loop.personal == draft.driver():
        return ""
    # A session that read those notes could tell them on: what comes next begins in one that never saw them.
    fresh = loop.private and bool(loop.session)
    draft.now(personal=None, private=False, session="" if loop.private else loop.session)
    return (
        " It had read its starter’s own notes, so it goes on in a fresh session without them."
        if fresh
        else ""
    )


def _release(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    loop = driven(draft, member)
    if loop.busy:
        raise BadInput("The loop is at work.", remedy="`/loop stop` first, then release it.")
    draft.now(status="rfd")
    _changed(draft, f"{wording.line(loop.driver_name, 40)} let go of this loop. Anyone may `/loop claim` it.")


def _claim(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    claim(draft, event.author, member)


def claim(draft: Draft, author: Author, member: Member) -> None:
    """Make a member the driver of a released loop."""
    loop = here(draft)
    if loop.status != "rfd":
        raise BadInput(
            f"{wording.line(loop.driver_name, 40)} drives this loop.", remedy="They can `/loop release` it."
        )
    draft.now(status="idle", driver=member.id, driver_identity=author.identity, driver_name=author.name)
    _changed(draft, f"{wording.line(author.name, 40)} drives this loop now.{_without_notes(draft)}")


def _listen(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    driven(draft, member)
    if command.rest not in ("driver", "members", "mention"):
        raise BadInput(
            "Listen to whom?",
            remedy="`/loop listen driver`, `/loop listen members` or `/loop listen mention`.",
        )
    draft.now(listen=command.rest)
    whose = {
        "driver": "the driver's replies",
        "members": "every member's replies",
        "mention": "mentions only",
    }[command.rest]
    _changed(draft, f"This loop listens to {whose}.")


def _rename(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    driven(draft, member)
    if not command.rest.strip():
        raise BadInput("Which title?", remedy="`/loop rename Clock bug`.")
    draft.now(title=wording.title_of(command.rest))
    draft.show_status(priority=Priority.STATUS)


def _budget(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    loop = driven(draft, member)
    spent = wording.money(loop.spent_usd)
    if not command.rest:
        cap = (
            f"{wording.money(loop.budget_usd)}, of which {spent}"
            if loop.budget_usd
            else f"no budget; {spent}"
        )
        raise BadInput("Which budget?", remedy=f"The loop has {cap} is spent. `/loop budget 5` sets it.")
    amount = commands.money(command.rest, given="/loop budget")
    if not loop.live and not loop.resting:
        raise BadInput(
            f"Loop #{loop.handle} is {loop.status}.",
            remedy="`/loop --budget 5 <task>` starts a new one in this thread.",
        )
    if amount <= loop.spent_usd:
        raise BadInput(f"The loop has spent {spent} already.", remedy="Give more than that, or `/loop done`.")
    draft.now(budget_usd=amount)
    then = " Press Retry to go on." if loop.failure else " It counts from the next turn." if loop.busy else ""
    _changed(draft, f"This loop may spend {wording.money(amount)} in all; {spent} is spent.{then}")


def _done(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    loop = driven(draft, member)
    if loop.busy:
        raise BadInput("The loop is at work.", remedy="`/loop stop` first.")
    put_away(draft, archive=command.word == "archive")


def put_away(draft: Draft, *, archive: bool = False, rests: bool = False) -> None:
    """End this thread's loop; what it made is kept. One that `rests` keeps its session too, and a failure that can be tried again."""
    consenting.over(draft, rests=rests)
    if not rests:
        give_up(draft)
    draft.now(status="archived" if archive else "done", notice="", resting=rests)
    draft.close_loop(archive=archive and not rests)
    draft.show_status(priority=Priority.STATUS)


def give_up(draft: Draft) -> None:
    """Take Retry off the card of a failure that nobody will try again."""
    loop = draft.has()
    if loop.failure:
        draft.show(failure_card(loop), cards.given_up(loop), priority=Priority.STATUS)
    draft.now(failure="", remedy="")


def wake(draft: Draft) -> Loop:
    """Take a resting loop out again, as it was put away."""
    status: Status = "failed" if draft.has().failure else "idle"
    return draft.now(status=status, resting=False, notice="")


def _changed(draft: Draft, words: str, notify: tuple[IdentityKey, ...] = ()) -> None:
    draft.say(replace(reports.note(words), notify=notify), what="changed")
    draft.show_status(priority=Priority.STATUS)


ORDERS = {
    "stop": _stop, "retry": _retry, "resume": _retry, "handoff": _handoff, "release": _release, "claim": _claim,
    "listen": _listen, "budget": _budget, "rename": _rename, "done": _done, "archive": _done,
}  # fmt: skip
