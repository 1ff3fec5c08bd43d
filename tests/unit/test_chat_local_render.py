"""How messages of the local chat look as text, and what never gets through to a terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat.local import clean, encoding, mentions, render
from adapters.chat.local.records import Record, identity_of
from core.errors import Damaged
from core.ids import Token
from core.message import Attachment, Button, Buttons, Checklist, Code, Fields, Item, Message, Text

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
CARD = Message(
    title="● Fix the flaky login test  #9f3c21",
    notify=(identity_of("maya"), identity_of("eve")),
    blocks=(
        Text(text="**working** · see [the log](https://x.example/1) and `**kwargs`"),
        Checklist(
            items=(
                Item(text="Read 4 files"),
                Item(text="Running pytest", mark="running"),
                Item(text="Ran ruff", mark="failed"),
                Item(text="Ran mypy (failed)", mark="failed"),
                Item(text="Push", mark="waiting"),
            )
        ),
        Fields(pairs=(("model", "opus"),)),
        Code(text="+one\n\n-two\n", language="diff"),
        Buttons(
            buttons=(Button(label="Allow once", token=Token("a")), Button(label="Deny…", token=Token("b")))
        ),
        Buttons(buttons=(Button(label="Details", token=Token("c")),)),
        Attachment(name="run.log", content="one\ntwo\n"),
    ),
)


def test_a_card_as_text() -> None:
    assert render.plain(CARD, {"maya": "Maya"}).split("\n") == [
        "@Maya @eve ● Fix the flaky login test  #9f3c21",
        "working · see the log (https://x.example/1) and `**kwargs`",
        "✓ Read 4 files",
        "… Running pytest",
        "✗ Ran ruff (failed)",
        "✗ Ran mypy (failed)",
        "○ Push (waiting)",
        "model: opus",
        "    +one",
        "",
        "    -two",
        "[1] Allow once  [2] Deny…",
        "[3] Details",
        "[file] run.log · 2 lines · 8 bytes",
    ]
    assert [button.label for button in render.buttons(CARD)] == ["Allow once", "Deny…", "Details"]


def test_a_message_survives_its_encoding() -> None:
    assert encoding.decode(encoding.encode(CARD)) == CARD


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", '{"title":"","notify":[],"blocks":[{"kind":"frame"}]}', "{"]
)
def test_a_broken_encoding_is_damage(line: str) -> None:
    with pytest.raises(Damaged):
        encoding.decode(line)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\x", "x"),
        ("a\rb\r\nc\x07\x00\x9b2Jd", "a\nb\ncd"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("\u2066x\u2069\u200bY\ufeff\U000e0041", "xY"),
        ("tab\tand\nline, ünïcödé 👩\u200d💻", "tab\tand\nline, ünïcödé 👩\u200d💻"),
        ("\ud800half", "half"),
    ],
)
def test_what_a_terminal_must_not_get(given: str, kept: str) -> None:
    assert clean.clean(given) == kept


@given(st.text(st.characters(), max_size=200))
def test_nothing_that_steers_a_terminal_gets_through(text: str) -> None:
    shown = render.plain(Message(title=text, blocks=(Text(text=text), Code(text=text))))
    assert not {mark for mark in shown if (mark < " " and mark not in "\n\t") or "\x7f" <= mark <= "\x9f"}
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def test_a_transcript_is_the_thread_on_paper() -> None:
    root = Record(
        id=1, channel="general", root=1, author="maya", name="Ma\nya", at=AT, text="it fails\non CI"
    )
    gone = Record(id=2, channel="general", root=1, author="maya", name="Maya", at=AT, deleted=True)
    answer = Record(
        id=3,
        channel="general",
        root=1,
        author="loop",
        name="loop",
        at=AT,
        bot=True,
        body=Message(title="Fixed ```", blocks=(Text(text="at 12:34"),)),
        reactions=(("👍", "maya"), ("👍", "ravi")),
    )
    assert render.transcript([root, gone, answer]) == (
        "````text\nMa ya  it fails\n       on CI\n\nloop   Fixed ```\n       at 14:02\n       👍\n````\n"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("#9f3c21 · 3 m 40 s · $0.21", "#a00000 · 12 s · $13"),
        ("branch loop/fix-flaky-9f3c21", "branch loop/fix-flaky-0000aa"),
        ("commit 8e1f0aa by Maya", "commit 0123456789012345678901234567890123456789 by Maya"),
        ("ask 7f3 · expires 2026-11-22 14:02", "ask 0aa1 · expires 2027-01-01T00:00:59+00:00"),
        ("type `approve 7f3`", "type `approve 801`"),
        ("1 failed in 0.12s, 350 ms", "1 failed in 10.5s, 1.2 s"),
        ("working · 2 m · <$0.01", "working · 1 h 5 m · $1,234.50"),
        ("Ask 7f3 has waited 2 m 10 s", "Ask 801 has waited 8 s"),
        ("allowed once by Maya, 14:02", "allowed once by Maya, 23:59:01"),
    ],
)
def test_what_differs_between_runs_is_masked(one: str, other: str) -> None:
    assert render.mask(one) == render.mask(other)


def test_what_does_not_differ_stays() -> None:
    kept = "214 tests pass · app/session.py +6 −2 · python 3.11.2 · 4 messages by 3 people · expires in 24 h"
    assert render.mask(kept) == kept


@pytest.mark.parametrize(
    ("text", "kept", "addressed", "called"),
    [
        ("@loop fix it", "fix it", True, ()),
        ("@Loop: fix it", "fix it", True, ()),
        ("please @loop, fix it", "please fix it", True, ()),
        ("can you see this @loop", "can you see this", True, ()),
        ("@loop", "", True, ()),
        ("mail a@loop.example or @loop-bot, x/@loop", "mail a@loop.example or @loop-bot, x/@loop", False, ()),
        ("@Ravi and @maya. @nobody", "@Ravi and @maya. @nobody", False, ("ravi", "maya")),
        ("@loop ask @ravi", "ask @ravi", True, ("ravi",)),
    ],
)
def test_who_is_meant(text: str, kept: str, addressed: bool, called: tuple[str, ...]) -> None:
    people = {"maya": "Maya", "ravi": "Ravi", "ci": "CI bot", "loop": "loop"}
    assert mentions.read(text, people) == mentions.Reading(text=kept, addressed=addressed, mentions=called)
