"""What the settings are, in words. Owns: Entry, entries, expected. Imports: config, pydantic. Effects: none."""

from __future__ import annotations

import types
import typing
from collections import abc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from config import units

PREFIX = "LOOPBRIDGE_"
ANY = "<name>"  # stands for a name that people choose, as in repos.<name>.url


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One setting: its path (`("http", "port")`), where it is declared, and the section it stands in."""

    path: tuple[str, ...]
    field: FieldInfo
    section: type[BaseModel]

    @property
    def key(self) -> str:
        """Return the name in the file, `http.port`."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """Return the name in the environment, `LOOPBRIDGE_HTTP__PORT`."""
        return PREFIX + "__".join(part if part == ANY else part.upper() for part in self.path)

    @property
    def secret(self) -> bool:
        """Say whether the value is a secret, which can also be given as a file by `<name>_file`."""
        return self.field.annotation is SecretStr

    @property
    def hidden(self) -> bool:
        """Say whether the value is kept out of errors."""
        return self.secret or bool(extra(self.field).get("hidden"))


def entries(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[Entry]:
    """Yield every setting of a model, those of sections in it too."""
    for name, field in model.model_fields.items():
        path = (*above, name)
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from entries(kind, path)
        elif (inner := _table_of(kind)) is not None:
            yield from entries(inner, (*path, ANY))
        elif (inner := _list_of(kind)) is not None:
            yield from entries(inner, path)
        else:
            yield Entry(path=path, field=field, section=model)


def expected(field: FieldInfo) -> str:
    """Return what completes "expected …" for a setting."""
    said = extra(field).get("expected")
    if isinstance(said, str):
        return said
    low, high = _bounds(field)
    return _in_words(field.annotation, is_size(field), low, high)


def extra(field: FieldInfo) -> Mapping[str, object]:
    """Return what a field says of itself beyond its type."""
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def is_size(field: FieldInfo) -> bool:
    """Say whether a number counts bytes and is written like 256M."""
    return any(getattr(part, "func", None) is units.size for part in field.metadata)


def _table_of(kind: object) -> type[BaseModel] | None:
    """Return the section that a table of named sections holds, or None for another type."""
    return _section(typing.get_args(kind)[1]) if typing.get_origin(kind) is abc.Mapping else None


def _list_of(kind: object) -> type[BaseModel] | None:
    """Return the section that a list of sections holds, or None for another type."""
    return _section(typing.get_args(kind)[0]) if typing.get_origin(kind) is tuple else None


def _section(kind: object) -> type[BaseModel] | None:
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _bounds(field: FieldInfo) -> tuple[typing.Any, typing.Any]:
    low = next(
        (v for part in field.metadata for a in ("ge", "gt") if (v := getattr(part, a, None)) is not None),
        None,
    )
    high = next(
        (v for part in field.metadata for a in ("le", "lt") if (v := getattr(part, a, None)) is not None),
        None,
    )
    return low, high


def _in_words(kind: object, size: bool, low: typing.Any, high: typing.Any) -> str:
    if kind is timedelta:
        return 'a time such as "90s", "10m" or "24h"' + (", longer than nothing" if low is not None else "")
    if size:
        return 'a size such as "256M" or "6G"' + (f", {units.spell_size(low)} or more" if low else "")
    if kind is bool:
        return "true or false"
    if kind is int:
        return f"a whole number from {low} to {high}"
    if kind is Path:
        return "a path"
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(str(choice) for choice in typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        return "a list of words"
    if isinstance(kind, types.UnionType):
        return _in_words(typing.get_args(kind)[0], size, low, high)
    return "a text"
