"""Reading Discord's JSON with care. Owns: Json, snowflake, text, number, table, rows, flag. Imports: core.errors. Effects: none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import BadInput

Json = Mapping[str, Any]


def snowflake(raw: Json, name: str) -> str:
    """Return an id that has to be there. Raises BadInput when it is missing or no number."""
    value = raw.get(name)
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        raise BadInput(f"a Discord payload without a proper {name!r}")
    return value


def some_id(raw: Json, name: str) -> str:
    """Return an id, or "" where there is none."""
    value = raw.get(name)
    return value if isinstance(value, str) and value.isascii() and value.isdigit() else ""


def text(raw: Json, name: str) -> str:
    """Return a string, "" where there is none."""
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def number(raw: Json, name: str) -> int:
    """Return a whole number, also one spelled as a string; 0 where there is none."""
    value = raw.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def flag(raw: Json, name: str) -> bool:
    return raw.get(name) is True


def table(raw: Json, name: str) -> Json:
    """Return an object, an empty one where there is none."""
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def rows(raw: Json, name: str) -> tuple[Json, ...]:
    """Return a list's objects, none where there is no list."""
    value = raw.get(name)
    return tuple(row for row in value if isinstance(row, dict)) if isinstance(value, list) else ()


def words_of(value: object) -> list[str]:
    """Return the texts of a list, none when it is something else."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
