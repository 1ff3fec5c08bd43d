"""State and event → what is to be true and done next. Owns: step. Imports: core. Effects: none; one module per family of events."""

from __future__ import annotations

from core import events
from core.desk import Desk, House, Outcome
from core.step import (
    admission,
    calls,
    claims,
    consenting,
    distilling,
    endings,
    focusing,
    following,
    giving,
    layers,
    marking,
    messages,
    meters,
    presses,
    promoting,
    proposing,
    remembering,
    resting,
    scheduling,
    settling,
    talk,
    turns,
    weighing,
)
from core.step.draft import Draft

RULES = {
    events.Posted: talk.posted,
    events.Edited: messages.edited,
    events.Deleted: messages.deleted,
    events.Pressed: presses.pressed,
    events.Followed: following.followed,
    events.ThreadRead: turns.thread_read,
    events.Prepared: turns.prepared,
    events.PrepareFailed: endings.prepare_failed,
    events.TurnQueued: turns.queued,
    events.TurnStarted: turns.started,
    events.AgentSaid: calls.spoke,
    events.ToolCalled: calls.called,
    events.ToolEnded: calls.ended,
    events.TurnResult: endings.result,
    events.TurnParked: endings.parked,
    events.TurnBroke: endings.broke,
    events.TurnInterrupted: endings.interrupted,
    events.WorkTaken: endings.taken,
    events.WorkStuck: endings.stuck,
    events.WorkLanded: consenting.landed,
    events.Spent: meters.spent,
    events.EgressDenied: meters.egress_denied,
    events.ModelFailed: meters.model_failed,
    events.AskDue: settling.due,
    events.Pulsed: meters.pulsed,
    events.CapsuleMade: giving.capsule_made,
    events.ContextFound: giving.looked_up,
    events.LayerMoved: layers.moved,
    events.PromoteWanted: promoting.wanted,
    events.Promoted: promoting.promoted,
    events.NotPromoted: promoting.not_promoted,
    events.Proposed: proposing.proposed,
    events.ProposalWeighed: weighing.weighed,
    events.ProposalMerged: proposing.merged,
    events.ProposalRenewed: proposing.renewed,
    events.ProposalStuck: proposing.stuck,
    events.ProposalShaken: proposing.shaken,
    events.Ticked: scheduling.ticked,
    events.JobSaid: scheduling.said,
    events.WentIdle: resting.went_idle,
    events.DistillDue: distilling.due,
    events.ClaimsRead: claims.claims_read,
    events.SourceChanged: claims.source_changed,
    events.Remembered: remembering.remembered,
    events.RememberHeld: remembering.held,
    events.Forgotten: remembering.forgotten,
    events.LearnedAlone: remembering.learned_alone,
    events.NotDone: remembering.not_done,
    events.Jotted: focusing.jotted,
}


def step(desk: Desk, event: events.Event, house: House) -> Outcome:
    """Return what follows from an event: the loop and asks as they are now, facts for the graph, effects to perform.

    Pure, and total: whatever a person wrote or an agent did, this returns. The same arguments give the same outcome.
    """
    draft = Draft.of(desk, event, house)
    match event:
        case events.Admitted():
            admission.admit(draft, event.identity, event.name, event.role, quiet=True)
        case events.Referred():
            (marking.referred if event.wants == "decide" else giving.referred)(draft, event)
        case events.VerdictLost():
            # The session is gone; TurnParked, TurnBroke or TurnInterrupted tells what that means for the call.
            pass
        case _:
            rule = RULES[type(event)]
            rule(draft, event)  # type: ignore[operator]
    return draft.outcome()
