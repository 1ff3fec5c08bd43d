"""How often a card moves for its clock's sake, and what it says of its loop to platforms that show that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from core import cards, effects, events
from core.loop import Status
from core.message import State
from tests.unit.story import THREAD, Story


def shows(story: Story, after: float) -> int:
    """Return how many cards a pulse so many seconds into the turn brings up to date."""
    at = story.turn.started_at + timedelta(seconds=after)
    return len(story.tell(events.Pulsed(lane=THREAD, at=at, loop=story.loop.id)))


def test_a_clock_moves_often_at_first_and_then_once_a_minute() -> None:
    story = Story().started()
    assert all(shows(story, after) for after in range(0, 120, 15))
    for first in (120.0, 127.3, 134.9):
        moved = [
            sum(shows(story, first + minute * 60 + pulse * 15) for pulse in range(4)) for minute in range(10)
        ]
        assert set(moved) <= {1, 2}
    assert sum(shows(story, 120 + pulse * 15) for pulse in range(40)) < 25


def test_a_clock_that_stands_moves_nothing() -> None:
    story = Story().started()
    story.says("ravi", "/loop stop")
    story.tell(events.TurnBroke(**story.of_turn(), what="The turn was stopped.", stopped=True))
    assert shows(story, 30) == 0


@pytest.mark.parametrize(
    ("status", "state"),
    [("queued", "working"), ("running", "working"), ("waiting", "waiting"), ("idle", "idle"), ("rfd", "idle"),
     ("failed", "failed"), ("done", "over"), ("archived", "over")],
)  # fmt: skip
def test_a_card_says_what_its_loop_is_at(status: Status, state: State) -> None:
    story = Story().started()
    card = cards.status(replace(story.loop, status=status), (), at=story.at, secret="s")
    assert card.state == state


def test_nothing_but_a_loops_card_has_a_state() -> None:
    story = Story().started()
    story.results("Fixed.")
    said = [each.message for each in story.effects if isinstance(each, effects.Say)]
    assert {message.state for message in said} <= {"", "working"}
    story.says("maya", "/loop help")
    assert all(
        not each.message.state for each in story.last if isinstance(each, effects.Say | effects.Whisper)
    )
