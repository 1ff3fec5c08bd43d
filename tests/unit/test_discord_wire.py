"""What Discord sends, read; and /loop as a command. Effects: none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.chat.discord import forms, names, permissions, slash, wire
from adapters.chat.discord.client import Api
from adapters.chat.discord.names import Me, Place, Room
from adapters.chat.discord.recent import Tokens
from adapters.chat.discord.rooms import Rooms
from core import commands, subcommands
from core.errors import BadInput, LoopbridgeError, Rejected
from core.ids import IdentityKey, ThreadKey, Token
from core.subcommands import Word
from tests.far_sides.discord import forms as limits

ME = Me(user="10", application="11", roles=frozenset({"12"}))
CHANNEL = Room(id="2", guild="1")
THREAD = Room(id="3", guild="1", parent="2", kind=11)
AT = "175928847299117063"


def message(content: str = "hi", **more: Any) -> dict[str, Any]:
    author = {"id": "20", "username": "maya", "global_name": "Maya"}
    return {
        "id": AT,
        "channel_id": "2",
        "type": 0,
        "content": content,
        "author": author,
        "mentions": [],
        **more,
    }


# ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_and_its_thread_have_one_key() -> None:
    assert CHANNEL.place("3").key == THREAD.place("99").key == "discord:1/2/3"
    assert names.place(ThreadKey("discord:1/2/3")) == Place(guild="1", channel="2", root="3")
    assert Room(id="5").place("9").key == "discord:@me/5/5"


@pytest.mark.parametrize(
    "key", ["slack:1/2/3", "discord:1/2", "discord:x/2/3", "discord:1/2/3/4", "discord:1/2/³", ""]
)
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(Rejected):
        names.place(ThreadKey(key))
    with pytest.raises(Rejected):
        names.user_of(IdentityKey(key))


def test_an_id_tells_its_time() -> None:
    assert names.when(AT).isoformat() == "2016-04-30T11:18:25.796000+00:00"
    assert names.when(names.id_at(names.when(AT))) == names.when(AT)


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "text", "addressed"),
    [
        ("<@10> fix it", "fix it", True),
        ("<@!10>, fix it", "fix it", True),
        ("<@&12> fix it", "fix it", True),
        ("ask <@21> or <@&13> <:ship:99> in <#5>", "ask @21 or @role :ship: in #5", False),
        ("  kept as it is  ", "  kept as it is  ", False),
    ],
)
def test_a_text_is_read(content: str, text: str, addressed: bool) -> None:
    event = wire.posted(message(content), CHANNEL, ME)
    assert event is not None
    assert (event.text, event.addressed) == (text, addressed)


@pytest.mark.parametrize(
    "raw",
    [
        message(author={"id": "10", "username": "loop"}),
        message(type=7),
        message(type=21),
        message(flags=1 << 6),
        message(""),
    ],
)
def test_what_is_nobodys_word_is_no_event(raw: dict[str, Any]) -> None:
    assert wire.posted(raw, CHANNEL, ME) is None


def test_what_is_passed_on_and_what_bots_show_is_read_but_calls_nobody() -> None:
    forwarded = message("look", message_snapshots=[{"message": {"content": "<@10> do it\nnow"}}])
    event = wire.posted(forwarded, CHANNEL, ME)
    assert event is not None
    assert (event.text, event.addressed) == ("look\n do it\n> now".replace("\n do", "\n> do"), False)
    alert = message("", author={"id": "30", "username": "ci", "bot": True}, embeds=[
        {"title": "Build", "fields": [{"name": "state", "value": "failed <@10>"}]}],
        components=[{"type": 17, "components": [{"type": 10, "content": "deep"}]}])  # fmt: skip
    event = wire.posted(alert, CHANNEL, ME)
    assert event is not None
    assert (event.text, event.addressed, event.author.bot) == ("Build\nstate: failed\ndeep", False, True)
    hook = wire.posted(message(webhook_id="77"), CHANNEL, ME)
    assert hook is not None
    assert hook.author.bot


def test_a_reply_belongs_to_what_has_a_thread_or_is_ours() -> None:
    def root(answered: dict[str, Any]) -> str:
        return wire.root_of(
            message(type=19, referenced_message={"id": "9", "channel_id": "2", **answered}), ME
        )

    assert root({"author": {"id": "10"}}) == "9"
    assert root({"author": {"id": "20"}, "flags": 1 << 5}) == "9"
    assert root({"author": {"id": "20"}}) == AT
    assert root({"author": {"id": "10"}, "channel_id": "8"}) == AT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["1", AT, "2026-01-01T00:00:00+00:00"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["id", "type", "channel_id", "author", "content", "mentions", "embeds", "flags", "member", "user",
                         "edited_timestamp", "attachments", "referenced_message", "data", "channel", "token", "options", "name"]),
        inner, max_size=6),
    max_leaves=25,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["id", "type", "channel_id", "author", "content", "mentions", "edited_timestamp", "token",
                                        "data", "channel", "member", "user", "message", "referenced_message"]), JSON))  # fmt: skip
@settings(max_examples=120, deadline=None)
def test_whatever_comes_is_read_or_refused(raw: dict[str, Any]) -> None:
    for read in (
        lambda: wire.posted(raw, CHANNEL, ME),
        lambda: wire.edited(raw, CHANNEL, ME),
        lambda: wire.asked(raw),
        lambda: slash.read(raw, ME),
        lambda: slash.focused(raw),
        lambda: forms.answers(raw),
    ):
        try:
            read()
        except (LoopbridgeError, ValueError, OverflowError):
            continue


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────────────


def spoken(sub: str, resolved: dict[str, Any] | None = None, **given: Any) -> slash.Spoken:
    options = [{"name": name, "type": 3, "value": value} for name, value in given.items()]
    data = {
        "name": "loop",
        "options": [{"name": sub, "type": 1, "options": options}],
        "resolved": resolved or {},
    }
    return slash.read(data, ME)


def test_what_is_declared_is_what_discord_takes() -> None:
    limits.commands(slash.declared())
    many = [
        Word(name=f"word{number}", usage="<x>", about="y" * 200, example="", group="z")
        for number in range(60)
    ]
    declared = slash.declared(many)
    limits.commands(declared)
    assert len(declared[0]["options"]) == 25
    names_ = {option["name"] for option in slash.declared()[0]["options"]}
    assert {"start", "status", "approve", "deny", "help", "claim"} <= names_


@pytest.mark.parametrize("word", subcommands.WORDS, ids=lambda word: word.name)
def test_every_word_has_its_options(word: Word) -> None:
    options = slash.options_of(word)
    assert bool(options) == bool(word.usage)
    assert len({option.name for option in options}) == len(options)


@pytest.mark.parametrize(
    ("sub", "given", "text"),
    [
        (
            "start",
            {"task": "fix it\nplease", "budget": 2.5, "branch": "dev"},
            "/loop start --branch dev --budget 2.5 fix it\nplease",
        ),
        ("start", {"task": "fix it", "context": True}, "/loop start fix it"),
        ("status", {}, "/loop status"),
        ("deny", {"ask": "7f3"}, "/loop deny 7f3"),
        ("people", {}, "/loop people"),
        ("rename", {"title": "Clock bug"}, "/loop rename Clock bug"),
        ("listen", {"how": "members"}, "/loop listen members"),
        ("more", {"words": "help start"}, "/loop help start"),
    ],
)
def test_a_command_is_spelled(sub: str, given: dict[str, Any], text: str) -> None:
    read = spoken(sub, **given)
    assert read.text == text
    commands.parse(commands.spoken(read.text) or "")


def test_a_task_under_more_starts_a_loop() -> None:
    assert spoken("more", words="start --repo app fix it").task == "fix it"
    assert spoken("more", words="fix the flaky test").starts
    assert not spoken("more", words="archive").starts
    assert not spoken("status").starts


def test_a_person_goes_by_id_not_by_name() -> None:
    people = {
        "users": {"20": {"id": "20", "username": "x", "global_name": "Admin Guest"}},
        "members": {"20": {"nick": "Ravi"}},
    }
    read = spoken("handoff", people, person="20")
    assert (read.text, read.mentions) == ("/loop handoff @Ravi", ("20",))


@pytest.mark.parametrize(
    "given", [{"task": "   "}, {"task": "x y", "repo": "a b"}, {"task": "x y", "model": "--budget"}]
)
def test_what_cannot_be_spelled_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        spoken("start", **given)


def test_completions_put_beginnings_first_and_fit() -> None:
    found = [(f"repo{number}", f"a repo {number}") for number in range(60)] + [("x" * 101, "too long")]
    offered = slash.completed("repos", "repo1", found)
    assert offered[0]["value"] == "repo1"
    assert len(offered) <= 25
    limits.choices(slash.completed("words", "", []))
    limits.choices(slash.completed("repos", "", found))


def test_forms_fit() -> None:
    limits.modal(forms.ask(Token("f" * 32), "What should run instead? " * 5, "x" * 9000))
    limits.modal(forms.start("1" * 20, "2" * 20))
    assert forms.target(forms.start("1", "2")["custom_id"]) == "2"
    assert forms.target("s:1:x") is None


# ── permissions ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_permissions_add_up() -> None:
    roles = [{"id": "1", "permissions": str(1 << 10 | 1 << 11)}, {"id": "5", "permissions": str(1 << 15)}]
    member = {"user": {"id": "10"}, "roles": ["5"]}
    channel = {
        "permission_overwrites": [
            {"id": "1", "deny": str(1 << 11), "allow": "0"},
            {"id": "10", "allow": str(1 << 6), "deny": "0"},
        ]
    }
    assert permissions.granted(roles, member, channel, "1") == 1 << 10 | 1 << 15 | 1 << 6
    hidden = {"permission_overwrites": [{"id": "5", "deny": str(1 << 10), "allow": "0"}]}
    assert permissions.granted(roles, member, hidden, "1") == 0
    assert (
        permissions.missing(permissions.granted([{"id": "1", "permissions": "8"}], member, hidden, "1")) == ()
    )


@pytest.mark.parametrize(
    ("base", "overwrites", "kind", "room"),
    [
        (1 << 10, [], 0, "open"),
        (1 << 10, [{"id": "1", "deny": str(1 << 10), "allow": "0"}], 0, "closed"),
        (1 << 10, [{"id": "5", "deny": str(1 << 10), "allow": "0"}], 0, "open"),
        (0, [], 0, "closed"),
        (0, [{"id": "1", "deny": "0", "allow": str(1 << 10)}], 0, "open"),
        (1 << 3, [{"id": "1", "deny": str(1 << 10), "allow": "0"}], 0, "open"),
        (1 << 10, [], 11, "open"),
        (1 << 10, [], 12, "closed"),
        (0, [], 11, "closed"),
        (None, [], 0, ""),
    ],
)
def test_who_may_enter_a_channel_and_its_threads(
    base: int | None, overwrites: list[dict[str, str]], kind: int, room: str
) -> None:
    rooms = Rooms(cast(Api, None), ME)
    roles = [] if base is None else [{"id": "1", "permissions": str(base)}, {"id": "5", "permissions": "8"}]
    channel = {"id": "2", "guild_id": "1", "type": 0, "permission_overwrites": overwrites}
    rooms.take_guild({"id": "1", "roles": roles, "channels": [channel]})
    assert rooms.open_to(CHANNEL if kind == 0 else replace(THREAD, kind=kind)) == room


def test_what_is_not_known_is_not_open_and_a_role_can_change() -> None:
    rooms = Rooms(cast(Api, None), ME)
    rooms.take_guild({"id": "1", "roles": [{"id": "1", "permissions": "0"}]})
    assert rooms.open_to(CHANNEL) == ""
    assert rooms.open_to(Room(id="7")) == "closed"
    rooms.take({"id": "2", "guild_id": "1", "type": 0})
    assert rooms.open_to(CHANNEL) == "closed"
    rooms.take_role({"id": "1", "permissions": str(1 << 10)}, "1")
    assert rooms.open_to(CHANNEL) == "open"


def test_the_invitation_asks_for_what_is_needed_and_no_more() -> None:
    link = permissions.invite("42")
    assert f"permissions={sum(permissions.NEEDED.values())}" in link
    assert "scope=bot+applications.commands" in link
    assert permissions.missing(sum(permissions.NEEDED.values())) == ()


def test_tokens_end_before_discord_ends_them() -> None:
    now = 0.0
    tokens = Tokens(lambda: now)
    tokens.note("place", "20", "t")
    assert tokens.get("place", "20") == "t"
    assert tokens.get("place", "21") == ""
    now = Tokens.GOOD_FOR
    assert tokens.get("place", "20") == ""
