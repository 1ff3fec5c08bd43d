"""Who may what. Owns: Member, Identity, People, may. Imports: core.ids. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from core.ids import IdentityKey, MemberId

Role = Literal["admin", "member", "guest"]
Action = Literal["start", "talk", "look", "decide", "drive", "admit", "administer"]

# A guest was let into the room: it can read along and answer what it is asked, but nothing runs on its word.
ALLOWED: Mapping[Role, frozenset[Action]] = {
    "admin": frozenset({"start", "talk", "look", "decide", "drive", "admit", "administer"}),
    "member": frozenset({"start", "talk", "look", "decide", "drive", "admit"}),
    "guest": frozenset({"look"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person the bridge knows, whatever chats they come from."""

    id: MemberId
    name: str
    role: Role
    claimed: bool = False  # whether this is who claimed the bridge with the console's code


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """One platform's account of a member."""

    key: IdentityKey
    member: MemberId


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody the bridge knows."""

    members: Mapping[MemberId, Member] = field(default_factory=dict)
    identities: Mapping[IdentityKey, MemberId] = field(default_factory=dict)

    def of(self, identity: IdentityKey) -> Member | None:
        """Return the member behind an identity, or None for a stranger."""
        member = self.identities.get(identity)
        return self.members.get(member) if member else None

    def behind(self, identity: IdentityKey, member: MemberId) -> MemberId:
        """Return whom an account belongs to now; `member` is whose it was when that was noted (accounts can be joined later)."""
        return self.identities.get(identity, member)

    def addresses(self, member: MemberId, platform: str = "") -> tuple[IdentityKey, ...]:
        """Return a member's identities, those of one platform when it is named."""
        return tuple(
            key
            for key, owner in self.identities.items()
            if owner == member and key.startswith(f"{platform}:" if platform else "")
        )

    @property
    def claimed(self) -> bool:
        """Whether somebody has used the console's one-time code. (The local chat's own user is an admin without it.)"""
        return any(member.claimed for member in self.members.values())


def may(member: Member | None, action: Action, *, driver: MemberId | None = None) -> bool:
    """Say whether a person may do something; `driver` is the driver of the loop in question, if one is.

    An ask is decided by the loop's driver or an admin: another member's approval of what the driver's loop does would be a
    decision about work that is not theirs.
    """
    if member is None or action not in ALLOWED[member.role]:
        return False
    if action == "decide":
        return member.role == "admin" or driver is None or member.id == driver
    return True


def deciders(people: People, driver: MemberId) -> tuple[Member, ...]:
    """Return who may decide an ask of a loop, its driver first."""
    able = [member for member in people.members.values() if may(member, "decide", driver=driver)]
    return tuple(sorted(able, key=lambda member: (member.id != driver, member.name)))
