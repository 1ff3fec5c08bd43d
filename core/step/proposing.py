"""The life of a proposal. Owns: the words `proposals`, `merge`, `reject`, `edit-proposal`, and what follows from its events. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from core import graph, layers, people, prompts, proposalcards, proposals, wording
from core.commands import Command
from core.effects import DropDraft, MergeProposal, Priority, Weigh
from core.errors import BadInput
from core.events import (
    Author,
    Posted,
    Pressed,
    ProposalMerged,
    ProposalRenewed,
    ProposalStuck,
    ProposalWeighed,
    Proposed,
)  # fmt: skip
from core.ids import AskId, CardKey
from core.message import Message
from core.people import Member
from core.proposals import Proposal
from core.step import consenting, promoting
from core.step.decisions import BECAUSE
from core.step.draft import Draft

Word = Literal["merge", "reject", "edit"]
WORDS: dict[str, Word] = {"merge": "merge", "reject": "reject", "edit-proposal": "edit"}


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
        _weigh(draft, proposal, event.choice, event.words, event.author, via=event.via)


def proposed(draft: Draft, event: Proposed) -> None:
    """Work waits for a person: a card of its own, or the next round of the loop's open one."""
    known = draft.proposals.get(event.proposal)
    loop = draft.loop
    if known is not None and not known.open:
        return _late(draft, known, event)
    if known is None:
        if loop is None or loop.id != event.loop:
            return
        proposal = Proposal(
            id=event.proposal, loop=event.loop, turn=event.turn, thread=draft.lane, layer=event.layer, title=event.title,
            by=draft.driver(), by_name=loop.driver_name, base=event.base, tip=event.tip, digest=event.digest, files=event.files,
            protected=event.protected, proposed_at=draft.at, unproven=event.unproven,
        )  # fmt: skip
        why = ""
    else:
        _show(draft, known, proposalcards.superseded(known))
        if event.tip != known.tip:
            _drop(draft, known.layer, known.branch, known.tip)
        proposal = replace(
            known, round=known.round + 1, state="open", turn=event.turn, title=event.title, base=event.base, tip=event.tip,
            digest=event.digest, files=event.files, protected=event.protected, proposed_at=draft.at, unproven=event.unproven,
        )  # fmt: skip
        why = "The loop changed it. What was reviewed before counts no more."
    draft.put_proposal(proposal)
    key = draft.node(
        graph.ask(AskId(proposal.id)), "ask", f"proposal for {proposal.layer}: {proposal.title}", handle=proposal.handle, layer=proposal.layer,
    )  # fmt: skip
    draft.edge(graph.turn(event.turn) if event.turn else graph.loop(event.loop), "asked", key)
    promoting.note(draft, event.loop, event.turn, event.layer, event.tip, event.title, event.files)
    _put(draft, proposal, event.diff, why=why)


def _late(draft: Draft, known: Proposal, event: Proposed) -> None:
    """A newer draft crossed the decision: what was decided on stays as it is, and nobody waits for a word that cannot come."""
    if event.tip != known.tip or known.state == "merged":
        _drop(draft, event.layer, proposals.branch(known.id, event.tip), event.tip)
    words = proposalcards.late(known)
    if draft.loop is not None and draft.loop.id == event.loop:
        # Its tool has answered that the draft waits.
        draft.now(news=(*draft.loop.news, words)[-consenting.MOST_NEWS :])
    promoting.tell(draft, event.loop, event.turn, words)


def _drop(draft: Draft, layer: str, branch: str, tip: str) -> None:
    draft.effects.append(
        DropDraft(key=draft.key("drop", branch), lane=draft.lane, layer=layer, branch=branch, tip=tip)
    )


def merged(draft: Draft, event: ProposalMerged) -> None:
    """It is knowledge now."""
    proposal = draft.proposals.get(event.proposal)
    if proposal is None or proposal.state == "merged":
        return
    done = replace(
        proposal,
        round=event.round,
        state="merged",
        commit=event.commit,
        decider=event.author.name,
        decided_at=draft.at,
    )
    commit = promoting.note(draft, done.loop, done.turn, done.layer, event.commit, done.title, event.files)
    decision = _decided(draft, done, event.author)
    draft.edge(decision, "allowed", commit)
    _show(draft, done, proposalcards.settled(done))
    if event.round == proposal.round:
        # Else the loop proposed more meanwhile: what was reviewed has landed, and the newer round still waits.
        draft.put_proposal(done)
    _tell(
        draft,
        event.author,
        event.via,
        f"Proposal {done.handle} is merged: commit {wording.code(event.commit[:7])}.",
    )


def renewed(draft: Draft, event: ProposalRenewed) -> None:
    """Merging would bring other bytes than were reviewed: it is to be looked at again."""
    proposal = draft.proposals.get(event.proposal)
    if proposal is None or (proposal.state, proposal.round) != ("merging", event.round):
        return
    _show(draft, proposal, proposalcards.superseded(proposal))
    again = replace(
        proposal, round=proposal.round + 1, state="open", base=event.base, digest=event.digest, files=event.files,
        protected=event.protected, decided_by=None, decider="", decided_at=None,
    )  # fmt: skip
    draft.put_proposal(again)
    _put(draft, again, event.diff, why="It was not merged: others have changed the same files since it was reviewed. This is what merging would do now.")  # fmt: skip
    _tell(draft, event.author, event.via, f"Proposal {again.handle} has to be looked at again: others changed the same files.")  # fmt: skip


def stuck(draft: Draft, event: ProposalStuck) -> None:
    """It could not be merged: a conflict is the loop's to solve, anything else can be tried again."""
    proposal = draft.proposals.get(event.proposal)
    if proposal is None or (proposal.state, proposal.round) != ("merging", event.round):
        return
    open_again = replace(
        proposal, state="stale" if event.files else "open", decided_by=None, decider="", decided_at=None
    )
    draft.put_proposal(open_again)
    if event.files:
        _show(draft, open_again, proposalcards.stale(open_again, event.files, secret=draft.house.secret))
        _tell(
            draft, event.author, event.via, f"Proposal {open_again.handle} conflicts with what others merged."
        )
        return
    words = wording.line(event.what.rstrip("."), 300)
    why = (
        f"It was not merged: {words}. Nothing was changed. {wording.line(event.remedy, 200) or 'Try again.'}"
    )
    _put_again(draft, open_again, why)
    _tell(draft, event.author, event.via, why)


def _weigh(draft: Draft, proposal: Proposal, choice: Word, words: str, author: Author, *, via: str) -> None:
    try:
        member = _able(draft, proposal, author, choice)
        {"merge": _merge, "reject": _reject, "edit": _edit}[choice](
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
    if choice == "merge" and proposal.protected and member.role != "admin":
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
    _at_rest(proposal)
    if proposal.state == "stale":
        raise BadInput(
            f"Proposal {proposal.handle} conflicts with what others merged.",
            remedy=f"`/loop edit-proposal {proposal.handle} merge what others changed` has the loop put it right.",
        )
    begun = replace(
        proposal, state="merging", decided_by=member.id, decider=author.name, decided_at=draft.at, reason=""
    )
    draft.put_proposal(begun)
    _show(draft, begun, proposalcards.settled(begun))
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
    _decided(draft, done, author)
    _show(draft, done, proposalcards.settled(done))
    _tell(draft, author, via, f"Proposal {done.handle} is rejected. Its branch and your reason are kept.")


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
    _tell(draft, author, via, f"Loop #{loop.handle} changes proposal {proposal.handle}.")


def _decided(draft: Draft, proposal: Proposal, author: Author) -> str:
    node = draft.node(
        graph.decision(AskId(proposal.id)),
        "decision",
        f"{proposal.state} by {author.name}: {proposal.title}",
        state=proposal.state,
        choice="merge" if proposal.state == "merged" else "reject",
        reason=proposal.reason,
    )
    person = draft.node(graph.person(author.identity), "person", author.name)
    draft.edge(node, "by", person)
    draft.edge(node, "decided", graph.ask(AskId(proposal.id)))
    return node


def _put(draft: Draft, proposal: Proposal, diff: str, *, why: str) -> None:
    loop = draft.loop
    notify = (loop.driver_identity,) if loop is not None and loop.id == proposal.loop else ()
    card = _card(proposal)
    message = proposalcards.put(proposal, diff, secret=draft.house.secret, notify=notify, why=why)
    draft.say(message, what=card, priority=Priority.ASK, card=card)


def _put_again(draft: Draft, proposal: Proposal, why: str) -> None:
    """Give the card its buttons back; its diff was shown, and is one press away."""
    draft.show(
        _card(proposal), proposalcards.again(proposal, why, secret=draft.house.secret), priority=Priority.ASK
    )


def _show(draft: Draft, proposal: Proposal, message: Message) -> None:
    draft.show(_card(proposal), message, priority=Priority.ASK)


def _card(proposal: Proposal) -> CardKey:
    return CardKey(f"proposal:{proposal.id}:{proposal.round}")


def _tell(draft: Draft, author: Author, via: str, words: str) -> None:
    """Tell who spoke in another thread what came of it: here the card tells it."""
    if via and via != draft.lane:
        draft.tell(author.identity, words)
