"""The forms behind Discord's buttons: kept across a restart, and not for ever."""

from __future__ import annotations

from adapters.chat.discord import drafts
from adapters.chat.discord.drafts import Forms
from core.ids import Token
from core.message import Button, Buttons, Message


class Memory:
    """What was remembered, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.at = 1_000_000.0

    async def remember(self, key: str, value: str) -> None:
        self.rows[key] = value

    async def recall(self, key: str) -> str | None:
        return self.rows.get(key)

    async def forms(self) -> Forms:
        """Return the forms as a bridge that was just started has them."""
        made = Forms(self.remember, self.recall, lambda: self.at)
        await made.load()
        return made

    @property
    def held(self) -> int:
        return sum(bool(value) for key, value in self.rows.items() if key != drafts.KEY)


def card(token: str, draft: str = "make test") -> Message:
    button = Button(label="Edit", token=Token(token), wants_text="What instead?", draft=draft)
    return Message(blocks=(Buttons(buttons=(button,)),))


async def test_a_form_outlives_a_restart() -> None:
    memory = Memory()
    await (await memory.forms()).note(card("t1"))
    assert await (await memory.forms()).get(Token("t1")) == ("What instead?", "make test")
    assert await (await memory.forms()).get(Token("t2")) == ("In your words", "")


async def test_a_form_that_was_filled_in_is_let_go_of() -> None:
    memory = Memory()
    forms = await memory.forms()
    await forms.note(card("t1"))
    await forms.note(card("t2"))
    await forms.used(Token("t1"))
    assert memory.held == 1
    assert await forms.get(Token("t1")) == ("What instead?", "make test"), "it may have to be filled in again"
    assert await (await memory.forms()).get(Token("t1")) == ("In your words", "")
    assert await (await memory.forms()).get(Token("t2")) == ("What instead?", "make test")


async def test_forms_of_yesterday_make_room_and_there_is_never_more_than_so_much() -> None:
    memory = Memory()
    forms = await memory.forms()
    for number in range(drafts.PLACES + 50):
        memory.at += 1
        await forms.note(card(f"a{number}"))
    assert memory.held == drafts.PLACES
    newest = Token(f"a{drafts.PLACES + 49}")
    assert (await (await memory.forms()).get(newest))[1] == "make test"
    assert (await (await memory.forms()).get(Token("a0")))[1] == ""
    memory.at += drafts.KEPT + 1
    again = await memory.forms()
    for number in range(3):
        await again.note(card(f"b{number}"))
    assert (await (await memory.forms()).get(newest))[1] == ""
    assert (await (await memory.forms()).get(Token("b0")))[1] == "make test"
    assert len(memory.rows) == drafts.PLACES + 1
