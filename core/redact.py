"""Secret values never leave. Owns: Redactor. Imports: core.message. Effects: none.

A value is found as it is, Base64-encoded (at any of its three alignments, both alphabets), URL-encoded and as JSON spells it. Other
encodings get through: what a box can reach is the real control.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, quote_plus

from core.message import Attachment, Block, Button, Buttons, Checklist, Code, Fields, Message, Text

SHORTEST = 8  # shorter values would take ordinary words out of every text
MASK = "[secret]"


class Redactor:
    """Takes known secret values out of texts and messages."""

    def __init__(self, values: Iterable[str]) -> None:
        spellings = {spelled for value in values if len(value) >= SHORTEST for spelled in _spellings(value)}
        ordered = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(spelled) for spelled in ordered)) if ordered else None

    def text(self, words: str) -> str:
        """Return the words without secrets."""
        return self._pattern.sub(MASK, words) if self._pattern else words

    def message(self, message: Message) -> Message:
        """Return the message without secrets, file names and button labels included."""
        if self._pattern is None:
            return message
        return replace(
            message,
            title=self.text(message.title),
            blocks=tuple(self._block(block) for block in message.blocks),
        )

    def _block(self, block: Block) -> Block:
        match block:
            case Text() | Code():
                return replace(block, text=self.text(block.text))
            case Checklist():
                return replace(
                    block, items=tuple(replace(item, text=self.text(item.text)) for item in block.items)
                )
            case Fields():
                return replace(
                    block, pairs=tuple((self.text(label), self.text(value)) for label, value in block.pairs)
                )
            case Buttons():
                return replace(
                    block,
                    buttons=tuple(self._button(button) for button in block.buttons),
                    question=self.text(block.question),
                )
            case Attachment():
                return replace(block, name=self.text(block.name), content=self.text(block.content))

    def _button(self, button: Button) -> Button:
        return replace(button, label=self.text(button.label), draft=self.text(button.draft))


def _spellings(value: str) -> set[str]:
    raw = value.encode()
    found = {value, quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1]}
    for shift in range(3):
        # Inside a longer Base64 text the value begins at one of three offsets; its edges depend on its neighbours and are left out.
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = encoded[(0, 2, 3)[shift] : len(encoded) - (1 if (len(raw) + shift) % 3 else 0)]
        if len(inner) >= SHORTEST:
            found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found
