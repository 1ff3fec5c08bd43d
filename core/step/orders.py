"""What a command does. Owns: obey, starting a loop, looking. Imports: core. Effects: none."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from core import commands, focus, graph, people, reports, wording
from core.commands import Command
from core.effects import Priority
from core.errors import BadInput
from core.events import Posted
from core.ids import LoopId, derived, message_key
from core.loop import Loop
from core.people import Member
from core.step import admission, decisions, driving, focusing, following, linking, messages, remembering
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
LOOKS = frozenset({"", "status", "list", "log", "diff", "files", "context", "why", "usage"})


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
            remedy="Talk to it here, or finish it with `/loop done`; another thread can have a loop of its own.",
        )
    task = wording.clean(command.rest).strip()
    if not task:
        hint = "Say what to do, for example `/loop fix the flaky login test`."
        raise BadInput(
            "A loop needs a task."
            if not command.rest.strip()
            else "Nothing in that task can be read as text.",
            remedy=hint,
        )
    if len(task) > draft.house.max_task_chars:
        raise BadInput(
            f"The task has {len(task):,} characters; at most {draft.house.max_task_chars:,} fit.",
            remedy="Put the long part into messages of this thread (they are read as context) and say in a sentence what to do with it.",
        )
    repo = _repo(draft, command.options.repo)
    tags = focus.tags(command.options.tags)
    identifier = LoopId(derived("loop", event.dedup))
    loop = Loop(
        id=identifier, thread=draft.desk.thread, title=wording.title_of(task), task=task, driver=member.id,
        driver_identity=event.author.identity, driver_name=event.author.name, created_at=draft.at, updated_at=draft.at, trigger=event.message,
        repo=repo, branch_from=command.options.branch, model=command.options.model or draft.house.model,
        budget_usd=command.options.budget_usd or draft.house.budget_usd, with_thread=command.options.with_thread,
        planning=command.options.plan,
    )  # fmt: skip
    _new_loop(draft, loop, event, tags)


def _new_loop(draft: Draft, loop: Loop, event: Posted, tags: Sequence[str]) -> None:
    draft.loop = loop
    draft.asks.clear()
    focusing.put(draft, tags)
    messages.give_files(draft, event.files)
    node = draft.node(graph.loop(loop.id), "loop", loop.task, title=loop.title, driver=loop.driver_name)
    trigger = graph.message(message_key(loop.thread, event.message))
    draft.edge(trigger, "spawned", node)
    draft.edge(node, "by", graph.person(event.author.identity))
    draft.edge(node, "in_thread", graph.thread(loop.thread))
    if loop.repo:
        draft.edge(node, "links", draft.node(graph.repo(loop.repo), "repo", loop.repo))
    draft.react(event.message)
    draft.show_status(priority=Priority.ASK)
    if loop.with_thread:
        draft.read_thread(event.message)
    else:
        draft.prepare()


def _repo(draft: Draft, wanted: str) -> str:
    """Return the repo a new loop works on. Raises BadInput with the nearest names."""
    known = draft.house.repos
    if not wanted:
        return draft.house.default_repo or (known[0] if len(known) == 1 else "")
    if wanted in known:
        return wanted
    if not known:
        raise BadInput(
            "No repository is set up on this bridge.",
            remedy='An admin adds one to config.toml: `[repos.app]` with `url = "…"`.',
        )
    near = difflib.get_close_matches(wanted[:100], known, n=3, cutoff=0.3) or known[:3]
    raise BadInput(
        f"There is no repository {wording.code(wanted, 40)} here.",
        remedy=f"Nearest: {wording.listing([f'`{name}`' for name in near], last='or')}.",
    )


def _decide(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    driving.here(draft)
    handle, _, words = command.rest.partition(" ")
    waiting = draft.open_asks()
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
    if word in ("log", "diff", "files", "context"):
        driving.here(draft)
    draft.look(word, command.rest if command.word else "mine", event.author.identity)


ORDERS: dict[str, Order] = {
    **driving.ORDERS, "start": _start, "approve": _decide, "deny": _decide, "answer": _decide, "people": admission.manage, "link": linking.show_code, "remember": remembering.remember, "forget": remembering.forget, "focus": focusing.show, "tag": focusing.tag, "untag": focusing.untag, "inbox": focusing.inbox,
    "follow": following.follow, "unfollow": following.unfollow,
}  # fmt: skip
