"""A `core.message.Message` as JSON and back. Owns: encode, decode, spell, values. Imports: json, core.message. Effects: none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from core.errors import Damaged
from core.ids import IdentityKey, Token
from core.message import Attachment, Block, Button, Buttons, Checklist, Code, Fields, Item, Message, Text


def encode(message: Message) -> str:
    """Return the message as one line of JSON."""
    return spell(message)


def values(thing: Any) -> dict[str, Any]:
    """Return a dataclass's fields by name; what they hold stays as it is."""
    names = _NAMES.get(type(thing))
    if names is None:
        names = _NAMES[type(thing)] = tuple(field.name for field in fields(thing))
    return {name: getattr(thing, name) for name in names}


_NAMES: dict[type, tuple[str, ...]] = {}


# Return JSON values, and dataclasses as objects, as one compact line.
spell = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=values).encode


def decode(line: str) -> Message:
    """Return the message that `encode` wrote. Raises Damaged when it is something else."""
    try:
        raw = json.loads(line)
        return Message(
            title=str(raw["title"]),
            notify=tuple(IdentityKey(str(who)) for who in raw["notify"]),
            blocks=tuple(_block(block) for block in raw["blocks"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Damaged("a message of the room cannot be read back") from exc


def _block(raw: Mapping[str, Any]) -> Block:
    match raw["kind"]:
        case "text":
            return Text(text=raw["text"])
        case "code":
            return Code(text=raw["text"], language=raw["language"])
        case "checklist":
            return Checklist(items=tuple(Item(text=item["text"], mark=item["mark"]) for item in raw["items"]))
        case "fields":
            return Fields(pairs=tuple((str(label), str(value)) for label, value in raw["pairs"]))
        case "buttons":
            return Buttons(
                buttons=tuple(_button(button) for button in raw["buttons"]),
                question=raw.get("question", ""),
                ask=raw.get("ask", ""),
            )
        case "attachment":
            return Attachment(name=raw["name"], content=raw["content"])
        case other:
            raise ValueError(other)


def _button(raw: Mapping[str, Any]) -> Button:
    return Button(
        label=raw["label"],
        token=Token(raw["token"]),
        style=raw["style"],
        wants_text=raw["wants_text"],
        draft=raw["draft"],
    )
