"""The file of rules. Owns: Entry, load, SHIPPED. Imports: config, pydantic. Effects: `load` reads a file.

What the rules mean is `core.policy`'s to say; here they are only read and checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from config import sources
from config.errors import ConfigError, Problem
from config.sections import Section
from config.settings import checked

FILE = "policy.toml"
SHIPPED = Path(__file__).with_name(FILE)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Globs = Annotated[tuple[Annotated[str, StringConstraints(min_length=1)], ...], BeforeValidator(_listed)]


class Entry(Section):
    """One `[[rule]]`: it matches when one of its tools does, and one of its commands or paths where it has any."""

    tool: Globs = Field(
        min_length=1,
        description="Tools, as globs.",
        json_schema_extra={"expected": "a tool's name or a list of them (globs such as mcp__* too)"},
    )
    action: Literal["allow", "ask", "deny"] = Field(description="What becomes of the call.")
    command: Globs = Field(
        (),
        description="Globs over a Bash command.",
        json_schema_extra={"expected": 'a command or a list of them (globs such as "git log *" too)'},
    )
    path: Globs = Field(
        (),
        description="Globs over the file; {workdir} stands for the clone.",
        json_schema_extra={"expected": 'a path or a list of them (globs such as "{workdir}/*" too)'},
    )
    name: str = Field("", description="How the rule is called in asks and in `/loop why`.")


class Rules(Section):
    """The whole file."""

    rule: tuple[Entry, ...] = Field((), description="The rules, in order.")


def load(path: Path) -> tuple[Entry, ...]:
    """Return the rules of a file; the shipped ones when there is no such file. Raises ConfigError."""
    source = path if path.exists() else SHIPPED
    rules = checked(Rules, sources.read_toml(source), file=str(source)).rule
    problems = [problem for at, entry in enumerate(rules) for problem in _misfits(entry, str(source), at + 1)]
    if problems:
        raise ConfigError(problems)
    return rules


def _misfits(entry: Entry, file: str, number: int) -> Iterator[Problem]:
    if entry.command and entry.tool != ("Bash",):
        yield Problem(file=file, key=f"rule[{number}].command", expected='it beside tool = "Bash" alone')
    if entry.command and entry.path:
        yield Problem(file=file, key=f"rule[{number}].path", expected="either this or command, not both")
