"""The judging rule. Owns: Rules, Change, Candidate, objections, watched, matters. Imports: core, unicodedata. Effects: none.

What a commit changes is given as parsed `diff-tree` rows; what speaks against it comes back as sentences for people.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from adapters.git import names

PROTECTED = (".claude/**", ".mcp.json", ".gitattributes", ".gitmodules")
LINK = "120000"
_SUBMODULE = "160000"
GONE = "000000"
_FILES = frozenset({"100644", "100755", GONE})
_SHOWN = 20
# What Windows and macOS take for the same name: short names, trailing dots and blanks, stream suffixes, ignored marks.
_SHORT_NAME = re.compile(
    r"(git|gitmod|gitatt|gi[0-9a-f]{4}|claude|cl[0-9a-f]{4}|mcp|mc[0-9a-f]{4})~[0-9]+(\..*)?"
)
_IGNORED = re.compile(r"[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_TOKENS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("a private key", re.compile(rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")),
    ("an AWS access key", re.compile(rb"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])")),
    (
        "a GitHub token",
        re.compile(rb"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,})"),
    ),
    ("a Slack token", re.compile(rb"(?<![A-Za-z0-9])xox[abeprs]-[A-Za-z0-9-]{10,}")),
    ("an Anthropic key", re.compile(rb"(?<![A-Za-z0-9])sk-ant-[A-Za-z0-9_-]{16,}")),
    ("a Google key", re.compile(rb"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What may come out of a box. Sizes are bytes; `changes` counts paths over all commits."""

    protected: Sequence[str] = PROTECTED
    watched: Sequence[str] = ()  # paths that may come out, and are told
    asks: bool = False  # whether there is anybody to allow what may come out with a person's consent
    file_bytes: int = 20 << 20
    all_bytes: int = 0  # of what all commits add, each file under each of its names; 0: however much
    commits: int = 500
    changes: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path that one commit changes. Modes are six octal digits, `000000` for none; `size` is the new content's, in bytes."""

    path: bytes
    old_mode: str
    mode: str
    old_blob: str
    blob: str
    added: int = 0
    removed: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A new commit with what it changes; `secrets` are (path, kind of secret) found in added lines."""

    sha: str
    changes: tuple[Change, ...]
    secrets: tuple[tuple[bytes, str], ...] = ()


def objections(candidates: Sequence[Candidate], rules: Rules) -> tuple[str, ...]:
    """Return what speaks against these commits, twenty sentences at most and then how many more there are."""
    found = list(dict.fromkeys(_found(candidates, rules)))
    if len(found) > _SHOWN:
        found[_SHOWN:] = [f"and {len(found) - _SHOWN} more objections"]
    return tuple(found)


def watched(candidates: Sequence[Candidate], rules: Rules) -> tuple[str, ...]:
    """Return the watched paths that any of these commits changes, as people may see them."""
    changes = (change for candidate in candidates for change in candidate.changes)
    return tuple(
        sorted({shown(change.path) for change in changes if is_protected(change.path, rules.watched)})
    )


def _found(candidates: Sequence[Candidate], rules: Rules) -> Iterator[str]:
    if too_much := _in_all(candidates, rules):
        yield too_much
    for candidate in candidates:
        who = f"commit {candidate.sha[:6]}"
        for change in candidate.changes:
            if why := against(change, rules):
                yield f"{who} {why}"
        for path, kind in candidate.secrets:
            yield f"{who} adds {kind} in {shown(path)} (take it out of the history, and revoke it if it is real)"


def _in_all(candidates: Sequence[Candidate], rules: Rules) -> str:
    """Say that it is too much in all: a small pack can hold one file under a great many names."""
    added = sum(change.size for candidate in candidates for change in candidate.changes)
    if not rules.all_bytes or added <= rules.all_bytes:
        return ""
    return f"the work adds {mega(added)} in all (the limit is {mega(rules.all_bytes)})"


def against(change: Change, rules: Rules) -> str:
    """Return why one change may not leave the box, or an empty string."""
    where = shown(change.path)
    if _strange(change.path):
        return f"has the path {where} (such a name can't be promoted)"
    if change.mode == _SUBMODULE:
        return f"adds a submodule at {where} (submodules can't be promoted)"
    if change.mode == LINK:
        return f"adds a symlink at {where} (links can't be promoted)"
    if change.mode not in _FILES:
        return f"gives {where} the mode {change.mode} (only plain files can be promoted)"
    if is_protected(change.path, rules.protected):
        return f"{'removes' if change.mode == GONE else 'changes'} {where} (a protected path)"
    if change.size > rules.file_bytes:
        return f"adds {where} with {mega(change.size)} (the limit is {mega(rules.file_bytes)})"
    return ""


WHY = {
    ".claude/**": "it steers the agents that work on this repository, and what they may do unasked",
    ".mcp.json": "it names programs that agents start as their tools",
    ".gitattributes": "it can hide changes from diffs and have programs run on files",
    ".gitmodules": "it says where further code is fetched from",
}


def matters(change: Change, rules: Rules, target: bytes = b"") -> str:
    """Return why a person has to allow a change that there is an objection to, or an empty string when nobody may.

    `target` is where a link leads. What hides behind another spelling, a link out of the tree, a link or a submodule in the place of a
    protected path, and what is too large to look at is for nobody to allow.
    """
    if _strange(change.path) or change.size > rules.file_bytes:
        return ""
    guarded = is_protected(change.path, rules.protected)
    if change.mode == _SUBMODULE:
        return "" if guarded else f"a submodule, code of another repository at {change.blob[:7]}"
    if change.mode == LINK:
        inside = not (guarded or leads_out(change.path, target) or secrets_in(target))
        return f"a link to {shown(target)}: what is read or written there is the other file" if inside else ""
    if change.mode not in _FILES:
        return ""
    plain = [part.casefold() for part in _parts(change.path)]
    pattern = next((pattern for pattern in rules.protected if _matches(plain, pattern)), "")
    return WHY.get(pattern, "a protected path") if pattern else ""


def leads_out(path: bytes, target: bytes) -> bool:
    """Say whether a link may lead out of its tree, into git's own folder, or to somewhere nobody can tell from reading it.

    Only leading `..` are followed: behind a folder that is a link itself, `..` leads elsewhere than it reads.
    """
    steps = target.removeprefix(b"./").split(b"/")
    up = next((place for place, step in enumerate(steps) if step != b".."), len(steps))
    rest = b"/".join(steps[up:])
    if up > path.count(b"/") or b":" in target:
        return True
    return _strange(rest) or is_protected(rest, ()) if rest else up == 0


def is_protected(path: bytes, patterns: Sequence[str]) -> bool:
    """Say whether a path, in any spelling a file system takes for the same, matches a pattern at any depth."""
    parts = [_folded(part) for part in _parts(path)]
    return any(_matches(parts, pattern) for pattern in patterns) or any(map(_SHORT_NAME.fullmatch, parts))


def secrets_in(added: bytes) -> tuple[str, ...]:
    """Return the kinds of well-known secrets that some bytes hold; never the secrets."""
    return tuple(kind for kind, pattern in _TOKENS if pattern.search(added))


def added_lines(old: bytes, new: bytes) -> bytes:
    """Return the lines of `new` that `old` does not have."""
    before = set(old.splitlines())
    return b"\n".join(line for line in new.splitlines() if line not in before)


def shown(path: bytes) -> str:
    """Return a path as people may see it."""
    return names.clean(path.decode("utf-8", "backslashreplace"), 120) or "(an invisible name)"


def mega(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / (1 << 20):.1f} MB"


def _parts(path: bytes) -> list[str]:
    return path.decode("utf-8", "replace").replace("\\", "/").split("/")


def _folded(part: str) -> str:
    plain = unicodedata.normalize("NFKC", _IGNORED.sub("", part)).casefold()
    return plain.partition(":")[0].rstrip(". ")


def _strange(path: bytes) -> bool:
    try:
        text = path.decode("utf-8")
    except UnicodeDecodeError:
        return True
    if not names.is_visible(text):
        return True
    parts = _parts(path)
    folded = {_folded(part) for part in parts}
    return "\\" in text or len(path) > 4096 or bool(folded & {"", ".git"}) or bool({".", ".."} & set(parts))


def _matches(parts: Sequence[str], pattern: str) -> bool:
    wanted = [part.casefold() for part in pattern.split("/")]
    deep = wanted[-1] == "**"
    wanted = wanted[:-1] if deep else wanted
    last = len(parts) - len(wanted)
    starts = range(last + 1) if deep else range(max(0, last), last + 1)
    return any(
        all(fnmatchcase(part, want) for part, want in zip(parts[at:], wanted, strict=False)) for at in starts
    )
