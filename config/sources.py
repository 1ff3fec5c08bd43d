"""Where settings come from. Owns: read_toml, from_file, from_environment. Imports: config, tomllib. Effects: reads files.

Both sources give a nested dict as the file would have it, so that one is laid over the other; what is wrong is collected, never
raised at the first.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from config import describe
from config.describe import ANY, PREFIX, Entry
from config.errors import ConfigError, Problem, nearest, shown

ENVIRONMENT = "environment"
HOME_VARIABLE = PREFIX + "HOME"
FILE_SUFFIX = "_file"
MAX_BYTES = 1 << 20
SECRET_FILE = "a file that holds the secret and can be read"  # noqa: S105 - says what a file is for

Tree = dict[str, typing.Any]
_AT = re.compile(r"(?P<what>.*) \(at (?P<place>.*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one source says: the values, the problems met, and which variable each path came from (empty for a file)."""

    values: Tree = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    variables: Mapping[tuple[str, ...], str] = field(default_factory=dict)


def read_text(path: Path) -> str:
    """Return a small text file. Raises OSError, or ValueError when it is no such file; neither quotes what stands in it."""
    if not path.is_file():
        path.stat()
        raise ValueError("not a regular file")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError("larger than 1 MiB")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None


def read_toml(path: Path) -> Tree:
    """Return what a TOML file holds, {} when there is none. Raises ConfigError."""
    try:
        return tomllib.loads(read_text(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except tomllib.TOMLDecodeError as exc:
        found = _AT.fullmatch(str(exc))
        what, place = (found["what"], found["place"]) if found else (str(exc), "")
        raise ConfigError([Problem(file=str(path), key=place, expected=f"valid TOML ({what})")]) from None
    except (OSError, ValueError) as exc:
        raise ConfigError(
            [Problem(file=str(path), key="", expected=f"a file that can be read ({reason(exc)})")]
        ) from None


def reason(exc: OSError | ValueError) -> str:
    """Return why a file could not be read, without its name (which may be a secret put at the wrong place)."""
    return (exc.strerror or type(exc).__name__) if isinstance(exc, OSError) else str(exc)


def from_file(path: Path, settings: Sequence[Entry]) -> Layer:
    """Read the configuration file; `<secret>_file` in it is replaced by what that file holds. Raises ConfigError."""
    values = read_toml(path)
    problems = []
    for entry in settings:
        for above, table in _tables(values, entry.path[:-1]) if entry.secret else ():
            leaf = entry.path[-1]
            if leaf + FILE_SUFFIX not in table:
                continue
            name = ".".join((*above, leaf))
            key, named = name + FILE_SUFFIX, table.pop(leaf + FILE_SUFFIX)
            if leaf in table:
                problems.append(Problem(file=str(path), key=key, expected=f"either this or {name}, not both"))
            try:
                table[leaf] = _secret(named, path.parent)
            except (OSError, ValueError) as exc:
                problems.append(Problem(file=str(path), key=key, expected=f"{SECRET_FILE} ({reason(exc)})"))
    return Layer(values=values, problems=problems)


def from_environment(environ: Mapping[str, str], settings: Sequence[Entry]) -> Layer:
    """Read the LOOPBRIDGE_… variables; every one has to name a setting."""
    known = _variables(settings)
    values: Tree = {}
    problems: list[Problem] = []
    variables: dict[tuple[str, ...], str] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable == HOME_VARIABLE:
            continue
        path = tuple(variable[len(PREFIX) :].lower().split("__"))
        entry = known.get(_pattern(path, known))
        if entry is None:
            near = nearest(variable[len(PREFIX) :], [*_spellings(known, path), "HOME"])
            problem = Problem(file=ENVIRONMENT, key=variable, expected="a variable that names a setting")
            problems.append(
                replace(problem, nearest=PREFIX + near)
                if near not in ("", variable[len(PREFIX) :])
                else problem
            )
            continue
        try:
            if path[-1] != entry.path[-1]:
                path = (*path[:-1], entry.path[-1])
                _put(values, path, _secret(text, Path.cwd()))
            else:
                _put(values, path, _parsed(entry, text))
        except (OSError, ValueError) as exc:
            expected = f"{SECRET_FILE} ({reason(exc)})" if entry.secret else describe.expected(entry.field)
            there = "" if entry.hidden else shown(text)
            problems.append(Problem(file=ENVIRONMENT, key=variable, expected=expected, there=there))
        if path in variables:
            problems.append(
                Problem(
                    file=ENVIRONMENT, key=variable, expected=f"either this or {variables[path]}, not both"
                )
            )
        variables[path] = variable
    return Layer(values=values, problems=problems, variables=variables)


def _tables(values: object, path: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Tree]]:
    """Yield the tables at a path with the names they have, one for each that people named."""
    if not isinstance(values, dict):
        return
    if not path:
        yield (), values
        return
    for part in list(values) if path[0] == ANY else path[:1]:
        for above, table in _tables(values.get(part), path[1:]):
            yield (part, *above), table


def _variables(settings: Sequence[Entry]) -> dict[tuple[str, ...], Entry]:
    known = {entry.path: entry for entry in settings}
    known.update(
        {(*entry.path[:-1], entry.path[-1] + FILE_SUFFIX): entry for entry in settings if entry.secret}
    )
    return known


def _pattern(path: tuple[str, ...], known: Mapping[tuple[str, ...], Entry]) -> tuple[str, ...]:
    """Return the path with the names that people chose put back as `<name>`."""
    for candidate in known:
        if len(candidate) == len(path) and all(
            a in (b, ANY) and b for a, b in zip(candidate, path, strict=True)
        ):
            return candidate
    return ()


def _spellings(known: Mapping[tuple[str, ...], Entry], path: tuple[str, ...]) -> list[str]:
    """Return the variables there are, without their prefix, with the names of `path` in place of `<name>`."""
    return [
        "__".join(
            path[at] if part == ANY and at < len(path) else part for at, part in enumerate(candidate)
        ).upper()
        for candidate in known
    ]


def _parsed(entry: Entry, text: str) -> object:
    if typing.get_origin(entry.field.annotation) is not tuple:
        return text
    if text.lstrip().startswith("["):
        return json.loads(text)
    return [word.strip() for word in text.split(",") if word.strip()]


def _put(values: Tree, path: tuple[str, ...], value: object) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


def _secret(named: object, base: Path) -> str:
    if not isinstance(named, str) or not named.strip():
        raise ValueError("not a path")
    return read_text(base / os.path.expanduser(named)).strip()
