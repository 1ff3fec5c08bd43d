"""The /loop grammar. Owns: Command, parse, suggestions. Imports: core. Effects: none.

A command is `/loop <words>`, `!loop <words>` or a mention of the bot followed by words; `start` is implied when the first word names no
subcommand. Options of `start` stand before or after the task. What cannot be taken raises BadInput with a sentence for the person.
What the subcommands are is `core.subcommands`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from core.errors import BadInput
from core.subcommands import BY_NAME, NAMES

LONGEST_WORD = (
    30  # characters; what is longer is an address or a paste, and no slip of a subcommand or an option
)
PREFIX = re.compile(r"^\s*[/!]loop\b[ \t]*", re.IGNORECASE)
# Words that a task may well begin with: taken as a subcommand only when what follows fits it.
LONELY = frozenset(
    {
        "status",
        "stop",
        "list",
        "log",
        "diff",
        "files",
        "context",
        "usage",
        "retry",
        "release",
        "done",
        "archive",
        "unfollow",
        "proposals",
        "memory",
    }
)
MOST_TAG_WORDS = 4  # more words than these read like a task
TAG_WORD = re.compile(r"^#?\w[\w-]*,?$")
BECAUSE = re.compile(r"because\b", re.IGNORECASE)
LOOKS_LIKE_A_HANDLE = re.compile(r"^#?[0-9a-f]{3,32}$", re.IGNORECASE)
LOOKS_LIKE_A_TIME = re.compile(
    r"[\"“„«]|(?:every|daily|hourly|weekly|monthly|weekdays)\b|(?:pause|resume|delete)(?:\s+#?[0-9a-f]{3,32})?$",
    re.IGNORECASE,
)
LOOKS_LIKE_A_CODE = re.compile(r"^[0-9A-Z]{4}-[0-9A-Z]{4}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `start`."""

    repo: str = ""
    branch: str = ""
    model: str = ""
    budget_usd: float | None = None
    with_thread: bool = True
    tags: str = ""
    plan: bool = False
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A parsed command: its word, the words after it, and for `start` its options (the task is in `rest`)."""

    word: str
    rest: str = ""
    options: Options = field(default_factory=Options)


def spoken(text: str) -> str | None:
    """Return what follows `/loop` or `!loop`, or None when the text is no command."""
    match = PREFIX.match(text)
    return text[match.end() :] if match else None


def parse(words: str) -> Command:
    """Parse what follows `/loop`. Raises BadInput when an option or an unknown word cannot be taken."""
    words = words.strip()
    if not words:
        return Command(word="")
    first, _, rest = words.partition(" ") if " " in words.split("\n", 1)[0] else _first_line_word(words)
    name = first.lower()
    rest = rest.strip()
    if name == "start":
        return _start(rest)
    if name in BY_NAME and _fits(name, rest):
        return Command(word=name, rest=rest)
    if len(first) > LONGEST_WORD:
        return _start(words)
    misspelt = (
        not name.endswith(":")
        and len(rest.split(None, 2)) <= 2
        and name not in BY_NAME
        and difflib.get_close_matches(name, NAMES, n=1, cutoff=0.8)
    )
    if not first.startswith("-") and (misspelt or not rest):
        # One word is no task; it is a subcommand that somebody misspelt or that does not exist.
        raise BadInput(f"There is no `/loop {_plain(first)}`.", remedy=suggestion(name))
    return _start(words)


def suggestion(name: str) -> str:
    """Return the sentence that names the nearest three subcommands, or the option that a word stands for."""
    name = name[:LONGEST_WORD]
    if (option := f"--{name}") in FLAGS or option in VALUED:
        value = "" if option in FLAGS else " NAME"
        return f"It is an option of a new loop: `/loop {option}{value} <task>`."
    scored = sorted(NAMES, key=lambda known: -difflib.SequenceMatcher(None, name, known).ratio())
    nearest = [f"`/loop {known}`" for known in scored[:3]]
    return f"Nearest: {', '.join(nearest)}. `/loop help` shows them all; a task of one word needs `/loop start` before it."


def _first_line_word(words: str) -> tuple[str, str, str]:
    first, _, rest = words.partition("\n")
    return first, "", rest


def _is_handle(rest: str) -> bool:
    return bool(LOOKS_LIKE_A_HANDLE.match(rest))


def _is_one(rest: str) -> bool:
    return len(rest) <= LONGEST_WORD and len(rest.split()) == 1


def _names_one(rest: str) -> bool:
    """Whether what follows begins with a handle, or is a single word that was meant as one."""
    return _is_handle(rest.split(None, 1)[0]) or _is_one(rest)


def _are_tags(rest: str) -> bool:
    words = rest.split()
    return len(words) <= MOST_TAG_WORDS and all(TAG_WORD.match(word) for word in words)


def _fits(name: str, rest: str) -> bool:
    """Whether what follows a word can follow it as a subcommand; nothing fits them all."""
    fits = FITS.get(name)
    if not rest:
        return True
    return name not in LONELY if fits is None else fits(rest)


FITS: dict[str, Callable[[str], bool]] = {
    "list": lambda rest: rest == "all",
    "memory": lambda rest: rest == "me",
    **dict.fromkeys(("approve", "answer", "merge", "reject", "edit-proposal"), _names_one),
    "deny": lambda rest: _names_one(rest) or bool(BECAUSE.match(rest)),
    "promote": lambda rest: (
        rest.split(None, 1)[0] in ("notes", "knowledge", "personal", "repo") or _is_one(rest)
    ),
    "budget": _is_one,
    "claim": lambda rest: bool(LOOKS_LIKE_A_CODE.match(rest)) or " " not in rest,
    "follow": _is_handle,
    "link": lambda rest: bool(LOOKS_LIKE_A_CODE.match(rest)),
    "help": lambda rest: " " not in rest,
    "distill": lambda rest: rest in ("thread", "loop") or rest.split(None, 1)[0] == "since",
    "schedule": lambda rest: rest == "list" or bool(LOOKS_LIKE_A_TIME.match(rest)),
    "why": lambda rest: len(rest.split()) <= 2,
    "context": lambda rest: rest.split(None, 1)[0] in ("exclude", "add", "refresh"),
    "decisions": lambda rest: rest.split(None, 1)[0] == "withdraw",
    "people": lambda rest: rest.split(" ", 1)[0] in ("add", "remove"),
    "focus": lambda rest: rest.split(None, 1)[0] in ("pin", "unpin"),
    **dict.fromkeys(("tag", "untag"), _are_tags),
}


def _start(words: str) -> Command:
    options, task = _options(words)
    return Command(word="start", rest=task, options=options)


VALUED = {
    "--tag": "tags",
    "--repo": "repo",
    "--branch": "branch",
    "--model": "model",
    "--budget": "budget_usd",
}
LAST_OPTION = re.compile(r"(?:^|\s+)(--[a-z][a-z-]*)(?:[= ][^\s-]\S*)?\s*$")
LAST_OPTION_WITHIN = 200  # characters
FLAGS = {"--no-context": ("with_thread", False), "--plan": ("plan", True), "--cached": ("cached", True)}


def _is_option(name: str) -> bool:
    """Whether a trailing word is meant as an option of ours, misspelt or not; any other belongs to the task."""
    return len(name) <= LONGEST_WORD and bool(
        difflib.get_close_matches(name, [*VALUED, *FLAGS], n=1, cutoff=0.7)
    )


def _options(words: str) -> tuple[Options, str]:
    """Take the options from the front and the back of the words; what stands between is the task, kept to the letter."""
    found: dict[str, object] = {}
    left = words.strip()
    while left.startswith("--"):
        left = _take(left, found)
    # Looked for near the end alone: over a long run of spaces this search would take minutes.
    while (tail := LAST_OPTION.search(left, max(0, len(left) - LAST_OPTION_WITHIN))) and _is_option(
        tail.group(1)
    ):
        _take(tail.group().strip(), found)
        left = left[: tail.start()]
    return Options(**found), left.strip()  # type: ignore[arg-type]


def _take(words: str, found: dict[str, object]) -> str:
    """Take one option off the front of the words into `found` and return what is left."""
    match = re.match(r"(--[a-z][a-z-]*)(?:=|\s+|$)", words)
    name = match.group(1) if match else words.split(None, 1)[0]
    if match and name in FLAGS:
        key, value = FLAGS[name]
        found[key] = value
        return words[match.end() :].strip()
    if not match or name not in VALUED:
        known = [*VALUED, *FLAGS]
        near = difflib.get_close_matches(name[:LONGEST_WORD], known, n=1, cutoff=0.0)
        raise BadInput(
            f"There is no option `{_plain(name)}`.",
            remedy=f"The nearest is `{near[0]}`; known: {', '.join(known)}.",
        )
    value_match = re.match(r"\S+", words[match.end() :])
    if value_match is None or value_match.group().startswith("--"):
        raise BadInput(
            f"`{name}` needs a value.", remedy=f"For example `{name} {'5' if name == '--budget' else 'app'}`."
        )
    found[VALUED[name]] = (
        money(value_match.group(), given=name) if name == "--budget" else value_match.group()
    )
    return words[match.end() + value_match.end() :].strip()


def money(value: str, *, given: str) -> float:
    """Return the dollars that stand after the word or option `given`. Raises BadInput for what is no amount."""
    try:
        amount = float(value.lstrip("$"))
    except ValueError:
        amount = -1.0
    if not 0 < amount < 100_000:
        raise BadInput(
            f"`{given} {_plain(value)}` is no amount.", remedy=f"Give dollars, for example `{given} 5`."
        )
    return amount


def _plain(word: str) -> str:
    return re.sub(r"[`\x00-\x1f\x7f]", "", word)[:40]
