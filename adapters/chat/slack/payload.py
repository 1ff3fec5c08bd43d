"""Untrusted JSON, looked into. Owns: Json, text, table, rows. Imports: collections.abc. Effects: none.

Slack's payloads have many forms and grow new ones: what is missing or of another type reads as empty, and nothing raises.
Objects are plain `dict`s, as `json` makes them: asking for `Mapping` costs a long thread's reading half its time. The steps to a
value are repeated for the same reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def text(raw: object, key: str, *path: str) -> str:
    """Return the string at a path, empty when there is none."""
    raw = raw.get(key) if type(raw) is dict else None
    if path:
        return text(raw, *path)
    return raw if type(raw) is str else ""


def table(raw: object, *path: str) -> Json:
    """Return the object at a path, empty when there is none."""
    for key in path:
        raw = raw.get(key) if type(raw) is dict else None
    return raw if type(raw) is dict else {}


def rows(raw: object, *path: str) -> Sequence[Json]:
    """Return the objects in the list at a path."""
    for key in path:
        raw = raw.get(key) if type(raw) is dict else None
    return [each for each in raw if type(each) is dict] if raw and type(raw) is list else ()


def number(raw: object, *path: str) -> int:
    """Return the whole number at a path, 0 when there is none."""
    for key in path:
        raw = raw.get(key) if type(raw) is dict else None
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else 0
