"""The forms people fill in. Owns: ask, start, answers, target. Imports: core.ids. Effects: none."""

from __future__ import annotations

from typing import Any

from adapters.chat.discord.names import is_id
from adapters.chat.discord.payload import Json, rows, text
from core.ids import Token

ANSWER, START = "a:", "s:"  # how a form's custom id begins
TITLE, LABEL, FIELD = 45, 45, 4_000
SHORT, PARAGRAPH = 1, 2


def ask(token: Token, question: str, draft: str) -> dict[str, Any]:
    """Return the form behind a button: one field with the question, holding the draft."""
    return _form(ANSWER + token, question, _field("words", question, draft, required=bool(draft)))


def start(channel: str, message: str) -> dict[str, Any]:
    """Return the form that starts a loop at a message."""
    return _form(
        f"{START}{channel}:{message}",
        "Start a loop here",
        _field("task", "What is it to do?", "", required=True),
        _field("repo", "Repository (may be left empty)", "", required=False, style=SHORT),
    )


def _form(custom: str, title: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "custom_id": custom,
        "title": _clip(title, TITLE),
        "components": [{"type": 1, "components": [each]} for each in fields],
    }


def _field(name: str, label: str, value: str, *, required: bool, style: int = PARAGRAPH) -> dict[str, Any]:
    field = {
        "type": 4,
        "custom_id": name,
        "label": _clip(label, LABEL),
        "style": style,
        "required": required,
        "max_length": FIELD,
    }
    return {**field, "value": value[:FIELD]} if value else field


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def answers(data: Json) -> dict[str, str]:
    """Return what was filled in, by field; what was left empty is left out."""
    return {
        text(field, "custom_id"): text(field, "value")
        for row in rows(data, "components")
        for field in rows(row, "components")
        if text(field, "value").strip()
    }


def target(custom: str) -> str | None:
    """Return the message a start form was opened for, or None when it is another form."""
    channel, _, message = custom.removeprefix(START).partition(":")
    return message if custom.startswith(START) and is_id(channel) and is_id(message) else None
