"""Loops that begin by the clock. Owns: the word `schedule`, ticked, over. Imports: core. Effects: none."""

from __future__ import annotations

import re
from dataclasses import replace

from core import commands, people, schedules, timecards, wording
from core.commands import Command
from core.effects import Chore
from core.errors import BadInput
from core.events import Author, JobSaid, Posted, Ticked
from core.ids import derived
from core.people import Member
from core.schedules import Schedule
from core.step import consenting, driving, starting
from core.step.draft import Draft

QUOTED = re.compile(r"[\"“”„«'‘](.*?)[\"“”»'’](?:\s+(.*))?", re.DOTALL)
JOBS = frozenset({"distill", "digest", "reminders", "archive", "gc"})


def order(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Make, list, pause, resume or delete schedules of this thread. Raises BadInput with examples."""
    verb, _, rest = command.rest.partition(" ")
    if not command.rest or command.rest == "list":
        draft.whisper(event.author.identity, timecards.listed(_here(draft)), what="schedules")
    elif verb in ("pause", "resume", "delete"):
        _change(draft, event, member, verb, rest.strip())
    else:
        _make(draft, event, member, command.rest)


def _make(draft: Draft, event: Posted, member: Member, words: str) -> None:
    match = QUOTED.fullmatch(words)
    if match is None or not (match.group(2) or "").strip():
        raise BadInput(
            "A schedule needs a time in quotes and then a task."
            if match is None
            else "What is to be done at that time?",
            remedy=f'`/loop schedule "every weekday at 9:00" run the slow tests`; a time is {schedules.EXAMPLES}.',
        )
    when = schedules.parse(match.group(1))
    if schedules.often(when) > schedules.PER_HOUR:
        raise BadInput(
            f"A loop can begin {schedules.PER_HOUR} times an hour at most.",
            remedy='`"every 15 minutes"`, for example.',
        )
    if len(_here(draft)) >= schedules.MOST:
        raise BadInput(
            f"A thread has {schedules.MOST} schedules at most.", remedy="`/loop schedule list` shows them."
        )
    task = (match.group(2) or "").strip()
    starting.checked(draft, commands.parse(f"start {task}"))
    made = Schedule(
        id=derived("schedule", event.dedup), thread=draft.lane, when=when, said=match.group(1), zone=draft.house.zone, words=task,
        driver=member.id, driver_identity=event.author.identity, driver_name=event.author.name, message=event.message,
        created_at=draft.at,
    )  # fmt: skip
    draft.put_schedule(made)
    draft.say(timecards.made(made), what="scheduled")


def _change(draft: Draft, event: Posted, member: Member, verb: str, handle: str) -> None:
    found = _named(draft, handle)
    owner = draft.desk.people.behind(found.driver_identity, found.driver)
    if member.role != "admin" and member.id != owner:
        raise BadInput(
            f"{wording.line(found.driver_name, 40)} made this schedule.",
            remedy="They or an admin can change it.",
        )
    who = wording.line(event.author.name, 40)
    if verb == "resume" and not found.paused:
        raise BadInput(
            f"Schedule {found.handle} is not paused.",
            remedy=f"`/loop schedule pause {found.handle}` pauses it.",
        )
    changes = {
        "pause": replace(found, paused=f"by {who}"),
        "resume": replace(found, paused="", failures=0, skipped=False, resumed_at=draft.at),
        "delete": replace(found, deleted=True),
    }
    draft.put_schedule(changes[verb])
    draft.say(timecards.changed(found, {"delete": "deleted"}.get(verb, f"{verb}d"), who), what="scheduled")


def _named(draft: Draft, handle: str) -> Schedule:
    known = _here(draft)
    handle = handle.lower().lstrip("#")
    found = [schedule for schedule in known if handle and schedule.id.startswith(handle)]
    if not handle and len(known) == 1:
        found = known
    if len(found) != 1:
        names = ", ".join(schedule.handle for schedule in known)
        raise BadInput(
            "Which schedule?" if not found else f"{len(found)} schedules begin like that.",
            remedy=f"Here there are: {names}." if names else "Nothing is scheduled in this thread.",
        )
    return found[0]


def _here(draft: Draft) -> list[Schedule]:
    return [schedule for schedule in draft.schedules.values() if not schedule.deleted]


def ticked(draft: Draft, event: Ticked) -> None:
    """A job is due: one of the bridge's own, or a loop of this thread."""
    if event.job in JOBS:
        draft.effects.append(
            Chore(key=draft.key("chore"), lane=draft.lane, job=event.job, due=event.due, since=event.since)
        )
        return
    found = draft.schedules.get(event.job)
    if found is None or not found.runs:
        return
    member = _driver(draft, found)
    if not people.may(member, "start") or member is None:
        _pause(
            draft, found, f"{wording.line(found.driver_name, 40)}, who made it, may not start loops any more"
        )
        return
    loop = draft.loop
    if loop is not None and loop.live:
        engaged = loop.busy or loop.status in ("queued", "waiting", "rfd")
        commits = None if engaged else consenting.pending(draft)
        if engaged or commits is not None:
            if not found.skipped:
                draft.say(timecards.skipped(found, loop, commits), what="skipped")
            draft.put_schedule(replace(found, skipped=True))
            return
        driving.put_away(draft)
    _run(draft, found, member, event)


def _run(draft: Draft, found: Schedule, member: Member, event: Ticked) -> None:
    author = Author(identity=found.driver_identity, name=member.name)
    begin = starting.Beginning(
        seed=event.dedup, member=member.id, author=author, message=found.message, schedule=found.id
    )
    draft.put_schedule(replace(found, skipped=False))
    try:
        starting.start(draft, begin, commands.parse(f"start {found.words}"))
    except BadInput as refusal:
        _pause(draft, found, f"it cannot begin any more. {refusal} {refusal.remedy}".rstrip(" ."))


def _driver(draft: Draft, found: Schedule) -> Member | None:
    known = draft.desk.people
    return known.members.get(known.behind(found.driver_identity, found.driver))


def over(draft: Draft, *, ok: bool) -> None:
    """A turn of a loop ended: count it, once a loop, for the schedule it ran for. Three failures in a row pause that."""
    loop = draft.loop
    found = draft.schedules.get(loop.schedule) if loop is not None else None
    if loop is None or found is None or found.counted == loop.id:
        return
    found = replace(found, failures=0 if ok else found.failures + 1, counted=loop.id)
    draft.put_schedule(found)
    if found.failures >= schedules.FAILURES and found.runs:
        _pause(
            draft,
            found,
            f"its last {schedules.FAILURES} runs failed, the newest because: {loop.failure}".rstrip("."),
        )


def _pause(draft: Draft, found: Schedule, why: str) -> None:
    found = replace(found, paused=wording.line(why, 300))
    draft.put_schedule(found)
    draft.say(timecards.paused(found), what="paused")


def said(draft: Draft, event: JobSaid) -> None:
    """A job has something to tell this thread."""
    draft.say(event.message, what=f"job:{event.job}")
