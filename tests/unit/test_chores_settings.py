"""What may stand under `jobs`. Owns: nothing. Imports: config. Effects: temp files."""

from __future__ import annotations

from pathlib import Path

import pytest

from config import settings
from config.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[jobs]\nzone = "Mars/Olympus"', "jobs.zone: expected an IANA time zone such as Europe/Berlin"),
        ('[jobs.digest]\ncron = "daily"', "jobs.digest.cron: expected five cron fields"),
        ('[jobs.digest]\nwhere = "#general"', "jobs.digest.where: expected a thread's key"),
        ('[jobs.distill]\nchannels = ["general"]', "jobs.distill.channels"),
        ('[jobs.archive]\nafter = "soon"', "jobs.archive.after: expected a time"),
        ("[jobs.gcc]\nenabled = false", "jobs.gc"),
    ],
)
def test_what_cannot_stand_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        settings.load(tmp_path, {})
    assert why in str(caught.value)


def test_jobs_have_sensible_defaults(tmp_path: Path) -> None:
    jobs = settings.load(tmp_path, {}).jobs
    assert jobs.zone == "UTC"
    assert all(job.enabled for job in (jobs.distill, jobs.digest, jobs.reminders, jobs.archive, jobs.gc))
    assert not jobs.distill.where
