"""Questions as polls, on a real homeserver. Effects: shared with the other tests of Matrix."""

from __future__ import annotations

from typing import Any

from adapters.chat.matrix import names
from core import events, message
from core.ids import ThreadKey
from core.testing import chat_cards_contract
from core.testing.chat_rig import opened, taken
from tests.contract.chat_matrix_rig import MatrixRig
from tests.contract.matrix_fixtures import crowd, encrypted, homeserver

__all__ = ["crowd", "encrypted", "homeserver"]
QUESTION = chat_cards_contract.question(3)
STABLE = "m.poll.response"


async def polls(rig: MatrixRig, thread: ThreadKey) -> list[dict[str, Any]]:
    """Return the polls of a thread as Maya's client has them."""
    place = names.place_of(thread)
    found: list[dict[str, Any]] = await rig.people.ask("maya", "polls", room=place.room, root=place.root)
    return found


async def test_a_question_is_a_poll_that_ends_when_its_card_is_settled(encrypted: MatrixRig) -> None:
    rig = encrypted
    sent = await opened(rig)
    card = await rig.adapter.post(sent.thread, QUESTION, key="q")
    assert await rig.adapter.post(sent.thread, QUESTION, key="q") == card
    (poll,) = await polls(rig, sent.thread)
    assert poll["question"] == "Which colour?"
    assert list(poll["answers"]) == ["Colour 1", "Colour 2", "Colour 3"]
    assert poll["ended"] is None
    assert "d" * 32 not in str(poll), "a token is nothing the room is told"

    taken_back = {"rel_type": "m.reference", "event_id": poll["id"]}
    await rig.says({"m.relates_to": taken_back, "m.selections": []}, kind=STABLE)
    await rig.says({"m.relates_to": taken_back, "m.selections": [7, {"id": 1}]}, kind=STABLE)
    await rig.says({"m.relates_to": taken_back, "m.selections": [poll["answers"]["Colour 3"]]}, kind=STABLE)
    pressed = await taken(rig, events.Pressed)
    assert (pressed.card, pressed.token) == (card, f"{3:032x}")

    await rig.reconnect()
    await rig.adapter.edit(sent.thread, card, message.text("✓ answered by Maya: Colour 3"))
    await rig.adapter.edit(sent.thread, card, message.text("✓ answered by Maya: Colour 3"))
    (poll,) = await polls(rig, sent.thread)
    assert poll["ended"] == "✓ answered by Maya: Colour 3"


async def test_an_answer_to_a_poll_whose_notebook_is_lost_is_still_heard(encrypted: MatrixRig) -> None:
    rig = encrypted
    sent = await opened(rig)
    card = await rig.stranger_posts(sent.thread, QUESTION)
    await rig.user_presses(sent.thread, card, "Colour 1")
    pressed = await taken(rig, events.Pressed)
    assert pressed.lane == sent.thread
    assert pressed.token != f"{1:032x}", "nobody but the bridge that asked knows the answer's token"
