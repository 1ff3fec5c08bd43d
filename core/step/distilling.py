"""Loops that condense what was said. Owns: the word `distill`, due, pressed, ended. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace

from core import distill, graph, landing, layers, people, timecards
from core.commands import Command
from core.effects import Chore, Distil, Priority
from core.events import Author, DistillDue, Posted, Pressed
from core.ids import CardKey, LoopId, ThreadKey, Token, derived
from core.loop import Condensing, Loop
from core.people import Member
from core.step import claims, consenting, driving, starting
from core.step.draft import Draft

ROUNDS = 5  # of one tick: a long past costs no more than that in a day


def order(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Look for what is to be distilled. Raises BadInput for a span that cannot be read."""
    first, _, rest = command.rest.strip().partition(" ")
    if first == "loop":
        driving.here(draft)
    draft.effects.append(
        Distil(
            key=draft.key("distil"),
            lane=draft.lane,
            what="since"
            if first == "since"
            else "thread"
            if first == "thread"
            else "loop"
            if first == "loop"
            else "new",
            author=event.author,
            message=event.message,
            via=event.via,
            since=distill.span(rest, draft.at) if first == "since" else None,
        )
    )


def due(draft: Draft, event: DistillDue) -> None:
    """Begin a loop on what is to be distilled. What cannot begin now is due again the next time: nothing is marked as done."""
    member = draft.desk.people.of(event.driver)
    loop = draft.loop
    if not event.sources and not event.claims:
        _refuse(
            draft,
            event,
            "Nothing new was said here since it was last distilled.",
            "`/loop distill thread` takes the whole thread.",
        )
    elif member is None or not people.may(member, "start"):
        _refuse(draft, event, "Only members can have something distilled.")
    elif loop is not None and loop.live and (loop.busy or loop.status in ("queued", "waiting", "rfd")):
        _refuse(draft, event, f"Loop #{loop.handle} is at work here.", "Ask again once it has finished.")
    elif loop is not None and loop.live and (commits := consenting.pending(draft)) is not None:
        _refuse(
            draft,
            event,
            f"Loop #{loop.handle} has commits that have not landed. {landing.still(commits)}",
            "Ask again once they have, or were left.",
        )
    else:
        if loop is not None and loop.live:
            driving.put_away(draft)
        _begin(draft, event, member)


def _refuse(draft: Draft, event: DistillDue, what: str, remedy: str = "") -> None:
    if event.asked:
        draft.tell(event.driver, what, remedy)


def _begin(draft: Draft, event: DistillDue, member: Member) -> None:
    given = Condensing(
        audience=event.audience, sources=event.sources, claims=event.claims, marks=event.marks, left_out=event.left_out,
        quiet=not event.asked, asked=not event.shared, round=event.round,
    )  # fmt: skip
    author = Author(identity=event.driver, name=member.name)
    loop = Loop(
        id=LoopId(derived("loop", event.dedup)), thread=draft.lane, title="Distil what was said", task=distill.TASK, driver=member.id,
        driver_identity=event.driver, driver_name=member.name, created_at=draft.at, updated_at=draft.at, trigger=event.asked,
        model=draft.house.model, budget_usd=draft.house.budget_usd, with_thread=False, condenses=given,
    )  # fmt: skip
    begin = starting.Beginning(seed=event.dedup, member=member.id, author=author, message=event.asked)
    starting.put(draft, loop, begin, waits=given.asked)
    if given.asked:
        card = timecards.asks_to_share(
            len(event.sources), allow=_token(draft, "allow"), refuse=_token(draft, "refuse")
        )
        draft.say(card, what="share", priority=Priority.ASK, card=_card(draft))


# ── what was said among few ──────────────────────────────────────────────────────────────────────────────────────────


def pressed(draft: Draft, event: Pressed, member: Member | None) -> bool:
    """Take the word that lets what was said here reach everybody, or keeps it here. False for a button of something else."""
    loop = draft.loop
    if loop is None or not loop.live or loop.condenses is None or not loop.condenses.asked:
        return False
    choice = next((one for one in ("allow", "refuse") if _token(draft, one) == event.token), None)
    if choice is None:
        return False
    if member is None or event.author.bot or not people.may(member, "drive"):
        draft.tell(event.author.identity, "That is for members who read along here to say. It still waits.")
        return True
    draft.now(condenses=replace(loop.condenses, asked=False))
    state = "allowed" if choice == "allow" else "denied"
    draft.show(_card(draft), timecards.shared(state, event.author.name, draft.at), priority=Priority.ASK)
    _record(draft, loop, event, state)
    if choice == "allow":
        draft.prepare()
        draft.show_status(priority=Priority.STATUS)
    else:
        driving.put_away(draft)
    return True


def _record(draft: Draft, loop: Loop, event: Pressed, state: str) -> None:
    words = f"{state} by {event.author.name}: condensing {len(loop.condenses.sources) if loop.condenses else 0} messages of this thread for everybody"
    node = draft.node(
        f"decision:share/{derived('distil', loop.id)}", "decision", words, state=state, where=event.press
    )
    draft.edge(node, "by", draft.node(graph.person(event.author.identity), "person", event.author.name))
    draft.edge(node, "allowed" if state == "allowed" else "decided", graph.thread(draft.lane))


def _card(draft: Draft) -> CardKey:
    return CardKey(f"share:{draft.has().id}")


def _token(draft: Draft, choice: str) -> Token:
    return Token(derived("distil", draft.house.secret, draft.has().id, choice))


# ── its end ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def ended(draft: Draft) -> bool:
    """A distill loop answered: what it was given counts as distilled. True when there was nothing, and nobody is to hear of it."""
    loop = draft.has()
    given = loop.condenses
    if given is None:
        return False
    for thread, upto in given.marks:
        claims.told(draft, graph.thread(ThreadKey(thread)), "thread", thread, distilled=upto.isoformat())
    for key in given.claims:
        claims.told(draft, key, "claim", layers.EVERYBODY, reopened=draft.at.isoformat())
    silent = given.quiet and distill.nothing(draft.turn().answer)
    draft.now(condenses=replace(given, marks=(), claims=(), quiet=silent))
    if silent:
        driving.put_away(draft, archive=True)
        if given.round < ROUNDS:
            # Nothing of it was worth a page: what was said after it is not left waiting for another day.
            draft.effects.append(
                Chore(
                    key=draft.key("chore", "on"),
                    lane=draft.lane,
                    job="distill",
                    due=draft.at,
                    round=given.round + 1,
                )
            )
    return silent


def shows(draft: Draft) -> None:
    """Something is to be seen of a loop that the clock began: from now on it shows itself."""
    given = draft.has().condenses
    if given is not None and given.quiet:
        draft.now(condenses=replace(given, quiet=False))
