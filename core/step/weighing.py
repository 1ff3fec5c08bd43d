"""What people say to a proposal. Owns: the words `proposals`, `merge`, `reject`, `edit-proposal` and the buttons of its card. Imports: core. Effects: none.

What comes of a merge, and what a proposal looks like, is `core.step.proposing`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from core import layers, people, prompts, proposalcards, proposals, wording
from core.commands import Command
from core.effects import MergeProposal, Priority, Weigh
from core.errors import BadInput
from core.events import Author, Posted, Pressed, ProposalWeighed
from core.people import Member
from core.proposals import Proposal
from core.step import promoting, proposing
from core.step.decisions import BECAUSE
from core.step.draft import Draft

Said = Literal["merge", "reject", "edit"]
Word = Said | Literal["anyway"]
WORDS: dict[str, Said] = {"merge": "merge", "reject": "reject", "edit-proposal": "edit"}
ANYWAY = "anyway"


def order(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Take somebody's word to a proposal, wherever it is. Raises BadInput when none is named."""
    prefix, _, words = command.rest.strip().partition(" ")
    prefix = prefix.lstrip("#").lower()
    if len(prefix) < 3:
        raise BadInput(
            "Which proposal?",
            remedy=f"`/loop {command.word} a1b2c3`; `/loop proposals` shows those that wait.",
        )
    draft.effects.append(
        Weigh(
            key=draft.key("weigh"), lane=draft.heard_in, prefix=prefix, choice=WORDS[command.word], words=BECAUSE.sub("", words.strip()),
            author=event.author, message=event.message,
        )
    )  # fmt: skip


def pressed(draft: Draft, event: Pressed, member: Member | None) -> bool:
    """Take a press on a button of a proposal; return whether it was one."""
    found = proposals.find(draft.house.secret, draft.proposals.values(), event.token)
    if found is None:
        return False
    proposal, choice = found
    if choice == "diff":
        if member is not None and people.may(member, "look"):
            draft.look("proposal", proposal.id, event.author.identity)
        return True
    _weigh(draft, proposal, choice, event.text.strip(), event.author, via=event.via)
    return True


def weighed(draft: Draft, event: ProposalWeighed) -> None:
    """Take a word that was said in whatever thread."""
    proposal = draft.proposals.get(event.proposal)
    if proposal is not None:
        anyway = event.choice == "merge" and event.words.lower().rstrip(".!") == ANYWAY
        _weigh(
            draft, proposal, "anyway" if anyway else event.choice, event.words, event.author, via=event.via
        )


def _weigh(draft: Draft, proposal: Proposal, choice: Word, words: str, author: Author, *, via: str) -> None:
    try:
        member = _able(draft, proposal, author, choice)
        {"merge": _merge, "anyway": _anyway, "reject": _reject, "edit": _edit}[choice](
            draft, proposal, member, words, author, via
        )
    except BadInput as refusal:
        draft.tell(author.identity, str(refusal), refusal.remedy)


def _able(draft: Draft, proposal: Proposal, author: Author, choice: Word) -> Member:
    """Return the member who may say this. Raises BadInput."""
    everybody = draft.desk.people
    member = everybody.of(author.identity)
    if member is None or author.bot or not people.may(member, "decide"):
        able = [other.name for other in everybody.members.values() if people.may(other, "decide")]
        raise BadInput(f"That is for members of this bridge: {wording.names(able)} can.")
    if choice in ("merge", "anyway") and proposal.protected and member.role != "admin":
        admins = [other.name for other in everybody.members.values() if other.role == "admin"]
        raise BadInput(
            f"Proposal {proposal.handle} changes how agents work ({wording.code(proposal.protected[0], 80)}): {wording.names(admins)} can merge it.",
            remedy="You can reject it, or have it edited.",
        )
    if not proposal.open:
        raise BadInput(
            f"Proposal {proposal.handle} was {proposal.state} by {wording.line(proposal.decider, 40)}.",
            remedy="Its branch and the reason are kept."
            if proposal.state == "rejected"
            else "It is on `main`.",
        )
    return member


def _at_rest(proposal: Proposal) -> None:
    """Raise BadInput while a merge is carried out."""
    if proposal.state == "merging":
        raise BadInput(
            f"Proposal {proposal.handle} is being merged.", remedy="Its card tells what comes of it."
        )


def _merge(draft: Draft, proposal: Proposal, member: Member, words: str, author: Author, via: str) -> None:
    _mergeable(proposal)
    if proposal.shaken:
        proposing.ask(draft, proposal, author, via)
    else:
        _begin(draft, proposal, member, author, via)


def _anyway(draft: Draft, proposal: Proposal, member: Member, words: str, author: Author, via: str) -> None:
    """Merge in spite of changes of its sources, once somebody was told of exactly these."""
    _mergeable(proposal)
    if proposal.shaken and proposal.asked != proposal.changes:
        proposing.ask(draft, proposal, author, via)
    else:
        _begin(draft, proposal, member, author, via)


def _mergeable(proposal: Proposal) -> None:
    """Raise BadInput while it is being merged, or cannot be."""
    _at_rest(proposal)
    if proposal.state == "stale":
        raise BadInput(
            f"Proposal {proposal.handle} conflicts with what others merged.",
            remedy=f"`/loop edit-proposal {proposal.handle} merge what others changed` has the loop put it right.",
        )


def _begin(draft: Draft, proposal: Proposal, member: Member, author: Author, via: str) -> None:
    begun = replace(
        proposal, state="merging", decided_by=member.id, decider=author.name, decided_at=draft.at, reason=""
    )
    draft.put_proposal(begun)
    proposing.show(draft, begun, proposalcards.settled(begun))
    draft.effects.append(
        MergeProposal(
            key=draft.key("merge", proposal.id), lane=draft.lane, priority=Priority.ASK, proposal=proposal.id, round=proposal.round,
            reviewer=author.name, author=author, via=via,
        )
    )  # fmt: skip


def _reject(draft: Draft, proposal: Proposal, member: Member, words: str, author: Author, via: str) -> None:
    _at_rest(proposal)
    done = replace(
        proposal,
        state="rejected",
        decided_by=member.id,
        decider=author.name,
        decided_at=draft.at,
        reason=words,
    )
    draft.put_proposal(done)
    proposing.decided(draft, done, author)
    proposing.show(draft, done, proposalcards.settled(done))
    proposing.tell(
        draft, author, via, f"Proposal {done.handle} is rejected. Its branch and your reason are kept."
    )


def _edit(draft: Draft, proposal: Proposal, member: Member, words: str, author: Author, via: str) -> None:
    loop = draft.loop
    if loop is None or loop.id != proposal.loop or not loop.live:
        raise BadInput(
            "The loop that made it is over.",
            remedy=f"Reject it and start a new one; its branch {wording.code(proposal.branch)} stays.",
        )
    if not words:
        raise BadInput(
            "What should be different?", remedy=f"`/loop edit-proposal {proposal.handle} <words>`."
        )
    conflicting = proposal.state == "stale"
    text = prompts.edit_proposal(
        proposal.handle, layers.folder(proposal.layer), words, conflicting=conflicting
    )
    promoting.ask(draft, text, message=f"edit:{draft.key(proposal.id)}", author=author.name)
    proposing.tell(draft, author, via, f"Loop #{loop.handle} changes proposal {proposal.handle}.")
