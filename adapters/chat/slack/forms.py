"""Slack's forms: what they ask, and what was answered. Owns: the start form, the form of a button, their answers. Imports: core.

Effects: none. A form remembers where it was opened in its `private_metadata`, so that its answer means the same after a restart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.chat.slack import names
from adapters.chat.slack.names import Place
from adapters.chat.slack.payload import Json, table, text
from core.errors import BadInput
from core.ids import Token

START, ANSWER = "loop_start", "loop_answer"  # callback ids; START is the message shortcut's too
MAX_INPUT = 3_000
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A filled start form: where, on which message, and the words of the command it stands for."""

    place: Place
    message: str
    upto: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the form of a button is about: its card and the button's token."""

    place: Place
    card: str
    token: Token


# ── starting a loop ──────────────────────────────────────────────────────────────────────────────────────────────────


def start(place: Place, *, message: str, newest: str) -> Raw:
    """Return the form of the shortcut “Start a loop here” on a message; `newest` is the thread's last ts."""
    scope = [
        ("upto", "The thread up to that message"),
        ("all", "The whole thread so far"),
        ("none", "Nothing but the task"),
    ]
    options = [{"text": _plain(label), "value": value} for value, label in scope]
    which = {
        "type": "static_select", "action_id": "value", "options": options, "initial_option": options[0],
    }  # fmt: skip
    blocks = [
        _input("task", "What is to be done?", {"type": "plain_text_input", "action_id": "value", "multiline": True,
               "max_length": MAX_INPUT, "focus_on_load": True}),
        _input("repo", "Repository", _line("its name; empty for the usual one"), optional=True),
        _input("model", "Model", _line("its name; empty for the usual one"), optional=True),
        _input("budget", "Budget in dollars", _line("such as 5; empty for the usual one"), optional=True),
        _input("messages", "Which messages does it get to read?", which),
    ]  # fmt: skip
    where = {
        "team": place.team,
        "channel": place.channel,
        "root": place.root,
        "message": message,
        "newest": newest,
    }
    return _modal(START, "Start a loop here", "Start", blocks, where)


def started(view: Json) -> Start:
    """Return what somebody filled in. Raises BadInput naming the field in `str(error)` as "field: sentence"."""
    where, given = _metadata(view), _answers(view)
    task = given.get("task", "").strip()
    if not task:
        raise BadInput("task: Say what is to be done.")
    words = ["/loop start"]
    for field in ("repo", "model"):
        value = given.get(field, "").strip()
        if len(value.split()) > 1 or value.startswith("-"):
            raise BadInput(f"{field}: That is not a name.")
        words += [f"--{field} {value}"] if value else []
    if budget := given.get("budget", "").strip():
        words.append(f"--budget {_dollars(budget)}")
    scope = given.get("messages", "upto")
    words += ["--no-context"] if scope == "none" else []
    place = _place(where)
    message = text(where, "message")
    newest = text(where, "newest")
    return Start(
        place=place, message=message, upto=newest if scope == "all" and newest else message, words=f"{' '.join(words)} {task}",
    )  # fmt: skip


def _dollars(value: str) -> str:
    try:
        amount = float(value.lstrip("$"))
    except ValueError:
        amount = -1.0
    if not 0 < amount < 100_000:
        raise BadInput("budget: Give dollars, for example 5.")
    return f"{amount:g}"


def note(title: str, words: str) -> Raw:
    """Return a form that only says something."""
    return {
        "type": "modal", "title": _plain(title[:24]), "close": _plain("Close"),
        "blocks": [{"type": "section", "text": _plain(words[:MAX_INPUT])}],
    }  # fmt: skip


# ── answering a button's question ────────────────────────────────────────────────────────────────────────────────────


def answer(asked: Asked, *, question: str, draft: str) -> Raw:
    """Return the form that a button with a question opens."""
    element: Raw = {
        "type": "plain_text_input",
        "action_id": "value",
        "multiline": True,
        "max_length": MAX_INPUT,
        "focus_on_load": True,
    }
    if draft and len(draft) <= MAX_INPUT:
        element["initial_value"] = draft
    where = {
        "team": asked.place.team, "channel": asked.place.channel, "root": asked.place.root, "card": asked.card, "token": asked.token,
    }  # fmt: skip
    return _modal(ANSWER, "Loopbridge", "Send", [_input("text", question, element)], where)


def answered(view: Json) -> tuple[Asked, str]:
    """Return what a button's form was about and what was answered. Raises BadInput when it is not such a form."""
    where = _metadata(view)
    asked = Asked(place=_place(where), card=text(where, "card"), token=Token(text(where, "token")))
    return asked, _answers(view).get("text", "")


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _modal(callback: str, title: str, submit: str, blocks: list[Raw], where: Mapping[str, str]) -> Raw:
    return {
        "type": "modal", "callback_id": callback, "title": _plain(title), "submit": _plain(submit), "close": _plain("Cancel"),
        "private_metadata": json.dumps(where), "blocks": blocks,
    }  # fmt: skip


def _input(name: str, label: str, element: Raw, *, optional: bool = False) -> Raw:
    return {
        "type": "input",
        "block_id": name,
        "label": _plain(label),
        "element": element,
        "optional": optional,
    }


def _line(hint: str) -> Raw:
    return {"type": "plain_text_input", "action_id": "value", "max_length": 100, "placeholder": _plain(hint)}


def _plain(words: str) -> Raw:
    return {"type": "plain_text", "text": words, "emoji": False}


def _metadata(view: Json) -> Json:
    try:
        return table(json.loads(text(view, "private_metadata")))
    except ValueError as exc:
        raise BadInput("a form came back without what it is about") from exc


def _place(where: Json) -> Place:
    return names.place(names.thread_of(text(where, "team"), text(where, "channel"), text(where, "root")))


def _answers(view: Json) -> dict[str, str]:
    values = table(view, "state", "values")
    return {
        name: text(values, name, "value", "value") or text(values, name, "value", "selected_option", "value") for name in values
    }  # fmt: skip
