"""Questions that the agent asks people. Owns: Question, read, what an answer means, the card of a question. Imports: core. Effects: none.

One call may hold several questions. They are put one after another, each on a card of its own; the ask is over with the last answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from core import wording
from core.asks import Ask, word_token
from core.errors import BadInput
from core.ids import IdentityKey, Token
from core.message import Block, Button, Buttons, Code, Message, Text

MOST = 8  # questions of one call
MOST_OPTIONS = 20  # as many as the smallest platform's poll takes
LONGEST = 4_000  # characters of a question
TITLE = 200  # characters of a question that is short enough to be its card's first line
PREVIEW = 1_500
_NUMBERS = re.compile(r"^\s*\d{1,2}(?:\s*(?:,|\s|and|&)\s*\d{1,2})*\s*\.?\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One answer that is offered."""

    label: str
    about: str = ""
    preview: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. `several`: more than one option may be named."""

    text: str
    options: tuple[Option, ...] = ()
    several: bool = False


def read(arguments: str) -> tuple[Question, ...]:
    """Return the questions of a call. Raises BadInput, for the agent, when they can't be put to anybody."""
    given = json.loads(arguments).get("questions")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST:
        raise BadInput(f"Ask between one and {MOST} questions.")
    found = tuple(_question(each) for each in given)
    if len({question.text for question in found}) < len(found):
        raise BadInput("Two of the questions are the same: ask each once.")
    return found


def _question(raw: object) -> Question:
    told = raw if isinstance(raw, dict) else {}
    text, options = told.get("question"), told.get("options") or []
    if not isinstance(text, str) or not wording.clean(text).strip() or len(text) > LONGEST:
        raise BadInput(f"A question is a text of at most {LONGEST} characters.")
    if not isinstance(options, list) or len(options) > MOST_OPTIONS:
        raise BadInput(f"A question has at most {MOST_OPTIONS} options.")
    found = tuple(_option(each) for each in options)
    if len({option.label.casefold() for option in found}) < len(found):
        raise BadInput("Two options of a question are the same: offer each once.")
    return Question(text=text, options=found, several=told.get("multiSelect") is True)


def _option(raw: object) -> Option:
    told = raw if isinstance(raw, dict) else {}
    label, about, preview = (told.get(name) or "" for name in ("label", "description", "preview"))
    if not all(isinstance(each, str) for each in (label, about, preview)) or not wording.line(label):
        raise BadInput("An option is a label, with a description if you like.")
    return Option(label=label, about=about, preview=preview)


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def current(ask: Ask) -> tuple[int, Question]:
    """Return the question that waits (the last one when none does any more), and its place from 0."""
    known = read(ask.input)
    place = min(len(ask.answers), len(known) - 1)
    return place, known[place]


def meant(question: Question, words: str) -> str:
    """Return what somebody's words answer: the options they name by number or label, else the words as they are.

    Raises BadInput when they say nothing, or name an option that is not there.
    """
    said = wording.clean(words).strip()
    if not said:
        raise BadInput("The answer is empty.")
    by_label = {wording.line(option.label, LONGEST).casefold(): option.label for option in question.options}
    if _NUMBERS.match(said) and question.options and said.casefold() not in by_label:
        return _numbered(question, said)
    parts = [part.strip().casefold() for part in said.split(",")] if question.several else [said.casefold()]
    if all(part in by_label for part in parts):
        return ", ".join(by_label[part] for part in dict.fromkeys(parts))
    return said


def _numbered(question: Question, said: str) -> str:
    numbers = list(dict.fromkeys(int(number) for number in re.findall(r"\d+", said)))
    if len(numbers) > 1 and not question.several:
        raise BadInput("Only one of the options can be the answer.")
    if not all(1 <= number <= len(question.options) for number in numbers):
        raise BadInput(f"There are {wording.count(len(question.options), 'option')}, counted from 1.")
    return ", ".join(question.options[number - 1].label for number in numbers)


def filled(ask: Ask) -> str:
    """Return the call's whole input with the answers that were given; answers of the agent's own are left out."""
    given = json.loads(ask.input)
    asked = [question.text for question in read(ask.input)]
    answers = dict(zip(asked, ask.answers, strict=True))
    return json.dumps({"questions": given["questions"], "answers": answers}, ensure_ascii=False)


def find(asks: Sequence[Ask], pressed: Token) -> tuple[Ask, int, int] | None:
    """Return the ask, the question's place and the option's place that a pressed token stands for."""
    for ask in asks:
        if ask.kind == "question":
            for place, question in enumerate(read(ask.input)):
                for number in range(len(question.options)):
                    if option_token(ask, place, number) == pressed:
                        return ask, place, number
    return None


def option_token(ask: Ask, place: int, number: int) -> Token:
    """Return what the button for an option carries; both count from 0."""
    return word_token(ask, f"option {place} {number}")


# ── the card ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def put(ask: Ask, *, notify: Sequence[IdentityKey], driver: str, expires_in: str) -> Message:
    """Return the card of the question that waits."""
    place, question = current(ask)
    whole = " ".join(wording.visible(question.text).split())
    short = len(whole) <= TITLE
    title = whole if short else "a question:"
    blocks: list[Block] = [] if short else [Text(text=wording.visible(question.text))]
    blocks += _options(question)
    blocks.append(Text(text=_hint(ask, place, question, expires_in)))
    if ask.why:
        blocks.append(Text(text=f"why: “{wording.line(ask.why, 200)}”"))
    if buttons := _buttons(ask, place, question):
        blocks.append(Buttons(buttons=buttons, question="" if question.several else whole[:TITLE]))
    return Message(
        title=title if notify else f"{wording.line(driver, 40)}: {title}",
        blocks=tuple(blocks),
        notify=tuple(notify),
    )


def _options(question: Question) -> list[Block]:
    lines = []
    for number, option in enumerate(question.options, 1):
        # Numbers are for those that can only be answered in words: elsewhere buttons may have numbers of their own.
        mark = f"{number}." if question.several else "•"
        about = f": {wording.line(wording.visible(option.about), 300)}" if option.about else ""
        lines.append(f"{mark} **{wording.line(wording.visible(option.label), 80)}**{about}")
    shown: list[Block] = [Text(text="\n".join(lines))] if lines else []
    for option in question.options:
        if option.preview:
            shown.append(Text(text=f"{wording.line(wording.visible(option.label), 80)}:"))
            shown.append(Code(text=wording.visible(option.preview)[:PREVIEW]))
    return shown


def _hint(ask: Ask, place: int, question: Question, expires_in: str) -> str:
    total = len(read(ask.input))
    which = [f"question {place + 1} of {total}"] if total > 1 else []
    if question.several:
        how = f"name as many as you like: `answer {ask.handle} 1,3`, or reply in your own words"
    else:
        how = f"or reply in your own words, or write `answer {ask.handle} …`"
    return " · ".join([f"ask {ask.handle}", *which, f"expires in {expires_in}", how])


def _buttons(ask: Ask, place: int, question: Question) -> tuple[Button, ...]:
    words = Button(
        label="Answer…" if question.several or not question.options else "Other…",
        token=word_token(ask, f"words {place}"),
        wants_text="Which ones? (numbers or words)" if question.several else "In your own words",
    )
    if question.several:
        return (words,)
    options = [
        Button(label=wording.line(wording.visible(option.label), 80), token=option_token(ask, place, number))
        for number, option in enumerate(question.options)
    ]
    return (*options, words)


def in_words(asks: Sequence[Ask], pressed: Token) -> tuple[Ask, int] | None:
    """Return the ask and the question's place whose button for an answer in words was pressed."""
    for ask in asks:
        if ask.kind == "question":
            for place in range(len(read(ask.input))):
                if word_token(ask, f"words {place}") == pressed:
                    return ask, place
    return None


def settled(ask: Ask, answer: str = "") -> str:
    """Return the line a question's card ends as: the question that waits or was last, and what was answered."""
    _, question = current(ask)
    asked = wording.line(wording.visible(question.text), 120)
    if not answer and ask.state == "allowed":
        answer = ask.answers[-1]
    return f"{asked} — {wording.line(answer, 300)}" if answer else asked


def gist(arguments: str) -> str:
    """Return what a call asks, as text for the record."""
    return "\n".join(
        question.text
        + (f" ({', '.join(option.label for option in question.options)})" if question.options else "")
        for question in read(arguments)
    )
