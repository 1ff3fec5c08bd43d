"""A person's word on an ask, however it was given. Owns: typed, weigh. Imports: core. Effects: none."""

from __future__ import annotations

import re
from dataclasses import replace

from core import askcards, asks, people, wording
from core.errors import BadInput
from core.events import Author, Posted
from core.people import Member
from core.step import calls
from core.step.draft import Draft

BECAUSE = re.compile(r"^because:?\s+", re.IGNORECASE)


def typed(draft: Draft, event: Posted, member: Member | None, verb: str, handle: str, words: str) -> None:
    """Settle an ask by a typed word, as a button would."""
    ask = asks.by_handle(list(draft.asks.values()), handle)
    if ask is None:
        waiting = [known.handle for known in draft.open_asks()]
        hint = f"Waiting here: {', '.join(waiting)}." if waiting else "Nothing waits here."
        raise BadInput(f"There is no ask `{handle}` in this thread.", remedy=hint)
    choice: asks.Choice = {"approve": "once", "deny": "deny", "edit": "edit"}[verb]  # type: ignore[assignment]
    weigh(
        draft,
        ask,
        choice,
        member=member,
        author=event.author,
        message=event.message,
        words=BECAUSE.sub("", words),
    )


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
        calls.expire(draft, ask, draft.at)
        draft.tell(author.identity, askcards.too_late(replace(ask, state="expired")))
        return
    try:
        calls.decide(
            draft,
            ask,
            choice,
            member=member,
            author=author,
            message=message,
            reason=words if choice == "deny" else "",
            edited=words if choice == "edit" else "",
        )
    except BadInput as refusal:
        draft.tell(author.identity, str(refusal), refusal.remedy)
