"""How values are said: durations, money, counts, lists, and untrusted text made safe to show. Imports: re. Effects: none."""

from __future__ import annotations

import re
from collections.abc import Sequence

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")


def duration(seconds: float) -> str:
    """Return "8 s", "2 m 10 s", "3 h 5 m", "24 h", "2 d 4 h"."""
    whole = max(0, int(seconds))
    units = ((3600, "h", 60, "m"), (60, "m", 1, "s"))
    for size, big, small_size, small in ((86400, "d", 3600, "h"),) if whole >= 2 * 86400 else units:
        if whole >= size:
            rest = whole % size // small_size
            return f"{whole // size} {big}" + (f" {rest} {small}" if rest else "")
    return f"{whole} s"


def money(dollars: float) -> str:
    """Return "$0.42"; a sum above nothing never reads as nothing."""
    return "<$0.01" if 0 < dollars < 0.005 else f"${dollars:,.2f}"


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 file", "4 files"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listing(words: Sequence[str], *, last: str = "and") -> str:
    """Return "a", "a and b", "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def names(people: Sequence[str]) -> str:
    """Return "Ada, Maya or Ravi" of people's names, each once however it is spelled, or "nobody yet"."""
    each = {name.casefold(): name for name in sorted(people, reverse=True)}
    return listing([line(name, 40) for name in sorted(each.values())[:5]], last="or") or "nobody yet"


def clean(text: str) -> str:
    """Return untrusted text without control characters, terminal escapes, zero-width and direction-changing characters."""
    return CONTROL.sub("", ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def line(text: str, limit: int = 120) -> str:
    """Return untrusted text as one line of at most `limit` characters, cut visibly."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def code(text: str, limit: int = 120) -> str:
    """Return untrusted text as inline code that cannot break out of its backquotes."""
    return f"`{line(text, limit).replace('`', 'ˋ') or ' '}`"


def visible(text: str) -> str:
    """Return text with hidden characters spelled out, for what a person approves: nothing may hide in it."""
    flat = text.replace("\r\n", "\n")
    return CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", flat)


def title_of(task: str, limit: int = 60) -> str:
    """Return a task's first line as a title: capitalised, no final stop."""
    first = next((part.strip() for part in clean(task).split("\n") if part.strip()), "Loop")
    flat = line(first, limit).rstrip(".")
    return flat[:1].upper() + flat[1:]
