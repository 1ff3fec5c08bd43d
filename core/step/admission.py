"""Who is let in, and as what. Owns: claiming the bridge, admitting and removing people. Imports: core. Effects: none."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import replace

from core import graph, people, reports, wording
from core.commands import Command
from core.errors import BadInput
from core.events import Author, Posted
from core.ids import IdentityKey, MemberId, derived
from core.people import Identity, Member, Role
from core.step.draft import Draft


def manage(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Show who is who, or change it. Raises BadInput when this member may not."""
    if not command.rest:
        draft.whisper(event.author.identity, reports.people(draft.desk.people), what="people")
        return
    verb = command.rest.split(" ", 1)[0]
    if not event.mentions:
        raise unmentioned(command.rest, "Say whom, by mention.", "`/loop people add @ravi member`.")
    role = "guest" if verb == "remove" else _role(command.rest, event.named)
    if not people.may(member, "admit") or (member.role != "admin" and (role == "admin" or verb == "remove")):
        raise BadInput("Only an admin does this.", remedy="Members can let in members and guests.")
    called = {key: wording.line(name, 60) for key, name in zip(event.mentions, event.named, strict=False)}
    for key in event.mentions:
        if verb == "remove":
            _remove(draft, key)
        else:
            admit(draft, key, called.get(key) or name_of(draft, key), role)  # type: ignore[arg-type]


def unmentioned(words: str, what: str, remedy: str) -> BadInput:
    """Return what is said where a person is to be mentioned: that nobody goes by the name, or `what`, when none was given."""
    tried = re.search(r"(?<![\w@])@[\w.-]+", words)
    return BadInput(
        f"Nobody in this chat goes by {wording.code(tried.group(), 40)}." if tried else what, remedy=remedy
    )


def _role(words: str, named: Sequence[str]) -> str:
    """Return the role that stands beside the mention; alone, a mention makes a member. Raises BadInput for any other words.

    People choose what they are called: a role in their name is none that was given to them.
    """
    beside = words.partition(" ")[2]
    for name in sorted(named, key=len, reverse=True):
        beside = beside.replace(f"@{name}", " ").replace(name, " ") if name.strip() else beside
    beside = re.sub(r"<?@\S+", " ", beside)
    found = set(re.findall(r"(?<![\w-])(admin|member|guest)(?![\w-])", beside))
    if len(found) == 1:
        return str(found.pop())
    if beside.strip():
        raise BadInput("Say which role: admin, member or guest.", remedy="`/loop people add @ravi member`.")
    return "member"


def name_of(draft: Draft, key: IdentityKey) -> str:
    """Return the name somebody is known by, else their id on the platform."""
    known = draft.desk.people.of(key)
    return known.name if known else key.rpartition("/")[2]


def learn_name(draft: Draft, author: Author) -> Member | None:
    """Return who wrote; somebody known so far by an account's id alone gets the name they go by."""
    member = draft.desk.people.of(author.identity)
    if (
        member is None
        or member.name != author.identity.rpartition("/")[2]
        or not author.name.strip()
        or author.name == member.name
    ):
        return member
    named = replace(member, name=wording.line(author.name, 60))
    draft.members.append(named)
    return named


def admit(draft: Draft, key: IdentityKey, name: str, role: Role, *, quiet: bool = False) -> None:
    """Make somebody a member with a role, or change the role."""
    known = draft.desk.people.of(key)
    if known and known.role == "admin" and role != "admin":
        _keep_an_admin(draft, known)
    member = (
        replace(known, role=role)
        if known
        else Member(id=MemberId(derived("member", key)), name=name, role=role)
    )
    draft.members.append(member)
    if known is None:
        draft.identities.append(Identity(key=key, member=member.id))
    draft.node(graph.person(key), "person", name)
    if not quiet:
        draft.say(
            reports.note(
                f"{wording.line(member.name, 40)} is {'an' if role == 'admin' else 'a'} {role} of this bridge now."
            ),
            what=f"admit:{key}",
        )


def _remove(draft: Draft, key: IdentityKey) -> None:
    known = draft.desk.people.of(key)
    if known is None:
        raise BadInput(
            f"{wording.line(name_of(draft, key), 40)} is not a member of this bridge.",
            remedy="`/loop people` shows who is.",
        )
    _keep_an_admin(draft, known)
    # The identity stays bound to the member: what they did keeps its author, and their role is the least there is.
    draft.members.append(replace(known, role="guest"))
    draft.say(reports.note(f"{wording.line(known.name, 40)} can only read along now."), what=f"remove:{key}")


def _keep_an_admin(draft: Draft, leaving: Member) -> None:
    admins = [member for member in draft.desk.people.members.values() if member.role == "admin"]
    if leaving.role == "admin" and len(admins) == 1:
        raise BadInput(
            f"{wording.line(leaving.name, 40)} is the only admin.",
            remedy="Make somebody else an admin first.",
        )


def claim_bridge(draft: Draft, author: Author, code: str) -> None:
    """Make whoever shows the console's one-time code the first admin."""
    if draft.desk.people.claimed or not draft.house.claim_code:
        raise BadInput(
            "This bridge has been claimed already.",
            remedy="Its admins let people in: `/loop people add @you member`.",
        )
    if not hmac.compare_digest(code.upper().encode(), draft.house.claim_code.upper().encode()):
        raise BadInput(
            "That code is not right.", remedy="The bridge's console shows the code when it starts."
        )
    admit(draft, author.identity, author.name, "admin", quiet=True)
    draft.members[-1] = replace(draft.members[-1], claimed=True)
    draft.whisper(author.identity, reports.claimed(), what="claimed")


def stranger(draft: Draft) -> BadInput:
    """Return what somebody hears whom the bridge doesn't know."""
    unclaimed = bool(draft.house.claim_code) and not draft.desk.people.claimed
    with_code = (
        "Whoever has the one-time code from its console writes `/loop claim <code>`." if unclaimed else ""
    )
    return BadInput(
        "You are not a member of this bridge.",
        remedy=" ".join(part for part in (letting_in(draft), with_code) if part),
    )


def letting_in(draft: Draft) -> str:
    """Return the sentence that says who can let somebody in, empty when there is nobody yet."""
    admins = [member.name for member in draft.desk.people.members.values() if member.role == "admin"]
    return f"{wording.names(admins)} can let you in: `/loop people add @you member`." if admins else ""
