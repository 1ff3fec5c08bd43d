"""What pydantic finds wrong, as problems a person can mend. Owns: Report. Imports: config, pydantic. Effects: none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from config import describe, sources
from config.describe import ANY, Entry
from config.errors import Problem, nearest, shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Loc = tuple[int | str, ...]


class Report:
    """Speaks of one tree of settings.

    `file` is where it stands, `known` what can stand there, `layers` what does stand there (the first on top), `variables` the
    variable that each path of the environment came from.
    """

    def __init__(
        self,
        *,
        file: str,
        known: Sequence[Entry],
        layers: Sequence[Mapping[str, Any]],
        variables: Mapping[tuple[str, ...], str],
    ) -> None:
        self._file = file
        self._known = known
        self._layers = layers
        self._variables = variables

    def problems(self, error: ValidationError) -> list[Problem]:
        """Return one problem for each thing that is wrong."""
        return list(
            dict.fromkeys(
                self._of(detail) for detail in error.errors(include_url=False, include_context=False)
            )
        )

    def problem(self, loc: Loc, expected: str, there: str = "", near: str = "") -> Problem:
        """Return a problem at a setting, named as whoever wrote it knows it: a variable, or a key of the file."""
        path = tuple(str(part) for part in loc)
        variable = self._variable(path)
        if variable:
            return Problem(
                file=sources.ENVIRONMENT, key=variable, expected=expected, nearest=near, there=there
            )
        return Problem(file=self._file, key=_spelled(loc), expected=expected, nearest=near, there=there)

    def _variable(self, path: tuple[str, ...]) -> str:
        """Return the variable a setting came from; for one that is not set, how it is spelled where its neighbours are variables."""
        for size in range(len(path), 0, -1):
            if path[:size] in self._variables:
                return self._variables[path[:size]]
        written = any(_holds(layer, path) for layer in self._layers)
        beside = any(other[:-1] == path[:-1] for other in self._variables)
        return describe.PREFIX + "__".join(path).upper() if len(path) > 1 and beside and not written else ""

    def _of(self, detail: ErrorDetails) -> Problem:
        loc, kind = detail["loc"], detail["type"]
        if loc and loc[-1] == "[key]":
            return self.problem(loc[:-1], "a name of lower-case letters, digits, dots and dashes")
        if kind == "extra_forbidden":
            return self.problem(loc, "a setting that exists", near=nearest(_spelled(loc), self._names(loc)))
        entry, at = self._entry(loc)
        if entry is None:
            form = (
                f"a list of tables, [[{loc[0]}]]" if kind == "tuple_type" else f"a table, [{_spelled(loc)}]"
            )
            return self.problem(loc, form)
        if kind == "missing":
            return self.problem(at, describe.expected(entry.field), there="nothing")
        there = "" if entry.hidden else shown(self._written(at, detail["input"]))
        return self.problem(at, describe.expected(entry.field), there=there)

    def _entry(self, loc: Loc) -> tuple[Entry | None, Loc]:
        """Return the setting at `loc`, and `loc` without what pydantic adds below a value; numbers count a list's places."""
        words = [at for at, part in enumerate(loc) if not isinstance(part, int)]
        for entry in self._known:
            size = len(entry.path)
            if size <= len(words) and all(
                part in (loc[at], ANY) for part, at in zip(entry.path, words, strict=False)
            ):
                end = words[size - 1] + 1
                return entry, loc[: end + 1] if isinstance(loc[-1], int) and end < len(loc) else loc[:end]
        return None, loc

    def _written(self, at: Loc, read: object) -> object:
        """Return what was written at a place, rather than what it was read as (a time, a number of bytes)."""
        for layer in self._layers:
            value: Any = layer
            try:
                for part in at:
                    value = value[part]
            except (KeyError, IndexError, TypeError):
                continue
            return value
        return read

    def _names(self, loc: Loc) -> Iterable[str]:
        place = [str(part) for part in loc if not isinstance(part, int)]
        for entry in self._known:
            filled = [
                place[at] if part == ANY and at < len(place) else part for at, part in enumerate(entry.path)
            ]
            yield from (".".join(filled), ".".join(filled[:-1]))
            if entry.secret:
                yield entry.key + sources.FILE_SUFFIX


def _holds(layer: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    value: Any = layer
    for part in path:
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _spelled(loc: Loc) -> str:
    """Return `rule[2].tool` for a place; people count from 1."""
    text = ""
    for part in loc:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
