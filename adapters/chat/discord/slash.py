"""/loop as an application command. Owns: declared, read, focused, and how words become options. Imports: core.commands. Effects: none.

Discord wants each subcommand declared with its options. They are made from `core.subcommands.WORDS`; of more than it allows, the last ones
share the subcommand `more`. What comes back is spelled as the text that the grammar reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from adapters.chat.discord import wire
from adapters.chat.discord.names import Me, is_id
from adapters.chat.discord.payload import Json, rows, some_id, table, text
from core import commands, subcommands, wording
from core.errors import BadInput
from core.subcommands import Word

NAME = "loop"
START_HERE = "Start a loop here"
MORE = "more"
MOST = 25
ALWAYS = frozenset({"claim", "link", "people", "help"})  # what a newcomer needs has a subcommand of its own
SUB, STRING, BOOLEAN, USER, NUMBER = 1, 3, 5, 6, 10
Completes = Literal["", "repos", "loops", "words", "shared"]
_HOLDERS = re.compile(r"[<\[]@?([\w ]+?)[>\]]")
_CHOICE = re.compile(r"^[\w]+(?:\|[\w]+)+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a subcommand. `flag` spells it as an option of the grammar instead of a word."""

    name: str
    about: str
    type: int = STRING
    required: bool = False
    choices: tuple[str, ...] = ()
    completes: Completes = ""
    before: str = ""  # stands before its value, e.g. "because "
    flag: str = ""
    given_when: bool = False  # of a boolean: the value that the flag stands for
    spelled: str = ""  # of a boolean without a flag: the word that its yes stands for


START = (
    Option(name="task", about="what the loop is to do", required=True),
    Option(name="repo", about="the repository to work on", completes="repos", flag="--repo"),
    Option(name="branch", about="the branch to begin from", flag="--branch"),
    Option(name="model", about="the model to use", flag="--model"),
    Option(name="budget", about="dollars it may spend at most", type=NUMBER, flag="--budget"),
    Option(name="context", about="whether the thread goes along as context (it does)", type=BOOLEAN, flag="--no-context"),
    Option(name="plan", about="whether it plans first, and does nothing before the plan is approved", type=BOOLEAN, flag="--plan", given_when=True),
)  # fmt: skip
KNOWN: Mapping[str, tuple[Option, ...]] = {
    "start": START,
    "deny": (
        Option(name="ask", about="the ask's three letters and digits", required=True),
        Option(name="because", about="why not; the agent is told", before="because "),
    ),
    "answer": (
        Option(name="ask", about="the ask's three letters and digits", required=True),
        Option(name="words", about="your answer, in words or as numbers such as 1,3", required=True),
    ),
    "people": (
        Option(name="do", about="let somebody in, or take them out", choices=("add", "remove")),
        Option(name="role", about="as what", choices=("member", "guest", "admin")),
        Option(name="person", about="whom", type=USER),
    ),
    "list": (Option(name="all", about="the finished ones as well", type=BOOLEAN, spelled="all"),),
    "approve": (Option(name="ask", about="the ask's three letters and digits", required=True),),
    "decisions": (Option(name="withdraw", about="a decision that no longer holds", before="withdraw "),),
    "help": (Option(name="word", about="the word to explain", completes="words"),),
}


def options_of(word: Word) -> tuple[Option, ...]:
    """Return the options of a word, from how its usage is spelled when nothing better is known."""
    if word.name in KNOWN:
        return KNOWN[word.name]
    usage = word.usage.strip()
    if not usage:
        return ()
    if _CHOICE.match(usage):
        return (Option(name="how", about=word.about, required=True, choices=tuple(usage.split("|"))),)
    holders = _HOLDERS.findall(usage)
    name = re.sub(r"\W+", "-", holders[0]).lower() if holders else "words"
    return (
        Option(
            name=name[:32],
            about=word.about,
            type=USER if "@" in usage else STRING,
            required=usage.startswith("<"),
            completes="loops" if name in ("loop", "id") else "repos" if name == "repo" else "",
        ),
    )


def split(words: Sequence[Word]) -> tuple[Sequence[Word], Sequence[Word]]:
    """Return the words that get a subcommand of their own, and those that share `more`."""
    if len(words) <= MOST:
        return words, ()
    pinned = [word for word in words if word.name in ALWAYS]
    others = [word for word in words if word.name not in ALWAYS]
    room = MOST - 1 - len(pinned)
    return [*others[:room], *pinned], others[room:]


def declared(words: Sequence[Word] = subcommands.WORDS) -> list[dict[str, Any]]:
    """Return the commands to register."""
    own, shared = split(words)
    subs = [
        {"type": SUB, "name": word.name, "description": _about(word.about), "options": [_spell(each) for each in options_of(word)]}
        for word in own
    ]  # fmt: skip
    if shared:
        other = Option(
            name="words", about="one of them, and what follows it", required=True, completes="shared"
        )
        listed = ", ".join(word.name for word in shared)
        subs.append({"type": SUB, "name": MORE, "description": _about(listed), "options": [_spell(other)]})
    return [
        {"type": 1, "name": NAME, "description": "Talk to the bridge: /loop help", "options": subs},
        {"type": 3, "name": START_HERE},
    ]


def _about(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"


def _spell(option: Option) -> dict[str, Any]:
    value: dict[str, Any] = {
        "type": option.type, "name": option.name, "description": _about(option.about), "required": option.required,
    }  # fmt: skip
    if option.choices:
        value["choices"] = [{"name": each, "value": each} for each in option.choices]
    if option.completes:
        value["autocomplete"] = True
    if option.type == NUMBER:
        value["min_value"] = 0
    return value


# ── what comes back ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A command as the grammar reads it: `/loop` and the words; `task` is what a start is about."""

    text: str
    mentions: tuple[str, ...] = ()
    named: tuple[str, ...] = ()  # what they are called
    task: str = ""

    @property
    def starts(self) -> bool:
        return bool(self.task)


def read(data: Json, me: Me) -> Spoken:
    """Read the command somebody sent. Raises BadInput, for the person, when a value cannot be taken."""
    sub, given = _given(data)
    people = {
        key: wire.called(user, table(table(table(data, "resolved"), "members"), key))
        for key, user in table(table(data, "resolved"), "users").items()
        if is_id(key) and isinstance(user, dict)
    }
    word = next((each for each in subcommands.WORDS if each.name == sub), None)
    options = options_of(word) if word else (Option(name="words", about=""),)
    told = [_told(option, given[option.name], people) for option in options if option.name in given]
    reading = wire.read(" ".join(part for part in told if part), me, people)
    named = [str(given[option.name]) for option in options if option.type == USER and option.name in given]
    if sub == "start":
        return start(given, me)
    line = " ".join(part for part in (f"/{NAME}", "" if sub == MORE else sub, reading.text) if part)
    task = _task(line)
    word = word or next((each for each in split(subcommands.WORDS)[1] if _begins(reading.text, each)), None)
    if task and word is not None:
        # Whoever chose a subcommand means that one; written, the same words would be a task.
        raise BadInput(
            f"`/{NAME} {sub}` can't take “{wording.line(reading.text, 60)}”.",
            remedy=f"It is `/{NAME} {word.name} {word.usage}`, for example `{word.example}`.",
        )
    called = {
        **{user: people.get(user, "") for user in named},
        **dict(zip(reading.mentions, reading.named, strict=True)),
    }
    return Spoken(text=line, mentions=tuple(called), named=tuple(called.values()), task=task)


def _begins(words: str, word: Word) -> bool:
    return words.split(None, 1)[:1] == [word.name]


def _task(line: str) -> str:
    """Return what a line starts a loop on, if it does: under `more` people may spell that, too."""
    try:
        command = commands.parse(commands.spoken(line) or "")
    except BadInput:
        return ""
    return command.rest if command.word == "start" else ""


def start(given: Mapping[str, object], me: Me) -> Spoken:
    """Spell a start from its options. Raises BadInput."""
    reading = wire.read(str(given.get("task") or "").strip(), me, {})
    if not reading.text:
        raise BadInput("A loop needs a task.", remedy="Say in a sentence what it is to do.")
    flags = [
        _flag(option, given[option.name])
        for option in START
        if option.flag and given.get(option.name) is not None
    ]
    line = " ".join(part for part in (f"/{NAME} start", *flags, reading.text) if part)
    return Spoken(text=line, mentions=reading.mentions, named=reading.named, task=reading.text)


def _flag(option: Option, value: object) -> str:
    if option.type == BOOLEAN:
        return option.flag if bool(value) is option.given_when else ""
    spelled = f"{value:g}" if isinstance(value, float | int) else str(value).strip()
    if not spelled:
        return ""
    if re.search(r"\s", spelled) or spelled.startswith("-"):
        raise BadInput(f"“{spelled[:60]}” can't be a {option.name}.", remedy="Give a name without spaces.")
    return f"{option.flag} {spelled}"


def _told(option: Option, value: object, people: Mapping[str, str]) -> str:
    if option.flag:
        return ""
    if option.type == USER:
        return f"@{people.get(str(value), str(value))}"
    if option.type == BOOLEAN:
        return option.spelled if value is True else ""
    return f"{option.before}{str(value).strip()}"


def _given(data: Json) -> tuple[str, dict[str, object]]:
    subs = rows(data, "options")
    if text(data, "name") != NAME or len(subs) != 1:
        raise BadInput("Discord sent a command this bridge does not have.", remedy="Try `/loop help`.")
    return text(subs[0], "name"), {text(row, "name"): row.get("value") for row in rows(subs[0], "options")}


def focused(data: Json) -> tuple[Completes, str]:
    """Return what an unfinished command wants to be completed with, and what was typed so far."""
    sub, _ = _given(data)
    for row in rows(rows(data, "options")[0], "options"):
        if row.get("focused") is True:
            if sub == MORE:
                return "shared", str(row.get("value") or "")
            word = next((each for each in subcommands.WORDS if each.name == sub), None)
            known = {option.name: option.completes for option in options_of(word)} if word else {}
            return known.get(text(row, "name"), ""), str(row.get("value") or "")
    return "", ""


def completed(kind: Completes, typed: str, found: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Return at most 25 choices of (value, what it is called) that go with what was typed: beginnings first."""
    pool = list(found)
    if kind in ("words", "shared"):
        words = subcommands.WORDS if kind == "words" else split(subcommands.WORDS)[1]
        pool = [(word.name, f"{word.name} — {word.about}") for word in words]
    low = typed.strip().lower()
    begins = [each for each in pool if each[0].lower().startswith(low)]
    holds = [
        each for each in pool if each not in begins and (low in each[0].lower() or low in each[1].lower())
    ]
    return [
        {"name": _about(called) or value, "value": value}
        for value, called in _distinct([*begins, *holds])
        if 0 < len(value) <= 100
    ][:MOST]


def _distinct(pool: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield from dict(pool).items()


def target(data: Json) -> str:
    """Return the message a message command was chosen for."""
    return some_id(data, "target_id")
