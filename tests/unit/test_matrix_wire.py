"""Matrix events as they are read: mentions, replies, relations, garbage."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.chat.matrix import mentions, names, wire
from adapters.chat.matrix.client import Client
from core.errors import Rejected
from core.ids import ThreadKey

ME = mentions.Me(user="@loop:example.org", name="Loop bot")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def event(content: dict[str, Any], kind: str = "m.room.message", **more: Any) -> dict[str, Any]:
    told = {
        "event_id": "$e",
        "sender": "@maya:example.org",
        "origin_server_ts": 1_700_000_000_000,
        "type": kind,
    }
    return {**told, "content": content, **more}


def heard(content: dict[str, Any], kind: str = "m.room.message", **more: Any) -> wire.Heard | None:
    return wire.read(event(content, kind, **more), "!r", ME, NOW)


def said(content: dict[str, Any]) -> wire.Said:
    found = heard({"msgtype": "m.text", **content})
    assert isinstance(found, wire.Said)
    return found


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("room", ["!abc:example.org", "!nSDh-_x", "!a/b#c%2F:example.org:8448"])
@pytest.mark.parametrize("root", ["$abc", "$a/b+c#d%e"])
def test_a_thread_key_tells_its_room_and_root(room: str, root: str) -> None:
    key = names.thread_of("example.org:8448", names.Place(room, root))
    assert key.startswith("matrix:example.org:8448/")
    assert key.count("/") == 2
    assert "#" not in key
    assert names.place_of(key) == (room, root)


@pytest.mark.parametrize("user", ["@maya:example.org", "@a/b=c:example.org", "@o'hara+x:[::1]:8448"])
def test_an_identity_tells_its_user(user: str) -> None:
    key = names.identity_of("example.org", user)
    assert key.count("/") == 1
    assert names.user_of(key) == user


@pytest.mark.parametrize(
    "key", ["slack:T/C/1", "matrix:example.org", "matrix:example.org/!r", "matrix:e/!r/$x/y"]
)
def test_a_foreign_thread_is_refused(key: str) -> None:
    with pytest.raises(Rejected):
        names.place_of(ThreadKey(key))


def test_no_user_belongs_to_another_chats_identity() -> None:
    assert names.user_of(names.identity_of("e", "@m:e").replace("matrix:", "slack:")) == ""  # type: ignore[arg-type]


# ── whom it is for ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"body": "@loop:example.org fix it", "m.mentions": {"user_ids": ["@loop:example.org"]}}, "fix it"),
        ({"body": "Loop bot: fix it", "m.mentions": {"user_ids": ["@loop:example.org"]}}, "fix it"),
        ({"body": "fix it please", "m.mentions": {"user_ids": ["@loop:example.org"]}}, "fix it please"),
        ({"body": "Loop bot, fix it"}, "fix it"),
        ({"body": "loop: fix it"}, "fix it"),
        ({"body": "@Loop fix it"}, "fix it"),
        ({"body": "could you @loop fix it"}, "could you fix it"),
        (
            {
                "body": "Loop bot: fix it",
                "formatted_body": '<a href="https://matrix.to/#/@loop:example.org">Loop bot</a>: fix it',
            },
            "fix it",
        ),
        ({"body": "x", "formatted_body": "<a href='https://matrix.to/#/%40loop%3Aexample.org'>L</a> x"}, "x"),
    ],
)  # fmt: skip
def test_calls_of_the_bot(content: dict[str, Any], text: str) -> None:
    reading = said(content).reading
    assert (reading.addressed, reading.text) == (True, text)


@pytest.mark.parametrize(
    "content",
    [
        {"body": "the loop is broken"},
        {"body": "for loop: fix"},
        {"body": "!loop fix it"},
        {"body": "mail me at a@loop.example"},
        {"body": "see @loop:example.org.evil"},
        {"body": "loop: fix it", "m.mentions": {}},
        {"body": "x", "formatted_body": '<a href="https://evil.example/#/@loop:example.org">Loop</a>'},
        {"body": "x", "m.mentions": {"user_ids": "@loop:example.org"}},
        {
            "body": "x",
            "formatted_body": "<mx-reply><a href='https://matrix.to/#/@loop:example.org'>L</a></mx-reply>x",
        },
    ],
)
def test_no_calls_of_the_bot(content: dict[str, Any]) -> None:
    reading = said(content).reading
    assert (reading.addressed, reading.text) == (False, content["body"])


def test_others_are_mentioned_in_order_once() -> None:
    users = ["@b:e.org", "@a:e.org", "@b:e.org", 7, "nonsense", "@loop:example.org"]
    markup = '<a href="https://matrix.to/#/@c:e.org">C</a>'
    reading = said({"body": "x", "m.mentions": {"user_ids": users}, "formatted_body": markup}).reading
    assert reading.mentions == ("@b:e.org", "@a:e.org", "@c:e.org")


def test_the_quotation_of_an_old_reply_is_left_out() -> None:
    content = {
        "body": "> <@ravi:e.org> one\n> two\n\nno",
        "m.relates_to": {"m.in_reply_to": {"event_id": "$x"}},
    }
    assert said(content).reading.text == "no"
    assert said({"body": "> quoted\n\nno"}).reading.text == "> quoted\n\nno"


# ── what it refers to ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_thread_is_more_than_the_reply_it_falls_back_to() -> None:
    reply = {"event_id": "$last"}
    told = {"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True, "m.in_reply_to": reply}
    assert wire.relation_of({"m.relates_to": told}) == wire.Relation(kind="thread", event="$root")
    real = wire.relation_of({"m.relates_to": {**told, "is_falling_back": False}})
    assert (real.kind, real.event, real.reply_to) == ("thread", "$root", "$last")


def test_a_plain_reply_says_to_what() -> None:
    relation = wire.relation_of({"m.relates_to": {"m.in_reply_to": {"event_id": "$x"}}})
    assert (relation.kind, relation.event, relation.reply_to) == ("reply", "$x", "$x")


def test_an_edit_is_no_new_prompt() -> None:
    new = {"msgtype": "m.text", "body": "@loop:example.org better", "m.mentions": {"user_ids": [ME.user]}}
    told = {"msgtype": "m.text", "body": "* better", "m.new_content": new}
    found = heard({**told, "m.relates_to": {"rel_type": "m.replace", "event_id": "$first"}})
    assert isinstance(found, wire.Changed)
    assert (found.target, found.reading.text) == ("$first", "better")


def test_a_whole_id_in_a_command_names_its_user() -> None:
    told = {"body": "!loop people add @ravi:e.org:8448 member", "m.mentions": {}}
    assert said(told).reading.mentions == ("@ravi:e.org:8448",)
    assert said({**told, "body": "!loop handoff @ravi:e.org."}).reading.mentions == ("@ravi:e.org",)
    assert said({**told, "body": "ask @ravi:e.org about it"}).reading.mentions == ()
    assert said({**told, "body": "!loop mail x@ravi:e.org"}).reading.mentions == ()


def test_redactions_of_both_room_versions_are_read() -> None:
    for found in (heard({}, "m.room.redaction", redacts="$x"), heard({"redacts": "$x"}, "m.room.redaction")):
        assert isinstance(found, wire.Gone)
        assert found.target == "$x"


def test_a_notice_is_a_bots() -> None:
    found = heard({"msgtype": "m.notice", "body": "build failed"})
    assert isinstance(found, wire.Said)
    assert found.bot


def test_a_file_carries_where_it_was_posted_and_not_its_key() -> None:
    keys = {"url": "mxc://e/x", "key": {"k": "SECRET"}, "iv": "i", "hashes": {}}
    told = {
        "msgtype": "m.file",
        "body": "see this",
        "filename": "../a/build.log",
        "file": keys,
        "info": {"size": 3},
    }
    found = heard(told)
    assert isinstance(found, wire.Said)
    assert found.file is not None
    assert (found.file.name, found.file.size, found.reading.text) == ("build.log", 3, "see this")
    assert names.file_place(found.file.id) == ("!r", "$e")
    assert "SECRET" not in repr(found)


def test_a_file_without_a_word_has_no_text() -> None:
    found = heard({"msgtype": "m.image", "body": "a.png", "url": "mxc://e/x"})
    assert isinstance(found, wire.Said)
    assert found.reading.text == ""


@pytest.mark.parametrize("file", ["", "mxc://e/x", "!r", "!r/x", "!r/$e/y", "../x/$e"])
def test_a_file_of_elsewhere_is_refused(file: str) -> None:
    with pytest.raises(Rejected):
        names.file_place(file)


def test_state_verifications_and_foreign_types_are_nothing() -> None:
    assert heard({"body": "x", "msgtype": "m.text"}, state_key="") is None
    assert heard({"body": "x", "msgtype": "m.key.verification.request"}) is None
    assert heard({"body": "x", "msgtype": "m.text"}, "org.example.thing") is None


def test_only_ones_own_edit_is_taken_from_a_bundle() -> None:
    edit = {"sender": "@eve:e", "content": {"m.new_content": {"body": "forged"}}}
    raw = event({"body": "old", "msgtype": "m.text"}, unsigned={"m.relations": {"m.replace": edit}})
    assert wire.edition(raw) is None
    own = {**edit, "sender": "@maya:example.org"}
    raw["unsigned"] = {"m.relations": {"m.replace": own}}
    assert wire.edition(raw) == own
    assert wire.edited(raw, own)["content"]["body"] == "forged"
    assert wire.edited(raw, {"content": {"m.new_content": 3}})["content"]["body"] == "old"


def test_a_clock_gone_mad_is_not_believed() -> None:
    for told in (-1, 0, 10**30, "x", None, True and 0.5):
        assert wire.instant({"origin_server_ts": told}, NOW) == NOW


def test_coming_in_is_no_change_of_name() -> None:
    member = {"type": "m.room.member", "state_key": ME.user, "content": {"membership": "join"}}
    assert wire.joins(member, ME.user)
    assert wire.joins({**member, "unsigned": {"prev_content": {"membership": "invite"}}}, ME.user)
    assert not wire.joins({**member, "unsigned": {"prev_content": {"membership": "join"}}}, ME.user)
    assert not wire.joins(member, "@other:e")


# ── garbage ──────────────────────────────────────────────────────────────────────────────────────────────────────────

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["body", "msgtype", "m.relates_to", "rel_type", "event_id", "m.in_reply_to", "key", "m.new_content",
             "m.mentions", "user_ids", "formatted_body", "file", "url", "info", "size", "redacts", "m.relations", "m.replace"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(
    kind=st.sampled_from(["m.room.message", "m.reaction", "m.room.redaction", "m.room.encrypted", 7]),
    content=JUNK, unsigned=JUNK, stamp=JUNK,
)  # fmt: skip
def test_nothing_that_is_sent_breaks_the_reading(kind: Any, content: Any, unsigned: Any, stamp: Any) -> None:
    raw = {
        "event_id": "$e",
        "sender": "@m:e",
        "type": kind,
        "content": content,
        "unsigned": unsigned,
        "origin_server_ts": stamp,
    }
    wire.read(raw, "!r", ME, NOW)
    wire.edition(raw)
    wire.joins(raw, "@m:e")


@pytest.mark.parametrize(
    ("rule", "room"), [("public", "open"), ("invite", "closed"), ("restricted", "closed"), (None, "")]
)
def test_who_may_enter_a_room_its_join_rule_says(rule: str | None, room: str) -> None:
    rooms = {} if rule is None else {"!r": SimpleNamespace(join_rule=rule)}
    at_home = cast(Client, SimpleNamespace(nio=SimpleNamespace(rooms=rooms)))
    assert Client.open_to(at_home, "!r") == room
