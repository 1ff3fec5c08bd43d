"""Questions as polls (MSC3381). Owns: Poll, of, start, end, answers. Imports: core. Effects: none.

A question goes out as a message that everybody can read and as a poll right after it. Clients have the poll under the names from before it
became part of the specification; what they answer is understood under both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from core import wording
from core.ids import Token
from core.message import Buttons, Message

_DRAFT: Final = "org.matrix.msc3381.poll"
_TEXT: Final = "org.matrix.msc1767.text"
START: Final = f"{_DRAFT}.start"
END: Final = f"{_DRAFT}.end"
STARTS: Final = frozenset({START, "m.poll.start"})
RESPONSES: Final = frozenset({f"{_DRAFT}.response", "m.poll.response"})
MOST: Final = 20  # answers a poll may have
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A question and what can be answered: by the answer's id, its label and its token, which is not told to the room."""

    question: str
    answers: Mapping[str, tuple[str, Token]]


def of(message: Message) -> Poll | None:
    """Return the poll a message asks for, if it does."""
    for block in message.blocks:
        if isinstance(block, Buttons) and block.question:
            offered = [button for button in block.buttons if not button.wants_text][:MOST]
            answers = {str(number): (button.label, button.token) for number, button in enumerate(offered, 1)}
            return Poll(question=block.question, answers=answers) if answers else None
    return None


def start(poll: Poll) -> dict[str, Any]:
    """Return a poll's content, with the same as text for clients without polls."""
    question = wording.line(poll.question, 300)
    labels = {answer: wording.line(label, 200) for answer, (label, _) in poll.answers.items()}
    listed = "\n".join(f"{number}. {label}" for number, label in labels.items())
    return {
        START: {
            "question": {_TEXT: question, "body": question, "msgtype": "m.text"},
            "kind": f"{_DRAFT}.disclosed",
            "max_selections": 1,
            "answers": [{"id": answer, _TEXT: label} for answer, label in labels.items()],
        },
        _TEXT: f"{question}\n{listed}",
        "m.mentions": {},
    }


def end(event: str, words: str) -> dict[str, Any]:
    """Return the content that ends a poll."""
    told = wording.line(words, 300)
    return {
        END: {},
        _TEXT: told,
        "body": told,
        "m.relates_to": {"rel_type": "m.reference", "event_id": event},
        "m.mentions": {},
    }


def answers(content: Raw) -> tuple[str, tuple[str, ...]]:
    """Return which poll somebody answers and with which answers; ("", ()) when the content is no answer."""
    relation = content.get("m.relates_to")
    told = relation if isinstance(relation, dict) else {}
    draft = content.get(f"{_DRAFT}.response")
    given = content.get("m.selections") or (draft.get("answers") if isinstance(draft, dict) else None)
    event = told.get("event_id")
    if told.get("rel_type") != "m.reference" or not isinstance(event, str) or not isinstance(given, list):
        return "", ()
    return event, tuple(each for each in given if isinstance(each, str))
