"""Ticks from cron triggers. Owns: Ticking. Imports: apscheduler, core. Effects: emits events, keeps a watermark per job.

APScheduler says when; what was run last is a watermark in the bridge's own database, kept after the tick is durable. A crash between the
two ticks the same instant again, which its dedup key makes nothing of.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from core.events import Ticked
from core.ports import Clock, Emit
from core.ports.schedule import Marks, Timetable, Timetables
from core.schedules import When

log = logging.getLogger(__name__)
LONGEST = (
    20.0  # seconds between two looks: a clock that was set, and a schedule that was changed, are seen by then
)
SHORTEST = 0.05
# How far back missed runs are looked for, near first: what comes often is found near, and what comes rarely has few instants to pass.
BACK = tuple(timedelta(hours=hours) for hours in (1, 24, 24 * 8, 24 * 40, 24 * 400))


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to when a job's runs are done, by which spelling of its times."""

    spec: str
    at: datetime


class Ticking:
    """A Scheduler."""

    def __init__(self, *, timetables: Timetables, marks: Marks, emit: Emit, clock: Clock) -> None:
        self._timetables = timetables
        self._marks = marks
        self._emit = emit
        self._clock = clock
        self._triggers: dict[str, CronTrigger] = {}

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await self._clock.sleep(await self.look())

    async def look(self) -> float:
        """Tick what is due now; return how many seconds to wait before looking again."""
        now = self._clock.now()
        wait = LONGEST
        for table in await self._timetables():
            try:
                upcoming = await self._tick(table, now)
            except (ValueError, KeyError) as exc:
                # A zone that this machine does not know any more holds up no other job.
                log.warning("job.unreadable", extra={"job": table.job, "why": repr(exc)})
                continue
            if upcoming is not None:
                wait = min(wait, max(SHORTEST, (upcoming - now).total_seconds()))
        return wait

    async def _tick(self, table: Timetable, now: datetime) -> datetime | None:
        """Emit the newest instant that is due and was not run; return the next one to come."""
        spec = f"{table.when} {table.zone}"
        mark = await self._mark(table.job)
        if mark is None or mark.spec != spec:
            mark = Mark(spec, table.since or now)
            await self._note(table.job, mark)
        if table.since is not None and mark.at < table.since <= now:
            mark = Mark(spec, table.since)
        if mark.at > now:
            # A clock that was ahead for a while must not silence a job until it is there again; what ran is known by its dedup key.
            mark = Mark(spec, now)
            await self._note(table.job, mark)
        cron = await self._trigger(table, spec)
        due, upcoming = _around(cron, mark.at, now, once=table.when.fixed_hours)
        if due is not None:
            await self._emit(Ticked(lane=table.lane, at=now, job=table.job, due=due, since=mark.at))
            await self._note(table.job, Mark(spec, due))
            log.info("job.due", extra={"job": table.job, "due": due.isoformat()})
        return upcoming

    async def _trigger(self, table: Timetable, spec: str) -> CronTrigger:
        if spec not in self._triggers:
            # The zone's rules are read from a file.
            self._triggers[spec] = await asyncio.to_thread(trigger, table.when, table.zone)
        return self._triggers[spec]

    async def _mark(self, job: str) -> Mark | None:
        kept = await self._marks.kept(f"ran:{job}")
        if kept is None:
            return None
        spec, at = json.loads(kept)
        return Mark(spec, datetime.fromisoformat(at))

    async def _note(self, job: str, mark: Mark) -> None:
        await self._marks.keep(f"ran:{job}", json.dumps([mark.spec, mark.at.isoformat()]))


def trigger(when: When, zone: str) -> CronTrigger:
    """Return the trigger of a time."""
    return CronTrigger(
        minute=when.minute, hour=when.hour, day=when.day, month=when.month, day_of_week=when.weekday, timezone=ZoneInfo(zone)
    )  # fmt: skip


def _around(
    cron: CronTrigger, since: datetime, now: datetime, *, once: bool
) -> tuple[datetime | None, datetime | None]:
    """Return the newest instant after `since` up to `now`, and the first one after `now`. All in UTC."""
    due = upcoming = None
    for back in BACK:
        for instant in _instants(cron, max(since, now - back), once=once):
            if instant > now:
                upcoming = instant
                break
            due = instant
        if due is not None or now - back <= since:
            break
    return due, upcoming


def _instants(cron: CronTrigger, since: datetime, *, once: bool) -> Iterator[datetime]:
    """Yield instants after `since`; with `once`, the second run of an hour the clocks repeat is passed over."""
    after = since + timedelta(microseconds=1)
    while (found := cron.get_next_fire_time(None, after)) is not None:
        instant = found.astimezone(UTC)
        after = max(instant, after) + timedelta(seconds=1)
        if not (once and found.fold):
            yield instant
