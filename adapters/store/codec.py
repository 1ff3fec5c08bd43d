"""Rows and values. Owns: Codec, `clean`, `micros`, `instant`, `spell`. Imports: pydantic, core. Effects: none.

Payloads are JSON made by pydantic from the core's own dataclasses. How a class is read is worked out when it is first met: a start
that has nothing to read pays nothing.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar, get_args

import pydantic
from pydantic_core import to_json

from core import effects, errors, events

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
REPLACEMENT = "\ufffd"
_SPELL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def clean(text: str) -> str:
    """Return text that every database and encoder takes: NUL and lone surrogates become U+FFFD."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # A pair of surrogates is one character that somebody spelled in halves; only what stays alone is lost.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


@lru_cache(maxsize=256)  # everything an event tells has one instant
def micros(at: datetime) -> int:
    """Return whole microseconds since 1970. Raises ValueError for an instant without a time zone."""
    since = events.aware(at) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def instant(value: int) -> datetime:
    """Return the aware instant (UTC) that `micros` spelled."""
    return EPOCH + value * MICROSECOND


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {clean(key): _cleaned(item) for key, item in value.items()}
    return value


def _by_kind(union: object) -> Mapping[str, type[Any]]:
    """Return the classes of a union by the default of their `kind`."""
    found: dict[str, type[Any]] = {}
    for member in get_args(union):
        kind = next(field.default for field in dataclasses.fields(member) if field.name == "kind")
        found[str(kind)] = member
    return found


def props(body: str) -> dict[str, str]:
    """Return a node's props. Raises Damaged."""
    try:
        found = json.loads(body)
    except (ValueError, TypeError) as exc:
        raise _unreadable("Node") from exc
    if not isinstance(found, dict):
        raise _unreadable("Node")
    return found


def spell(value: Any) -> str:
    """Return what JSON is made of as one compact line: just as `json` spells it, in a fraction of the time."""
    try:
        return to_json(value).decode()
    except ValueError:  # of text that UTF-8 cannot hold
        return _SPELL(value)


def _unreadable(name: str) -> errors.Damaged:
    return errors.Damaged(
        f"A stored {name} cannot be read back; the rest of the database is as it was.",
        remedy="Keep a copy of the database and put a backup in its place.",
    )


class Codec:
    """Turns the core's dataclasses into JSON and back."""

    def __init__(self) -> None:
        self._adapters: dict[type[Any], pydantic.TypeAdapter[Any]] = {}
        self._events = _by_kind(events.Event)
        self._effects = _by_kind(effects.Effect)

    def dump(self, value: object) -> str:
        """Return the value as JSON; text that UTF-8 cannot hold is cleaned."""
        adapter = self._adapter(type(value))
        try:
            return adapter.dump_json(value).decode()
        except pydantic.PydanticSchemaGenerationError:
            raise
        except ValueError:
            return json.dumps(_cleaned(adapter.dump_python(value, mode="json")), ensure_ascii=False)

    def plain(self, value: object) -> Any:
        """Return the value as what JSON is made of."""
        return json.loads(self.dump(value))

    def load(self, kind: type[T], body: str) -> T:
        """Return the value a body holds. Raises Damaged."""
        try:
            value: T = self._adapter(kind).validate_json(body)
        except (ValueError, TypeError) as exc:
            raise _unreadable(kind.__name__) from exc
        return value

    def event(self, kind: str, payload: str) -> events.Event:
        """Return a stored event. Raises Damaged."""
        value: events.Event = self.load(self._known(self._events, kind), payload)
        return value

    def effect(self, kind: str, payload: str) -> effects.Effect:
        """Return a stored effect. Raises Damaged."""
        value: effects.Effect = self.load(self._known(self._effects, kind), payload)
        return value

    def _known(self, classes: Mapping[str, type[Any]], kind: str) -> type[Any]:
        if kind not in classes:
            raise errors.Damaged(
                f"The database holds a “{kind}” that this version does not know.",
                remedy="Use the version that wrote it, or restore the database from a backup.",
            )
        return classes[kind]

    def _adapter(self, kind: type[Any]) -> pydantic.TypeAdapter[Any]:
        adapter = self._adapters.get(kind)
        if adapter is None:
            adapter = self._adapters[kind] = pydantic.TypeAdapter(kind)
        return adapter
