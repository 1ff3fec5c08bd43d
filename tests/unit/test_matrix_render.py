"""What the bridge says, as Matrix takes it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat.matrix import markup, names, render, signs
from core import commands, message
from core.ids import Token
from core.message import Attachment, Button, Buttons, Checklist, Code, Fields, Item, Message, Text

MAYA = names.identity_of("example.org", "@maya:example.org")
TAGS = re.compile(r"</?(p|br|strong|code|pre)>|<code class=\"language-[\w+-]*\">|<a href=\"[^\"<>]*\">|</a>")
ASK = Message(
    title="may I run this?",
    blocks=(
        Code(text="make test"),
        Text(text="ask 7f3 · rule: bash · expires in 24 h"),
        Buttons(
            ask="7f3",
            buttons=(
                Button(label="Allow once", token=Token("a"), style="primary"),
                Button(label="Allow for this loop", token=Token("b")),
                Button(label="Edit", token=Token("c"), wants_text="What instead?", draft="make test"),
                Button(label="Deny…", token=Token("d"), style="danger", wants_text="Why not?"),
            ),
        ),
    ),
    notify=(MAYA,),
)


def name(user: str) -> str:
    return user[1:].partition(":")[0].title()


def rendered(told: Message, **options: object) -> render.Rendered:
    return render.render(told, name, **options)  # type: ignore[arg-type]


def only(told: Message) -> render.Sheet:
    (sheet,) = rendered(told).sheets
    return sheet


# ── form ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_ask_says_how_to_answer() -> None:
    sheet = only(ASK)
    assert sheet.text == (
        "Maya: may I run this?\n```\nmake test\n```\nask 7f3 · rule: bash · expires in 24 h\n"
        "✅ Allow once · ♾️ Allow for this loop · ✏️ Edit · ❌ Deny"
        " — react, or write `approve 7f3`, `deny 7f3 because …`, `edit 7f3 …`"
    )
    assert (
        '<a href="https://matrix.to/#/@maya:example.org">Maya</a>: <strong>may I run this?</strong>'
        in sheet.html
    )
    assert list(signs.seeded(ASK)) == ["✅", "♾️", "❌"]


def test_no_word_on_a_card_passes_for_the_handle_of_its_ask() -> None:
    _, text, row = ASK.blocks
    assert isinstance(row, Buttons)
    others = Code(text="echo 'ask bad1 · rule: bash'")
    assert "`approve 7f3`" in only(replace(ASK, blocks=(others, text, row))).text
    assert "`approve" not in only(replace(ASK, blocks=(others, Buttons(buttons=row.buttons)))).text


def test_a_cards_signs_are_named_and_not_put_on_it() -> None:
    buttons = (Button(label="Stop", token=Token("s")), Button(label="Context", token=Token("c")))
    card = Message(title="● Fix it", blocks=(Buttons(buttons=buttons),))
    assert only(card).text == "● Fix it\n🛑 Stop · 📎 Context — react, or write `!loop stop`"
    assert signs.seeded(card) == ()


@pytest.mark.parametrize(
    ("label", "typed"),
    [("Diff", "`!loop diff`"), ("Details", "`!loop log`"), ("Refresh", "`!loop context refresh`")],
)
def test_what_may_be_written_in_place_of_a_sign_is_a_command(label: str, typed: str) -> None:
    card = Message(blocks=(Buttons(buttons=(Button(label=label, token=Token("x")),)),))
    assert only(card).text.endswith(f"— react, or write {typed}")
    assert commands.parse(commands.spoken(typed.strip("`")) or "").word != "start"


def test_a_sign_without_a_command_names_none() -> None:
    card = Message(blocks=(Buttons(buttons=(Button(label="Snooze", token=Token("x")),)),))
    assert only(card).text.endswith("Snooze — react")


def test_commands_are_named_as_people_can_write_them_here() -> None:
    sheet = only(message.text("`/loop list` and `/loop`, in `/loop/workdir` it is /loop and `ls /loop`"))
    assert sheet.text == "`!loop list` and `!loop`, in `/loop/workdir` it is /loop and `ls /loop`"
    assert "<code>!loop list</code>" in sheet.html
    assert "<code>/loop/workdir</code>" in sheet.html


def test_buttons_without_a_sign_of_their_own_get_numbers_and_none_is_given_twice() -> None:
    labels = ["Merge", "Merge", "Allow once", *("Odd thing" for _ in range(20))]
    card = Message(blocks=(Buttons(buttons=tuple(Button(label=each, token=Token(each)) for each in labels)),))
    given_ = signs.assigned(card)
    assert len(given_) == 11
    assert list(given_)[:3] == ["✅", "2️⃣", "3️⃣"]
    assert len({signs.plain_sign(sign) for sign in given_}) == len(given_)


def test_the_small_markdown_becomes_html() -> None:
    text = "**bold** and `code <b>` and [here](https://matrix.to/#/x)\nnext"
    assert only(message.text(text)).html == (
        "<p><strong>bold</strong> and <code>code &lt;b&gt;</code> and "
        '<a href="https://matrix.to/#/x">here</a><br>next</p>'
    )
    assert only(message.text(text)).text == "bold and `code <b>` and here (https://matrix.to/#/x)\nnext"


def test_blocks_have_both_forms() -> None:
    told = Message(
        blocks=(
            Checklist(
                items=(
                    Item(text="Read 4 files"),
                    Item(text="Ran it", mark="failed"),
                    Item(text="Ran x (exit code 2)", mark="failed"),
                )
            ),
            Fields(pairs=(("model", "opus"),)),
            Code(text="a < b\n", language="python"),
            Text(text="# Heading\nintro\n```diff\n-x\n+y\n```\n| a | b |\n|---|---|\nend"),
        )
    )
    sheet = only(told)
    assert sheet.text == (
        "✓ Read 4 files\n✗ Ran it (failed)\n✗ Ran x (exit code 2)\nmodel: opus\n```python\na < b\n```\nHeading\nintro\n"
        "```diff\n-x\n+y\n```\n| a | b |\n|---|---|\nend"
    )
    assert '<pre><code class="language-python">a &lt; b\n</code></pre>' in sheet.html
    assert "<pre><code>| a | b |\n|---|---|\n</code></pre>" in sheet.html


def test_code_that_holds_a_fence_stays_inside_its_own() -> None:
    assert only(Message(blocks=(Code(text="```\nout"),))).text == "````\n```\nout\n````"


# ── nobody is called, nothing is fetched, nothing hides ──────────────────────────────────────────────────────────────


def test_only_notify_calls_and_only_then_it_rings() -> None:
    loud = message.text("@room @maya:example.org https://matrix.to/#/@maya:example.org")
    told = render.content(only(loud), ())
    assert (told["msgtype"], told["m.mentions"]) == ("m.notice", {})
    called = render.content(only(ASK), rendered(ASK).called)
    assert (called["msgtype"], called["m.mentions"]) == ("m.text", {"user_ids": ["@maya:example.org"]})


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example/?q=SECRET",
        "[label](https://evil.example/?q=SECRET)",
        "see **https://evil.example/a**, and",
        "(https://matrix.to.evil.example/)",
        "[x](https://matrix.to@evil.example/)",
    ],
)
def test_foreign_links_are_code(text: str) -> None:
    sheet = only(message.text(text))
    assert "<a " not in sheet.html
    assert "<code>https://" in sheet.html


def test_links_of_trusted_hosts_stay_links() -> None:
    (sheet,) = rendered(
        message.text("[pr](https://git.example.org/1?a=1&b=2)"), hosts=("git.example.org",)
    ).sheets
    assert sheet.html == '<p><a href="https://git.example.org/1?a=1&amp;b=2">pr</a></p>'


@given(
    st.text(
        alphabet=st.sampled_from("<>&\"'`*[]()|~#\n -abhttps://x.=@!?/\u202e\u200b\x1b\ud800"), max_size=80
    )
)
def test_no_text_makes_a_tag_of_its_own(text: str) -> None:
    told = Message(
        title=text, blocks=(Text(text=text), Code(text=text, language="x"), Fields(pairs=((text, text),)))
    )
    for sheet in rendered(told).sheets:
        assert not re.search("[<>]", TAGS.sub("", sheet.html))
        assert not re.search("[\u202e\u200b\x1b]", sheet.text + sheet.html)
        json.dumps(render.content(sheet, ())).encode()
        sheet.text.encode()


@given(st.text(max_size=200))
def test_every_address_in_html_is_ours(text: str) -> None:
    for address in re.findall(r'href="([^"]*)"', markup.inline(text.replace("\n", " "))):
        assert address.startswith(("https://matrix.to", "http://matrix.to"))


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_long_answer_continues_cut_between_lines() -> None:
    rows = [f"line {number} of <the> answer" for number in range(2000)]
    told = rendered(Message(blocks=(Text(text="\n".join(rows[:1000])), Code(text="\n".join(rows[1000:])))))
    assert 1 < len(told.sheets) <= render.MOST
    shown = [line for sheet in told.sheets for line in sheet.text.split("\n") if line != "```"]
    assert shown == rows
    for sheet in told.sheets:
        assert render.size(render.content(sheet, ())) < 30_000
        assert render.size(render.edit_of("$e" * 20, render.content(sheet, ()))) < 27_000
        assert sheet.text.count("```") % 2 == 0
        assert sheet.html.count("<pre>") == sheet.html.count("</pre>")


def test_a_very_long_one_is_a_file_with_its_beginning_shown() -> None:
    rows = [f"line {number} of the answer" for number in range(20_000)]
    told = rendered(message.text("\n".join(rows)))
    (sheet,) = told.sheets
    assert sheet.text.startswith("line 0 of")
    assert sheet.text.endswith(render.REST)
    (file,) = told.files
    assert file.content == "\n".join(rows)


def test_an_edit_is_one_message_whatever_it_says_and_keeps_its_signs() -> None:
    big = Message(blocks=(Text(text="word " * 20_000), ASK.blocks[-1]))
    told = rendered(big, most=1)
    (sheet,) = told.sheets
    assert "✅ Allow once" in sheet.text
    assert len(told.files) == 1
    assert render.size(render.edit_of("$e", render.content(sheet, ()))) < 27_000


@given(st.integers(1, 90_000), st.sampled_from(["x", "é", "🔁", "<", '"', " "]))
def test_one_line_of_any_length_fits(length: int, letter: str) -> None:
    for sheet in rendered(message.text(letter * length)).sheets:
        assert render.size(render.content(sheet, ())) < 30_000


def test_attachments_are_files() -> None:
    note = Attachment(name="changes.diff", content="+one\n")
    told = rendered(Message(title="The diff", blocks=(note,)))
    assert told.files == (note,)
    assert only(Message(title="The diff", blocks=(note,))).text == "The diff"


def test_a_thread_is_told_to_every_client() -> None:
    told = render.in_thread({"body": "x"}, "$root", "")
    assert told["m.relates_to"] == {
        "rel_type": "m.thread", "event_id": "$root", "is_falling_back": True, "m.in_reply_to": {"event_id": "$root"},
    }  # fmt: skip
    real = render.in_thread({"body": "x"}, "$root", "$asked", real=True)["m.relates_to"]
    assert (real["is_falling_back"], real["m.in_reply_to"]["event_id"]) == (False, "$asked")
