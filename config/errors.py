"""What is wrong with the configuration. Owns: Problem, ConfigError, nearest. Imports: difflib. Effects: none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend, as one line.

    `file` is the file (or "environment"), `key` the setting or variable (empty when the file as a whole is meant), `expected` what
    belongs there, `nearest` the valid name that comes closest, `there` what stands there (never a secret).
    """

    file: str
    key: str
    expected: str
    nearest: str = ""
    there: str = ""

    def __str__(self) -> str:
        parts = [
            f"{self.file}: {self.key}: expected {self.expected}"
            if self.key
            else f"{self.file}: expected {self.expected}"
        ]
        if self.there:
            parts.append(f"found {self.there}")
        if self.nearest:
            parts.append(f"the nearest name is {self.nearest}")
        return "; ".join(parts)


class ConfigError(Exception):
    """The configuration cannot be used. `str(error)` holds one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that comes closest, or "" when none is close; its last part counts most."""
    known = sorted(names)
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if found:
        return found[0]
    leaves = {_leaf(candidate): candidate for candidate in reversed(known)}
    found = difflib.get_close_matches(_leaf(name), leaves, n=1, cutoff=0.75)
    return leaves[found[0]] if found else ""


def shown(value: object) -> str:
    """Spell a value that stands at the wrong place, in one line of at most 60 characters."""
    text = (
        f'"{value}"'
        if isinstance(value, str)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _leaf(name: str) -> str:
    return name.rpartition("__")[2] if "__" in name else name.rpartition(".")[2]
