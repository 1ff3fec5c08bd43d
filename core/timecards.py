"""What schedules and jobs say. Owns: their wording. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core import landing, schedules, wording
from core.asks import Ask
from core.ids import Token
from core.loop import Loop
from core.message import Button, Buttons, Message, Text
from core.schedules import Schedule


def made(schedule: Schedule) -> Message:
    """Return what is said once a schedule is made."""
    words = (
        f"Scheduled as {schedule.handle}: “{_task(schedule)}”, {schedules.spoken(schedule.when, schedule.zone)}."
        f" {wording.line(schedule.driver_name, 40)} drives it, here in this thread."
        f" `/loop schedule pause {schedule.handle}` or `delete` ends that."
    )
    return Message(blocks=(Text(text=words),))


def listed(found: Sequence[Schedule]) -> Message:
    """Return a thread's schedules."""
    if not found:
        none = f'Nothing is scheduled in this thread. `/loop schedule "every weekday at 9:00" <task>` makes one; a time can also be {schedules.EXAMPLES}.'
        return Message(blocks=(Text(text=none),))
    lines = [
        f"{schedule.handle} · {schedules.spoken(schedule.when, schedule.zone)} · “{_task(schedule)}” ·"
        f" {wording.line(schedule.driver_name, 30)}{f' · paused: {schedule.paused}' if schedule.paused else ''}"
        for schedule in found
    ]
    lines.append("`/loop schedule pause`, `resume` or `delete`, each with the first word of a line.")
    return Message(title="Scheduled here", blocks=(Text(text="\n".join(lines)),))


def changed(schedule: Schedule, what: str, who: str) -> Message:
    """Return that somebody paused, resumed or deleted a schedule."""
    words = f"Schedule {schedule.handle} was {what} by {wording.line(who, 40)}: “{_task(schedule)}”."
    return Message(blocks=(Text(text=words),))


def skipped(schedule: Schedule, loop: Loop, commits: Ask | None) -> Message:
    """Return why a run was left out; `commits` is the ask about those of a finished loop that have not landed."""
    busy = "waits for somebody to `/loop claim` it" if loop.status == "rfd" else "is still at work"
    if commits is not None:
        busy = f"has commits that have not landed. {landing.still(commits)}"
        if commits.open:
            busy += f" `approve {commits.handle}` or `deny {commits.handle}` makes way for the next run"
    words = (
        f"A run of schedule {schedule.handle} (“{_task(schedule)}”) was left out: loop #{loop.handle} {busy.rstrip('.')}."
        " It counts as no failure; the next run comes at its time."
    )
    return Message(blocks=(Text(text=words),))


def paused(schedule: Schedule) -> Message:
    """Return that a schedule was paused by itself, why, and how it goes on. It calls whoever made it."""
    words = (
        f"Schedule {schedule.handle} (“{_task(schedule)}”) is paused: {schedule.paused}. Its loops and their files are kept."
        f" Once that is mended, `/loop schedule resume {schedule.handle}` has it run again."
    )
    return Message(blocks=(Text(text=words),), notify=(schedule.driver_identity,))


def put_away(loop: Loop, since: datetime, now: datetime) -> Message:
    """Return that an idle loop was archived."""
    words = (
        f"Loop #{loop.handle} was archived after {wording.duration((now - since).total_seconds())} without a word."
        " Its clone, its commits and what was said are kept; write here to go on with it."
    )
    return Message(blocks=(Text(text=words),))


def asks_to_share(messages: int, *, allow: Token, refuse: Token) -> Message:
    """Return the question whether what was said among few may be condensed for everybody."""
    words = (
        f"May {wording.count(messages, 'message')} of this thread be condensed for `knowledge`? Not everybody who reads that can read here."
        " What comes of it is shown as a proposal, and changes nothing until somebody merges it."
    )
    buttons = Buttons(
        buttons=(Button(label="Allow", token=allow), Button(label="Keep it here", token=refuse))
    )
    return Message(blocks=(Text(text=words), buttons))


def shared(state: str, by: str, at: datetime) -> Message:
    """Return that question's one last line."""
    mark, words = (
        ("✓", "may be condensed for `knowledge`")
        if state == "allowed"
        else ("✗", "stays among those who read here")
    )
    return Message(
        blocks=(Text(text=f"{mark} What was said here {words}: {wording.line(by, 40)}, {at:%H:%M} UTC"),)
    )


def _task(schedule: Schedule) -> str:
    return wording.line(schedule.words, 80).replace("“", "").replace("”", "")
