"""The life of a proposal. Owns: what follows from its events, and its cards. Imports: core. Effects: none.

What people say to one (merge, reject, edit) is `core.step.weighing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core import graph, layers, proposalcards, proposals, wording
from core.effects import DropDraft, Priority
from core.events import Author, ProposalMerged, ProposalRenewed, ProposalShaken, ProposalStuck, Proposed
from core.ids import AskId, CardKey
from core.message import Message
from core.proposals import Grounds, Proposal
from core.step import consenting, promoting
from core.step.draft import Draft


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
            protected=event.protected, proposed_at=draft.at, unproven=event.unproven, grounds=event.grounds,
        )  # fmt: skip
        why = ""
    else:
        show(draft, known, proposalcards.superseded(known))
        if event.tip != known.tip:
            _drop(draft, known.layer, known.branch, known.tip)
        proposal = replace(
            known, round=known.round + 1, state="open", turn=event.turn, title=event.title, base=event.base, tip=event.tip,
            digest=event.digest, files=event.files, protected=event.protected, proposed_at=draft.at, unproven=event.unproven,
            grounds=_carried(known.grounds, event.grounds),
        )  # fmt: skip
        why = "The loop changed it. What was reviewed before counts no more."
    draft.put_proposal(proposal)
    key = draft.node(
        graph.ask(AskId(proposal.id)), "ask", f"proposal for {proposal.layer}: {proposal.title}", handle=proposal.handle, layer=proposal.layer,
    )  # fmt: skip
    draft.edge(graph.turn(event.turn) if event.turn else graph.loop(event.loop), "asked", key)
    promoting.note(draft, event.loop, event.turn, event.layer, event.tip, event.title, event.files)
    _put(draft, proposal, event.diff, why=why)


def _carried(before: Sequence[Grounds], now: Sequence[Grounds]) -> tuple[Grounds, ...]:
    """Return the grounds of a newer draft: a claim that stands as it stood is as shaken as it was."""
    known = {each.claim: each.how for each in before}
    return tuple(replace(each, how=each.how or known.get(each.claim, "")) for each in now)


def shaken(draft: Draft, event: ProposalShaken) -> None:
    """A message that it rests on was edited or deleted: whoever merges is to see that."""
    proposal = draft.proposals.get(event.proposal)
    if proposal is None or proposal.state == "rejected":
        return
    if not any(event.message in each.sources for each in proposal.grounds):
        return
    shaken_at = max(event.changed_at, proposal.shaken_at or event.changed_at)
    grounds = proposals.shake(proposal.grounds, event.message, event.how)
    now = replace(proposal, grounds=grounds, shaken_at=shaken_at)
    draft.put_proposal(now)
    if now.state == "merged":
        _flag(draft, now)
    elif now.state == "open" and (now.shaken != proposal.shaken or _asks(proposal)):
        _put_again(draft, now, "")


def _asks(proposal: Proposal) -> bool:
    """Whether its card asks about changes, and the next one makes that card old."""
    return bool(proposal.asked) and proposal.asked == proposal.changes


def ask(draft: Draft, proposal: Proposal, author: Author, via: str) -> None:
    """Whoever wants to merge is told which sources changed, before anything is merged."""
    asked = replace(proposal, asked=proposal.changes)
    draft.put_proposal(asked)
    show(draft, asked, proposalcards.doubtful(asked, by=author.name, secret=draft.house.secret))
    if via:
        what, remedy = proposalcards.not_yet(asked)
        draft.tell(author.identity, what, remedy)


def _flag(draft: Draft, proposal: Proposal) -> None:
    """Have what it claims on a changed message reopened, now that it is knowledge; reading its page tells the rest."""
    for each in proposal.shaken:
        draft.facts.append(
            graph.Node(
                key=each.claim, kind="claim", audience=layers.audience(proposal.layer), at=draft.at,
                props={"flagged": draft.at.isoformat(), "how": each.how},
            )
        )  # fmt: skip


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
    decision = decided(draft, done, event.author)
    draft.edge(decision, "allowed", commit)
    _flag(draft, done)
    show(draft, done, proposalcards.settled(done))
    if event.round == proposal.round:
        # Else the loop proposed more meanwhile: what was reviewed has landed, and the newer round still waits.
        draft.put_proposal(done)
    tell(
        draft,
        event.author,
        event.via,
        f"Proposal {done.handle} is merged: commit {wording.code(event.commit[:7])}.{proposalcards.flagged(done)}",
    )


def renewed(draft: Draft, event: ProposalRenewed) -> None:
    """Merging would bring other bytes than were reviewed: it is to be looked at again."""
    proposal = draft.proposals.get(event.proposal)
    if proposal is None or (proposal.state, proposal.round) != ("merging", event.round):
        return
    show(draft, proposal, proposalcards.superseded(proposal))
    again = replace(
        proposal, round=proposal.round + 1, state="open", base=event.base, digest=event.digest, files=event.files,
        protected=event.protected, decided_by=None, decider="", decided_at=None,
    )  # fmt: skip
    draft.put_proposal(again)
    _put(draft, again, event.diff, why="It was not merged: others have changed the same files since it was reviewed. This is what merging would do now.")  # fmt: skip
    tell(draft, event.author, event.via, f"Proposal {again.handle} has to be looked at again: others changed the same files.")  # fmt: skip


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
        show(draft, open_again, proposalcards.stale(open_again, event.files, secret=draft.house.secret))
        tell(
            draft, event.author, event.via, f"Proposal {open_again.handle} conflicts with what others merged."
        )
        return
    words = wording.line(event.what.rstrip("."), 300)
    why = (
        f"It was not merged: {words}. Nothing was changed. {wording.line(event.remedy, 200) or 'Try again.'}"
    )
    _put_again(draft, open_again, why)
    tell(draft, event.author, event.via, why)


def decided(draft: Draft, proposal: Proposal, author: Author) -> str:
    """Note who decided on a proposal, and how; return the key of that."""
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


def show(draft: Draft, proposal: Proposal, message: Message) -> None:
    """Bring the card of a proposal's round up to date."""
    draft.show(_card(proposal), message, priority=Priority.ASK)


def _card(proposal: Proposal) -> CardKey:
    return CardKey(f"proposal:{proposal.id}:{proposal.round}")


def tell(draft: Draft, author: Author, via: str, words: str) -> None:
    """Tell who spoke in another thread what came of it: here the card tells it."""
    if via and via != draft.lane:
        draft.tell(author.identity, words)
