"""Scripts in TOML. Owns: parse, load, choose. Imports: tomllib, core.errors, adapters.rehearsal.rules. Effects: `load` reads a file.

[model]                          # optional, every key too
names = ["claude-opus-5-5"]      # other names are then refused (404)
input_tokens = 1200              # instead of the estimate (characters / 4); also output_, cache_read_, cache_write_tokens

[[rule]]                         # the first rule whose conditions all hold answers
when.task = "(?i)fix (.+)"       # regex searched in the last <task>…</task> of the last user text (all of it if there is none)
when.user = "…"                  # … in the last user text
when.results = "…"               # … in the last message's tool results, as `[result Name] text` or `[error Name] text`
when.called = '^\\[call Bash\\]'   # … in the calls they answer, as `[call Name] {json}`
when.turn = "…"                  # … in everything since the last user text, as lines; everything = "…": the whole conversation
when.system = "…"                # … in the system prompt
when.unless.turn = "…"           # any of the above, that must not be found
when.tools = ["Bash"]            # must be offered
when.after = 0                   # assistant messages since the last user text
when.times = 1                   # answers at most once per conversation
say = "Looking at {1}."          # {1}, {name}: what a pattern caught
thinking = "…"                   # sent only when the request turns thinking on
tools = [{name = "Bash", input = {command = "ls"}}]
delay = 0.5                      # seconds before the first byte
pace = 0.05                      # seconds between two deltas of `chunk` characters
chunk = 48
error = {status = 429, retry_after = 2, times = 2}   # twice per turn; status = 529, after = 10: in mid-stream
error = {cut_after = 20}         # or {stall_after = 20, seconds = 5}, or {garbage = "<html>"}
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.rehearsal import rules
from adapters.rehearsal.rules import Call, Fault, Model, Reply, Rule, Script, When
from core.errors import BadInput

PARTS = ("task", "user", "results", "called", "heard", "turn", "everything", "system")
WHEN = {**dict.fromkeys(PARTS, str), "unless": dict, "tools": list, "after": int, "times": int}
MODEL = {
    "names": list,
    "input_tokens": int,
    "output_tokens": int,
    "cache_read_tokens": int,
    "cache_write_tokens": int,
}
RULE = {
    "when": dict,
    "say": str,
    "thinking": str,
    "tools": list,
    "delay": float,
    "pace": float,
    "chunk": int,
    "error": dict,
}
CALL = {"name": str, "input": dict}
ERROR = {
    "status": int,
    "after": int,
    "retry_after": float,
    "message": str,
    "cut_after": int,
    "stall_after": int,
    "seconds": float,
    "garbage": str,
    "times": int,
}
KINDS = ("status", "cut_after", "stall_after", "garbage")
EXPECTED = {
    str: "a text",
    int: "a whole number ≥ 0",
    float: "a number ≥ 0",
    dict: "a table",
    list: "a list",
}

choose = rules.choose


def load(path: Path) -> Script:
    """Read and parse a script. Raises BadInput when it cannot be read or used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(
            f"The rehearsal script {path} cannot be read: {exc}.", remedy="Check the path and the file."
        ) from exc
    return parse(text, name=path.name)


def parse(text: str, *, name: str = "script") -> Script:
    """Return the script that a TOML text describes.

    Raises BadInput naming the script, the rule (counted from 1), the key, what was expected and the nearest valid key.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise BadInput(f"{name} is not valid TOML: {exc}.") from exc
    table(raw, {"model": dict, "rule": list}, where=name)
    model = table(raw.get("model", {}), MODEL, where=f"{name}, [model]")
    model["names"] = strings(model.get("names", []), where=f"{name}, [model], `names`")
    return Script(
        name=name,
        model=Model(**model),
        rules=tuple(
            rule(item, number, where=f"{name}, rule {number}")
            for number, item in enumerate(raw.get("rule", []), 1)
        ),
    )


def rule(raw: object, number: int, *, where: str) -> Rule:
    """Parse one `[[rule]]`."""
    given = table(raw, RULE, where=where)
    fault = error(given["error"], where=f"{where}, `error`") if "error" in given else None
    reply = Reply(
        say=given.get("say", ""),
        thinking=given.get("thinking", ""),
        tools=tuple(
            call(item, where=f"{where}, `tools` entry {at}")
            for at, item in enumerate(given.get("tools", []), 1)
        ),
        delay=given.get("delay", 0.0),
        pace=given.get("pace", 0.0),
        chunk=given.get("chunk", 48),
        fault=fault,
    )
    if reply.chunk < 1:
        raise BadInput(f"{where}: `chunk` must be at least 1.")
    if reply.empty and fault is None:
        raise BadInput(f"{where} answers nothing: give it `say`, `tools` or `error`.")
    return Rule(number=number, when=conditions(given.get("when", {}), where=f"{where}, `when`"), reply=reply)


def conditions(raw: object, *, where: str) -> When:
    """Parse a `when` table."""
    given = table(raw, WHEN, where=where)
    unless = table(given.get("unless", {}), dict.fromkeys(PARTS, str), where=f"{where}, `unless`")
    return When(
        patterns={key: pattern(given[key], where=f"{where}, `{key}`") for key in PARTS if key in given},
        unless={key: pattern(words, where=f"{where}, `unless`, `{key}`") for key, words in unless.items()},
        tools=frozenset(strings(given.get("tools", []), where=f"{where}, `tools`")),
        after=given.get("after"),
        times=given.get("times"),
    )


def call(raw: object, *, where: str) -> Call:
    """Parse one tool call."""
    given = table(raw, CALL, where=where)
    if not given.get("name"):
        raise BadInput(f"{where}: `name` is missing.")
    return Call(name=given["name"], input=given.get("input", {}))


def error(raw: object, *, where: str) -> Fault:
    """Parse an `error` table."""
    given = table(raw, ERROR, where=where)
    kinds = [kind for kind in KINDS if kind in given]
    if len(kinds) != 1:
        raise BadInput(f"{where}: exactly one of {', '.join(f'`{kind}`' for kind in KINDS)} is needed.")
    if not 400 <= given.get("status", 400) <= 599:
        raise BadInput(f"{where}: `status` must be between 400 and 599.")
    return Fault(**given)


def pattern(words: str, *, where: str) -> re.Pattern[str]:
    """Compile a regular expression."""
    try:
        return re.compile(words)
    except re.error as exc:
        raise BadInput(f"{where}: not a regular expression: {exc}.") from exc


def strings(raw: list[object], *, where: str) -> tuple[str, ...]:
    """Return a list of texts as a tuple."""
    if not all(isinstance(item, str) for item in raw):
        raise BadInput(f"{where} must be a list of texts.")
    return tuple(str(item) for item in raw)


def table(raw: object, keys: Mapping[str, type], *, where: str) -> dict[str, Any]:
    """Return a table whose keys are known and whose values have the type that `keys` names."""
    if not isinstance(raw, dict):
        raise BadInput(f"{where} must be a table.")
    for key, value in raw.items():
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1, cutoff=0.4)
            hint = f"the nearest is `{near[0]}`" if near else f"valid are {', '.join(keys)}"
            raise BadInput(f"{where}: unknown key `{key}`; {hint}.")
        kind = keys[key]
        number = kind in (int, float)
        fits = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
        if not fits or (number and value < 0):
            raise BadInput(f"{where}: `{key}` must be {EXPECTED[kind]}.")
    return dict(raw)
