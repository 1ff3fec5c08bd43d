"""What happens by the clock, put together. Owns: build, Clockwork, tables. Imports: adapters, config, core, bridge. Effects: none but building."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.schedule.ticking import Ticking
from bridge.choring import Choring
from bridge.claims import Claims
from bridge.distilling import Distilling
from bridge.home import Home
from bridge.perform import Hand
from config.chores import Digest, Distill, Job, Jobs
from config.errors import ConfigError, Problem
from config.settings import FILE, Settings
from core import effects, ids, schedules
from core.errors import BadInput
from core.ports import Clock, Emit, Store, Timetable

PACKS = ("quarantine", "quarantine-context")  # where work waits to be judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """The timetables there are now: the bridge's own jobs, and the teams' schedules."""

    store: Store
    own: tuple[Timetable, ...]

    async def __call__(self) -> Sequence[Timetable]:
        """Return them all."""
        theirs = [
            Timetable(
                job=schedule.id, lane=schedule.thread, when=schedule.when, zone=schedule.zone, since=schedule.resumed_at or schedule.created_at
            )
            for schedule in await self.store.schedules()
        ]  # fmt: skip
        return (*self.own, *theirs)


def build(
    settings: Settings, home: Home, store: Store, clock: Clock, emit: Emit
) -> tuple[Mapping[type[effects.Doing], Hand], Ticking]:
    """Return the hands for what the clock brings, and the scheduler. Raises ConfigError for a time that cannot be."""
    jobs = settings.jobs
    distilling = Distilling(
        store=store, clock=clock, emit=emit, where=jobs.distill.where, channels=jobs.distill.channels
    )
    claims = Claims(store=store, clock=clock, emit=emit)
    choring = Choring(
        loops=home.loops, store=store, clock=clock, emit=emit, digest_in=jobs.digest.where, remind_after=jobs.reminders.after,
        archive_after=jobs.archive.after, keep=jobs.gc.keep, packs=tuple(home.root / name for name in PACKS), distil=distilling.chore,
    )  # fmt: skip
    work = Clockwork(store=store, own=tables(settings))
    hands: Mapping[type[effects.Doing], Hand] = {
        effects.Chore: choring,
        effects.Distil: distilling.order,
        effects.ReadClaims: claims.read,
        effects.Retrace: claims.retrace,
    }
    return hands, Ticking(timetables=work, marks=store, emit=emit, clock=clock)


def tables(settings: Settings) -> tuple[Timetable, ...]:
    """Return the timetables of the jobs that run. Raises ConfigError with each time that cannot be."""
    found, problems = [], []
    for name, job in _jobs(settings.jobs).items():
        try:
            when = schedules.cron(job.cron)
        except BadInput as wrong:
            key = f"jobs.{name}.cron"
            problems.append(
                Problem(
                    file=str(settings.home / FILE),
                    key=key,
                    expected=f'five cron fields such as "0 9 * * mon-fri" ({str(wrong).rstrip(".")})',
                    there=f'"{job.cron}"',
                )
            )
            continue
        if job.enabled and _placed(job):
            lane = ids.thread_key("bridge", "jobs", name, "main")
            found.append(Timetable(job=name, lane=lane, when=when, zone=settings.jobs.zone))
    if problems:
        raise ConfigError(problems)
    return tuple(found)


def _jobs(jobs: Jobs) -> Mapping[str, Job]:
    return {
        "distill": jobs.distill, "digest": jobs.digest, "reminders": jobs.reminders, "archive": jobs.archive, "gc": jobs.gc,
    }  # fmt: skip


def _placed(job: Job) -> bool:
    """Whether a job that speaks somewhere was told where."""
    return not isinstance(job, Distill | Digest) or bool(job.where)
