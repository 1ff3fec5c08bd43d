"""What goes next on the way to one thread."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bridge.outbox import Outbox
from core.effects import Effect, Priority, Say, Show
from core.ids import CardKey, ThreadKey
from core.message import text
from core.ports import Job

LANE = ThreadKey("local:home/general/1")


def say(number: int, priority: Priority = Priority.ANSWER, card: str = "") -> Job:
    return Job(
        id=number,
        effect=Say(
            key=f"s{number}", lane=LANE, priority=priority, message=text(str(number)), card=CardKey(card)
        ),
    )


def show(number: int, card: str, priority: Priority = Priority.PROGRESS) -> Job:
    return Job(
        id=number,
        effect=Show(
            key=f"e{number}", lane=LANE, priority=priority, card=CardKey(card), message=text(str(number))
        ),
    )


def drain(box: Outbox, now: float = 0.0) -> list[int]:
    """Carry out what may go now, one after another."""
    done = []
    while (job := box.next(now).job) is not None:
        done.append(job.id)
        box.done(job, now=now)
    return done


def test_asks_and_answers_overtake_progress() -> None:
    box = Outbox(edit_every=3.0)
    box.put([show(1, "card"), say(2), say(3, Priority.ASK)])
    assert drain(box) == [3, 2, 1]


def test_a_newer_edit_of_a_card_takes_the_older_ones_place() -> None:
    box = Outbox(edit_every=3.0)
    box.put([show(1, "card"), show(2, "other"), show(3, "card")])
    assert sorted(drain(box)) == [2, 3]


def test_an_edit_waits_for_its_card_and_holds_nothing_else_up() -> None:
    box = Outbox(edit_every=3.0)
    box.put([show(1, "card")])
    assert drain(box, now=10.0) == [1]
    box.put([show(2, "card"), say(3)])
    assert drain(box, now=11.0) == [3]
    upcoming = box.next(11.0)
    assert (upcoming.job, upcoming.wait) == (None, 2.0)
    assert drain(box, now=13.0) == [2]


def test_a_card_is_posted_before_it_is_edited_whatever_the_priorities() -> None:
    box = Outbox(edit_every=0.0)
    box.put([say(1, Priority.PROGRESS, card="ask"), show(2, "ask", Priority.ASK)])
    assert drain(box) == [1, 2]


def test_a_post_that_failed_holds_back_its_card_and_not_the_rest() -> None:
    box = Outbox(edit_every=0.0)
    post = say(1, Priority.ASK, card="ask")
    box.put([post, show(2, "ask", Priority.ASK), say(3)])
    box.put_off(post, until=5.0, pause=False)
    assert drain(box, now=1.0) == [3]
    assert drain(box, now=5.0) == [1, 2]


def test_a_pause_holds_everything() -> None:
    box = Outbox(edit_every=0.0)
    first = say(1)
    box.put([first, say(2)])
    again = box.put_off(first, until=4.0, pause=True)
    assert again.attempts == 1
    assert box.next(1.0).job is None
    assert box.next(1.0).wait == 3.0
    assert drain(box, now=4.0) == [1, 2]


def test_an_edit_that_came_too_early_holds_nothing_up_and_gives_its_place_and_time_to_a_newer_one() -> None:
    box = Outbox(edit_every=0.0)
    box.put([show(1, "card")])
    assert drain(box, now=0.0) == [1]
    early = show(2, "card")
    box.put([early])
    assert box.is_edit(early)
    assert box.put_off(early, until=9.0, pause=False, counts=False).attempts == 0
    box.put([show(3, "card"), say(4)])
    assert drain(box, now=1.0) == [4]
    assert box.next(1.0).wait == 8.0
    assert drain(box, now=9.0) == [3]


def test_what_matters_more_need_not_wait_for_the_time_of_what_it_replaces() -> None:
    box = Outbox(edit_every=0.0)
    box.put([show(1, "card")])
    assert drain(box) == [1]
    early = show(2, "card")
    box.put([early])
    box.put_off(early, until=9.0, pause=False, counts=False)
    box.put([show(3, "card", Priority.ASK)])
    assert drain(box, now=1.0) == [3]


@given(
    st.lists(
        st.tuples(st.booleans(), st.sampled_from(["", "a", "b"]), st.sampled_from(list(Priority))),
        min_size=1,
        max_size=12,
    )
)
def test_nothing_is_lost_and_a_cards_last_edit_wins(entries: list[tuple[bool, str, Priority]]) -> None:
    box = Outbox(edit_every=1.0)
    jobs = [
        show(number, card or "c", priority) if edit else say(number, priority, card)
        for number, (edit, card, priority) in enumerate(entries)
    ]
    box.put(jobs)
    done: list[int] = []
    now = 0.0
    while len(box):
        upcoming = box.next(now)
        if upcoming.job is None:
            assert upcoming.wait is not None, "something waits for ever"
            now += upcoming.wait
            continue
        done.append(upcoming.job.id)
        box.done(upcoming.job, now=now)
    assert len(done) == len(set(done))
    assert {job.id for job in jobs if isinstance(job.effect, Say)} <= set(done)
    by_card: dict[str, list[Effect]] = {}
    for number in done:
        effect = jobs[number].effect
        if isinstance(effect, Say | Show) and effect.card:
            by_card.setdefault(effect.card, []).append(effect)
    for card, told in by_card.items():
        newest = max(job.id for job in jobs if isinstance(job.effect, Say | Show) and job.effect.card == card)
        assert told[-1] == jobs[newest].effect
