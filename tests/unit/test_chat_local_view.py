"""What a typed line means, how threads are listed, and messages in a terminal's colours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from adapters.chat.local import paint, render, view
from adapters.chat.local.records import Heading, Record
from core.ids import Token
from core.message import Button, Buttons, Code, Item, Message, Text
from core.message import Checklist as Steps

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def _card(number: int, title: str, *labels: str) -> Record:
    buttons = tuple(Button(label=label, token=Token(f"{number}{label}")) for label in labels)
    body = Message(title=title, blocks=(Buttons(buttons=buttons),) if buttons else ())
    return Record(
        id=number, channel="general", root=1, author="loop", name="loop", at=AT, bot=True, body=body
    )


CARDS = (_card(2, "working", "Stop"), _card(3, "may I? ask 7f3", "Allow once", "Deny…"))


def _meant(line: str, records: Sequence[Record] = CARDS, thread: int = 1) -> view.Intent:
    shown = view.View(thread=thread)
    shown.numbers(thread, records)
    return view.understand(line, shown, records)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("hello", view.Say(text="hello")),
        (" 1", view.Say(text="1")),
        (" /etc/hosts is wrong", view.Say(text="/etc/hosts is wrong")),
        ("/loop --repo demo fix it", view.Say(text="/loop --repo demo fix it")),
        ("!loop status", view.Say(text="!loop status")),
        ("approve 7f3", view.Say(text="/loop approve 7f3")),
        ("deny #7f3 because it is Friday", view.Say(text="/loop deny 7f3 because it is Friday")),
        ("approve the plan", view.Say(text="approve the plan")),
        ("approve abc", view.Say(text="approve abc")),
        ("/threads", view.Plain(what="threads")),
        ("/help", view.Plain(what="help")),
        ("/quit", view.Plain(what="quit")),
        ("/open 12", view.Open(thread=12)),
        ("/open #12", view.Open(thread=12)),
        ("/new", view.Fresh(channel="")),
        ("/new alerts", view.Fresh(channel="alerts")),
        ("/as ravi", view.Become(user="ravi")),
    ],
)
def test_what_a_line_means(line: str, meant: view.Intent) -> None:
    assert _meant(line) == meant


@pytest.mark.parametrize(
    ("line", "message", "label"),
    [
        ("1", 2, "Stop"),
        ("2", 3, "Allow once"),
        ("3", 3, "Deny…"),
        ("#7f3 1", 3, "Allow once"),
        ("#7f3 2", 3, "Deny…"),
    ],
)
def test_buttons_are_pressed_by_number(line: str, message: int, label: str) -> None:
    meant = _meant(line)
    assert isinstance(meant, view.Press)
    assert (meant.message, meant.button.label) == (message, label)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("9", "no button 9"),
        ("#7f3 3", "2 buttons"),
        ("#abc 1", "#abc"),
        ("/open", "Which thread"),
        ("/open x", "Which thread"),
        ("/new a/b", "channel"),
        ("/as", "As whom"),
        ("/thraeds", "/threads"),
    ],
)
def test_what_cannot_be_taken_is_explained(line: str, word: str) -> None:
    meant = _meant(line)
    assert isinstance(meant, view.Complaint)
    assert word in meant.text


def test_a_number_opens_a_thread_in_the_list() -> None:
    assert _meant("12", (), thread=0) == view.Open(thread=12)


def test_a_number_never_comes_to_mean_another_button() -> None:
    shown = view.View(thread=1)
    assert isinstance(shown.numbered(2, CARDS), view.Press)
    later = (CARDS[0], _card(3, "✓ allowed once"), _card(4, "may I? ask 801", "Allow once"))
    gone = shown.numbered(2, later)
    assert isinstance(gone, view.Complaint)
    assert "gone" in gone.text
    fresh = shown.numbered(4, later)
    assert isinstance(fresh, view.Press)
    assert fresh.message == 4


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_the_list_fits(width: int) -> None:
    shown = view.View(unread={7})
    shown.headings = [
        Heading(
            channel="general", root=7, name="Ma\x1b[31mya", text="it fails\n" + "x" * 300, count=1, last_at=AT
        ),
        Heading(channel="alerts", root=123, name="A very long name indeed", text="", count=12, last_at=AT),
    ]
    lines = shown.listing(width)
    assert len(lines) == 2
    assert lines[-1].startswith("*    7  Maya")
    assert all("\x1b" not in line for line in lines)
    if width >= 40:
        assert max(map(len, lines)) <= width


def test_completion_knows_commands_subcommands_and_people() -> None:
    words = [("status", "what is going on"), ("stop", "stop the turn"), ("why", "where from")]
    people = {"maya": "Maya"}

    def offered(text: str) -> list[str]:
        return [found for found, _, _ in view.complete(text, subcommands=words, people=people)]

    assert offered("/th") == ["/threads"]
    assert offered("/loop st") == ["status", "stop"]
    assert offered("!loop ") == ["status", "stop", "why"]
    assert offered("hello @m") == ["@maya"]
    assert offered("hello @") == ["@loop", "@maya"]
    assert offered("/loop stop now") == offered("hello") == offered("") == []
    assert view.complete("hi @ma", subcommands=(), people=people) == [("@maya", 3, "Maya")]


# ── paint ────────────────────────────────────────────────────────────────────────────────────────────────────────────

RICH = Message(
    title="● Fix it [red]not markup[/red]",
    blocks=(
        Text(text="**bold** `code` [label](https://x.example) \x1b[2Jno"),
        Steps(items=(Item(text="Ran pytest", mark="failed"),)),
        Code(text="-a\n+b", language="diff"),
        Buttons(buttons=(Button(label="Go", token=Token("t"), style="primary"),)),
    ),
)


def test_without_colour_everything_is_still_said() -> None:
    assert [line.rstrip() for line in paint.ansi(paint.message(RICH), width=60, colour=False)] == [
        "● Fix it [red]not markup[/red]",
        "bold code label (https://x.example) no",
        "✗ Ran pytest (failed)",
        "    -a",
        "    +b",
        "[1] Go",
    ]


def test_a_button_may_have_another_number() -> None:
    (line,) = paint.ansi(
        paint.message(Message(blocks=RICH.blocks[-1:]), numbers={Token("t"): 12}), width=60, colour=False
    )
    assert line.strip() == "[12] Go"


def test_colour_adds_only_its_own_sequences() -> None:
    lines = paint.ansi(paint.message(RICH), width=60)
    assert any("\x1b[" in line for line in lines)
    assert all("\x1b[2J" not in line for line in lines)


@pytest.mark.parametrize("width", [10, 40, 80])
def test_nothing_is_wider_than_the_screen(width: int) -> None:
    said = Record(
        id=1, channel="general", root=1, author="m", name="Maya", at=AT, text="word " * 50 + "x" * 300
    )
    lines = paint.ansi(paint.record(said), width=width, colour=False)
    assert max(map(len, lines)) <= width
    assert "".join(lines).count("x") == 300
    assert render.shown(said).count("word") == " ".join(lines).count("word")
