"""What a team, or one member, has remembered. Owns: Memo, how it is spelled, the index, handles, what is too secret to keep. Imports: core. Effects: none.

A fact is a Markdown file in a layer's `memory/`: a head of `name: value` lines between two lines of `---`, then the fact. Its id is made
of its words, so that two who remember the same thing at once write the same file, and two who remember different things never meet.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core import layers, wording
from core.ids import slug

FOLDER = "memory"
TEAM_INDEX, OWN_INDEX = f"{FOLDER}/README.md", f"{FOLDER}/MEMORY.md"
LONGEST = 2_000  # characters of a fact; what is longer is a page
SHORTEST = 3
ID_LETTERS, HANDLE_LETTERS = 12, 3
HANDLE = re.compile(r"^#?m([0-9a-f]{2,12})$", re.IGNORECASE)
TITLE = "# What the team remembers"
PREFACE = (
    "One line for each file here. The bridge keeps this list: `/loop remember` and `/loop forget` change it."
)
_FENCE = "---"
_HEAD = ("id", "by", "when", "source", "thread", "origin", "rests", "learned")
_FILE = re.compile(rf"^{FOLDER}/[a-z0-9-]+-[0-9a-f]{{{ID_LETTERS}}}\.md$")
_OURS = re.compile(rf"^- \[[^\]]*\]\(([a-z0-9-]+-[0-9a-f]{{{ID_LETTERS}}}\.md)\)")
_CONFLICT = re.compile(r"^(?:<{7}|={7}|>{7}|\|{7})(?: .*)?$")
# Beginnings that keys have by agreement, and what stands behind a word that announces one.
_KEYS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY")),
    ("an AWS access key", re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("a GitHub token", re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,})")),
    ("a GitLab token", re.compile(r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{16,}")),
    ("a Slack token", re.compile(r"(?<![A-Za-z0-9])(?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,}")),
    ("an API key", re.compile(r"(?<![A-Za-z0-9])(?:sk|pk|rk)[-_](?=[A-Za-z0-9_-]*\d)[A-Za-z0-9_-]{16,}")),
    ("a Google key", re.compile(r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}")),
    ("a signed token", re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.")),
    ("a password in an address", re.compile(r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,80}:[^\s/@]{3,200}@", re.IGNORECASE)),
    (
        "a password",
        re.compile(
            r"(?:pass(?:word|phrase|wd)?|secret|token|api[ _-]?key|credentials?)\b[\"']?\s*(?:is|[:=])\s*[\"'`]?(?=\S*\d)(?=\S*[A-Za-z])[^\s\"'`]{8,}",
            re.IGNORECASE,
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """A remembered fact. `source` is the permalink of what it rests on, `origin` the graph's key of the message or turn it came by.

    `rests` is the graph's key of what it rests on, where that is something else. `learned` is the handle of the loop whose agent promoted it, empty for what a person said.
    """

    id: str
    text: str
    by: str
    when: datetime | None = None
    source: str = ""
    thread: str = ""
    origin: str = ""
    rests: str = ""
    learned: str = ""
    path: str = ""


def identify(text: str) -> str:
    """Return a fact's id: the same for the same words, however they are spaced, capitalised and ended."""
    words = " ".join(wording.clean(text).casefold().split()).rstrip(".!;, ")
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:ID_LETTERS]


def place(text: str) -> str:
    """Return the file of a fact, relative to its layer."""
    name = slug(text, limit=40) if re.search("[a-z0-9]", text.lower()) else "fact"
    return f"{FOLDER}/{name}-{identify(text)}.md"


def spell(memo: Memo) -> str:
    """Return a fact as its file."""
    values = {
        "id": memo.id,
        "by": memo.by,
        "when": memo.when.isoformat(timespec="seconds") if memo.when else "",
        "source": memo.source,
        "thread": memo.thread,
        "origin": memo.origin,
        "rests": memo.rests,
        "learned": memo.learned,
    }
    head = [f"{name}: {wording.line(values[name], 300)}" for name in _HEAD if values[name]]
    return "\n".join([_FENCE, *head, _FENCE, "", memo.text.strip(), ""])


def id_of(path: str) -> str:
    """Return the id of the fact a file is for, empty for a file of another kind."""
    return path.rsplit("-", 1)[1].removesuffix(".md") if _FILE.match(path) else ""


def read(path: str, text: str) -> Memo | None:
    """Return the fact that a file of a layer holds, None for a file of another kind. A file that people changed reads as it stands now."""
    if not id_of(path):
        return None
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != _FENCE or _FENCE not in lines[1:]:
        return None
    end = lines.index(_FENCE, 1)
    head = dict(_pair(line) for line in lines[1:end] if ":" in line)
    fact = "\n".join(lines[end + 1 :]).strip()
    if not fact:
        return None
    return Memo(
        id=id_of(path),
        text=fact,
        by=head.get("by", ""),
        when=_instant(head.get("when", "")),
        path=path,
        **{name: head.get(name, "") for name in ("source", "thread", "origin", "rests", "learned")},
    )


def known(texts: Mapping[str, str]) -> tuple[Memo, ...]:
    """Return the facts among a layer's files, the newest first."""
    found = [memo for path, text in texts.items() if (memo := read(path, text)) is not None]
    return tuple(sorted(found, key=lambda memo: (-_moment(memo), memo.path)))


def handle(memo: Memo, among: Sequence[Memo]) -> str:
    """Return the shortest name that no other of these facts has: "m3f2"."""
    others = {other.id for other in among if other.id != memo.id}
    for size in range(HANDLE_LETTERS, ID_LETTERS):
        if not any(other.startswith(memo.id[:size]) for other in others):
            return f"m{memo.id[:size]}"
    return f"m{memo.id}"


def name(memo: Memo, among: Sequence[Memo]) -> str:
    """Return how a fact is told from all others: by its handle, or where somebody copied its file, by its path as code."""
    alone = all(other.id != memo.id or other.path == memo.path for other in among)
    return handle(memo, among) if alone else wording.code(memo.path, 200)


def matching(words: str, among: Sequence[Memo]) -> tuple[Memo, ...]:
    """Return the facts that a handle, a file, their very words, or words of theirs stand for."""
    file = words.strip().strip("`").rpartition("/")[2]
    placed = tuple(memo for memo in among if memo.path == f"{FOLDER}/{file}")
    if placed:
        return placed
    named = HANDLE.match(words.strip())
    if named:
        return tuple(memo for memo in among if memo.id.startswith(named.group(1).lower()))
    exact = tuple(memo for memo in among if memo.id == identify(words))
    wanted = _words(words)
    return exact or tuple(memo for memo in among if wanted and _begun(wanted, _words(memo.text)))


def secret(text: str) -> str:
    """Return what in a text looks like a credential ("a GitHub token"), empty when nothing does."""
    return next((what for what, pattern in _KEYS if pattern.search(text)), "")


def index(layer: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the layer's index as its files want it: path → text, empty when it reads so already.

    Only the lines about facts of ours come and go, and what a merge leaves where it meets two of them: people's own lines stay, and in a
    member's index what the agent writes there itself.
    """
    own = layers.owner(layer) is not None
    path = OWN_INDEX if own else TEAM_INDEX
    facts = known(texts)
    lines = [_entry(memo, facts) for memo in facts]
    before = texts.get(path)
    found = (before or "").replace("\r\n", "\n").split("\n")
    met = any(line.startswith("<" * 7) for line in found)  # else a line of `=` is somebody's heading
    kept = [line for line in found if not (_OURS.match(line) or (met and _CONFLICT.match(line)))]
    if own:
        after = "\n".join([*_trimmed(kept), *lines])
    else:
        theirs = "\n".join(line for line in kept if line not in (TITLE, PREFACE)).strip("\n")
        after = "\n\n".join(part for part in (TITLE, PREFACE, theirs, "\n".join(lines)) if part)
    after += "\n" if after else ""
    return {} if after == before or (before is None and not lines) else {path: after}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", wording.clean(text).casefold())


def _begun(wanted: Sequence[str], there: Sequence[str]) -> bool:
    """Whether each of some words begins one of the others."""
    return all(any(word.startswith(begin) for word in there) for begin in wanted)


def _entry(memo: Memo, among: Sequence[Memo]) -> str:
    name = memo.path.removeprefix(f"{FOLDER}/")
    when = f", {memo.when:%Y-%m-%d}" if memo.when else ""
    words = wording.line(memo.text, 160).replace("<", "&lt;").replace("![", "!\\[")
    return f"- [{handle(memo, among)}]({name}): {words} ({wording.line(memo.by, 40)}{when})"


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _moment(memo: Memo) -> float:
    return memo.when.timestamp() if memo.when else 0.0
