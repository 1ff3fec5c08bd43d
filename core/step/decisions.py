"""A person's word on an ask, however it was given. Owns: typed, replied, pressed, weigh. Imports: core. Effects: none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from core import askcards, asks, people, questions, wording
from core.errors import BadInput
from core.events import Author, Posted, Pressed
from core.people import Member
from core.step import messages, settling
from core.step.draft import Draft

VERBS: Mapping[str, asks.Choice] = {"approve": "once", "deny": "deny", "edit": "edit", "answer": "answer"}
HOW: Mapping[asks.Kind, str] = {
    "approval": "waits for a yes or a no: `approve {handle}`, `deny {handle} because …` or `edit {handle} …`",
    "question": "is a question: `answer {handle} …` with your answer, or `deny {handle} because …`",
    "plan": "is a plan: `approve {handle}`, or `deny {handle}` and what should change",
    "landing": "is about commits: `approve {handle}` lands them, `deny {handle} because …` leaves them",
}
BECAUSE = re.compile(r"^because:?\s+", re.IGNORECASE)


def typed(draft: Draft, event: Posted, member: Member | None, verb: str, handle: str, words: str) -> None:
    """Settle an ask by a typed word, as a button would."""
    ask = asks.by_handle(list(draft.asks.values()), handle)
    if ask is None:
        waiting = [known.handle for known in draft.open_asks()]
        hint = f"Waiting here: {', '.join(waiting)}." if waiting else "Nothing waits here."
        raise BadInput(f"There is no ask {wording.code(handle, 40)} in this thread.", remedy=hint)
    choice = VERBS[verb]
    if choice not in asks.CHOICES[ask.kind]:
        how = HOW[ask.kind].format(handle=ask.handle)
        draft.tell(event.author.identity, f"Ask {ask.handle} {how}.", "Nothing changed.")
        return
    weigh(
        draft,
        ask,
        choice,
        member=member,
        author=event.author,
        message=event.message,
        words=BECAUSE.sub("", words),
    )


def replied(draft: Draft, event: Posted, member: Member) -> bool:
    """Take a plain reply as the answer to the question that waits; return whether it was one."""
    waiting = [ask for ask in draft.open_asks() if ask.kind == "question"]
    if not waiting or not event.text.strip():
        return False
    if len(waiting) > 1:
        handles = wording.listing([f"`answer {ask.handle} …`" for ask in waiting], last="or")
        draft.tell(
            event.author.identity,
            "More than one question waits here.",
            f"Say which one you answer: {handles}.",
        )
        return True
    draft.react(event.message)
    messages.give_files(draft, event.files)
    weigh(
        draft,
        waiting[0],
        "answer",
        member=member,
        author=event.author,
        message=event.message,
        words=event.text,
    )
    return True


def pressed(draft: Draft, event: Pressed, member: Member | None) -> bool:
    """Take a press on a button of an ask; return whether it was one."""
    known = list(draft.asks.values())
    if found := asks.find(known, event.token):
        ask, choice, words = *found, event.text.strip()
    elif option := questions.find(known, event.token):
        ask, place, number = option
        choice, words = "answer", questions.read(ask.input)[place].options[number].label
    elif written := questions.in_words(known, event.token):
        ask, place = written
        choice, words = "answer", event.text.strip()
    else:
        return False
    if choice == "answer" and ask.open and questions.current(ask)[0] != place:
        draft.tell(event.author.identity, "That question was answered already. Nothing changed.")
        return True
    weigh(draft, ask, choice, member=member, author=event.author, message=event.card, words=words)
    return True


def weigh(
    draft: Draft,
    ask: asks.Ask,
    choice: asks.Choice,
    *,
    member: Member | None,
    author: Author,
    message: str,
    words: str,
) -> None:
    """Let a decision count, or say why it doesn't."""
    if author.bot or member is None or not people.may(member, "decide", driver=draft.driver()):
        able = [who.name for who in people.deciders(draft.desk.people, draft.driver())]
        draft.tell(
            author.identity,
            f"You can't decide ask {ask.handle}: {wording.names(able)} can.",
            "It still waits." if ask.open else "",
        )
        return
    if not ask.open:
        draft.tell(author.identity, askcards.too_late(ask))
        return
    if ask.expires_at <= draft.at:
        settling.expire(draft, ask, draft.at)
        draft.tell(author.identity, askcards.too_late(replace(ask, state="expired")))
        return
    try:
        settling.decide(
            draft,
            ask,
            choice,
            member=member,
            author=author,
            message=message,
            reason=words if choice == "deny" else "",
            edited=words if choice in ("edit", "answer") else "",
        )
    except BadInput as refusal:
        draft.tell(author.identity, str(refusal), refusal.remedy)
