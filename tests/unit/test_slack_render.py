"""What the agent wrote is what people read in Slack: rich text, splitting, fallback texts. Effects: none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat.slack import mrkdwn, reading, render
from adapters.chat.slack.names import Me
from core import message
from core.ids import IdentityKey, Token
from core.message import Message
from tests.far_sides.slack import blocks, reach, rendering
from tests.far_sides.slack import world as worlds

ME = Me(team="T0ACME", user="U0BOT", bot="B0LOOP", url="https://acme.slack.com/")
LOUD = st.sampled_from([
    "<!channel>", "<!here>", "<!everyone>", "<@U0MAYA>", "<!subteam^S012>", "@here", "@channel", "@everyone", "#general", "<#C012>",
    "&lt;", "&amp;", "<", ">", "&", "*", "_", "~", "`", "``", "```", "**", "[", "](", ":eyes:", "|", "\n", "\n\n", " ", "http://x.example/",
    "<http://evil.example|here>", "- ", "> ", "1. ", "# ", "é", "🔁", "\u202e", "\u200b", "\ud800", "\x00", "\x1b[31m",
])  # fmt: skip
WILD = st.lists(st.one_of(LOUD, st.text(max_size=8)), max_size=30).map("".join)


@pytest.fixture(scope="module")
def world() -> worlds.World:
    made = worlds.World()
    made.team("acme", made.app())
    return made


def team_of(world: worlds.World) -> worlds.Team:
    return next(iter(world.teams.values()))


def shown(world: worlds.World, parts: list[render.Part]) -> str:
    """Return what a person reads."""
    return "\n".join(rendering.block_text(team_of(world), block) for part in parts for block in part.blocks)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(text=WILD)
@settings(max_examples=120, deadline=None)
def test_code_reads_to_the_letter(world: worlds.World, text: str) -> None:
    parts = render.parts(Message(title="x", blocks=(message.Code(text=text),)), ME.team)
    body = shown(world, parts).removeprefix("x").removeprefix("\n")
    assert body == mrkdwn.clean(text).strip("\n")


@given(text=WILD)
@settings(max_examples=120, deadline=None)
def test_text_without_markup_reads_to_the_letter(world: worlds.World, text: str) -> None:
    plain = re.sub(r"[`*\[\]|~#]", "", text)
    parts = render.parts(Message(title="x", blocks=(message.Text(text=plain),)), ME.team)
    body = shown(world, parts).removeprefix("x")
    assert squeezed(body) == squeezed(mrkdwn.clean(plain))


@given(text=WILD)
@settings(max_examples=120, deadline=None)
def test_nothing_written_calls_anybody_or_is_refused(world: worlds.World, text: str) -> None:
    loud = Message(
        title=text,
        blocks=(
            message.Text(text=text),
            message.Code(text=text),
            message.Checklist(items=(message.Item(text=text, mark="failed"),)),
            message.Fields(pairs=((text, text),)),
            message.Buttons(
                buttons=(message.Button(label=text, token=Token("f" * 32), wants_text=text, draft=text),)
            ),
            message.Attachment(name=text, content=text),
        ),
    )
    for part in render.parts(loud, ME.team):
        blocks.check_message([dict(block) for block in part.blocks])
        assert part.text
        sent = worlds.Message(ts="1.1", channel="C1", user=ME.user, text=part.text, blocks=list(part.blocks))
        assert reach.pings(team_of(world), sent) == []


@given(text=st.text(max_size=300))
def test_escaped_text_reads_to_the_letter(world: worlds.World, text: str) -> None:
    assert rendering.angles(team_of(world), mrkdwn.escape(text)) == text
    assert reading.read({"text": mrkdwn.escape(text)}, ME, {}).text == text.replace("\r\n", "\n").replace(
        "\x00", ""
    )


@given(
    lines=st.lists(st.text(alphabet="ab `*[]()|&<>", max_size=120), max_size=400), limit=st.integers(20, 400)
)
@settings(max_examples=100, deadline=None)
def test_splitting_keeps_every_character(lines: list[str], limit: int) -> None:
    text = "\n".join(lines)
    found = mrkdwn.spans(text)
    whole = "".join(span.text for span in found)
    runs = ["".join(span.text for span in run) for run in mrkdwn.split(found, limit)]
    assert all(len(run) <= limit for run in runs)
    assert squeezed("".join(runs)) == squeezed(whole)


@given(words=st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=30), min_size=1, max_size=300))
@settings(max_examples=50, deadline=None)
def test_splitting_cuts_no_word(words: list[str]) -> None:
    runs = list(mrkdwn.split([mrkdwn.Span(text=" ".join(words))], 100))
    assert [word for run in runs for span in run for word in span.text.split()] == words


def test_long_messages_keep_slacks_limits() -> None:
    long = Message(
        title="t" * 5_000,
        blocks=tuple(
            block
            for number in range(30)
            for block in (message.Text(text=f"line {number}\n" * 400), message.Code(text="x" * 7_000))
        ),
    )
    parts = render.parts(long, ME.team)
    for part in parts:
        blocks.check_message([dict(block) for block in part.blocks])
        assert len(part.blocks) <= 50
        assert len(part.text.encode()) < 4_000
    assert len(parts) > 10


def test_the_small_markdown() -> None:
    found = mrkdwn.spans("# Done\nIt **works `now`**, see [the page](https://a.example/b) and `x**y`.")
    assert found == [
        mrkdwn.Span(text="Done", bold=True),
        mrkdwn.Span(text="\n"),
        mrkdwn.Span(text="It "),
        mrkdwn.Span(text="works ", bold=True),
        mrkdwn.Span(text="now", bold=True, code=True),
        mrkdwn.Span(text=", see "),
        mrkdwn.Span(text="the page", url="https://a.example/b"),
        mrkdwn.Span(text=" and "),
        mrkdwn.Span(text="x**y", code=True),
        mrkdwn.Span(text="."),
    ]


def test_only_web_links_lead_anywhere() -> None:
    assert mrkdwn.spans("[x](javascript:alert(1)) [y](slack://channel)")[0].url == ""


def test_fences_and_tables_keep_their_columns() -> None:
    text = "Before\n```python\nif a < b:\n    pass\n```\n| name | n |\n|---|:-:|\n| longer one | 2 |\nAfter"
    assert [(each.kind, each.text) for each in mrkdwn.segments(text)] == [
        ("prose", "Before"),
        ("fixed", "if a < b:\n    pass"),
        ("fixed", "| name       | n   |\n| ---------- | --- |\n| longer one | 2   |"),
        ("prose", "After"),
    ]


def test_an_open_fence_holds_the_rest() -> None:
    assert [(each.kind, each.text) for each in mrkdwn.segments("a\n```\nb\n**c**")] == [
        ("prose", "a"),
        ("fixed", "b\n**c**"),
    ]


def test_people_are_called_by_notify_alone() -> None:
    called = Message(
        title="may I?", notify=(IdentityKey("slack:T0ACME/U0MAYA"), IdentityKey("slack:T0OTHER/U0EVE"))
    )
    (part,) = render.parts(called, ME.team)
    assert part.text == "<@U0MAYA> may I?"
    (element,) = part.blocks[0]["elements"]
    assert [each["type"] for each in element["elements"]] == ["user", "text", "text"]


def test_a_draft_goes_along_where_it_fits() -> None:
    def value(draft: str) -> str:
        button = message.Button(label="Edit", token=Token("f" * 32), wants_text="What instead?", draft=draft)
        (part,) = render.parts(Message(blocks=(message.Buttons(buttons=(button,)),)), ME.team)
        return str(part.blocks[0]["elements"][0]["value"])

    assert value("make test") == "f" * 32 + "\nmake test"
    assert value("x" * 3_000) == "f" * 32


def test_who_is_called_stands_at_the_head_of_an_answer(world: worlds.World) -> None:
    team = team_of(world)
    user = next(iter(team.users))
    answer = Message(
        blocks=(message.Text(text="Fixed. It was the clock."), message.Code(text="a = 1")),
        notify=(IdentityKey(f"slack:{team.id}/{user}"),),
    )
    (part,) = render.parts(answer, team.id)
    first, *rest = (rendering.block_text(team, block) for block in part.blocks)
    assert first == f"@{team.users[user].handle} Fixed. It was the clock."
    assert rest == ["a = 1"]
    (part,) = render.parts(Message(blocks=(message.Code(text="a = 1"),), notify=answer.notify), team.id)
    assert [rendering.block_text(team, block).strip() for block in part.blocks] == [
        f"@{team.users[user].handle}",
        "a = 1",
    ]
