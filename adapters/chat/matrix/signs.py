"""Buttons as reactions. Owns: assigned, is_sign, seeded, legend, plain_sign. Imports: core. Effects: none.

Matrix has no buttons: a sign stands for each, named in a line under the message. An ask's signs are put on it so that one click decides;
those of other cards are for whoever wants them, since each would be one more event in the room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from core.message import Button, Buttons, Message
from core.subcommands import NAMES

SIGNS: Final[Mapping[str, str]] = {
    "Allow once": "✅", "Allow": "✅", "Keep it out": "❌", "Allow for this loop": "♾️", "Deny": "❌", "Edit": "✏️", "Change": "❌",
    "Stop": "🛑", "Context": "📎", "Details": "🔍", "Diff": "🧾", "Retry": "🔁", "Resume": "▶️", "Claim": "🙋",
    "Promote": "🚀", "Merge": "✅", "Approve": "✅", "Land": "✅", "Reject": "❌", "Leave it": "❌", "Continue": "💬", "Refresh": "🔄", "Exclude": "➖",
}  # fmt: skip
_TYPED: Final[Mapping[str, str]] = {
    "Details": "log",
    "Refresh": "context refresh",
}  # others are named like their button
_WRITTEN: Final = frozenset({"Answer", "Other"})  # what has to be written has no sign
_SPARE: Final = (*(f"{digit}\ufe0f\u20e3" for digit in "123456789"), "🔟")


def plain_sign(sign: str) -> str:
    """Return a sign as it is compared: clients differ in whether they ask for its colourful form."""
    return sign.replace("\ufe0f", "")


def is_sign(sign: str) -> bool:
    """Whether a (plain) sign is one that a button may have."""
    return sign in {plain_sign(each) for each in (*SIGNS.values(), *_SPARE)}


def buttons(message: Message) -> tuple[Button, ...]:
    """Return a message's buttons in order, without those whose answer is given by a poll or in words."""
    return tuple(
        button
        for block in message.blocks
        if isinstance(block, Buttons) and not block.question
        for button in block.buttons
        if button.label.rstrip("…") not in _WRITTEN
    )


def assigned(message: Message) -> Mapping[str, Button]:
    """Return a message's buttons by their signs, each sign once: what has no sign of its own gets a number."""
    given: dict[str, Button] = {}
    for place, button in enumerate(buttons(message)):
        sign = SIGNS.get(button.label.rstrip("…. "), "")
        if not sign or sign in given:
            spare = [other for other in _SPARE[place:] + _SPARE if other not in given]
            if not spare:
                continue
            sign = spare[0]
        given[sign] = button
    return given


def is_ask(message: Message) -> bool:
    """Whether a message waits for a decision."""
    return any(button.style != "plain" for button in buttons(message))


def seeded(message: Message) -> Sequence[str]:
    """Return the signs to put on a message: those that decide, but none whose answer has to be written."""
    if not is_ask(message):
        return ()
    return tuple(sign for sign, button in assigned(message).items() if not button.draft)


def legend(message: Message) -> str:
    """Return the line that names a message's signs, and what can be typed in their place."""
    told = " · ".join(f"{sign} {button.label.rstrip('…')}" for sign, button in assigned(message).items())
    handle = next((block.ask for block in message.blocks if isinstance(block, Buttons) and block.ask), "")
    if handle:
        if not any(button.draft for button in buttons(message)):
            return f"{told} — react, or write `approve {handle}`, `deny {handle} because …`"
        return f"{told} — react, or write `approve {handle}`, `deny {handle} because …`, `edit {handle} …`"
    first = next((button.label.rstrip("…") for button in buttons(message)), "")
    word = _TYPED.get(first, first.lower())
    typed = f", or write `!loop {word}`" if word.split(" ")[0] in NAMES and not is_ask(message) else ""
    return f"{told} — react{typed}" if told else ""
