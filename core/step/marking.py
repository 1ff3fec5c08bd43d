"""Decisions that people mark. Owns: `/loop decide`, `/loop decisions`. Imports: core. Effects: none.

A mark is a node of its own, in the audience of the thread it was made in. It touches the thread and the repository of its loop.
"""

from __future__ import annotations

import re

from core import decided, givencards, graph, people, references, wording
from core.commands import Command
from core.decided import Mark
from core.effects import Priority
from core.errors import BadInput
from core.events import Author, Posted, Referred
from core.ids import message_key
from core.people import Member
from core.references import Reference
from core.step import marks, referring
from core.step.draft import Draft

MOST = 4_000  # characters of one decision
SUPERSEDES = re.compile(r"(?:^|\s)--supersedes(?:[= ]+)#?(\w+)\s*")


def decide(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Mark a decision: words of its own, or the message that is answered or linked. Raises BadInput."""
    match = SUPERSEDES.search(command.rest)
    handle = match.group(1) if match else ""
    words = SUPERSEDES.sub(" ", command.rest).strip()
    if handle:
        _known(draft, handle)
    reference = None
    if not words and event.reply_to:
        reference = Reference(kind="node", name=graph.message(message_key(draft.lane, event.reply_to)))
    elif re.fullmatch(r"(?=.*\d)\S+", words):  # one word with a digit in it: a link, a message's id
        reference = references.read(words, thread=draft.lane, member=member.id)
    if reference is not None:
        referring.refer(
            draft,
            "decide",
            reference,
            author=event.author,
            message=event.message,
            via=event.via,
            words=handle,
        )
        return
    if not words:
        raise BadInput(
            "What was decided?",
            remedy="`/loop decide we pin every version`, or `/loop decide` with a message's link, or as a reply to it.",
        )
    if len(words) > MOST:
        raise BadInput(
            f"A decision has at most {MOST:,} characters.",
            remedy="Say what was decided; the reasons can stand in the thread.",
        )
    _mark(draft, words, event.author, handle, permalink=event.permalink, seed=event.dedup)


def referred(draft: Draft, event: Referred) -> None:
    """Mark the message that was pointed at, if everybody here could read it."""
    source = event.found
    if source is None:
        draft.tell(event.author.identity, event.what, event.remedy)
    elif not source.key.startswith(graph.message(message_key(draft.lane, ""))):
        draft.tell(
            event.author.identity,
            "Only messages of this thread can be marked here.",
            "Say it in words: `/loop decide …`.",
        )
    elif any(mark.source == source.key for mark in draft.desk.decisions):
        draft.tell(
            event.author.identity, "That message is a decision already.", "`/loop decisions` shows them."
        )
    else:
        _mark(
            draft, source.text[:MOST], event.author, event.words, permalink=source.permalink, seed=event.dedup, source=source.key,
            owner=source.author,
        )  # fmt: skip


def _mark(
    draft: Draft,
    text: str,
    author: Author,
    supersedes: str,
    *,
    permalink: str,
    seed: str,
    source: str = "",
    owner: str = "",
) -> None:
    older = _known(draft, supersedes) if supersedes else None
    mark = Mark(
        key=graph.mark(seed), handle=decided.handle(seed, draft.desk.decisions), text=wording.clean(text).strip(), owner=owner or author.name,
        at=draft.at, audience=draft.lane, permalink=permalink, source=source, instead=older.handle if older else "",
    )  # fmt: skip
    node = draft.node(
        mark.key, "decision", mark.text, handle=mark.handle, status=decided.LIVE, owner=mark.owner, marker=author.name, permalink=permalink,
        source=source, instead=mark.instead,
    )  # fmt: skip
    draft.edge(node, "by", draft.node(graph.person(author.identity), "person", author.name))
    draft.edge(node, "touches", draft.node(graph.thread(draft.lane), "thread"))
    if draft.loop is not None and draft.loop.repo:
        draft.edge(node, "touches", draft.node(graph.repo(draft.loop.repo), "repo", draft.loop.repo))
    if source:
        draft.edge(node, "distilled_from", source)
    if older is not None:
        draft.edge(node, "supersedes", older.key)
        marks.end(draft, older, decided.SUPERSEDED, instead=mark.handle)
    draft.say(givencards.marked(mark, older), what=f"mark:{mark.handle}", priority=Priority.ANSWER)


def _known(draft: Draft, handle: str) -> Mark:
    mark = decided.by_handle(draft.desk.decisions, handle)
    if mark is None:
        known = ", ".join(one.handle for one in draft.desk.decisions[:8])
        raise BadInput(
            f"There is no live decision {wording.code(handle, 20)} here.",
            remedy=f"Live ones: {known}." if known else "",
        )
    return mark


def listed(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Show what was decided here, or take a decision back. Raises BadInput."""
    verb, _, handle = command.rest.partition(" ")
    if not verb:
        draft.look("decisions", "", event.author.identity)
        return
    if not people.may(member, "drive"):
        able = [other.name for other in draft.desk.people.members.values() if people.may(other, "drive")]
        raise BadInput(f"A {member.role} can't withdraw a decision: {wording.names(able)} can.")
    if not handle.strip():
        raise BadInput(
            "Which decision?", remedy="`/loop decisions withdraw d3f`; `/loop decisions` lists them."
        )
    mark = _known(draft, handle.strip())
    marks.end(draft, mark, decided.WITHDRAWN)
    draft.say(givencards.withdrawn(mark, event.author.name), what=f"withdrawn:{mark.handle}")
