"""The line language that drives a chat. Owns: the steps, parse. Imports: re, core. Effects: none (`player.py` has them).

The language is described in `docs/chat-script.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.errors import BadInput

PATIENCE = 30.0  # seconds a step waits when the script does not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a script; `place` is "file:line"."""

    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Step):
    """Names a user, who may be a bot."""

    user: str
    name: str
    bot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh(Step):
    """The next thing said opens a thread, in this channel."""

    channel: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Step):
    """Go on in the newest thread whose first message matches."""

    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Say(Step):
    """Somebody writes."""

    user: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press(Step):
    """Somebody presses the button with this label, on the newest message that offers it (and matches)."""

    user: str
    label: str
    pattern: re.Pattern[str] | None
    text: str
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Step):
    """Somebody edits their newest message that matches."""

    user: str
    pattern: re.Pattern[str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(Step):
    """Somebody deletes their newest message that matches."""

    user: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class React(Step):
    """Somebody puts an emoji on the newest message that matches."""

    user: str
    emoji: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Step):
    """Wait until something new or edited since the last deed matches; `card`: said by the bridge."""

    pattern: re.Pattern[str]
    card: bool
    within: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect(Step):
    """The thread as it is now has (or has not) a message that matches."""

    pattern: re.Pattern[str]
    there: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sleep(Step):
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Show(Step):
    """Print the thread."""


def parse(text: str, *, name: str = "script") -> tuple[Step, ...]:
    """Return a script's steps. Raises BadInput naming the file, the line and what is wrong with it."""
    steps = []
    for number, line in _logical_lines(text):
        place = f"{name}:{number}"
        for form, build in _FORMS:
            if match := form.fullmatch(line):
                steps.append(build(place, match.groupdict()))
                break
        else:
            raise BadInput(
                f"{place}: this is no step: {line.splitlines()[0]}",
                remedy='A step is `name: text`, `name presses "label"`, `wait for "pattern"`, `expect "pattern"`,'
                " `sleep 1`, `show` or `@new`; docs/chat-script.md has them all.",
            )
    return tuple(steps)


def _logical_lines(text: str) -> list[tuple[int, str]]:
    """Return the lines that say something; an indented line belongs to the one before it."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line[:1] in {" ", "\t"} and line.strip() and lines:
            first, before = lines[-1]
            lines[-1] = (first, f"{before}\n{line.strip()}")
        elif line.strip() and not line.startswith("#"):
            lines.append((number, line.rstrip()))
    return lines


Given = Mapping[str, str | None]

_USER = r"(?P<user>[A-Za-z0-9][A-Za-z0-9._-]*)"
_WITHIN = r"(?: within (?P<within>\d+(?:\.\d+)?) ?s)?"


def _quoted(name: str) -> str:
    return rf'"(?P<{name}>(?:[^"\\]|\\.)*)"'


def _text(given: Given, name: str) -> str:
    return (given.get(name) or "").replace('\\"', '"')


def _pattern(place: str, given: Given) -> re.Pattern[str]:
    try:
        return re.compile(_text(given, "pattern"), re.MULTILINE)
    except re.error as exc:
        raise BadInput(f"{place}: {_text(given, 'pattern')!r} is no regular expression: {exc}") from exc


def _seconds(given: Given, name: str) -> float:
    return float(given.get(name) or PATIENCE)


def _press(place: str, given: Given) -> Step:
    return Press(
        place=place,
        user=given["user"] or "",
        label=_text(given, "label"),
        pattern=_pattern(place, given) if given["pattern"] is not None else None,
        text=_text(given, "text"),
        within=_seconds(given, "within"),
    )


def _wait(place: str, given: Given) -> Step:
    return Wait(
        place=place,
        pattern=_pattern(place, given),
        card=bool(given["card"]),
        within=_seconds(given, "within"),
    )


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str, Given], Step]], ...] = (
    (
        re.compile(rf"@user {_USER}(?: {_quoted('name')})?(?P<bot> bot)?"),
        lambda place, given: Person(
            place=place,
            user=given["user"] or "",
            name=_text(given, "name") or given["user"] or "",
            bot=bool(given["bot"]),
        ),
    ),
    (
        re.compile(r"@new(?: (?P<channel>[a-z0-9][a-z0-9_-]*))?"),
        lambda place, given: Fresh(place=place, channel=given["channel"] or ""),
    ),
    (
        re.compile(rf"@open {_quoted('pattern')}"),
        lambda place, given: Turn(place=place, pattern=_pattern(place, given)),
    ),
    (
        re.compile(
            rf"{_USER} presses {_quoted('label')}(?: on {_quoted('pattern')})?(?: with {_quoted('text')})?{_WITHIN}"
        ),
        _press,
    ),
    (
        re.compile(rf"{_USER} edits {_quoted('pattern')} to {_quoted('text')}"),
        lambda place, given: Change(
            place=place, user=given["user"] or "", pattern=_pattern(place, given), text=_text(given, "text")
        ),
    ),
    (
        re.compile(rf"{_USER} deletes {_quoted('pattern')}"),
        lambda place, given: Remove(place=place, user=given["user"] or "", pattern=_pattern(place, given)),
    ),
    (
        re.compile(rf"{_USER} reacts {_quoted('emoji')} to {_quoted('pattern')}"),
        lambda place, given: React(
            place=place, user=given["user"] or "", emoji=_text(given, "emoji"), pattern=_pattern(place, given)
        ),
    ),
    (re.compile(rf"wait for (?P<card>card )?{_quoted('pattern')}{_WITHIN}"), _wait),
    (
        re.compile(rf"expect (?P<negated>not )?{_quoted('pattern')}"),
        lambda place, given: Expect(place=place, pattern=_pattern(place, given), there=not given["negated"]),
    ),
    (
        re.compile(r"sleep (?P<seconds>\d+(?:\.\d+)?)"),
        lambda place, given: Sleep(place=place, seconds=float(given["seconds"] or 0)),
    ),
    (re.compile(r"show"), lambda place, given: Show(place=place)),
    (
        re.compile(rf"{_USER}: ?(?P<text>.+)", re.DOTALL),
        lambda place, given: Say(place=place, user=given["user"] or "", text=given["text"] or ""),
    ),
)
