"""What is remembered and forgotten. Owns: the words `remember`, `forget`, `memory`, and what follows from their events. Imports: core. Effects: none."""

from __future__ import annotations

import re

from core import graph, layers, memory, memorycards, people, reports
from core.commands import Command
from core.effects import Forget, Priority, Reindex, Remember, Share, Show
from core.errors import BadInput
from core.events import (
    Forgotten,
    LayerMoved,
    LearnedAlone,
    NotDone,
    Page,
    Posted,
    Pressed,
    Remembered,
    RememberHeld,
)
from core.ids import CardKey, ThreadKey
from core.message import Message
from core.people import Member
from core.step.draft import Draft

OWN = re.compile(r"^(?:--me|me)\b:?\s*", re.IGNORECASE)


def remember(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Have a fact kept: the words, or the message that is replied to or linked. Raises BadInput when there is none, or it is a secret."""
    personal, words = _own(command.rest)
    if not words and not event.reply_to:
        raise BadInput(
            "Remember what?",
            remedy="`/loop remember staging is at db2`; or reply to a message with `/loop remember`, or give its link.",
        )
    if len(words) > memory.LONGEST:
        raise BadInput(
            f"That is longer than {memory.LONGEST:,} characters.",
            remedy="A fact is a sentence or a few; what is longer belongs on a page.",
        )
    draft.effects.append(
        Remember(
            key=draft.key("remember"),
            lane=draft.lane,
            text=words,
            author=event.author,
            message=event.message,
            reply_to=event.reply_to,
            personal=personal,
            via=event.via,
        )
    )


def forget(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Have a fact taken out again. Raises BadInput when none is named."""
    personal, words = _own(command.rest)
    if not words:
        raise BadInput(
            "Forget what?", remedy="`/loop forget m3f2`, or some of its words; `/loop memory` shows what there is."
        )  # fmt: skip
    draft.effects.append(
        Forget(
            key=draft.key("forget"), lane=draft.lane, words=words, author=event.author, message=event.message, personal=personal,
            via=event.via,
        )
    )  # fmt: skip


def pressed(draft: Draft, event: Pressed, member: Member | None) -> bool:
    """Take the answer to a question about a closed thread; False when the button is another's."""
    choice = memorycards.chosen(event.token)
    if choice is None:
        return False
    if member is None or event.author.bot or not people.may(member, "drive"):
        draft.tell(event.author.identity, "That is for members of this bridge.")
        return True
    held, share = choice
    draft.effects.append(
        Share(
            key=draft.key("share"), lane=draft.lane, priority=Priority.ASK, held=held, share=share, author=event.author,
            press=event.press, via=event.via,
        )
    )  # fmt: skip
    return True


def held(draft: Draft, event: RememberHeld) -> None:
    """Ask before a thread's words can be read elsewhere."""
    _put(draft, event.via, event.held, memorycards.question(event.text, event.held, name=event.author.name))


def remembered(draft: Draft, event: Remembered) -> None:
    """Note a fact with what it rests on, and give its receipt: to the thread, or for one's own to that one alone."""
    _note(draft, event)
    if event.layer not in layers.TEAM:
        if event.card:
            _put(draft, event.via, event.card, memorycards.answered(event))
        if not event.turn:
            draft.whisper(event.author.identity, memorycards.kept(event), what="remembered")
        return
    if event.turn:
        _learned(draft, event)
    elif event.card:
        _put(draft, event.via, event.card, memorycards.answered(event))
    else:
        draft.say(memorycards.remembered(event), what=f"remembered:{event.memo}")


def forgotten(draft: Draft, event: Forgotten) -> None:
    """Empty a fact's node, unless another file is of the same name, and say that it is gone."""
    own = event.layer not in layers.TEAM
    if not event.twin:
        draft.facts.append(_fact(event, event.memo, "", {"deleted": event.at.isoformat()}))
    message = memorycards.forgotten(event, own=own)
    if own:
        draft.whisper(event.author.identity, message, what="forgotten")
    else:
        draft.say(message, what=f"forgotten:{event.memo}")


def learned_alone(draft: Draft, event: LearnedAlone) -> None:
    """Count a fact that went into the driver's own memory, for the line at its turn's end."""
    turn = draft.loop.turn if draft.loop else None
    if turn is not None and turn.id == event.turn and turn.state != "ended":
        draft.turn(learned_alone=(*turn.learned_alone, event.handle))


def not_done(draft: Draft, event: NotDone) -> None:
    """Tell whoever asked why nothing came of it."""
    more = memorycards.candidates(event.candidates)
    draft.tell(event.author.identity, event.what, f"{event.remedy}\n{more}" if more else event.remedy)


def reindex(draft: Draft, event: LayerMoved) -> None:
    """Have the index of facts follow files that came in by another way than the bridge's own."""
    paths = {page.path for page in event.pages} | set(event.gone)
    if paths & {memory.TEAM_INDEX, memory.OWN_INDEX} or not any(
        path.startswith(f"{memory.FOLDER}/") for path in paths
    ):
        return
    draft.effects.append(Reindex(key=draft.key("reindex"), lane=draft.lane, layer=event.layer))


def stands(event: LayerMoved, page: Page) -> graph.Node | None:
    """Return the fact that a file of a layer holds now, None for another kind of file."""
    memo = memory.read(page.path, page.text)
    if memo is None:
        return None
    props = {"layer": event.layer, "path": page.path, "by": memo.by, "permalink": memo.source, "deleted": ""}
    return _fact(event, memo.id, memo.text, props)


def gone(event: LayerMoved, path: str) -> graph.Node | None:
    """Return the fact whose file is no more, None for another kind of file; one that stands in another file stays."""
    memo = memory.id_of(path)
    left = (memory.read(page.path, page.text) for page in event.pages)
    if not memo or any(each.id == memo for each in left if each is not None):
        return None
    return _fact(event, memo, "", {"deleted": event.at.isoformat()})


def _fact(
    event: LayerMoved | Remembered | Forgotten, memo: str, text: str, props: dict[str, str]
) -> graph.Node:
    return graph.Node(
        key=graph.memory(event.layer, memo),
        kind="memory",
        audience=layers.audience(event.layer),
        at=event.at,
        text=text,
        props=props,
    )


def _own(rest: str) -> tuple[bool, str]:
    words = rest.strip()
    found = OWN.match(words)
    return (True, words[found.end() :].strip()) if found else (False, words)


def _note(draft: Draft, event: Remembered) -> None:
    key = graph.memory(event.layer, event.memo)
    props = {
        "handle": event.handle,
        "layer": event.layer,
        "path": event.path,
        "permalink": event.permalink,
        "deleted": "",
        "reopened": event.at.isoformat(),  # whoever says it (again) stands for it
    }
    draft.facts.append(_fact(event, event.memo, event.text, props))
    if event.turn is None:
        draft.edge(key, "by", graph.person(event.author.identity))
    if event.source:
        draft.edge(key, "distilled_from", event.source)
    if event.origin != event.source:
        draft.edge(key, "links", event.origin)


def _put(draft: Draft, via: str, held: str, message: Message) -> None:
    """Show the question's card, or what became of it, in the thread it was asked in: nobody follows it from elsewhere."""
    draft.effects.append(
        Show(
            key=draft.key("show", held),
            lane=ThreadKey(via) or draft.lane,
            priority=Priority.ASK,
            card=CardKey(f"memory:{held}"),
            message=message,
        )
    )


def _learned(draft: Draft, event: Remembered) -> None:
    """Keep what an agent promoted for the one line at its turn's end; a turn that is over says it at once."""
    if event.known:
        return
    words = memorycards.learned(event.handle, event.text)
    turn = draft.loop.turn if draft.loop else None
    if turn is not None and turn.id == event.turn and turn.state != "ended":
        draft.turn(learned=(*turn.learned, words))
        return
    draft.say(reports.note(memorycards.announced((words,))), what=f"learned:{event.memo}")
