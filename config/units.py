"""How times and sizes are written. Owns: Duration, Size and their spelling. Imports: pydantic. Effects: none."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
BYTES = {"T": 1 << 40, "G": 1 << 30, "M": 1 << 20, "K": 1 << 10}
LONGEST = timedelta(days=365)

_TIME = re.compile(r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m)?(?:(?P<s>\d+)s)?")
_SIZE = re.compile(r"(?P<count>\d+)\s?(?P<unit>[KMGT])i?B?", re.IGNORECASE)


def duration(value: object) -> object:
    """Return the timedelta that "90s", "10m", "24h" or "1h30m" spells. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    found = _TIME.fullmatch(value.strip().replace(" ", "")) if isinstance(value, str) else None
    if found is None or not any(found.groupdict().values()):
        raise ValueError("not a time")
    seconds = sum(int(count[:12]) * SECONDS[unit] for unit, count in found.groupdict().items() if count)
    if seconds > LONGEST.total_seconds():
        raise ValueError("longer than a year")
    return timedelta(seconds=seconds)


def size(value: object) -> object:
    """Return the bytes that "256M" or "6G" spells. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a size")
    return int(found["count"][:6]) * BYTES[found["unit"].upper()]


def spell_duration(value: timedelta) -> str:
    """Return the shortest spelling of a time with one unit."""
    seconds = int(value.total_seconds())
    unit = next((unit for unit in ("h", "m") if seconds and seconds % SECONDS[unit] == 0), "s")
    return f"{seconds // SECONDS[unit]}{unit}"


def spell_size(value: int) -> str:
    """Return the shortest spelling of a size with one unit; what no unit divides is a plain number."""
    unit = next((unit for unit, count in BYTES.items() if value and value % count == 0), "")
    return f"{value // BYTES[unit]}{unit}" if unit else str(value)


Duration = Annotated[timedelta, BeforeValidator(duration)]
Size = Annotated[int, BeforeValidator(size)]
