"""Loops that nobody spoke to for long. Owns: went_idle. Imports: core. Effects: none.

A loop that the clock put away is archived like any other, but rests: a word of those it listens to takes it out again (`driving.wake`).
"""

from __future__ import annotations

from core import timecards
from core.events import WentIdle
from core.step import driving
from core.step.draft import Draft


def went_idle(draft: Draft, event: WentIdle) -> None:
    """Put an idle loop away, and say so once; one that rested for very long has its home cleared too."""
    loop = draft.loop
    if loop is None or loop.id != event.loop or loop.updated_at != event.since:
        return
    if loop.resting or not loop.live:
        driving.give_up(draft)
        draft.now(resting=False)
        draft.close_loop(archive=True)
    elif not loop.busy:
        driving.put_away(draft, archive=True, rests=loop.prepared)
        draft.say(timecards.put_away(loop, event.since, draft.at), what="rests")
