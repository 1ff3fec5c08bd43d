"""What the bridge does by the clock. Owns: Jobs and a section per job. Imports: config, pydantic. Effects: none."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, JsonValue

from config.sections import Section
from config.units import Duration

CRON: dict[str, JsonValue] = {"expected": 'five cron fields such as "0 9 * * mon-fri"'}
PLACE: dict[str, JsonValue] = {
    "expected": "a thread's key such as slack:T0123/C0456/1700000000.000100, a link to a message in it, or nothing"
}
CHANNELS: dict[str, JsonValue] = {"expected": "a list of channels such as slack:T0123/C0456"}


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != 5 or not re.fullmatch(r"[\d*/,\-a-zA-Z ]+", value):
        raise ValueError("not five cron fields")
    return " ".join(fields)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, KeyError):
        raise ValueError("not a time zone") from None
    return value


def _place(value: str) -> str:
    if value and not re.fullmatch(r"https?://\S+|[a-z]+:[^/\s]+/\S+/\S+", value):
        raise ValueError("not a thread")
    return value


def _place_or_channel(value: str) -> str:
    return value if re.fullmatch(r"slack:[^/\s]+/[^/\s]+", value) else _place(value)


def _channel(value: str) -> str:
    if not re.fullmatch(r"[a-z]+:[^/\s]+/[^/\s]+", value):
        raise ValueError("not a channel")
    return value


Cron = Annotated[str, AfterValidator(_cron)]
Place = Annotated[str, AfterValidator(_place)]
PlaceOrChannel = Annotated[str, AfterValidator(_place_or_channel)]


class Job(Section):
    """What every job has."""

    enabled: bool = True
    cron: Cron


class Distill(Job):
    """Condensing what was said into pages of `knowledge`, as a proposal that a person merges."""

    enabled: bool = Field(True, description="Whether it runs; it needs a `where` too.")
    cron: Cron = Field(
        "0 6 * * mon-fri", description="When, in the zone of `jobs.zone`.", json_schema_extra=CRON
    )
    where: Place = Field(
        "",
        description="The thread its loops work in. Empty: only on request, by `/loop distill`.",
        json_schema_extra=PLACE,
    )
    channels: tuple[Annotated[str, AfterValidator(_channel)], ...] = Field(
        (),
        description="Channels that every member may read, besides those the bridge sees to be open. What is said elsewhere is left out.",
        json_schema_extra=CHANNELS,
    )


class Digest(Job):
    """What moved and what waits for whom, told in one message; when nothing did, nothing is said."""

    enabled: bool = Field(True, description="Whether it runs; it needs a `where` too.")
    cron: Cron = Field(
        "0 9 * * mon-fri", description="When, in the zone of `jobs.zone`.", json_schema_extra=CRON
    )
    where: PlaceOrChannel = Field(
        "",
        description="The thread it is posted in; in Slack also a channel, `slack:T0123/C0456`.",
        json_schema_extra=PLACE,
    )


class Reminders(Job):
    """One message in a thread where asks, proposals or loops without a driver have waited long."""

    enabled: bool = Field(True, description="Whether it runs.")
    cron: Cron = Field(
        "0 10 * * mon-fri", description="When, in the zone of `jobs.zone`.", json_schema_extra=CRON
    )
    after: Duration = Field(
        timedelta(hours=20),
        gt=timedelta(0),
        description="How long something waits before it is brought up; once more every week.",
    )


class Archive(Job):
    """Putting loops away that nobody spoke to for long. Writing in the thread takes them out again."""

    enabled: bool = Field(True, description="Whether it runs.")
    cron: Cron = Field("30 3 * * *", description="When, in the zone of `jobs.zone`.", json_schema_extra=CRON)
    after: Duration = Field(
        timedelta(days=14), gt=timedelta(hours=1), description="How long a loop is idle before."
    )


class Gc(Job):
    """Clearing away what nothing needs any more: leftovers of packs, homes of old loops, what was said in events long handled."""

    enabled: bool = Field(True, description="Whether it runs.")
    cron: Cron = Field("0 4 * * *", description="When, in the zone of `jobs.zone`.", json_schema_extra=CRON)
    keep: Duration = Field(
        timedelta(days=90),
        gt=timedelta(days=1),
        description="How long homes of finished loops and handled events are kept. The graph and the journal keep what they hold.",
    )


class Jobs(Section):
    """What the bridge does by the clock."""

    zone: Annotated[str, AfterValidator(_zone)] = Field(
        "UTC",
        description="The time zone of these times and of those that `/loop schedule` is given.",
        json_schema_extra={"expected": "an IANA time zone such as Europe/Berlin"},
    )
    distill: Distill = Field(default_factory=Distill, description="Condensing into knowledge.")
    digest: Digest = Field(default_factory=Digest, description="What moved and what waits.")
    reminders: Reminders = Field(default_factory=Reminders, description="What waits long.")
    archive: Archive = Field(default_factory=Archive, description="Idle loops.")
    gc: Gc = Field(default_factory=Gc, description="Clearing away.")
