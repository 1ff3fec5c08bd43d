"""What strangers say in a loop's thread is held until a member lets it in. Owns: hold, answer. Imports: core. Effects: none."""

from __future__ import annotations

from typing import Literal

from core import people, reports, wording
from core.effects import Priority
from core.errors import BadInput
from core.events import Author, Posted, Pressed
from core.ids import CardKey, IdentityKey, Token, derived
from core.loop import Held, Loop
from core.message import Button, Buttons, Message, Text
from core.people import Member
from core.step import admission, messages, turns
from core.step.draft import Draft

Answer = Literal["once", "member", "never"]
ANSWERS: dict[Answer, str] = {"once": "Let it in", "member": "Make a member", "never": "Keep it out"}
MOST = 50  # messages held per loop; the newest stay


def hold(draft: Draft, event: Posted) -> None:
    """Keep a stranger's message from the loop, and ask the thread on one card per stranger."""
    loop = draft.has()
    held = Held(
        entry=messages.as_input(event, event.text, turn=event.addressed), identity=event.author.identity
    )
    loop = draft.now(held=(*loop.held, held)[-MOST:])
    draft.show(_card(loop, event.author.identity), _question(draft, event.author), priority=Priority.STATUS)


def found(draft: Draft, token: Token) -> tuple[IdentityKey, Answer] | None:
    """Return the stranger and the answer a pressed token stands for."""
    loop = draft.loop
    for identity in dict.fromkeys(held.identity for held in loop.held) if loop else ():
        for answer in ANSWERS:
            if loop is not None and _token(draft, loop, identity, answer) == token:
                return identity, answer
    return None


def answer(
    draft: Draft, event: Pressed, member: Member | None, identity: IdentityKey, choice: Answer
) -> None:
    """Let a stranger's words in, or keep them out. Raises BadInput for somebody who may not say."""
    if member is None or event.author.bot or not people.may(member, "admit"):
        able = [other.name for other in draft.desk.people.members.values() if people.may(other, "admit")]
        raise BadInput(f"That is for members of this bridge: {wording.names(able)} can.")
    loop = draft.has()
    theirs = [held for held in loop.held if held.identity == identity]
    draft.now(held=tuple(held for held in loop.held if held.identity != identity))
    name = wording.line(theirs[-1].entry.author, 40)
    if choice == "member":
        admission.admit(draft, identity, name, "member", quiet=True)
    said = {
        "once": f"{name}\u2019s words were let in",
        "member": f"{name} was made a member",
        "never": f"{name}\u2019s words were kept out",
    }
    draft.show(
        _card(loop, identity),
        reports.note(f"{said[choice]} by {wording.line(event.author.name, 40)}."),
        priority=Priority.STATUS,
    )
    if choice != "never":
        draft.now(inputs=(*draft.has().inputs, *(held.entry for held in theirs)))
        turns.next_turn(draft)


def _card(loop: Loop, identity: IdentityKey) -> CardKey:
    return CardKey(f"held:{loop.id}:{identity}")


def _token(draft: Draft, loop: Loop, identity: IdentityKey, choice: Answer) -> Token:
    first = next(held.entry.message for held in loop.held if held.identity == identity)
    return Token(derived("held", draft.house.secret, loop.id, identity, first, choice))


def _question(draft: Draft, author: Author) -> Message:
    loop = draft.has()
    number = sum(held.identity == author.identity for held in loop.held)
    name = wording.line(author.name, 40)
    words = (
        f"{name} is not known to this bridge. {wording.count(number, 'message')} of theirs {'is' if number == 1 else 'are'} kept from the loop"
        " until a member lets them in."
    )
    buttons = tuple(
        Button(label=label, token=_token(draft, loop, author.identity, choice))
        for choice, label in ANSWERS.items()
    )
    return Message(blocks=(Text(text=words), Buttons(buttons=buttons)))
