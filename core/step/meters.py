"""What the gateway and the clock report. Owns: spent, egress_denied, model_failed, pulsed. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace

from core import wording
from core.events import EgressDenied, ModelFailed, Pulsed, Spent
from core.step.draft import Draft

REFUSED_SHOWN = 5
OFTEN = 120.0  # seconds of a turn whose every pulse shows
MINUTE, PULSE = 60.0, 20.0  # seconds; a pulse is a little shorter, so that no minute goes by without one


def spent(draft: Draft, event: Spent) -> None:
    """Count tokens and money for the loop and its turn."""
    draft.spent = event
    loop = draft.loop
    if loop is None or loop.id != event.loop:
        return
    tokens = event.input_tokens + event.output_tokens + event.cache_read_tokens + event.cache_write_tokens
    turn = replace(loop.turn, spent_usd=loop.turn.spent_usd + event.cost_usd) if loop.turn else None
    draft.now(spent_usd=loop.spent_usd + event.cost_usd, tokens=loop.tokens + tokens, turn=turn)


def egress_denied(draft: Draft, event: EgressDenied) -> None:
    """Show on the card which hosts were not reached."""
    loop = draft.loop
    if loop is None or loop.id != event.loop:
        return
    word = f"{wording.line(event.host, 60)} ({wording.line(event.why, 60)})"
    if word not in loop.refused:
        draft.now(refused=(*loop.refused, word)[-REFUSED_SHOWN:])
        draft.show_status()


def model_failed(draft: Draft, event: ModelFailed) -> None:
    """Say on the card that the model does not answer; the agent tries again by itself, and gives up with a result."""
    loop = draft.loop
    if loop is None or loop.id != event.loop or not loop.busy:
        return
    word = f"the model answered {event.status}" if event.status else "the model can't be reached"
    draft.now(notice=f"{word}; trying again")
    draft.show_status()


def pulsed(draft: Draft, event: Pulsed) -> None:
    """Bring the card's clock up to date while something runs: often at first, then once a minute.

    Platforms count edits, and one that moves the clock alone takes the turn of one that has something to say.
    """
    loop = draft.loop
    if loop is None or loop.id != event.loop or not loop.busy or loop.status not in ("running", "queued"):
        return
    taken = (draft.at - draft.turn().started_at).total_seconds()
    if taken < OFTEN or taken % MINUTE < PULSE:
        draft.show_status()
