"""The /loop grammar. Owns: Command, parse, help texts, suggestions. Imports: difflib, shlex. Effects: none.

A command is `/loop <words>`, `!loop <words>` or a mention of the bot followed by words; `start` is implied when the first word names no
subcommand. Options of `start` stand before or after the task. What cannot be taken raises BadInput with a sentence for the person.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from core.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A subcommand: what follows it, one line of help, an example, and the group it is listed under."""

    name: str
    usage: str
    about: str
    example: str
    group: str


WORDS: tuple[Word, ...] = (
    Word(name="start", usage="<task>", about="start a loop on a task; the word itself may be left out",
         example="/loop start --repo app fix the flaky login test", group="most used"),
    Word(name="status", usage="", about="what this thread's loop is doing", example="/loop status", group="most used"),
    Word(name="stop", usage="", about="stop the running turn; nothing is lost", example="/loop stop", group="most used"),
    Word(name="approve", usage="<ask>", about="allow what the loop asks for, once", example="/loop approve 7f3", group="most used"),
    Word(name="deny", usage="<ask> [because …]", about="refuse it, with a reason the agent is told",
         example="/loop deny 7f3 because we pin versions", group="most used"),
    Word(name="answer", usage="<ask> <words or numbers>", about="answer a question of the loop", example="/loop answer 7f3 2", group="most used"),
    Word(name="list", usage="[all]", about="the loops there are", example="/loop list", group="look"),
    Word(name="log", usage="", about="the steps of this loop", example="/loop log", group="look"),
    Word(name="diff", usage="", about="what the loop changed so far", example="/loop diff", group="look"),
    Word(name="files", usage="", about="the files the loop changed", example="/loop files", group="look"),
    Word(name="context", usage="[exclude <n|link> | add <link|page|loop> | refresh]", about="what the loop was given; take something out, put something in",
         example="/loop context add knowledge/clock.md", group="look"),
    Word(name="why", usage="[commit | page | claim | fact | decision]", about="walk back to the messages and decisions something rests on",
         example="/loop why 3f2a91c", group="look"),
    Word(name="decide", usage="<text or link> [--supersedes <decision>]", about="mark a decision: it reaches loops and shows in their asks",
         example="/loop decide we pin every version --supersedes d3f", group="team"),
    Word(name="decisions", usage="[withdraw <decision>]", about="what was decided here", example="/loop decisions", group="team"),
    Word(name="usage", usage="", about="tokens and money spent", example="/loop usage", group="look"),
    Word(name="retry", usage="", about="try again what failed", example="/loop retry", group="drive"),
    Word(name="resume", usage="[words]", about="go on after a stop, with a word to the agent if you like",
         example="/loop resume but leave the API alone", group="drive"),
    Word(name="handoff", usage="<@person>", about="hand the loop to another driver", example="/loop handoff @ravi", group="drive"),
    Word(name="release", usage="", about="let go of the loop: anyone may claim it", example="/loop release", group="drive"),
    Word(name="claim", usage="[code]", about="drive a released loop; with the console's code: claim the bridge itself",
         example="/loop claim", group="drive"),
    Word(name="listen", usage="driver|members|mention", about="whose replies are turns", example="/loop listen members", group="drive"),
    Word(name="schedule", usage='"<when>" <task> | list | pause, resume or delete <id>', about="begin a loop again and again, here",
         example='/loop schedule "every weekday at 9:00" run the slow tests', group="drive"),
    Word(name="distill", usage="[thread | loop | since <when>]", about="condense what was said here into a proposal for the team's knowledge",
         example="/loop distill since yesterday", group="drive"),
    Word(name="follow", usage="<loop>", about="see a loop of another thread here, and speak to it from here", example="/loop follow a1b2c3", group="look"),
    Word(name="unfollow", usage="", about="stop following a loop from here", example="/loop unfollow", group="look"),
    Word(name="budget", usage="<dollars>", about="what the loop may spend in all", example="/loop budget 5", group="drive"),
    Word(name="rename", usage="<title>", about="give the loop another title", example="/loop rename Clock bug", group="drive"),
    Word(name="done", usage="", about="finish the loop", example="/loop done", group="drive"),
    Word(name="archive", usage="", about="finish it and put its folder away", example="/loop archive", group="drive"),
    Word(name="remember", usage="[me] <fact>", about="keep a fact for the team, or with “me” for your loops alone; as a reply: that message",
         example="/loop remember staging is at db2", group="team"),
    Word(name="forget", usage="[me] <handle or words>", about="take a fact out again", example="/loop forget m3f2", group="team"),
    Word(name="memory", usage="[me]", about="the facts the team keeps, or your own", example="/loop memory", group="team"),
    Word(name="focus", usage="[pin <text> | unpin <n>]", about="what matters now: pins, topics, loops that need somebody",
         example="/loop focus pin Ship 2.0 by Friday", group="team"),
    Word(name="tag", usage="<word>…", about="say which topics this loop belongs to", example="/loop tag auth", group="team"),
    Word(name="untag", usage="<word>…", about="take a tag off this loop", example="/loop untag auth", group="team"),
    Word(name="inbox", usage="<line>", about="put a line into the team's inbox", example="/loop inbox look at the flaky mails", group="team"),
    Word(name="promote", usage="[notes|knowledge|personal|repo] [words]", about="bring what the loop wrote to everybody; knowledge waits for a merge",
         example="/loop promote notes", group="team"),
    Word(name="proposals", usage="", about="what waits to become knowledge, in all threads", example="/loop proposals", group="team"),
    Word(name="merge", usage="<proposal>", about="make a proposal knowledge, from any thread", example="/loop merge a1b2c3", group="team"),
    Word(name="reject", usage="<proposal> [because …]", about="refuse it; its branch and the reason are kept",
         example="/loop reject a1b2c3 because it holds for staging only", group="team"),
    Word(name="edit-proposal", usage="<proposal> <words>", about="have its loop change it", example="/loop edit-proposal a1b2c3 name the source", group="team"),
    Word(name="people", usage="[add <@person> admin|member|guest | remove <@person>]", about="who may what here",
         example="/loop people add @ravi member", group="house"),
    Word(name="link", usage="[code]", about="join an account of yours in another chat, by a one-time code", example="/loop link", group="house"),
    Word(name="help", usage="[word]", about="this page, or more on one word", example="/loop help start", group="house"),
)  # fmt: skip
NAMES = tuple(word.name for word in WORDS)
BY_NAME = {word.name: word for word in WORDS}
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


def overview() -> Sequence[tuple[str, tuple[Word, ...]]]:
    """Return the help page: groups in order, each with its words."""
    groups = list(dict.fromkeys(word.group for word in WORDS))
    return [(group, tuple(word for word in WORDS if word.group == group)) for group in groups]
