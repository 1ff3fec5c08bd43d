"""What a command does. Owns: obey, starting a loop, looking. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Callable

from core import commands, people, reports, subcommands, wording
from core.commands import Command
from core.errors import BadInput
from core.events import Posted
from core.people import Member
from core.step import (
    admission,
    decisions,
    distilling,
    driving,
    focusing,
    following,
    giving,
    linking,
    marking,
    promoting,
    remembering,
    scheduling,
    starting,
    weighing,
)
from core.step.draft import Draft

Order = Callable[[Draft, Posted, Member, Command], None]


def obey(draft: Draft, event: Posted, member: Member | None, command: Command) -> None:
    """Carry out a command. Raises BadInput with what to do when it cannot be."""
    if command.word == "claim" and commands.LOOKS_LIKE_A_CODE.match(command.rest):
        admission.claim_bridge(draft, event.author, command.rest)
    elif command.word == "link" and command.rest:
        linking.join(draft, event, command.rest)
    elif member is None:
        raise admission.stranger(draft)
    elif command.word == "help":
        draft.whisper(event.author.identity, reports.help_page(command.rest), what="help")
    else:
        _need(draft, member, command.word)
        ORDERS.get(command.word, _look)(draft, event, member, command)


NEEDS: dict[str, people.Action] = {
    "start": "start",
    "people": "look",
    **dict.fromkeys(("approve", "deny", "answer", "link"), "look"),
}
LOOKS = frozenset(
    {"", "status", "list", "log", "diff", "files", "context", "why", "usage", "decisions", "proposals"}
)


def _need(draft: Draft, member: Member, word: str) -> None:
    action = NEEDS.get(word, "look" if word in LOOKS else "drive")
    if not people.may(member, action):
        able = [other.name for other in draft.desk.people.members.values() if people.may(other, action)]
        raise BadInput(f"A {member.role} can't do this: {wording.names(able)} can.")


def _start(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    if draft.loop is not None and draft.loop.live:
        known = draft.loop
        raise BadInput(
            f"This thread has a loop already: #{known.handle}, {known.title}.",
            remedy=f"Talk to it here, or finish it with `/loop done`; another thread can have a loop of its own.{_meant(command.rest)}",
        )
    begin = starting.Beginning(
        seed=event.dedup, member=member.id, author=event.author, message=event.message, files=event.files
    )
    starting.start(draft, begin, command)


def _meant(task: str) -> str:
    """Return how a subcommand is written that a task begins with, empty for any other task."""
    word = subcommands.BY_NAME.get(task.split(None, 1)[0].lower()) if task.strip() else None
    return f" If you meant the subcommand: `/loop {word.name} {word.usage}`." if word else ""


def _decide(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    driving.here(draft)
    handle, _, words = command.rest.partition(" ")
    waiting = draft.open_asks()
    if commands.BECAUSE.match(handle) or (
        command.word == "answer" and not commands.LOOKS_LIKE_A_HANDLE.match(handle)
    ):
        handle, words = "", command.rest
    if not handle and len(waiting) == 1:
        handle = waiting[0].handle
    if not handle:
        known = ", ".join(ask.handle for ask in waiting)
        raise BadInput("Which ask?", remedy=f"Waiting here: {known}." if known else "Nothing waits here.")
    decisions.typed(draft, event, member, command.word, handle.lower().lstrip("#"), words.strip())


def _look(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    word = command.word or "list"
    if word == "status":
        draft.say(
            reports.status(driving.here(draft), draft.open_asks(), at=draft.at, secret=draft.house.secret),
            what="status",
        )
        return
    if word in ("log", "diff", "files"):
        driving.here(draft)
    draft.look(word, command.rest if command.word else "mine", event.author.identity)


ORDERS: dict[str, Order] = {
    **driving.ORDERS, "start": _start, "approve": _decide, "deny": _decide, "answer": _decide, "people": admission.manage, "link": linking.show_code, "remember": remembering.remember, "forget": remembering.forget, "focus": focusing.show, "tag": focusing.tag, "untag": focusing.untag, "inbox": focusing.inbox,
    "follow": following.follow, "unfollow": following.unfollow, "schedule": scheduling.order, "distill": distilling.order,
    "context": giving.order, "decide": marking.decide, "decisions": marking.listed,
    "promote": promoting.promote, "merge": weighing.order, "reject": weighing.order, "edit-proposal": weighing.order,
}  # fmt: skip
