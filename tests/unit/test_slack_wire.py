"""Slack's payloads, taken apart. Effects: none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat.slack import deeds, forms, reading, wire
from adapters.chat.slack.names import Me
from core.errors import BadInput, Rejected
from core.events import Deleted, Edited, Posted

ME = Me(team="T0ACME", user="U0BOT", bot="B0LOOP", url="https://acme.slack.com/", name="loop")
CALLED = {"U0MAYA": "Maya", "U0RAVI": "Ravi", "U0BOT": "loop"}
ROOT, REPLY = "1716000000.000100", "1716000005.000200"


def told(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {
        "type": "message",
        "channel": "C0GEN",
        "user": "U0MAYA",
        "ts": REPLY,
        "thread_ts": ROOT,
        "text": text,
        **more,
    }


def read(text: str, **more: Any) -> reading.Reading:
    return reading.read(told(text, **more), ME, CALLED)


def rich(*elements: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "rich_text", "elements": list(elements)}]


def section(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": list(parts)}


def test_a_post_and_its_mention_are_the_same_event() -> None:
    message = told("<@U0BOT> fix it")
    mention = {key: value for key, value in message.items() if key != "type"} | {"type": "app_mention"}
    one, other = wire.event(message, ME, CALLED), wire.event(mention, ME, CALLED)
    assert isinstance(one, Posted)
    assert one == other
    assert (one.lane, one.message, one.addressed, one.text) == (
        "slack:T0ACME/C0GEN/1716000000.000100",
        REPLY,
        True,
        "fix it",
    )
    assert one.permalink == (
        "https://acme.slack.com/archives/C0GEN/p1716000005000200?thread_ts=1716000000.000100&cid=C0GEN"
    )
    assert one.at == datetime(2024, 5, 18, 2, 40, 5, 200, tzinfo=UTC)


def test_a_mention_that_an_edit_fires_again_is_ignored() -> None:
    assert wire.event(told("<@U0BOT> fix it", type="app_mention", edited={"ts": "1.1"}), ME, CALLED) is None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("see <https://x.example/a?b=1&amp;c=2|the page>", "see the page (https://x.example/a?b=1&c=2)"),
        ("<https://x.example/a>", "https://x.example/a"),
        ("<http://x.example|x.example>", "http://x.example"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("in <#C0OPS|ops> and <#C0OPS>", "in #ops and #C0OPS"),
        (
            "<!here> <!channel|@channel> <!subteam^S01|@oncall> <!date^1^{date}|May 18>",
            "@here @channel @oncall May 18",
        ),
        ("<@U0RAVI> <@U0RAVI|ravi> <@U0NEW>", "@Ravi @Ravi @U0NEW"),
        ("1 < 2 and <>", "1 < 2 and <>"),
    ],
)
def test_references_are_read(text: str, plain: str) -> None:
    assert read(text).text == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<@U0BOT> fix it", "fix it"),
        ("<@U0BOT>, fix it", "fix it"),
        ("hey <@U0BOT>: look", "hey look"),
        ("fix it <@U0BOT>", "fix it"),
        ("<@U0BOT>", ""),
        ("<@U0BOT|loop> a\n  b", "a\n  b"),
    ],
)
def test_a_mention_of_the_bridge_is_taken_out(text: str, plain: str) -> None:
    assert read(text) == reading.Reading(text=plain, addressed=True)


def test_mentions_are_in_order_and_once() -> None:
    assert read("<@U0RAVI> <@U0MAYA> <@U0RAVI>").mentions == ("U0RAVI", "U0MAYA")


def test_rich_text_says_what_was_written() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "text": "a <b> & "}, {"type": "text", "text": "bold ", "style": {"bold": True}},
        {"type": "text", "text": "x", "style": {"code": True}}, {"type": "text", "text": " "},
        {"type": "emoji", "name": "repeat", "unicode": "1f501"}, {"type": "emoji", "name": "partyparrot"},
        {"type": "user", "user_id": "U0RAVI"}, {"type": "channel", "channel_id": "C0OPS"}, {"type": "broadcast", "range": "here"},
        {"type": "link", "url": "https://x.example/", "text": "page"}, {"type": "newthing", "text": "?"},
    ]  # fmt: skip
    items = [section({"type": "text", "text": "one"}), section({"type": "text", "text": "two"})]
    blocks = rich(
        section(*parts),
        {"type": "rich_text_list", "style": "ordered", "indent": 0, "elements": items},
        {"type": "rich_text_list", "style": "bullet", "indent": 1, "elements": items},
        {"type": "rich_text_quote", "elements": [{"type": "text", "text": "said\nbefore"}]},
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "if a:\n  b"}]},
    )
    said = read("fallback <#C0OPS|ops>", blocks=blocks)
    assert said.text == (
        "a <b> & *bold* `x` 🔁:partyparrot:@Ravi#ops@herepage (https://x.example/)?\n"
        "1. one\n2. two\n    - one\n    - two\n> said\n> before\n```\nif a:\n  b\n```"
    )
    assert said.mentions == ("U0RAVI",)


def test_a_passed_on_message_is_quoted_and_calls_nobody() -> None:
    shared = {
        "is_share": True, "is_msg_unfurl": True, "author_name": "Ravi", "from_url": "https://acme.slack.com/archives/C1/p1",
        "text": "<@U0BOT> ask <@U0RAVI>\nabout it",
    }  # fmt: skip
    preview = {"title": "A page", "from_url": "https://x.example/", "text": "nothing they said"}
    said = read("see this", attachments=[shared, preview])
    assert (
        said.text == "see this\n> Ravi https://acme.slack.com/archives/C1/p1:\n> @loop ask @Ravi\n> about it"
    )
    assert (said.addressed, said.mentions) == (False, ())


def test_own_words_are_nobodys_event() -> None:
    for mine in ({"bot_id": "B0LOOP"}, {"user": "U0BOT"}):
        assert wire.event(told(**mine), ME, CALLED) is None
        assert isinstance(wire.past(told(**mine), "C0GEN", ME, CALLED), Posted)


@pytest.mark.parametrize(
    "subtype", ["channel_join", "channel_topic", "message_replied", "assistant_app_thread", "huddle_thread"]
)
def test_the_platforms_own_talk_is_skipped(subtype: str) -> None:
    assert wire.event(told(subtype=subtype), ME, CALLED) is None


def test_a_thread_broadcast_stays_in_its_thread() -> None:
    event = wire.event(told(subtype="thread_broadcast"), ME, CALLED)
    assert isinstance(event, Posted)
    assert event.lane.endswith(ROOT)


def changed(now: dict[str, Any], before: dict[str, Any] | None) -> Any:
    raw = {
        "type": "message",
        "subtype": "message_changed",
        "channel": "C0GEN",
        "message": now,
        "event_ts": "1716000009.000300",
    }
    return wire.event(raw | ({"previous_message": before} if before else {}), ME, CALLED)


def test_edits() -> None:
    edited = changed(told("new", edited={"ts": "1716000008.000000"}), told("old"))
    assert isinstance(edited, Edited)
    assert (edited.message, edited.text, edited.at.second) == (REPLY, "new", 8)
    assert changed(told("same", reply_count=1), told("same")) is None
    assert changed(told("new", bot_id="B0LOOP"), told("old", bot_id="B0LOOP")) is None
    assert isinstance(changed(told("gone", subtype="tombstone", user="USLACKBOT"), told("old")), Deleted)


def test_a_deletion_stays_in_its_thread() -> None:
    raw = {
        "type": "message",
        "subtype": "message_deleted",
        "channel": "C0GEN",
        "deleted_ts": REPLY,
        "previous_message": told(),
    }
    event = wire.event(raw, ME, CALLED)
    assert isinstance(event, Deleted)
    assert (event.lane.rpartition("/")[2], event.message) == (ROOT, REPLY)


def test_files_are_referred_to_by_workspace_and_id() -> None:
    files = [
        {"id": "F1", "name": "a.log", "size": 12, "mimetype": "text/plain"}, {"id": "F2", "file_access": "check_file_info"},
        {"id": "F3", "mode": "tombstone"},
    ]  # fmt: skip
    event = wire.event(told("", files=files, subtype="file_share"), ME, CALLED)
    assert isinstance(event, Posted)
    assert [(each.id, each.name, each.size) for each in event.files] == [
        ("T0ACME/F1", "a.log", 12),
        ("T0ACME/F2", "F2", 0),
    ]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([ROOT, "C0GEN", "U0MAYA", "B0LOOP"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "type", "subtype", "channel", "user", "ts", "thread_ts", "text", "blocks", "elements", "attachments", "message",
            "previous_message", "deleted_ts", "edited", "files", "id", "bot_id", "actions", "container", "message_ts", "view", "state",
            "values", "private_metadata", "rows", "table", "fields", "style", "indent", "unicode", "item", "message_blocks", "is_share",
        ]),
        inner,
        max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@given(
    junk=st.dictionaries(
        st.sampled_from(["type", "subtype", "message", "blocks", "attachments", "files", "actions"]), JUNK
    ),
    more=JUNK,
)
@settings(max_examples=120, deadline=None)
def test_nothing_malformed_does_worse_than_being_refused(junk: dict[str, Any], more: Any) -> None:
    for kind in ("message", "app_mention"):
        for subtype in ("", "message_changed", "message_deleted"):
            raw = {**told(), **junk, "type": kind, "subtype": subtype, "message": junk.get("message", more)}
            try:
                wire.event(raw, ME, CALLED)
            except BadInput:
                continue
    body = {
        "container": more,
        "view": more,
        "message": more,
        "channel": {"id": "C0GEN"},
        "user": {"id": "U0MAYA"},
        **junk,
    }
    for parse in (
        lambda: deeds.presses(body, ME.team), lambda: deeds.shortcut(body, ME.team), lambda: deeds.slash(body, ME),
        lambda: deeds.team_of(body), lambda: deeds.channel_of(body), lambda: reading.people(body),
        lambda: wire.past(body, "C0GEN", ME, CALLED), lambda: deeds.repeated(body, body, ME, CALLED), lambda: deeds.marked(body, body, ME, CALLED),
        lambda: forms.started(body), lambda: forms.answered(body),
    ):  # fmt: skip
        try:
            parse()
        except (BadInput, Rejected):
            continue


@pytest.mark.parametrize(
    ("kind", "room"),
    [("channel", "open"), ("group", "closed"), ("im", "closed"), ("mpim", "closed"), ("", "")],
)
def test_a_post_says_who_may_enter_its_channel(kind: str, room: str) -> None:
    found = wire.event(told(channel_type=kind), ME, CALLED)
    assert isinstance(found, Posted)
    assert found.room == room


@pytest.mark.parametrize(
    ("name", "room"),
    [
        ("general", "open"),
        ("privategroup", "closed"),
        ("directmessage", "closed"),
        ("mpdm-a--b-1", "closed"),
        ("", ""),
    ],
)
def test_so_does_a_command(name: str, room: str) -> None:
    body = {"channel_id": "C0GEN", "user_id": "U0MAYA", "trigger_id": "1.2.3", "channel_name": name}
    assert deeds.slash(body, ME).room == room


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("people add <@U0RAVI|ravi> member", "people add @ravi member"),
        ("people add <@U0RAVI> member", "people add @U0RAVI member"),
        (
            "read <https://ci.example/8?a=1&amp;b=2> in <#C0GEN|general>",
            "read https://ci.example/8?a=1&b=2 in #general",
        ),
        ("read <https://ci.example|ci.example>", "read https://ci.example"),
        ("why is Vec<String> && List&lt;int&gt; slow", "why is Vec<String> && List<int> slow"),
        ("ask <@U0BOT|loop> this", "ask @loop this"),
    ],
)
def test_what_a_command_names_is_read_escaped_or_not(typed: str, said: str) -> None:
    body = {"channel_id": "C0GEN", "user_id": "U0MAYA", "trigger_id": "1.2.3", "text": typed}
    slash = deeds.slash(body, ME)
    assert slash.words == said
    assert slash.mentions == (("U0RAVI",) if "U0RAVI" in typed else ())
    assert slash.named == ((("ravi" if "|ravi" in typed else ""),) if slash.mentions else ())
