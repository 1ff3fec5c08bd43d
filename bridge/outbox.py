"""What waits for one thread, and what goes next. Owns: Outbox. Imports: core. Effects: none: it is told the time.

Lower priorities go first, older before newer; but two effects of one card keep their order, and an edit waits until its card may be
edited again while everything else overtakes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.effects import Effect, Say, Show
from core.ids import CardKey
from core.ports import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What to do now: a job, or to wait so many seconds (None: until something comes)."""

    job: Job | None = None
    wait: float | None = None


def card_of(effect: Effect) -> CardKey | None:
    """Return the card an effect speaks of."""
    return effect.card or None if isinstance(effect, Say | Show) else None


def _superseded(old: Job, new: Job) -> bool:
    """Whether an edit need not go out any more. One that was tried already may have shown: it keeps its place before the newer one."""
    return (
        isinstance(old.effect, Show)
        and card_of(old.effect) == card_of(new.effect)
        and old.id < new.id
        and old.attempts == 0
    )


class Outbox:
    """The chat effects of one lane. Times are monotonic seconds. `edit_every` may be set anew: a chat says it once it is connected."""

    def __init__(self, edit_every: float) -> None:
        self.edit_every = edit_every
        self._jobs: dict[int, Job] = {}
        self._ready: dict[int, float] = {}
        self._edited: dict[CardKey, float] = {}
        self._paused_until = 0.0

    def __len__(self) -> int:
        return len(self._jobs)

    def put(self, jobs: Sequence[Job]) -> None:
        """Add jobs; a newer Show of a card takes the place of an older Show that still waits."""
        for job in jobs:
            if isinstance(job.effect, Show):
                for other in [old for old in self._jobs.values() if _superseded(old, job)]:
                    if job.effect.priority >= other.effect.priority and other.id in self._ready:
                        self._ready[job.id] = self._ready[other.id]  # the platform set the time for this card
                    self.drop(other.id)
            self._jobs[job.id] = job

    def drop(self, job: int) -> None:
        """Forget a job: it is over."""
        self._jobs.pop(job, None)
        self._ready.pop(job, None)

    def done(self, job: Job, *, now: float) -> None:
        """Note that a job was carried out."""
        card = card_of(job.effect)
        if card:
            self._edited[card] = now
        self.drop(job.id)

    def is_edit(self, job: Job) -> bool:
        """Whether a job changes a card that is known to stand there."""
        return isinstance(job.effect, Show) and job.effect.card in self._edited

    def put_off(self, job: Job, *, until: float, pause: bool, counts: bool = True) -> Job:
        """Note a failed try; with `pause` nothing of this lane goes out before `until`. Return the job with its try counted.

        A try that `counts` not has changed nothing for sure.
        """
        again = replace(job, attempts=job.attempts + counts)
        if job.id in self._jobs:
            self._jobs[job.id] = again
            self._ready[job.id] = until
        if pause:
            self._paused_until = max(self._paused_until, until)
        return again

    def next(self, now: float) -> Next:
        """Return what goes next at `now`."""
        if self._paused_until > now:
            return Next(wait=self._paused_until - now)
        waits: list[float] = []
        for job in sorted(self._jobs.values(), key=lambda job: (job.effect.priority, job.id)):
            ready = self._when(job)
            if ready is None:
                continue
            if ready <= now:
                return Next(job=job)
            waits.append(ready - now)
        return Next(wait=min(waits, default=None))

    def _when(self, job: Job) -> float | None:
        """Return when a job may go, or None while an older one of its card is before it."""
        card = card_of(job.effect)
        if card and any(other.id < job.id and card_of(other.effect) == card for other in self._jobs.values()):
            return None
        ready = self._ready.get(job.id, 0.0)
        if card and isinstance(job.effect, Show) and card in self._edited:
            ready = max(ready, self._edited[card] + self.edit_every)
        return ready
