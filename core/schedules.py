"""When something happens again and again. Owns: When, parse, Schedule. Imports: core. Effects: none.

A `when` is five cron fields or one of a few plain forms. What it comes to is five fields in one spelling: weekdays by name, because the
numbers that stand for them differ from program to program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from core.errors import BadInput
from core.ids import IdentityKey, LoopId, MemberId, ThreadKey, short

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FULL_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORKING = "mon,tue,wed,thu,fri"
WEEKDAYS = {
    "daily": "*", "every day": "*", "weekly": "mon",
    **dict.fromkeys(("every weekday", "weekdays", "on weekdays", "every working day"), WORKING),
    **dict.fromkeys(("every weekend", "weekends", "on weekends"), "sat,sun"),
}  # fmt: skip
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
EXAMPLES = (
    '`"0 9 * * mon-fri"`, `"every weekday at 9:00"`, `"daily at 18:30"`, `"every monday at 9"` or `"hourly"`'
)
PER_HOUR = 12  # runs of a team's own schedule
FAILURES = 3  # in a row, then a schedule is paused
MOST = 20  # schedules of one thread
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # days of the months
_PART = re.compile(r"(\*|[a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?(?:/(\d{1,2}))?")
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm)?")
_EVERY = re.compile(r"every (\d{1,2}) (minutes|hours)")
_DAY = re.compile(
    r"(?:every |on |weekly on )?((?:mon|tue|wed|thu|fri|sat|sun)[a-z]*(?:(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+)[a-z]+)*)"
)
_MONTHLY = re.compile(r"(?:monthly|every month)(?: on the (\d{1,2})(?:st|nd|rd|th)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Five cron fields in one spelling: numbers, `*`, ranges and steps; weekdays as `mon` … `sun`."""

    minute: str = "0"
    hour: str = "*"
    day: str = "*"
    month: str = "*"
    weekday: str = "*"

    def __str__(self) -> str:
        return f"{self.minute} {self.hour} {self.day} {self.month} {self.weekday}"

    @property
    def fixed_hours(self) -> bool:
        """Whether it names hours of the day, so that an hour the clocks repeat counts once."""
        return "*" not in self.hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A loop that begins again and again in one thread. `words` are the task with its options, as they were typed."""

    id: str
    thread: ThreadKey
    when: When
    said: str  # the time as it was typed
    zone: str
    words: str
    driver: MemberId
    driver_identity: IdentityKey
    driver_name: str
    message: str  # what made it
    created_at: datetime
    resumed_at: datetime | None = None  # what would have run before, while it was paused, is not made up
    paused: str = ""  # why, empty while it runs
    deleted: bool = False
    failures: int = 0  # in a row
    counted: LoopId = field(default=LoopId(""))  # the loop that was counted last
    skipped: bool = False  # the last run was left out, and that was said

    @property
    def handle(self) -> str:
        return short(self.id)

    @property
    def runs(self) -> bool:
        return not self.deleted and not self.paused


def parse(text: str) -> When:
    """Return what five cron fields or a plain form mean. Raises BadInput with examples."""
    words = " ".join(text.lower().split())
    if len(words) > 100:
        raise _unclear(text)
    if len(words.split(" ")) == 5 and re.fullmatch(r"[\d*/,\-a-z ]+", words) and " at " not in words:
        return cron(words)
    return _plain(words, text)


def cron(text: str) -> When:
    """Return what five cron fields mean. Raises BadInput naming the field that is wrong."""
    parts = text.lower().split()
    if len(parts) != 5:
        raise _unclear(text)
    minute, hour, day, month, weekday = (
        ",".join(_part(part, index) for part in one.split(",")) for index, one in enumerate(parts)
    )
    if day != "*" and weekday != "*":
        raise BadInput(
            "A time names days of the month or days of the week, not both.", remedy=f"For example {EXAMPLES}."
        )
    if min(_numbers(day, 1, 31)) > max(_LONGEST[number - 1] for number in _numbers(month, 1, 12)):
        raise BadInput("None of these months has such a day.", remedy=f"For example {EXAMPLES}.")
    return When(minute=minute, hour=hour, day=day, month=month, weekday=weekday)


def _numbers(field_: str, low: int, high: int) -> set[int]:
    """Return the numbers that a field in its one spelling names."""
    found: set[int] = set()
    for part in field_.split(","):
        span, _, step = part.partition("/")
        first, _, last = (span if span != "*" else f"{low}-{high}").partition("-")
        found.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return found


def _part(part: str, index: int) -> str:
    name, low, high = FIELDS[index]
    match = _PART.fullmatch(part)
    if match is None:
        raise _wrong(part, index)
    first, last, step = match.groups()
    if first == "*" and last is not None:
        raise _wrong(part, index)
    numbers = [_number(value, index, part) for value in (first, last) if value not in (None, "*")]
    if any(not low <= number <= high for number in numbers) or (
        step is not None and not 1 <= int(step) <= high
    ):
        raise _wrong(part, index)
    if name == "weekday":
        return _weekdays(numbers, int(step or 1))
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        raise _wrong(part, index)
    if step is not None and len(numbers) == 1:
        numbers.append(high)  # "5/15" is "5-59/15"
    spelled = "-".join(str(number) for number in numbers) or "*"
    return f"{spelled}/{int(step)}" if step is not None else spelled


def _weekdays(numbers: list[int], step: int) -> str:
    """Return days of the week by name. Cron counts them from Sunday, which is 0 and 7."""
    if not numbers:
        return "*" if step == 1 else ",".join(DAYS[(number - 1) % 7] for number in range(0, 7, step))
    first, last = numbers[0], numbers[-1]
    if first > last:  # over the weekend
        last += 7
    if step > 1 and len(numbers) == 1:
        last = 6
    return ",".join(dict.fromkeys(DAYS[(number - 1) % 7] for number in range(first, last + 1, step)))


def _number(value: str, index: int, part: str) -> int:
    if value.isdigit():
        return int(value)
    if FIELDS[index][0] == "weekday" and value in DAYS:
        return DAYS.index(value) + 1
    if FIELDS[index][0] == "month" and value in MONTHS:
        return MONTHS.index(value) + 1
    raise _wrong(part, index)


def _plain(words: str, text: str) -> When:
    if words in ("hourly", "every hour"):
        return When(minute="0")
    if match := _EVERY.fullmatch(words):
        return _every(int(match.group(1)), match.group(2))
    what, at, clock = words.partition(" at ")
    hour, minute = _time(clock, text) if at else (9, 0)
    fixed = {"minute": str(minute), "hour": str(hour)}
    if what in WEEKDAYS:
        return When(**fixed, weekday=WEEKDAYS[what])
    if match := _MONTHLY.fullmatch(what):
        day = int(match.group(1) or 1)
        if not 1 <= day <= 28:
            raise BadInput("Not every month has that day.", remedy="Take a day from 1 to 28.")
        return When(**fixed, day=str(day))
    match = _DAY.fullmatch(what)
    days = [_day(name) for name in re.split(r"[\s,]+(?:and\s+)?", match.group(1))] if match else [""]
    if not all(days):
        raise _unclear(text)
    return When(**fixed, weekday=",".join(day for day in DAYS if day in days))


def _day(name: str) -> str:
    name = name.removesuffix("s") if len(name) > 4 else name
    found = next((day for day, full in zip(DAYS, FULL_DAYS, strict=True) if name in (day, full.lower())), "")
    return found or next(
        (day for day in DAYS if name.startswith(day) and name in ("tues", "thur", "thurs", "weds")), ""
    )


def _every(number: int, unit: str) -> When:
    whole = 60 if unit == "minutes" else 24
    if not number or whole % number:
        raise BadInput(
            f"A time every {number} {unit} does not fit evenly into {'an hour' if whole == 60 else 'a day'}.",
            remedy=f"Take a number that divides {whole}, or a cron line.",
        )
    if unit == "minutes":
        return When(minute="0" if number == 60 else f"*/{number}" if number > 1 else "*")
    return When(minute="0", hour="0" if number == 24 else f"*/{number}" if number > 1 else "*")


def _time(clock: str, text: str) -> tuple[int, int]:
    named = {"noon": (12, 0), "midnight": (0, 0)}
    if clock in named:
        return named[clock]
    match = _TIME.fullmatch(clock)
    if match is None:
        raise _unclear(text)
    hour, minute, half = int(match.group(1)), int(match.group(2) or 0), match.group(3)
    if half:
        if not 1 <= hour <= 12:
            raise _unclear(text)
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59:
        raise BadInput(f"There is no {hour}:{minute:02} on a clock.", remedy=f"Write a time like {EXAMPLES}.")
    return hour, minute


def often(when: When) -> int:
    """Return how many times within one hour it happens at most."""
    return len(_numbers(when.minute, 0, 59))


def spoken(when: When, zone: str) -> str:
    """Return a time in words: "at 09:00, Monday to Friday (Europe/Berlin)"; what has no short words stays cron."""
    if not (when.minute.isdigit() and (when.hour.isdigit() or when.hour == "*") and when.month == "*"):
        return f"at `{when}` ({zone})"
    if when.hour == "*":
        clock = "every hour" if when.minute == "0" else f"every hour at minute {when.minute}"
    else:
        clock = f"at {int(when.hour):02}:{int(when.minute):02}"
    if when.day != "*":
        if not when.day.isdigit():
            return f"at `{when}` ({zone})"
        return f"{clock}, on day {when.day} of the month ({zone})"
    return f"{clock}{_days(when.weekday)} ({zone})"


def _days(weekday: str) -> str:
    if weekday == "*":
        return ", every day"
    days = weekday.split(",")
    places = [DAYS.index(day) for day in days]
    names = [FULL_DAYS[place] for place in places]
    if len(places) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f", {names[0]} to {names[-1]}"
    return f", {' and '.join([', '.join(names[:-1]), names[-1]] if len(names) > 1 else names)}"


def _wrong(part: str, index: int) -> BadInput:
    name, low, high = FIELDS[index]
    also = {"weekday": " or mon to sun", "month": " or jan to dec"}.get(name, "")
    shown = re.sub(r"[^\w*/,\-]", "", part)[:20]
    return BadInput(
        f"`{shown}` is no {name}: it goes from {low} to {high}{also}.", remedy=f"For example {EXAMPLES}."
    )


def _unclear(text: str) -> BadInput:
    shown = re.sub(r"[`\x00-\x1f\x7f]", "", " ".join(text.split()))[:60]
    return BadInput(f"“{shown}” is no time that can be read.", remedy=f"Write {EXAMPLES}.")
