"""Launchers. Owns: text, compiled, source_of. Imports: core, .spec. Effects: reads the text of enter.py.

A launcher is one Python file that a person can read: what the box is, then the code that enters it. It is all there is
to know about a running sandbox, and needs nothing of the bridge but its interpreter.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from adapters.sandbox import spec
from core import errors

# Isolated, without site-packages, leaving no .pyc behind: this is on the way of every session's start.
PYTHON_OPTIONS = "-ISB"
_SHEBANG_MAX = 255


def text(plan: spec.Plan, *, trusted: Path, user: tuple[int, int] | None, status: str | int) -> str:
    """Write out a launcher. `status` is the file or descriptor for bwrap's reports, `trusted` the bridge's home.

    Sources below `trusted` may be reached through links above it, never through links below it. Raises BadInput when
    the interpreter's path does not fit into the first line of a script.
    """
    shebang = f"#!{sys.executable} {PYTHON_OPTIONS}"
    if len(shebang) > _SHEBANG_MAX or " " in sys.executable:
        raise errors.BadInput(
            f"the path of Python is too long or holds a space: {sys.executable}",
            remedy="install the bridge in a folder with a shorter, plain path",
        )
    box = _box(plan, trusted, user, status)
    return f"{shebang}\n# coding: utf-8\n{_with_box(_body(), _spelled(box))}"


def compiled(plan: spec.Plan, *, trusted: Path, user: tuple[int, int] | None, status: int) -> str:
    """Write out a launcher for one command, which nobody reads: compiling the whole text would take a quarter of its time."""
    box = marshal.dumps(_box(plan, trusted, user, status))
    given = f"{{'__name__': '__main__', 'BOX': marshal.loads({box!r})}}"
    return f"import marshal\nexec(marshal.loads({_code()!r}), {given})\n"


def _box(
    plan: spec.Plan, trusted: Path, user: tuple[int, int] | None, status: str | int
) -> dict[str, object]:
    return {
        "user": user,
        "status": status,
        "binds": [source_of(bind.source, trusted) for bind in plan.binds],
        "options": [tuple(_word(word) for word in option) for option in plan.options],
        "command": list(plan.command),
        "data": list(plan.data),
    }


@cache
def _body() -> str:
    return Path(__file__).with_name("enter.py").read_text()


@cache
def _code() -> bytes:
    return marshal.dumps(compile(_body(), "enter.py", "exec", dont_inherit=True))


def source_of(source: Path, trusted: Path) -> tuple[str, str]:
    """Split a bind's source into the part that is trusted, with its links resolved, and the part that is not."""
    if source.is_relative_to(trusted):
        return str(trusted.resolve()), str(source.relative_to(trusted))
    real = trusted.resolve()
    if source.is_relative_to(real):
        return str(real), str(source.relative_to(real))
    return "/", str(source.relative_to("/"))


def _word(word: str | spec.Slot) -> str | tuple[str, int]:
    return word if isinstance(word, str) else (word.kind, word.index)


def _spelled(box: Mapping[str, object]) -> str:
    """Return the box as Python, a line for each thing in it. Python's own `pprint` takes as long as all the rest of a launcher."""
    lines = []
    for name, value in box.items():
        if isinstance(value, list):
            lines += [f"    {name!r}: [", *(f"        {item!r}," for item in value), "    ],"]
        else:
            lines.append(f"    {name!r}: {value!r},")
    return "\n".join(["{", *lines, "}"])


def _with_box(body: str, shown: str) -> str:
    marker = 'BWRAP = "/usr/bin/bwrap"'
    before, after = body.split(marker, 1)
    return f"{before}BOX = {shown}\n\n{marker}{after}"
