"""Which tool calls run, wait for a person, or never run. Owns: Rule, Policy, judge. Imports: json, fnmatch, shlex. Effects: none.

Rules are ordered; the first that matches decides. A Bash rule matches one plain command: a command that the shell would take apart
(`;`, `|`, `&`, `$`, backquotes, redirections, newlines) matches only the pattern `*`, so that nothing rides along behind an allowed prefix.
The box is the boundary; these rules are about consent.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import posixpath
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Action = Literal["allow", "ask", "deny"]
SHELL_MEANS_MORE = frozenset(";|&$`<>\n\r()\\{}*?[]~#!")
DESCRIPTIVE = frozenset({"description", "timeout"})
LONGEST_COMMAND = 8_192  # characters; a longer one is nothing a pattern was meant for, and slow to take apart
PATH_KEYS = ("file_path", "path", "notebook_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `tool` is a glob over tool names; `command` globs over a Bash command; `path` over a file, both optional."""

    tool: str
    action: Action
    command: str = ""
    path: str = ""
    name: str = ""

    def __str__(self) -> str:
        return self.name or f"{self.tool}({self.command or self.path or '*'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Ordered rules. What no rule matches is asked."""

    rules: tuple[Rule, ...] = ()
    workdir: str = "/loop/workdir"
    plans: str = "/home/loop/.claude/plans"  # where the CLI has a loop that plans write its plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the rules say of a call and which one said it."""

    action: Action
    rule: str


def digest(tool: str, arguments: str) -> str:
    """Return the SHA-256 (hex) of a tool and its input, whatever the order of its keys. `arguments` is JSON."""
    plain = json.dumps(json.loads(arguments), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{tool}\x00{plain}".encode()).hexdigest()


def grant(tool: str, arguments: str) -> str:
    """Return the rule that "allow for this loop" makes of a call: the same tool with the same input, however it is described."""
    fields = {key: value for key, value in json.loads(arguments).items() if key not in DESCRIPTIVE}
    command = fields.get("command")
    if tool == "Bash" and isinstance(command, str) and set(fields) == {"command"}:
        return f"Bash({command})"
    return f"{tool}({json.dumps(fields, sort_keys=True, ensure_ascii=False)})"


def judge(policy: Policy, granted: Sequence[str], tool: str, arguments: str) -> Judgement:
    """Judge a tool call. `arguments` is JSON; `granted` are what a person allowed for the whole loop, as `grant` spells it."""
    fields = json.loads(arguments)
    if not isinstance(fields, dict):
        return Judgement(action="deny", rule="a tool's input is an object")
    verdict = next((rule for rule in policy.rules if _matches(rule, policy.workdir, tool, fields)), None)
    if verdict is not None and verdict.action == "deny":
        return Judgement(action="deny", rule=str(verdict))
    if grant(tool, arguments) in granted:
        return Judgement(action="allow", rule="allowed for this loop")
    if verdict is None:
        return Judgement(action="ask", rule="no rule allows it")
    return Judgement(action=verdict.action, rule=str(verdict))


def is_plan(policy: Policy, arguments: str) -> bool:
    """Whether a call's file is a plan's: what is written there changes nothing but the plan."""
    path = json.loads(arguments).get("file_path")
    if not isinstance(path, str):
        return False
    folder, _, name = _inside(path, policy.workdir).rpartition("/")
    return folder == policy.plans and name.endswith(".md")


def _matches(rule: Rule, workdir: str, tool: str, fields: Mapping[str, object]) -> bool:
    if not fnmatch.fnmatchcase(tool, rule.tool):
        return False
    if rule.command and not _command_matches(rule.command, fields.get("command")):
        return False
    return not rule.path or _path_matches(rule.path, workdir, _paths(tool, fields, workdir))


def _command_matches(pattern: str, command: object) -> bool:
    if pattern == "*":
        return True
    if (
        not isinstance(command, str)
        or len(command) > LONGEST_COMMAND
        or set(_unquoted(command)) & SHELL_MEANS_MORE
    ):
        return False
    try:
        words = shlex.split(command)
    except ValueError:
        return False
    if not words or any(char.isspace() for char in words[0]):
        return False  # one program with a space in its name reads like another with an argument
    plain = " ".join(words)
    if pattern.endswith(" *"):
        return plain == pattern[:-2] or fnmatch.fnmatchcase(plain, pattern)
    return fnmatch.fnmatchcase(plain, pattern)


def _unquoted(command: str) -> str:
    """Return the command without what stands in single quotes, and with what the shell still reads in double quotes."""
    out: list[str] = []
    quote = ""
    for char in command:
        if quote:
            if char == quote:
                quote = ""
            elif quote == '"' and char in "$`\\":
                out.append(char)
        elif char in "'\"":
            quote = char
        else:
            out.append(char)
    return "".join(out)


def _paths(tool: str, fields: Mapping[str, object], workdir: str) -> list[str]:
    """Return every path a call names; Glob and Grep without one look at the workdir itself."""
    given = [value for key in PATH_KEYS if isinstance(value := fields.get(key), str)] or [workdir]
    pattern = fields.get("pattern")
    if tool == "Glob" and isinstance(pattern, str):
        # `/etc/*` and `../*` lead elsewhere than the folder they are looked up in.
        given += [posixpath.join(folder, pattern) for folder in given]
    return given


def _path_matches(pattern: str, workdir: str, given: Sequence[str]) -> bool:
    return all(
        fnmatch.fnmatchcase(_inside(value, workdir), pattern.replace("{workdir}", workdir)) for value in given
    )


def _inside(value: str, workdir: str) -> str:
    """Return the normalised absolute path, with a trailing slash for the workdir itself so that `{workdir}/*` covers it."""
    path = posixpath.normpath(posixpath.join(workdir, value))
    return path + "/" if path == workdir else path
