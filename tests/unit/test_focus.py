"""The board of what matters now. Owns: where each loop stands, who reads a title, pins as text; by example and by property."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import board, focus
from core.errors import BadInput
from core.focus import Board
from core.ids import IdentityKey, LoopId, MemberId, ThreadKey
from core.loop import Loop, Status
from core.message import Text
from core.people import Member, People

NOW = datetime(2026, 3, 20, tzinfo=UTC)
MAYA = Member(id=MemberId("maya"), name="Maya", role="member")
PEOPLE = People(members={MAYA.id: MAYA}, identities={IdentityKey("slack:T1/maya"): MAYA.id})


def loop(
    number: int, title: str = "Fix it", *, driver: str = "ravi", days: float = 0, **more: object
) -> Loop:
    at = NOW - timedelta(days=days)
    made = Loop(
        id=LoopId(f"{number:032x}"[::-1]), thread=ThreadKey(f"slack:T1/C{number}/1"), title=title, task=title, driver=MemberId(driver),
        driver_identity=IdentityKey(f"slack:T1/{driver}"), driver_name=driver.capitalize(), created_at=at, updated_at=at, trigger="1",
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def derive(*loops: Loop, reads: bool = True, **more: str) -> Board:
    return focus.derive(loops, at=NOW, reads=lambda _: reads, asks={}, **more)


def told(shown: Board) -> str:
    return "\n".join(block.text for block in board.message(shown, at=NOW).blocks if isinstance(block, Text))


LOOPS = st.lists(
    st.builds(
        lambda number, status, tags, days: loop(number, status=status, tags=tuple(tags), days=days),
        st.integers(1, 10_000),
        st.sampled_from(get_args(Status)),
        st.lists(st.sampled_from(["auth", "web", "money"]), unique=True, max_size=3),
        st.floats(0, 20),
    ),
    unique_by=lambda made: made.id,
    max_size=20,
)


@given(LOOPS)
def test_every_live_loop_stands_in_its_place_or_has_faded(loops: list[Loop]) -> None:
    shown = derive(*loops)
    places = [
        {seen.loop.id for seen in shown.ready},
        {seen.loop.id for seen in shown.waiting},
        {seen.loop.id for _, group in shown.active for seen in group},
        {seen.loop.id for seen in shown.untagged},
    ]
    everywhere = set().union(*places)
    assert sum(map(len, places)) == len(everywhere)
    assert len(everywhere) + shown.faded == len([made for made in loops if made.live])
    assert told(shown)


@given(LOOPS)
def test_what_may_not_be_read_is_not_said(loops: list[Loop]) -> None:
    secret = [replace(made, title=f"Hidden{number}") for number, made in enumerate(loops)]
    words = told(derive(*secret, reads=False))
    assert not [word for word in ("Hidden", "auth", "web", "money") if word in words]


def test_the_board_as_people_read_it() -> None:
    words = told(
        derive(
            loop(1, "Fix login", status="running", tags=("auth", "web")),
            loop(2, "Old thing", days=8, tags=("auth",)),
            loop(3, "Anyone?", status="rfd", tags=("web",), days=1),
            loop(4, "May I", status="waiting"),
            loop(5, "Just so", days=7.9),
            loop(6, "Finished", status="done"),
            page="# Focus\n\n- Ship 2.0\n- [ ] Hire\n",
            inbox="".join(f"- line {number}\n" for number in range(7)),
        )
    )
    pinned, *_ = words.split("**Active**")
    assert pinned == "**Pinned**\n1. Ship 2.0\n2. Hire\n"
    assert f"**auth** · #{loop(1).handle} Fix login (working) · 0 s ago" in words
    assert "**Ready for a driver**\n" in words
    assert "Anyone? · web · 24 h ago" in words
    assert "May I · waits for Ravi · for 0 s" in words
    assert "Just so · " in words
    assert "line 4\n… and 2 more" in words
    assert "1 loop faded" in words
    assert not [word for word in ("Old thing", "Finished", "line 5") if word in words]


def test_an_empty_board_says_how_to_begin() -> None:
    words = told(derive())
    assert "`/loop focus pin <text>`" in words
    assert "No loop is at work." in words
    assert "Inbox" not in words


@pytest.mark.parametrize(
    ("room", "member", "here", "reads"),
    [
        ("open", None, None, True),
        ("open", MAYA, None, True),
        ("closed", MAYA, None, False),
        ("", MAYA, None, False),
        ("closed", None, "slack:T1/C1/9", True),  # the same channel
        ("closed", None, "slack:T1/C2/1", False),
        ("closed", None, "matrix:h/r/7", True),  # follows the loop
    ],
)
def test_who_reads_a_title(room: str, member: Member | None, here: str | None, reads: bool) -> None:
    made = loop(1, followers=(ThreadKey("matrix:h/r/7"),))
    may = focus.reader({made.thread: room}, PEOPLE, member=member, here=ThreadKey(here) if here else None)
    assert may(made) is reads


def test_a_driver_reads_their_own_and_what_is_not_known_can_count() -> None:
    mine = loop(1, driver="maya")
    assert focus.reader({mine.thread: "closed"}, PEOPLE, member=MAYA)(mine)
    assert focus.reader({}, PEOPLE, member=MAYA, unknown=True)(loop(2))
    assert not focus.reader({loop(2).thread: "closed"}, PEOPLE, member=MAYA, unknown=True)(loop(2))
    far = loop(3, thread=ThreadKey("matrix:h/r/1"))
    rooms = {far.thread: "closed"}
    beside, elsewhere = ThreadKey("matrix:h/r/2"), ThreadKey("matrix:h/q/2")
    assert focus.reader(rooms, PEOPLE, member=MAYA, here=beside, unknown=True)(far)
    assert not focus.reader(rooms, PEOPLE, member=MAYA, here=beside)(far)
    assert not focus.reader(rooms, PEOPLE, member=MAYA, here=elsewhere, unknown=True)(far)


LINES = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(str.strip)


@given(st.lists(LINES, max_size=8), LINES)
def test_a_pin_that_is_taken_off_leaves_the_rest(lines: list[str], new: str) -> None:
    page = "# Ours\n\nSome words of ours.\n"
    for line in lines:
        try:
            page = focus.pinned(page, line)
        except BadInput:
            continue
    before = focus.items(page)
    try:
        after = focus.pinned(page, new)
    except BadInput:
        return
    assert focus.items(after) == (*before, focus.items(after)[-1])
    left, line = focus.unpinned(after, len(before) + 1)
    assert (focus.items(left), line) == (before, focus.items(after)[-1])
    assert "Some words of ours." in left


def test_pins_are_few_and_each_once() -> None:
    page = ""
    for number in range(focus.MOST_PINS):
        page = focus.pinned(page, f"pin {number}")
    with pytest.raises(BadInput, match="no focus"):
        focus.pinned(page, "one more")
    with pytest.raises(BadInput, match="already"):
        focus.pinned(focus.unpinned(page, 1)[0], "PIN 3")
    for number in (0, focus.MOST_PINS + 1):
        with pytest.raises(BadInput, match="There is no pin"):
            focus.unpinned(page, number)
    with pytest.raises(BadInput, match="empty"):
        focus.pinned("", "\u200b ")


def test_tags() -> None:
    assert focus.tags(" #Auth, web  web-2 ") == ("auth", "web", "web-2")
    for wrong in ("a?b", "-x", "x" * 31, "a/b"):
        with pytest.raises(BadInput):
            focus.tags(wrong)
