"""The bridge as the strictest client there is sees it: matrix-js-sdk that shuts out every device its owner did not sign. `make strict`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core import events, message
from core.message import Attachment, Message
from core.testing import chat_cards_contract
from core.testing.chat_rig import opened, taken
from tests.contract import chat_matrix_rig
from tests.contract.chat_matrix_rig import MatrixRig
from tests.contract.matrix_fixtures import Crowd, homeserver
from tests.far_sides.matrix_people import People, strict
from tests.far_sides.synapse import Synapse

__all__ = ["homeserver"]
pytestmark = pytest.mark.skipif("MATRIX_STRICT" not in os.environ, reason="make strict")


@pytest.fixture(scope="module")
async def crowd(homeserver: Synapse) -> AsyncIterator[Crowd]:
    """Return people on strict clients, and their accounts."""
    async with People(homeserver.url, strict()) as people:
        yield people, await chat_matrix_rig.cast(homeserver, people)


@pytest.fixture
async def rig(homeserver: Synapse, crowd: Crowd, home: Path) -> AsyncIterator[MatrixRig]:
    """Return a rig in an encrypted room of such people."""
    async with MatrixRig(homeserver, *crowd, home, encrypted=True) as made:
        yield made


async def hears(rig: MatrixRig, text: str, *, who: str = "maya", room: str = "") -> events.Posted:
    """Have somebody say something, and return it as the bridge hears it."""
    content = {"msgtype": "m.text", "body": text, "m.mentions": {}}
    await rig.people.ask(who, "send", room=room or rig.room, content=content)
    heard = await taken(rig, events.Posted)
    assert heard.text == text
    return heard


async def judged(rig: MatrixRig, *, who: str = "maya", room: str = "") -> Sequence[dict[str, Any]]:
    """Return what a client has of the bridge, all of it encrypted but signs, read, and shown without a warning."""
    told: list[dict[str, Any]] = await rig.people.ask(
        who, "judges", room=room or rig.room, sender=rig.bot_mention
    )
    for each in told:
        assert each["failure"] is None, each
        assert each["shield"] == 0, each
        assert each["encrypted"] or each["type"] == "m.reaction", each
    return told


async def log_in(rig: MatrixRig, who: str, user: str, password: str, **options: Any) -> str:
    """Log an account in on one more device; return its id."""
    account = {"type": "m.id.user", "user": user}
    body = {"type": "m.login.password", "identifier": account, "password": password}
    made = await rig.synapse.ask("POST", "/_matrix/client/v3/login", body=body)
    told = {"user": user, "device": made["device_id"], "token": made["access_token"]}
    await rig.people.ask(who, "login", **told, **options)
    return str(made["device_id"])


async def test_the_bridge_is_read_and_reads_without_a_warning(rig: MatrixRig) -> None:
    (device,) = await rig.people.ask("maya", "devices", user=rig.bot_mention)
    assert device["signed"]
    sent = await rig.user_posts(f"{rig.bot_mention} look at this")
    heard = await taken(rig, events.Posted)
    assert (heard.text, heard.addressed, heard.lane) == ("look at this", True, sent.thread)

    called = dataclasses.replace(message.text("on it"), notify=(rig.identity("maya"),))
    answer = await rig.adapter.post(sent.thread, called, key="answer")
    await rig.adapter.edit(sent.thread, answer, message.text("done"))
    await rig.adapter.post(
        sent.thread, Message(blocks=(Attachment(name="log.txt", content="all well\n"),)), key="file"
    )
    asked = await rig.adapter.post(sent.thread, chat_cards_contract.GRANT, key="ask")
    await rig.reacts(asked, "✅", who="ravi")
    assert (await taken(rig, events.Pressed)).card == asked

    inside = await rig.user_posts("one word", thread=sent.thread, who="ravi")
    await taken(rig, events.Posted)
    await rig.user_edits(inside, "another word", who="ravi")
    assert (await taken(rig, events.Edited)).text == "another word"
    await rig.user_deletes(inside, who="ravi")
    assert (await taken(rig, events.Deleted)).message == inside.message

    question = await rig.adapter.post(sent.thread, chat_cards_contract.question(3), key="question")
    await rig.user_presses(sent.thread, question, "Colour 2", who="ravi")
    pressed = await taken(rig, events.Pressed)
    assert (pressed.card, pressed.token) == (question, f"{2:032x}")
    await rig.adapter.edit(sent.thread, question, message.text("✓ Colour 2"))
    (poll,) = await rig.people.ask("maya", "polls", room=rig.room, root=sent.message)
    assert poll["ended"] == "✓ Colour 2"

    await rig.user_posts("the log", thread=sent.thread, files={"a.txt": b"12345"})
    (file,) = (await taken(rig, events.Posted)).files
    await rig.adapter.fetch(file, rig.home / "in", max_bytes=10)
    assert (rig.home / "in").read_bytes() == b"12345"

    told = await judged(rig)
    to_ravi = await judged(rig, who="ravi")
    assert [each | {"rings": False} for each in told] == [each | {"rings": False} for each in to_ravi]
    assert answer in [each["id"] for each in told if each["rings"]]
    assert answer not in [each["id"] for each in to_ravi if each["rings"]]
    (file,) = [each["id"] for each in told if each["content"].get("msgtype") == "m.file"]
    assert await rig.people.ask("ravi", "opens", room=rig.room, event=file) == "all well\n"
    shown = await rig.people.ask("maya", "edited", room=rig.room, root=sent.message, event=answer)
    assert shown["body"] == "done"
    assert [each["content"]["m.mentions"] for each in told if each["id"] == answer] == [
        {"user_ids": [rig.accounts["maya"].user]}
    ]


async def test_new_keys_new_devices_and_absences_are_nothing(rig: MatrixRig) -> None:
    sent = await opened(rig)
    await rig.people.ask("maya", "rotate", room=rig.room)
    await hears(rig, "under a new key")
    second = await log_in(
        rig, "maya's second", rig.accounts["maya"].user, rig.accounts["maya"].password, sign=False
    )
    await rig.people.ask("maya", "vouch", device=second)
    await rig.people.ask("maya's second", "isolation", strict=False)
    await hears(rig, "from a device that is new", who="maya's second")
    posted = await rig.adapter.post(sent.thread, message.text("to it as well"), key="new")
    told = await rig.people.ask("maya's second", "judges", room=rig.room, sender=rig.bot_mention)
    assert [each["failure"] for each in told if each["id"] == posted] == [None]

    rig.note_stored()
    await rig.close()
    await rig.people.ask("maya", "rotate", room=rig.room)
    await rig.people.ask("maya", "send", room=rig.room, content={"msgtype": "m.text", "body": "meanwhile"})
    await rig.open()
    assert (await taken(rig, events.Posted)).text == "meanwhile"
    await rig.adapter.post(sent.thread, message.text("back"), key="back")
    await judged(rig)
    await judged(rig, who="ravi")


async def test_the_recovery_key_opens_the_account_to_another_client_which_hands_keys_over(
    rig: MatrixRig,
) -> None:
    recovery = await rig.chat.make_recovery_key()
    device = await log_in(rig, "loop", rig.bot_mention, rig.given["password"], recovery=recovery)
    (bridge,) = [
        each
        for each in await rig.people.ask("loop", "devices", user=rig.bot_mention)
        if each["device"] == rig.device
    ]
    assert bridge["verified"]
    given = {"except": [[rig.bot_mention, device]]}
    await rig.people.ask("maya", "withhold", room=rig.room, **given)
    try:
        await hears(rig, "for the other device alone")
    finally:
        await rig.people.ask("maya", "relent")


@pytest.mark.parametrize("version", ["10", "12"])
async def test_rooms_of_several_versions_that_only_members_may_read(rig: MatrixRig, version: str) -> None:
    made = {"encrypted": True, "version": version, "history": "joined"}
    room = await rig.people.ask("maya", "create", invite=[rig.bot_mention], **made)
    await rig.people.ask("maya", "meet", room=room, users=[rig.bot_mention])
    heard = await hears(rig, "before he came", room=room)
    await rig.adapter.post(heard.lane, message.text("to maya alone"), key=f"alone {version}")
    await rig.people.ask("maya", "invite", room=room, user=rig.accounts["ravi"].user)
    await rig.people.ask("ravi", "join", room=room)
    await hears(rig, "I am here", who="ravi", room=room)
    both = await rig.adapter.post(heard.lane, message.text("to both"), key=f"both {version}")
    assert [each["id"] for each in await judged(rig, who="ravi", room=room)] == [both]
    assert len(await judged(rig, room=room)) == 2
    await rig.people.ask("ravi", "leave", room=room)
    await hears(rig, "he is gone", room=room)
    alone = await rig.adapter.post(heard.lane, message.text("to maya again"), key=f"again {version}")
    told = {each["id"]: each for each in await judged(rig, room=room)}
    assert told[alone]["session"] != told[both]["session"]


async def test_a_room_that_is_encrypted_later(rig: MatrixRig) -> None:
    room = await rig.new_room(encrypted=False)
    heard = await hears(rig, "in clear", room=room)
    early = await rig.adapter.post(heard.lane, message.text("early"), key="early")
    await rig.people.ask("maya", "encrypt", room=room)
    await rig.people.ask("ravi", "knows", room=room, encrypted=True)
    await hears(rig, "sealed", who="ravi", room=room)
    await rig.adapter.edit(heard.lane, early, message.text("changed"))
    late = await rig.adapter.post(heard.lane, message.text("late"), key="late")
    told = await rig.people.ask("ravi", "judges", room=room, sender=rig.bot_mention)
    assert {each["id"]: each["encrypted"] for each in told if each["id"] in (early, late)} == {
        early: False,
        late: True,
    }
    assert [each["encrypted"] for each in told].count(False) == 1
    assert all(each["failure"] is None and each["shield"] == 0 for each in told)
