"""What a pressed button means. Owns: pressed. Imports: core. Effects: none."""

from __future__ import annotations

from core import cards, people, wording
from core.errors import BadInput
from core.events import Pressed
from core.step import (
    decisions,
    distilling,
    driving,
    following,
    giving,
    holding,
    remembering,
    sharing,
    weighing,
)
from core.step.draft import Draft


def pressed(draft: Draft, event: Pressed) -> None:
    """Find out what the button stands for; an old or foreign one gets a human answer."""
    if draft.desk.follows is not None:
        following.relay(draft, event)
        return
    member = draft.desk.people.of(event.author.identity)
    if decisions.pressed(draft, event, member) or remembering.pressed(draft, event, member):
        return
    if distilling.pressed(draft, event, member) or weighing.pressed(draft, event, member):
        return
    stranger = holding.found(draft, event.token)
    wanted = sharing.found(draft, event.token)
    act = cards.act_of(draft.house.secret, draft.loop, event.token) if draft.loop else None
    if act is None and stranger is None and wanted is None:
        draft.tell(
            event.author.identity,
            "That button belongs to a card that is over. Nothing changed.",
            "`/loop status` shows where things are.",
        )
        return
    try:
        if stranger is not None:
            holding.answer(draft, event, member, *stranger)
        elif wanted is not None:
            sharing.answer(draft, event, member, *wanted)
        elif act is not None:
            _act(draft, event, act)
    except BadInput as refusal:
        draft.tell(event.author.identity, str(refusal), refusal.remedy)


def _act(draft: Draft, event: Pressed, act: cards.Act) -> None:
    member = draft.desk.people.of(event.author.identity)
    needs: people.Action = "look" if act in ("context", "details", "diff") else "drive"
    if member is None or event.author.bot or not people.may(member, needs):
        able = [other.name for other in draft.desk.people.members.values() if people.may(other, needs)]
        raise BadInput(f"That is for members of this bridge: {wording.names(able)} can.")
    if act == "stop":
        driving.stop(draft, event.author)
    elif act == "retry" or act == "resume":
        driving.retry(draft, None, member, "")
    elif act in ("refresh", "exclude"):
        giving.pressed(draft, event, member, act)
    elif act == "claim":
        driving.claim(draft, event.author, member)
    else:
        draft.look(act, "", event.author.identity)
