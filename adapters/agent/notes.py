"""A word about a tool's result, for the card. Owns: note. Imports: re, adapters.agent.plain. Effects: none.

What a tool printed is untrusted: only numbers are taken out of it, never its words.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from adapters.agent import plain

LIMIT = 80
TAIL = 4000  # characters of output that are looked at: a summary comes last
MAX_LINES = 2000  # longer texts are counted, not compared

PYTEST = re.compile(
    r"(?m)^[= ]*((?:\d+ (?:failed|passed|errors?|skipped|xfailed|xpassed|deselected|warnings?)(?:, )?)+) in [\d.:hms() ]+[= ]*$"
)
SHOWN = re.compile(r"\d+ (?:failed|passed|errors?|skipped)")
UNITTEST = re.compile(r"(?m)^Ran (\d+) tests? in [\d.]+s$")
UNITTEST_BAD = re.compile(r"(?m)^FAILED \((?:failures=(\d+))?(?:, )?(?:errors=(\d+))?")
EXIT = re.compile(r"\A(?:Error: )?Exit code (\d{1,3})\b")


def note(tool: str, arguments: Mapping[str, object], output: str, *, ok: bool) -> str:
    """Return what to say of a finished call, at most 80 characters; empty when there is nothing worth saying."""
    if tool == "Bash":
        said = _command(output, ok=ok)
    elif not ok:
        said = "failed"
    elif tool in {"Edit", "MultiEdit", "Write"}:
        said = _change(tool, arguments)
    else:
        said = ""
    return plain.short(said, LIMIT)


def _command(output: str, *, ok: bool) -> str:
    tail = output[-TAIL:]
    if found := list(PYTEST.finditer(tail)):
        return ", ".join(SHOWN.findall(found[-1].group(1)))
    if ran := list(UNITTEST.finditer(tail)):
        return _unittest(int(ran[-1].group(1)), tail[ran[-1].end() :])
    if code := EXIT.search(output[:TAIL]):
        return f"exit code {code.group(1)}"
    return "" if ok else "failed"


def _unittest(ran: int, rest: str) -> str:
    bad = UNITTEST_BAD.search(rest)
    if bad is None:
        return f"{ran} passed"
    failed, errors = (int(count or 0) for count in bad.groups())
    passed = max(0, ran - failed - errors)
    counts = ((failed, "failed"), (errors, "errors"), (passed, "passed"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _change(tool: str, arguments: Mapping[str, object]) -> str:
    if tool == "Write":
        lines = len(_text(arguments, "content").splitlines())
        return "1 line" if lines == 1 else f"{lines} lines"
    edits = arguments.get("edits")
    pairs = edits if isinstance(edits, list) else [arguments]
    counts = [
        _difference(_text(edit, "old_string"), _text(edit, "new_string"))
        for edit in pairs
        if isinstance(edit, Mapping)
    ]
    if arguments.get("replace_all") is True:
        return ""
    return f"+{sum(added for added, _ in counts)} −{sum(removed for _, removed in counts)}"


def _text(arguments: Mapping[str, object], key: str) -> str:
    value = arguments.get(key)
    return value if isinstance(value, str) else ""


def _difference(old: str, new: str) -> tuple[int, int]:
    before, after = old.splitlines(), new.splitlines()
    if len(before) + len(after) > MAX_LINES:
        return len(after), len(before)
    added = removed = 0
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if kind != "equal":
            removed += end - start
            added += new_end - new_start
    return added, removed
