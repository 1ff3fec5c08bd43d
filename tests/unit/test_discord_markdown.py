"""What the agent wrote is what people read on Discord: escaping, the small Markdown, and long texts. The reader is the far side's eyes."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.chat.discord import markdown, names, render
from core.message import Attachment, Button, Buttons, Checklist, Code, Fields, Item, Message, Text
from tests.far_sides.discord import eyes

NASTY = st.lists(
    st.sampled_from(
        [
            *"*_~|`\\<>[]()#-+.@:!1aB é中🔁/", "\n", "\n\n", "\n- ", "\n1. ", "\n# ", "\n> ", "\n>>> ", "\n-# ", "**", "__", "~~", "||",
            "``", "```", "```py\n", "<@123>", "<@!123>", "<@&5>", "<#7>", "<:smile:99>", "<t:1700000000:R>", "</loop start:12>",
            "@everyone", "@here", "https://evil.example/?q=1", "[label](https://evil.example)", "http://a", "<https://b.example>",
            "word", "snake_case_name", "a*b*c", "\t",
        ]
    ),
    max_size=40,
).map("".join)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(["alpha", "beta,", "gamma.", "δέλτα", "x_y_z", "*", "🔁", "1.", "-"]),
    min_size=1,
    max_size=60,
)


def visible(text: str) -> str:
    """Return text as far as Discord keeps it: white space around a message is taken off."""
    return text.strip()


@given(NASTY)
@example("- a\n1. b\n# c\n> d\n-# e")
@example("a_b_ *c* __d__ \\* `x` ||y||")
@settings(max_examples=120, deadline=None)
def test_escaped_text_is_read_to_the_letter(text: str) -> None:
    assert eyes.read(markdown.escape(text)) == visible(text)


@given(NASTY.filter(lambda text: text.strip()))
@settings(max_examples=120, deadline=None)
def test_inline_code_is_read_to_the_letter(text: str) -> None:
    flat = text.replace("\n", " ")
    shown = eyes.read(f"x {markdown.code(text)} x")
    assert shown.replace("ˋ", "`") == f"x {flat} x"


@given(NASTY)
@settings(max_examples=120, deadline=None)
def test_a_code_block_is_read_to_the_letter(text: str) -> None:
    kept = text.strip("\n")
    if not kept.strip():
        return
    (part,) = render.parts(Message(blocks=(Code(text=kept, language="python"),)))
    assert eyes.read(part.content).replace("\u200b", "") == markdown.clean(kept)


@given(NASTY)
@settings(max_examples=120, deadline=None)
def test_prose_calls_nobody_and_leads_nowhere(text: str) -> None:
    for part in render.parts(Message(blocks=(Text(text=text),))):
        shown = eyes.read(part.content, {123: "somebody"})
        assert "@somebody" not in shown
        assert "↗" not in shown
        assert "◆" not in shown
        body = render.body(part)
        assert body["allowed_mentions"] == {"parse": [], "users": [], "replied_user": False}
        assert body["flags"] == render.SUPPRESS_EMBEDS


@given(NASTY)
@settings(max_examples=120, deadline=None)
def test_no_letter_of_prose_is_lost(text: str) -> None:
    """What marks were taken for formatting may go; every letter stays, in order."""
    letters = re.sub(r"[^0-9A-Za-zé中🔁]", "", markdown.clean(text))
    shown = "".join(eyes.read(part.content) for part in render.parts(Message(blocks=(Text(text=text),))))
    fenced = (
        "```" in text or "~~~" in text
    ) and "\n" in text  # what stands behind an opening fence is a hint
    assert re.sub(r"[^0-9A-Za-zé中🔁]", "", shown) == letters or fenced or "#" in text


@pytest.mark.parametrize("text", ["~~~~1", "~~~one two", "a\n~~~b\n~~~"])
def test_a_fence_around_nothing_loses_no_word(text: str) -> None:
    shown = "".join(eyes.read(part.content) for part in render.parts(Message(blocks=(Text(text=text),))))
    assert re.sub(r"[^0-9a-z]", "", shown) == re.sub(r"[^0-9a-z]", "", text)


@given(NASTY, st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_every_part_fits(text: str, times: int) -> None:
    message = Message(
        title=text[:300],
        blocks=(Text(text=text * (12**times)), Code(text=text * 40), Fields(pairs=((text[:20], text),))),
        notify=(names.identity("123"),),
    )
    parts = render.parts(message)
    assert 1 <= len(parts) <= render.MOST
    assert all(len(part.content) <= 2000 and render.size(part.content) <= 2000 for part in parts)
    assert [part.users for part in parts] == [("123",), *(() for _ in parts[1:])]


@given(st.lists(WORDS, min_size=1, max_size=120))
@settings(max_examples=60, deadline=None)
def test_long_prose_is_cut_between_words(lines: list[list[str]]) -> None:
    text = "\n".join("w " + " ".join(line) for line in lines)
    parts = render.parts(Message(blocks=(Text(text=text),)), most=1000)
    words = [word for part in parts for word in eyes.read(part.content).split()]
    assert words == text.split()


def test_a_word_too_long_for_any_message_is_whole_in_pieces() -> None:
    text = "x" * 5000
    parts = render.parts(Message(blocks=(Text(text=text),)))
    assert "".join(eyes.read(part.content) for part in parts) == text


def test_a_fence_and_a_table_stay_whole_when_they_fit() -> None:
    prose = "\n".join(f"line {number} of the text" for number in range(70))
    code = "\n".join(f"step_{number}()" for number in range(100))
    table = "\n".join(["| a | b |", "|---|---|", *(f"| {number} | x |" for number in range(100))])
    parts = render.parts(Message(blocks=(Text(text=f"{prose}\n```python\n{code}\n```\n{prose}\n{table}"),)))
    whole = [part.content for part in parts]
    assert any(code in each for each in whole)
    assert any("| 0   | x   |" in each and "| 99  | x   |" in each for each in whole)
    assert all(each.count("```") % 2 == 0 for each in whole)


def test_a_fence_too_long_is_closed_and_opened_again() -> None:
    code = "\n".join(f"step_{number}()" for number in range(600))
    parts = render.parts(Message(blocks=(Code(text=code, language="python"),)))
    assert len(parts) > 2
    assert all(part.content.startswith("```python\n") and part.content.endswith("\n```") for part in parts)
    assert "\n".join(eyes.read(part.content) for part in parts) == code


def test_a_very_long_text_goes_on_in_a_file() -> None:
    lines = [f"line {number} with some words" for number in range(2000)]
    parts = render.parts(Message(title="Long", blocks=(Text(text="\n".join(lines)),)))
    assert len(parts) == render.MOST
    assert parts[-1].content.endswith(markdown.escape(render.NOTE))
    (file,) = parts[-1].files
    shown = "\n".join(eyes.read(part.content) for part in parts)
    assert [line for line in (shown + "\n" + file.content).split("\n") if line.startswith("line")] == lines


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**bold** and `code`", "bold and code"),
        ("see [the page](https://a.example/x)", "see the page (https://a.example/x)"),
        ("https://a.example/x.", "https://a.example/x."),
        ("## Result\nall green", "Result\nall green"),
        ("a **b `c**d` e** f", "a b c**d e f"),
        ("- one\n- two\n\n3. three", "- one\n- two\n\n3. three"),
        ("`` a`b ``", "a`b"),
        ("unclosed **bold and `code", "unclosed **bold and `code"),
        ("<@123> @everyone", "<@123> @everyone"),
    ],
)
def test_the_small_markdown(written: str, read: str) -> None:
    (part,) = render.parts(Message(blocks=(Text(text=written),)))
    assert eyes.read(part.content) == read


def test_links_away_are_code_and_links_home_are_links() -> None:
    home = "https://discord.com/channels/1/2/3"
    assert (
        markdown.inline(f"{home} https://evil.example/?q=SECRET")
        == f"<{home}> `https://evil.example/?q=SECRET`"
    )
    assert (
        markdown.inline("https://discord.com.evil.example/channels/1/2")
        == "`https://discord.com.evil.example/channels/1/2`"
    )


def test_a_card() -> None:
    message = Message(
        title="may I run this?",
        blocks=(
            Code(text="make test"),
            Checklist(items=(Item(text="Ran `x`", mark="failed"), Item(text="Reads", mark="running"))),
            Fields(pairs=(("rule", "egress *default*"),)),
            Buttons(buttons=tuple(Button(label=f"Button {number} {'x' * 90}", token=f"{number}" * 32) for number in range(7))),  # type: ignore[arg-type]
            Attachment(name='../e"vil\n.txt', content="x"),
        ),
        notify=(names.identity("42"),),
    )  # fmt: skip
    (part,) = render.parts(message)
    assert part.content == (
        "<@42> **may I run this?**\n```\nmake test\n```\n✗ Ran `x` (failed)\n… Reads\n**rule:** egress \\*default\\*"
    )
    assert [len(row["components"]) for row in part.rows] == [5, 2]
    assert all(len(each["label"]) <= 80 for row in part.rows for each in row["components"])
    body = render.body(part, nonce="n")
    assert body["allowed_mentions"]["users"] == ["42"]
    assert body["attachments"] == [{"id": 0, "filename": ".._e_vil .txt"}]
    assert (body["nonce"], body["enforce_nonce"]) == ("n", True)
