"""What a loop hears when something it waits for cannot be done at all. Owns: told. Imports: core. Effects: none."""

from __future__ import annotations

from datetime import datetime

from core import effects, events

REMEDY = "Press Retry; if it fails again, an admin can look at the log and run `loopbridge doctor`."
AGAIN = "Tell the loop to go on: at the end of its turn it asks again."


def told(effect: effects.Doing, why: str, at: datetime) -> events.Event | None:
    """Return the event that lets the loop go on instead of waiting for ever; None where nothing waits."""
    match effect:
        case effects.ReadThread():
            return events.ThreadRead(lane=effect.lane, at=at, loop=effect.loop, messages=(), failed=why)
        case effects.Prepare():
            what = f"The workdir could not be made: {why}"
            return events.PrepareFailed(
                lane=effect.lane, at=at, loop=effect.loop, what=what, remedy=REMEDY, attempt=effect.attempt
            )
        case effects.RunLeg():
            what = f"The agent could not be run: {why}"
            return events.TurnBroke(
                lane=effect.lane,
                at=at,
                loop=effect.loop,
                turn=effect.turn,
                leg=effect.leg,
                what=what,
                remedy=REMEDY,
            )
        case effects.TakeWork():
            what = f"The commits could not be brought out: {why}"
            return events.WorkStuck(
                lane=effect.lane,
                at=at,
                loop=effect.loop,
                turn=effect.turn,
                leg=effect.leg,
                what=what,
                remedy=REMEDY,
            )
        case effects.LandWork():
            return events.WorkLanded(
                lane=effect.lane, at=at, loop=effect.loop, ask=effect.ask, what=why, remedy=AGAIN
            )
        case effects.Remember() | effects.Forget() | effects.Jot() | effects.Share() | effects.Distil():
            message = effect.press if isinstance(effect, effects.Share) else effect.message
            return events.NotDone(
                lane=effect.lane, at=at, author=effect.author, message=message, what=why, via=effect.via
            )
        case effects.Promote() | effects.MergeProposal():
            return _of_layers(effect, why, at)
        case _:
            return None


def _of_layers(effect: effects.Promote | effects.MergeProposal, why: str, at: datetime) -> events.Event:
    if isinstance(effect, effects.Promote):
        return events.NotPromoted(
            lane=effect.lane, at=at, loop=effect.loop, turn=effect.turn, request=effect.request, layer=effect.layers[0],
            why="refused", what=why, remedy="Promote again.",
        )  # fmt: skip
    return events.ProposalStuck(
        lane=effect.lane, at=at, proposal=effect.proposal, round=effect.round, request=effect.key, what=why,
        author=effect.author, via=effect.via,
    )  # fmt: skip
