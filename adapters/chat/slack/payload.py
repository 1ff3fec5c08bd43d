"""Untrusted JSON, looked into. Owns: Json, text, table, rows. Imports: collections.abc. Effects: none.

Slack's payloads have many forms and grow new ones: what is missing or of another type reads as empty, and nothing raises.
Objects are plain `dict`s, as `json` makes them: asking for `Mapping` costs a long thread's reading half its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def text(raw: object, *path: str) -> str:
    """Return the string at a path, empty when there is none."""
    for key in path:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw if isinstance(raw, str) else ""


def table(raw: object, *path: str) -> Json:
    """Return the object at a path, empty when there is none."""
    found = _at(raw, path)
    return found if isinstance(found, dict) else {}


def rows(raw: object, *path: str) -> Sequence[Json]:
    """Return the objects in the list at a path."""
    found = _at(raw, path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def number(raw: object, *path: str) -> int:
    """Return the whole number at a path, 0 when there is none."""
    found = _at(raw, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _at(raw: object, path: Sequence[str]) -> object:
    for key in path:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw
