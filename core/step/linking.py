"""One person, several chats: joining accounts by a one-time code. Owns: link. Imports: core. Effects: none.

The code is made of the bridge's secret, the member, how many accounts they have and the time: nothing is stored, it holds for ten to
twenty minutes, and using it changes what it is made of, so it counts once.
"""

from __future__ import annotations

import hmac
from dataclasses import replace

from core import reports, wording
from core.commands import Command
from core.errors import BadInput
from core.events import Posted
from core.ids import derived
from core.people import Identity, Member, Role
from core.step.draft import Draft

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
MINUTES = 10
RANK: dict[Role, int] = {"guest": 0, "member": 1, "admin": 2}


def show_code(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Tell a member, alone, the code that joins another account to them."""
    code = _code(draft, member, _window(draft))
    words = (
        f"To join another account of yours to this one, write there: `/loop link {code}`. It counts once and for {MINUTES} minutes."
        " Whoever uses it becomes you, so keep it to yourself."
    )
    draft.whisper(event.author.identity, reports.note(words), what="link")


def join(draft: Draft, event: Posted, code: str) -> None:
    """Join the account that shows a code to the member it was made for. Raises BadInput when the code is not right."""
    now = _window(draft)
    wanted = code.upper().encode()
    for member in draft.desk.people.members.values():
        if any(
            hmac.compare_digest(_code(draft, member, window).encode(), wanted) for window in (now, now - 1)
        ):
            _join(draft, event, member)
            return
    raise BadInput(
        "That code is not right, or its time is over.",
        remedy="`/loop link` in the chat where you are known gives a new one.",
    )


def _join(draft: Draft, event: Posted, member: Member) -> None:
    people = draft.desk.people
    known = people.of(event.author.identity)
    if known is not None and known.id == member.id:
        raise BadInput("These accounts are joined already.")
    moved = people.addresses(known.id) if known else (event.author.identity,)
    draft.identities.extend(Identity(key=key, member=member.id) for key in moved)
    if known is not None:
        # Somebody with two memberships keeps the stronger role; the emptied one can do nothing any more.
        role = max(known.role, member.role, key=lambda one: RANK[one])
        draft.members.append(replace(member, role=role, claimed=member.claimed or known.claimed))
        draft.members.append(replace(known, role="guest", claimed=False))
    draft.whisper(
        event.author.identity,
        reports.note(f"This account belongs to {wording.line(member.name, 40)} now."),
        what="linked",
    )


def _window(draft: Draft) -> int:
    return int(draft.at.timestamp()) // (MINUTES * 60)


def _code(draft: Draft, member: Member, window: int) -> str:
    accounts = draft.desk.people.addresses(member.id)
    number = int(derived("link", draft.house.secret, member.id, str(len(accounts)), str(window)), 16)
    letters = "".join(LETTERS[number >> (5 * place) & 31] for place in range(8))
    return f"{letters[:4]}-{letters[4:]}"
