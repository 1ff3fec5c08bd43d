"""Keys, forms and commands of Slack. Effects: none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.chat.slack import deeds, forms, names
from adapters.chat.slack.names import Me, Place
from core.errors import BadInput, Rejected
from core.ids import IdentityKey, ThreadKey, Token

TEAM, ROOT, REPLY = "T0ACME", "1716000000.000100", "1716000005.000200"


def test_keys_come_back_apart() -> None:
    place = Place(team="T0ACME", channel="C0GEN", root=ROOT)
    assert names.place(place.key) == place
    assert names.place(names.thread_of("T0ACME", "C0GEN", names.NOWHERE)).thread_ts == ""
    assert names.user_of(IdentityKey("slack:T0ACME/U0MAYA")) == ("T0ACME", "U0MAYA")
    assert names.user_of(IdentityKey("local:home/maya")) == ("", "")


@pytest.mark.parametrize(
    "key", ["local:home/general/1", "slack:T0ACME/C0GEN", "slack:T0ACME/C0GEN/x", "slack:t/C0GEN/1.1", ""]
)
def test_other_keys_are_refused(key: str) -> None:
    with pytest.raises(Rejected):
        names.place(ThreadKey(key))


def test_derived_ids_say_what_they_hang_on() -> None:
    made = names.derived(ROOT, REPLY, "V1")
    assert (names.target(made), names.upto(made), names.upto(ROOT)) == (ROOT, REPLY, ROOT)
    with pytest.raises(Rejected):
        names.target("nonsense")


def test_a_form_comes_back_as_a_command() -> None:
    place = Place(team="T0ACME", channel="C0GEN", root=ROOT)
    view = forms.start(place, message=REPLY, newest="1716009999.000000")
    given = {"task": "fix\nit", "repo": "app", "model": "", "budget": "2.50", "messages": "none"}
    values: dict[str, Any] = {name: {"value": {"value": value}} for name, value in given.items()}
    values["messages"] = {"value": {"selected_option": {"value": "none"}}}
    start = forms.started({**view, "state": {"values": values}})
    assert (start.place, start.message, start.words) == (
        place,
        REPLY,
        "/loop start --repo app --budget 2.5 --no-context fix\nit",
    )
    for field, value in (("repo", "a b"), ("repo", "--x"), ("budget", "-1"), ("task", "  ")):
        wrong = {**values, field: {"value": {"value": value}}}
        with pytest.raises(BadInput, match=f"^{field}: "):
            forms.started({**view, "state": {"values": wrong}})


def test_what_a_form_is_about_fits_slack() -> None:
    asked = forms.Asked(
        place=Place(team="T" * 11, channel="C" * 11, root=ROOT), card=REPLY, token=Token("f" * 32)
    )
    view = forms.answer(asked, question="q" * 200, draft="x" * 5_000)
    assert len(view["private_metadata"]) < 3_000
    assert "initial_value" not in view["blocks"][0]["element"]
    assert forms.answered({**view, "state": {"values": {"text": {"value": {"value": "no"}}}}}) == (
        asked,
        "no",
    )
    assert json.loads(view["private_metadata"])["token"] == "f" * 32


def test_only_a_task_opens_a_thread() -> None:
    def starts(words: str) -> bool:
        body = {"channel_id": "C0GEN", "user_id": "U0MAYA", "trigger_id": "1", "text": words}
        return deeds.slash(body, Me(team=TEAM, user="U0BOT", bot="B0LOOP")).starts

    assert [starts(words) for words in ("fix the login test", "start fix it", "--repo app fix it")] == [
        True,
        True,
        True,
    ]
    assert [
        starts(words) for words in ("", "list", "help start", "stauts", "start", "--nonsense fix it")
    ] == [False] * 6
