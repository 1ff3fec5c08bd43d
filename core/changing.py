"""A frozen value with some of its fields changed. Owns: changed. Imports: the standard library. Effects: none.

`dataclasses.replace` goes through the whole `__init__` of a frozen class. For a loop with its sixty fields, changed a dozen times in a
step, that is most of what the step takes.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")
_Parts = tuple[Callable[[Any], tuple[Any, ...]], dict[str, Callable[[Any, Any], None]]]
_KNOWN: dict[type, _Parts] = {}


def changed(value: T, **fields: Any) -> T:
    """Return a copy of a frozen dataclass with slots and without `__post_init__`. Raises TypeError for other classes and fields."""
    kind = type(value)
    read, put = _KNOWN.get(kind) or _parts(kind)
    new = object.__new__(kind)
    for write, held in zip(put.values(), read(value), strict=True):
        write(new, held)
    for name, held in fields.items():
        if name not in put:
            raise TypeError(f"{kind.__name__} has no field {name!r}")
        put[name](new, held)
    return new


def _parts(kind: type) -> _Parts:
    slots = {name: kind.__dict__.get(name) for name in getattr(kind, "__dataclass_fields__", ())}
    if (
        len(slots) < 2
        or hasattr(kind, "__post_init__")
        or not all(hasattr(slot, "__set__") for slot in slots.values())
    ):
        raise TypeError(f"{kind.__name__} is no dataclass with slots that can be copied field by field")
    parts = attrgetter(*slots), {name: slot.__set__ for name, slot in slots.items()}  # type: ignore[union-attr]
    _KNOWN[kind] = parts
    return parts
