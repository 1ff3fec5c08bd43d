"""Times as people write them. Owns: nothing. Imports: core. Effects: none."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import schedules
from core.errors import BadInput


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("0 9 * * mon-fri", "0 9 * * mon,tue,wed,thu,fri"),
        ("0 9 * * 1-5", "0 9 * * mon,tue,wed,thu,fri"),
        ("0 9 * * 0", "0 9 * * sun"),
        ("0 9 * * 7", "0 9 * * sun"),
        ("0 9 * * fri-mon", "0 9 * * fri,sat,sun,mon"),
        ("*/5 8-18 * * *", "*/5 8-18 * * *"),
        ("5/20 * * * *", "5-59/20 * * * *"),
        ("0 0 1 jan *", "0 0 1 1 *"),
        ("every weekday at 9:00", "0 9 * * mon,tue,wed,thu,fri"),
        ("Daily at 18:30", "30 18 * * *"),
        ("every monday at 9", "0 9 * * mon"),
        ("mondays and thursdays at 5pm", "0 17 * * mon,thu"),
        ("every monday, wednesday, and friday at noon", "0 12 * * mon,wed,fri"),
        ("every sat at 12am", "0 0 * * sat"),
        ("hourly", "0 * * * *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 24 hours", "0 0 * * *"),
        ("monthly on the 3rd at 8", "0 8 3 * *"),
        ("weekly", "0 9 * * mon"),
    ],
)
def test_a_time_is_read(said: str, means: str) -> None:
    when = schedules.parse(said)
    assert str(when) == means
    assert schedules.cron(str(when)) == when


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("61 * * * *", "`61` is no minute: it goes from 0 to 59"),
        ("0 9 * * funday", "`funday` is no weekday: it goes from 0 to 7 or mon to sun"),
        ("0 9 1 * mon", "not both"),
        ("0 22-4 * * *", "no hour"),
        ("0 0 31 feb,apr *", "None of these months"),
        ("every 7 minutes", "does not fit evenly"),
        ("daily at 25", "There is no 25:00"),
        ("every blue moon", "no time that can be read"),
        ("monthly on the 31st", "Not every month"),
        ("", "no time that can be read"),
    ],
)
def test_what_is_no_time_is_said_with_examples(said: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        schedules.parse(said)
    assert caught.value.remedy


@given(st.text(max_size=200))
def test_any_text_is_a_time_or_refused(said: str) -> None:
    with suppress(BadInput):
        when = schedules.parse(said)
        assert schedules.cron(str(when)) == when
        assert 1 <= schedules.often(when) <= 60
        assert "(UTC)" in schedules.spoken(when, "UTC")


PART = st.one_of(
    st.just("*"),
    st.integers(0, 59).map(str),
    st.tuples(st.integers(0, 30), st.integers(30, 59)).map(lambda pair: f"{pair[0]}-{pair[1]}"),
    st.integers(1, 59).map(lambda step: f"*/{step}"),
)


@given(st.lists(PART, min_size=1, max_size=4))
def test_minutes_are_counted(parts: list[str]) -> None:
    when = schedules.cron(f"{','.join(parts)} * * * *")
    counted = set()
    for part in parts:
        span, _, step = part.partition("/")
        first, last = (0, 59) if span == "*" else (int(span.split("-")[0]), int(span.split("-")[-1]))
        counted |= set(range(first, last + 1, int(step or 1)))
    assert schedules.often(when) == len(counted)
