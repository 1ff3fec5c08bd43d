"""Do the jobs that the clock begins have what they need? Owns: jobs. Imports: config, core, bridge. Effects: none."""

from __future__ import annotations

from collections.abc import Sequence

from bridge import clockwork
from config.errors import ConfigError
from config.settings import Settings
from core import wording
from core.ports import Finding

NAME = "jobs"


async def jobs(settings: Settings) -> Sequence[Finding]:
    """Say which jobs run, and what keeps others from it."""
    try:
        running = [table.job for table in clockwork.tables(settings)]
    except ConfigError as exc:
        remedy = "Mend that line; docs/distillation.md says how times are written."
        return [Finding(name=NAME, ok=False, detail=str(problem), remedy=remedy) for problem in exc.problems]
    placeless = [
        name
        for name, job in (("distill", settings.jobs.distill), ("digest", settings.jobs.digest))
        if job.enabled and not job.where
    ]
    detail = f"by the clock, in {settings.jobs.zone}: {wording.listing(running) or 'nothing'}"
    if placeless:
        detail += f"; {wording.listing(placeless)} {'needs' if len(placeless) == 1 else 'need'} a thread ({', '.join(f'jobs.{name}.where' for name in placeless)})"
    return [Finding(name=NAME, ok=True, detail=detail)]
