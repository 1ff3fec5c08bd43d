"""What every scheduler does. Owns: the checks. Imports: core. Effects: none (the rig has them).

A rig makes schedulers that share marks and a front door, and hands out what came in there once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

from core.events import Ticked
from core.ids import thread_key
from core.ports import Scheduler, Timetable
from core.schedules import parse
from core.testing.fakes import FakeClock

LANE = thread_key("bridge", "jobs", "work", "main")


class Rig(Protocol):
    """Schedulers over one store."""

    clock: FakeClock
    tables: list[Timetable]

    def scheduler(self) -> Scheduler:
        """Return another scheduler over the same store, as another process would have one."""

    def forgets(self) -> Scheduler:
        """Return a scheduler whose process dies before it can note what it ticked."""

    async def ticks(self) -> Sequence[Ticked]:
        """Return the ticks that came in, each once."""


def table(when: str, *, zone: str = "UTC", job: str = "work") -> Timetable:
    """Return the timetable of a job."""
    return Timetable(job=job, lane=LANE, when=parse(when), zone=zone)


async def walk(rig: Rig, scheduler: Scheduler, *, until: datetime, step: timedelta) -> Sequence[datetime]:
    """Look every `step` until an instant; return when the job was due."""
    while rig.clock.now() < until:
        await scheduler.look()
        rig.clock.advance(step.total_seconds())
    await scheduler.look()
    return [tick.due for tick in await rig.ticks()]


async def check_a_job_runs_when_it_is_due(rig: Rig) -> None:
    rig.tables.append(table("every 15 minutes"))
    begin = rig.clock.now()
    found = await walk(rig, rig.scheduler(), until=begin + timedelta(hours=1), step=timedelta(minutes=1))
    assert found == [begin + timedelta(minutes=15 * number) for number in (1, 2, 3, 4)]


async def check_a_new_job_makes_up_nothing(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    await rig.scheduler().look()
    assert not await rig.ticks()


async def check_missed_runs_are_made_up_once(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    await rig.scheduler().look()
    begin = rig.clock.now()
    rig.clock.advance(5.5 * 3600)
    again = rig.scheduler()  # after a restart
    await again.look()
    await again.look()
    (tick,) = await rig.ticks()
    assert tick.due == begin + timedelta(hours=5)
    assert tick.since == begin


async def check_a_job_that_was_missed_long_ago_is_made_up(rig: Rig) -> None:
    rig.tables.append(table("monthly on the 3rd at 8"))
    scheduler = rig.scheduler()
    await scheduler.look()
    rig.clock.advance(45 * 86_400)  # past one 3rd, and further than a month
    await scheduler.look()
    (tick,) = await rig.ticks()
    assert (tick.due.day, tick.due.hour) == (3, 8)


async def check_a_zone_nobody_knows_holds_up_no_other_job(rig: Rig) -> None:
    rig.tables += [table("hourly", zone="Mars/Olympus", job="lost"), table("hourly")]
    scheduler = rig.scheduler()
    await scheduler.look()
    rig.clock.advance(3600)
    await scheduler.look()
    assert [tick.job for tick in await rig.ticks()] == ["work"]


async def check_what_comes_before_it_counts_is_not_made_up(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    scheduler = rig.scheduler()
    await scheduler.look()
    rig.tables.clear()  # paused
    rig.clock.advance(5.5 * 3600)
    await scheduler.look()
    rig.tables.append(replace(table("hourly"), since=rig.clock.now()))
    await scheduler.look()
    assert not await rig.ticks()
    rig.clock.advance(3600)
    await scheduler.look()
    assert len(await rig.ticks()) == 1


async def check_two_schedulers_run_a_job_once(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    one, other = rig.scheduler(), rig.scheduler()
    for _ in range(130):
        await one.look()
        await other.look()
        rig.clock.advance(60)
    assert len(await rig.ticks()) == 2


async def check_a_death_before_the_note_runs_it_once(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    await rig.scheduler().look()
    rig.clock.advance(3600)
    try:
        await rig.forgets().look()
    except OSError:
        await rig.scheduler().look()
    assert len(await rig.ticks()) == 1


async def check_a_clock_set_back_repeats_nothing(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    scheduler = rig.scheduler()
    begin = rig.clock.now()
    await walk(rig, scheduler, until=begin + timedelta(hours=2), step=timedelta(minutes=10))
    rig.clock.jump(-3600)
    found = await walk(rig, scheduler, until=begin + timedelta(hours=3), step=timedelta(minutes=10))
    assert found == [begin + timedelta(hours=number) for number in (1, 2, 3)]


async def check_a_clock_that_was_far_ahead_silences_nothing(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    scheduler = rig.scheduler()
    await scheduler.look()
    begin = rig.clock.now()
    rig.clock.jump(400 * 86_400)
    await scheduler.look()
    rig.clock.jump(-400 * 86_400)
    found = await walk(rig, scheduler, until=begin + timedelta(hours=2), step=timedelta(minutes=10))
    assert [due for due in found if due < begin + timedelta(days=1)] == [
        begin + timedelta(hours=1),
        begin + timedelta(hours=2),
    ]


async def check_another_time_counts_from_now_on(rig: Rig) -> None:
    rig.tables.append(table("hourly"))
    await rig.scheduler().look()
    rig.tables[:] = [table("daily at 9:30")]
    rig.clock.advance(3600)  # 10:00, so that 9:30 is over
    await rig.scheduler().look()
    assert not await rig.ticks()


async def check_a_skipped_hour_runs_a_daily_job_once(rig: Rig) -> None:
    rig.tables.append(table("daily at 2:30", zone="Europe/Berlin"))
    rig.clock.jump_to(datetime(2026, 3, 28, 12, tzinfo=UTC))
    until = rig.clock.now() + timedelta(days=2)
    found = await walk(rig, rig.scheduler(), until=until, step=timedelta(minutes=10))
    assert [due.day for due in found] == [29, 30]


async def check_a_repeated_hour_runs_a_daily_job_once(rig: Rig) -> None:
    rig.tables.append(table("daily at 2:30", zone="Europe/Berlin"))
    rig.clock.jump_to(datetime(2026, 10, 24, 12, tzinfo=UTC))
    until = rig.clock.now() + timedelta(days=2)
    found = await walk(rig, rig.scheduler(), until=until, step=timedelta(minutes=10))
    assert [due.day for due in found] == [25, 26]


async def check_a_repeated_hour_counts_twice_for_an_hourly_job(rig: Rig) -> None:
    rig.tables.append(table("hourly", zone="Europe/Berlin"))
    rig.clock.jump_to(datetime(2026, 10, 24, 22, 30, tzinfo=UTC))
    begin = rig.clock.now()
    found = await walk(rig, rig.scheduler(), until=begin + timedelta(hours=6), step=timedelta(minutes=10))
    assert [after - before for before, after in pairwise(found)] == [timedelta(hours=1)] * 5
