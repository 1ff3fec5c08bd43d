"""What people write, as facts. Owns: note (a message into the graph) and its follow-ups. Imports: core. Effects: none."""

from __future__ import annotations

from dataclasses import replace

from core import asides, files, graph
from core.events import Deleted, Edited, FileRef, Posted
from core.ids import message_key
from core.loop import Input
from core.step import claims, marks
from core.step.draft import Draft


def note(draft: Draft, event: Posted) -> str:
    """Write a message with its author, its thread and its files into the graph; return its node's key."""
    lane = draft.desk.thread
    key = graph.message(message_key(lane, event.message))
    room = {"room": event.room} if event.room and not event.via else {}
    place = draft.node(graph.thread(lane), "thread", **room)
    who = draft.node(
        graph.person(event.author.identity),
        "person",
        event.author.name,
        bot="yes" if event.author.bot else "",
    )
    draft.facts.append(
        graph.Node(
            key=key,
            kind="message",
            audience=lane,
            at=event.at,
            text=event.text,
            props={
                "author": event.author.name,
                "identity": event.author.identity,
                "bot": "yes" if event.author.bot else "",
                "permalink": event.permalink,
                "id": event.message,
                "files": "\n".join(files.path(file) for file in event.files),
                **({"aside": "yes"} if _is_aside(event) else {}),
            },
        )
    )
    draft.edge(key, "in_thread", place)
    draft.edge(key, "by", who)
    for mentioned in event.mentions:
        draft.edge(key, "mentions", graph.person(mentioned))
    if event.reply_to:
        draft.edge(key, "replies_to", graph.message(message_key(lane, event.reply_to)))
    for file in event.files:
        attached = graph.file(message_key(lane, event.message), file.name)
        draft.edge(key, "links", draft.node(attached, "file", file.name, id=file.id, size=str(file.size)))
    return key


def _is_aside(event: Posted) -> bool:
    """Whether a message says nothing to those at work: it is for the bridge, or another one says it."""
    return bool(event.repeats) or (event.addressed and asides.aside(event.text, addressed=True))


def edited(draft: Draft, event: Edited) -> None:
    """Follow an edit: what was said counts as it reads now, and a prompt that has not left yet carries the new words."""
    marks.source_changed(draft, event)
    claims.retrace(draft, event)
    lane = draft.desk.thread
    key = graph.message(message_key(lane, event.message))
    draft.node(
        key,
        "message",
        event.text,
        author=event.author.name,
        identity=event.author.identity,
        edited=event.at.isoformat(),
        id=event.message,
        aside="",
    )
    loop = draft.loop
    if loop is not None and any(entry.message == event.message for entry in loop.inputs):
        draft.now(
            inputs=tuple(
                replace(entry, text=event.text) if entry.message == event.message else entry
                for entry in loop.inputs
            )
        )


def deleted(draft: Draft, event: Deleted) -> None:
    """Follow a deletion: the words are gone from the graph and from prompts that have not left yet."""
    key = graph.message(message_key(draft.desk.thread, event.message))
    marks.source_changed(draft, event)
    claims.retrace(draft, event)
    draft.node(key, "message", "", deleted=event.at.isoformat())
    loop = draft.loop
    if loop is not None and any(entry.message == event.message for entry in loop.inputs):
        draft.now(inputs=tuple(entry for entry in loop.inputs if entry.message != event.message))


def as_input(event: Posted, text: str, *, turn: bool) -> Input:
    """Return a message as something a prompt will carry."""
    return Input(
        message=event.message, author=event.author.name, text=text, at=event.at, turn=turn, files=event.files
    )


def give_files(draft: Draft, given: tuple[FileRef, ...]) -> None:
    """Have files put into the loop's inbox; the newest ones, when there are very many."""
    known = draft.has().files
    fresh = [file for file in given if file not in known]
    if fresh:
        draft.now(files=(*known, *fresh)[-files.MOST :])
