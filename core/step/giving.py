"""What a loop is given, and who may change that. Owns: `/loop context …`, capsules made anew. Imports: core. Effects: none."""

from __future__ import annotations

from core import cards, graph, people, references, reports, wording
from core.audience import Sight
from core.commands import Command
from core.effects import Priority
from core.errors import BadInput
from core.events import Author, CapsuleMade, ContextFound, Posted, Pressed, Referred, Source
from core.events.context import Wants
from core.loop import Given, Loop
from core.people import Member
from core.step import driving, referring, sharing, turns
from core.step.draft import Draft

MOST_ADDED, MOST_EXCLUDED, MOST_NEWS = 50, 500, 20


def order(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Show what the loop was given, or change it. Raises BadInput."""
    loop = driving.here(draft)
    verb, _, words = command.rest.partition(" ")
    if not verb:
        draft.look("context", "", event.author.identity)
        return
    _may_drive(draft, member)
    if verb == "refresh":
        refresh(draft)
        return
    reference = references.read(words, thread=loop.thread, member=member.id, numbered=verb == "exclude")
    if reference is None:
        raise BadInput(
            "Which one?",
            remedy=f"`/loop context {verb} {_example(verb)}`; `/loop context` shows what there is.",
        )
    wants: Wants = "add" if verb == "add" else "exclude"
    referring.refer(draft, wants, reference, author=event.author, message=event.message, via=event.via)


def _example(verb: str) -> str:
    return (
        "3` or a message's link: `"
        if verb == "exclude"
        else "knowledge/clock.md`, a message's link or a loop's id: `"
    )


def _may_drive(draft: Draft, member: Member) -> None:
    if not people.may(member, "drive"):
        able = [other.name for other in draft.desk.people.members.values() if people.may(other, "drive")]
        raise BadInput(f"A {member.role} can't change what a loop is given: {wording.names(able)} can.")


def refresh(draft: Draft) -> None:
    """Have the capsule written anew. Raises BadInput when there is no folder to write it into."""
    loop = driving.here(draft)
    if not loop.live:
        raise BadInput(
            f"Loop #{loop.handle} is {loop.status}.", remedy="`/loop <task>` starts a new one in this thread."
        )
    if not loop.prepared:
        raise BadInput(
            "The workdir is still being made.", remedy="What is said until then is in its context anyway."
        )
    _tell_agent(draft, "Your context was refreshed.")
    turns.assemble(draft)


def pressed(draft: Draft, event: Pressed, member: Member, act: cards.Act) -> None:
    """Do what the receipt's buttons say. Raises BadInput."""
    _may_drive(draft, member)
    if act == "refresh":
        refresh(draft)
        return
    reference = references.read(event.text, thread=draft.lane, member=member.id, numbered=True)
    if reference is None:
        raise BadInput("Which line?", remedy="`/loop context exclude 3` takes out line 3.")
    referring.refer(draft, "exclude", reference, author=event.author, message=event.press, via=event.via)


# ── what was looked up ───────────────────────────────────────────────────────────────────────────────────────────────


def referred(draft: Draft, event: Referred) -> None:
    """Take what was looked up: exclude it, add it, or ask for it."""
    source, loop = event.found, draft.loop
    if source is None:
        sharing.drop(draft, event)
        draft.tell(event.author.identity, event.what, event.remedy)
    elif loop is None or not loop.live:
        draft.tell(event.author.identity, "This thread has no loop any more.", "`/loop <task>` starts one.")
    elif event.wants == "exclude":
        _exclude(draft, loop, source, event.author)
    elif event.wants == "give":
        if sharing.give(draft, loop, source, event):
            given = Given(key=source.key, title=source.title, digest=source.digest)
            _add(draft, given, event.author)
    elif any(given.key == source.key for given in loop.added):
        draft.tell(event.author.identity, "The loop was given that already.", "`/loop context` shows it.")
    elif Sight(thread=loop.thread).sees(source.audience):
        _add(draft, Given(key=source.key, title=source.title), event.author)
        draft.say(
            reports.note(f"Added to the loop's context by {event.author.name}: {source.title}"), what="added"
        )
    else:
        sharing.ask(draft, loop, source, event)


def _exclude(draft: Draft, loop: Loop, source: Source, author: Author) -> None:
    if source.key in loop.excluded:
        draft.tell(author.identity, "That is excluded already.")
        return
    draft.now(
        excluded=(*loop.excluded, source.key)[-MOST_EXCLUDED:],
        added=tuple(given for given in loop.added if given.key != source.key),
    )
    _tell_agent(
        draft,
        f"{wording.line(author.name, 40)} excluded this from your context: do not rely on it: {source.title}",
    )
    draft.say(
        reports.note(f"Excluded from the loop's context by {author.name}: {source.title}"), what="excluded"
    )
    turns.assemble(draft)


def _add(draft: Draft, given: Given, author: Author) -> None:
    loop = draft.has()
    draft.now(
        added=(*loop.added, given)[-MOST_ADDED:],
        excluded=tuple(key for key in loop.excluded if key != given.key),
    )
    _tell_agent(
        draft,
        f"{wording.line(author.name, 40)} added to your context: {given.title}. Read /loop/capsule/thread.xml anew: it stands in <asked-for>.",
    )
    turns.assemble(draft)


def _tell_agent(draft: Draft, words: str) -> None:
    """Have the next prompt tell the agent. Before the first one nothing needs telling: the capsule is made of what is so."""
    loop = draft.has()
    if loop.turns:
        draft.now(news=(*loop.news, words)[-MOST_NEWS:])


# ── what was given ───────────────────────────────────────────────────────────────────────────────────────────────────


def capsule_made(draft: Draft, event: CapsuleMade) -> None:
    """A capsule was written anew: the card says what it holds now."""
    loop = draft.loop
    if loop is None or loop.id != event.loop or not loop.prepared:
        return
    draft.now(receipt=turns.received(draft, event, len(loop.files)))
    draft.show_status(priority=Priority.STATUS)


def looked_up(draft: Draft, event: ContextFound) -> None:
    """The agent looked for more: what it was shown counts as given."""
    if draft.loop is not None and draft.loop.id == event.loop:
        for key in event.keys:
            draft.edge(graph.loop(event.loop), "ingested", key)
