"""How a loop begins. Owns: Beginning, start, put. Imports: core. Effects: none."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from core import focus, graph, wording
from core.commands import Command
from core.effects import Priority
from core.errors import BadInput
from core.events import Author, FileRef
from core.ids import LoopId, MemberId, derived, message_key
from core.loop import Loop
from core.step import focusing, messages
from core.step.draft import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Who begins a loop, by which message. `seed` is what its id is made from; `schedule` the one it runs for."""

    seed: str
    member: MemberId
    author: Author
    message: str
    files: tuple[FileRef, ...] = ()
    schedule: str = ""


def start(draft: Draft, begin: Beginning, command: Command) -> Loop:
    """Begin the loop that a command describes. Raises BadInput when its task or its options cannot be taken."""
    options = command.options
    task, repo, tags = checked(draft, command)
    loop = Loop(
        id=LoopId(derived("loop", begin.seed)), thread=draft.desk.thread, title=wording.title_of(task), task=task, driver=begin.member,
        driver_identity=begin.author.identity, driver_name=begin.author.name, created_at=draft.at, updated_at=draft.at,
        trigger=begin.message, repo=repo, branch_from=options.branch, model=options.model or draft.house.model,
        budget_usd=options.budget_usd or draft.house.budget_usd, with_thread=options.with_thread, planning=options.plan,
        cached=options.cached, personal=None if begin.schedule else begin.member,
        schedule=begin.schedule,
    )  # fmt: skip
    return put(draft, loop, begin, tags)


def put(draft: Draft, loop: Loop, begin: Beginning, tags: Sequence[str] = (), *, waits: bool = False) -> Loop:
    """Make this the thread's loop, and have it prepared unless it `waits` for something."""
    draft.loop = loop
    draft.asks.clear()
    focusing.put(draft, tags)
    messages.give_files(draft, begin.files)
    node = draft.node(graph.loop(loop.id), "loop", loop.task, title=loop.title, driver=loop.driver_name)
    if begin.message:
        draft.edge(graph.message(message_key(loop.thread, begin.message)), "spawned", node)
    draft.edge(node, "by", graph.person(begin.author.identity))
    draft.edge(node, "in_thread", graph.thread(loop.thread))
    if loop.repo:
        draft.edge(node, "links", draft.node(graph.repo(loop.repo), "repo", loop.repo))
    if begin.message and not loop.schedule:
        draft.react(begin.message)
    if waits:
        draft.now(status="waiting")
    draft.show_status(priority=Priority.ASK)
    if waits:
        return draft.has()
    if loop.with_thread and begin.message:
        draft.read_thread(begin.message)
    else:
        draft.prepare()
    return draft.has()


def checked(draft: Draft, command: Command) -> tuple[str, str, tuple[str, ...]]:
    """Return a command's task, repository and tags. Raises BadInput for what a loop could not begin with."""
    return (
        _task(draft, command.rest),
        _repo(draft, command.options.repo),
        tuple(focus.tags(command.options.tags)),
    )


def _task(draft: Draft, words: str) -> str:
    task = wording.clean(words).strip()
    if not task:
        hint = "Say what to do, for example `/loop fix the flaky login test`."
        raise BadInput(
            "A loop needs a task." if not words.strip() else "Nothing in that task can be read as text.",
            remedy=hint,
        )
    if len(task) > draft.house.max_task_chars:
        raise BadInput(
            f"The task has {len(task):,} characters; at most {draft.house.max_task_chars:,} fit.",
            remedy="Put the long part into messages of this thread (they are read as context) and say in a sentence what to do with it.",
        )
    return task


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
