"""Sharing with a thread what not everybody in it could read. Owns: declassifying. Imports: core. Effects: none.

It waits for the word of somebody who could read it, or of an admin, on a card of its own. The word binds the exact text by its digest,
and is recorded as a decision. The text itself is shown only once it is allowed: the question is asked where it may not be read yet.
"""

from __future__ import annotations

from typing import Literal

from core import asks, givencards, graph
from core.effects import Priority
from core.errors import BadInput
from core.events import Author, Pressed, Referred, Source
from core.ids import CardKey, IdentityKey, Token, derived
from core.loop import Loop, Wanted
from core.people import Member
from core.references import Reference
from core.step import referring
from core.step.draft import Draft

Answer = Literal["allow", "refuse"]
MOST = 10  # waiting at once
CALLED = 5  # people mentioned on one question


def ask(draft: Draft, loop: Loop, source: Source, event: Referred) -> None:
    """Put the question on a card, for those who could read the source."""
    if any(wanted.key == source.key for wanted in loop.wanted):
        draft.tell(event.author.identity, "That waits to be allowed already.")
        return
    wanted = Wanted(
        key=source.key, title=source.title, digest=source.digest, readers=source.readers, message=event.message, since=draft.at
    )  # fmt: skip
    draft.now(wanted=(*loop.wanted, wanted)[-MOST:])
    card = givencards.asks_for(
        source,
        by=event.author.name,
        allow=_token(draft, wanted, "allow"),
        refuse=_token(draft, wanted, "refuse"),
        notify=_callable(draft, wanted),
    )
    draft.say(card, what=f"wanted:{wanted.key}", priority=Priority.ASK, card=_card(loop, wanted))


def _callable(draft: Draft, wanted: Wanted) -> tuple[IdentityKey, ...]:
    platform = draft.lane.partition(":")[0]
    known = [key for key in wanted.readers if key.startswith(f"{platform}:")]
    if known:
        return tuple(known[:CALLED])
    everybody = draft.desk.people
    admins = [member for member in everybody.members.values() if member.role == "admin"]
    return tuple(key for member in admins for key in everybody.addresses(member.id, platform))[:CALLED]


def found(draft: Draft, token: Token) -> tuple[Wanted, Answer] | None:
    """Return what a pressed token allows or keeps out."""
    for wanted in draft.loop.wanted if draft.loop else ():
        for answer in ("allow", "refuse"):
            if _token(draft, wanted, answer) == token:
                return wanted, answer
    return None


def answer(draft: Draft, event: Pressed, member: Member | None, wanted: Wanted, choice: Answer) -> None:
    """Let something in that not everybody here could read, or keep it out. Raises BadInput for somebody who may not say."""
    if not _may_share(draft, member, wanted) or event.author.bot:
        raise BadInput(
            "Only somebody who can read it where it stands, or an admin, may say that. It still waits."
        )
    loop = draft.has()
    if choice == "allow":
        # The text goes by the digest: it is read once more, and shared as it was asked for or not at all.
        same = Reference(kind="node", name=wanted.key)
        referring.refer(
            draft, "give", same, author=event.author, message=event.press, via=event.via, words=wanted.key
        )
        return
    draft.now(wanted=tuple(other for other in loop.wanted if other != wanted))
    draft.show(
        _card(loop, wanted),
        givencards.refused(wanted, by=event.author.name, at=draft.at),
        priority=Priority.ASK,
    )
    _record(draft, wanted, event.author, event.press, state="denied")


def _may_share(draft: Draft, member: Member | None, wanted: Wanted) -> bool:
    if member is None:
        return False
    mine = draft.desk.people.addresses(member.id)
    return member.role == "admin" or (member.role == "member" and any(key in wanted.readers for key in mine))


def give(draft: Draft, loop: Loop, source: Source, event: Referred) -> bool:
    """Share exactly what was asked for, and say whether it was shared. What changed since is another thing."""
    wanted = next((wanted for wanted in loop.wanted if wanted.key == source.key), None)
    if wanted is None:
        return False
    if wanted.digest != source.digest:
        drop(draft, event)
        return False
    draft.now(wanted=tuple(other for other in loop.wanted if other != wanted))
    for target in (draft.lane, *loop.followers):
        # Shared with the loop's own thread: those who follow it from elsewhere are other people.
        shown = givencards.allowed if target == draft.lane else givencards.allowed_there
        draft.show_in(
            target,
            _card(loop, wanted),
            shown(source, by=event.author.name, at=draft.at),
            priority=Priority.ASK,
        )
    _record(draft, wanted, event.author, event.message, state="allowed")
    return True


def drop(draft: Draft, event: Referred) -> None:
    """End the question of something that is not there any more as it was."""
    loop = draft.loop
    for wanted in loop.wanted if loop and event.wants == "give" else ():
        if loop is not None and wanted.key == event.words:
            draft.now(wanted=tuple(other for other in loop.wanted if other != wanted))
            draft.show(_card(loop, wanted), givencards.changed(wanted), priority=Priority.ASK)


def _record(draft: Draft, wanted: Wanted, author: Author, message: str, *, state: asks.AskState) -> None:
    loop = draft.has()
    node = draft.node(
        f"decision:share/{derived('share', loop.id, wanted.key, wanted.digest, message)}",
        "decision",
        f"{state} by {author.name}: sharing {wanted.title} with loop #{loop.handle}",
        state=state, digest=wanted.digest, where=message,
    )  # fmt: skip
    draft.edge(node, "by", draft.node(graph.person(author.identity), "person", author.name))
    draft.edge(node, "allowed" if state == "allowed" else "decided", wanted.key)


def _card(loop: Loop, wanted: Wanted) -> CardKey:
    return CardKey(f"wanted:{loop.id}:{derived(wanted.key, wanted.message)[:16]}")


def _token(draft: Draft, wanted: Wanted, choice: str) -> Token:
    return Token(derived("wanted", draft.house.secret, draft.has().id, wanted.key, wanted.message, choice))
