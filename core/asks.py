"""The ledger of asks. Owns: Ask, its choices and tokens, settle. Imports: core.ids, core.people. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from core.ids import AskId, CallId, LoopId, MemberId, ThreadKey, Token, TurnId, derived

Choice = Literal["once", "loop", "edit", "deny", "answer"]
Kind = Literal["approval", "question", "plan", "landing"]
AskState = Literal["open", "allowed", "denied", "expired", "withdrawn"]
KINDS: Mapping[str, Kind] = {"AskUserQuestion": "question", "ExitPlanMode": "plan"}  # by tool
CHOICES: Mapping[Kind, tuple[Choice, ...]] = {
    "approval": ("once", "loop", "edit", "deny"),
    "question": ("answer", "deny"),
    "plan": ("once", "deny"),
    "landing": ("once", "deny"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Something that waits for a person. `input` is the exact JSON that would run, `digest` covers tool and input.

    One about work is for commits that may land only with somebody's consent: `input` is `core.landing`'s, `digest` the tip's sha.
    """

    id: AskId
    handle: str  # what people type: "7f3"
    loop: LoopId
    turn: TurnId
    leg: int
    thread: ThreadKey
    call: CallId
    tool: str
    input: str
    digest: str
    rule: str  # which rule asked
    why: str
    nonce: str  # the secret its buttons' tokens are made from
    asked_at: datetime
    remind_at: datetime
    expires_at: datetime
    state: AskState = "open"
    choice: Choice | None = None
    decided_by: MemberId | None = None
    decider: str = ""
    decided_at: datetime | None = None
    reason: str = ""
    updated_input: str = ""  # JSON, when the choice was to edit or to answer
    answers: tuple[str, ...] = ()  # to its questions, as far as they were given
    about: Literal["call", "work"] = "call"
    landed: Literal["", "landed", "stuck"] = ""  # what became of work that was allowed to land

    @property
    def open(self) -> bool:
        return self.state == "open"

    @property
    def kind(self) -> Kind:
        """Return what is asked for."""
        return "landing" if self.about == "work" else KINDS.get(self.tool, "approval")


def token(ask: Ask, choice: Choice) -> Token:
    """Return what the button for `choice` carries: nobody can guess it without the ask's nonce."""
    return word_token(ask, choice)


def word_token(ask: Ask, words: str) -> Token:
    """Return a token of this ask for something else than one of its choices."""
    return Token(derived("token", ask.nonce, ask.id, words))


def find(asks: Sequence[Ask], pressed: Token) -> tuple[Ask, Choice] | None:
    """Return the ask and the choice a pressed token stands for."""
    for ask in asks:
        for choice in CHOICES[ask.kind]:
            if token(ask, choice) == pressed:
                return ask, choice
    return None


def by_handle(asks: Sequence[Ask], handle: str) -> Ask | None:
    """Return the newest ask with this handle, an open one before a settled one."""
    named = [ask for ask in asks if ask.handle == handle.lower().lstrip("#")]
    return max(named, key=lambda ask: (ask.open, ask.asked_at), default=None)


def free_handle(asks: Sequence[Ask], ask: AskId) -> str:
    """Return the shortest handle (three characters or more) that no other ask of the thread has."""
    taken = {other.handle for other in asks}
    return next(ask[:size] for size in range(3, len(ask) + 1) if ask[:size] not in taken)


def settle(
    ask: Ask,
    choice: Choice,
    *,
    member: MemberId,
    name: str,
    at: datetime,
    reason: str = "",
    updated_input: str = "",
) -> Ask:
    """Return the ask as decided. Raises ValueError when it is not open: a decision counts once."""
    if not ask.open:
        raise ValueError(f"ask {ask.handle} is {ask.state} already")
    return replace(
        ask,
        state="denied" if choice == "deny" else "allowed",
        choice=choice,
        decided_by=member,
        decider=name,
        decided_at=at,
        reason=reason,
        updated_input=updated_input,
    )
