"""One loop, several threads. Owns: relay, followed, and the words `follow` and `unfollow`. Imports: core. Effects: none.

A loop lives in one thread. Others may follow it: they see what that one sees, and what is said or pressed in them is taken to it.
"""

from __future__ import annotations

from dataclasses import replace

from core import cards, graph, people, reports
from core.commands import Command
from core.effects import Follow, Priority, Relay
from core.errors import BadInput
from core.events import Followed, Posted, Pressed
from core.ids import ThreadKey, platform_of
from core.people import Member
from core.step.draft import Draft
from core.step.voice import status_card

MOST = 8


def relay(draft: Draft, event: Posted | Pressed) -> None:
    """Take what happened here to the thread of the loop that is followed from here."""
    home = draft.desk.follows
    if home is None:
        return
    number = event.message if isinstance(event, Posted) else event.press
    here = f"{draft.lane}#{number}"
    moved: Posted | Pressed = (
        replace(event, lane=home, via=draft.lane, message=here)
        if isinstance(event, Posted)
        else replace(event, lane=home, via=draft.lane, press=here)
    )
    draft.effects.append(Relay(key=draft.key("relay"), lane=draft.lane, priority=Priority.ASK, event=moved))


def follow(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Ask for a loop to be followed from here. Raises BadInput when this thread has one of its own."""
    prefix = command.rest.strip().lstrip("#").lower()
    if event.via or draft.desk.follows:
        raise BadInput("This thread follows a loop already.", remedy="`/loop unfollow` ends that.")
    if draft.loop is not None and draft.loop.live:
        raise BadInput(
            f"This thread has a loop of its own: #{draft.loop.handle}.",
            remedy="Follow the other one from another thread.",
        )
    if len(prefix) < 4:
        raise BadInput(
            "Which loop?",
            remedy="`/loop follow a1b2c3`, with four characters of its id or more; `/loop list all` shows them.",
        )
    draft.effects.append(
        Follow(
            key=draft.key("follow"),
            lane=draft.lane,
            prefix=prefix,
            author=event.author,
            message=event.message,
        )
    )


def unfollow(draft: Draft, event: Posted, member: Member, command: Command) -> None:
    """Stop following a loop from the thread this was said in."""
    loop = draft.loop
    if loop is None or event.via not in loop.followers:
        raise BadInput("This thread follows no loop.", remedy="`/loop follow a1b2c3` has it follow one.")
    draft.say(reports.note(f"Loop #{loop.handle} is not followed from here any more."), what="unfollowed")
    draft.now(followers=tuple(thread for thread in loop.followers if thread != event.via))
    draft.unfollowed.append(ThreadKey(event.via))


def followed(draft: Draft, event: Followed) -> None:
    """Let another thread follow this one's loop, if whoever asked may look and all who read along there may know."""
    loop = draft.loop
    member = draft.desk.people.of(event.author.identity)
    if loop is None or loop.id != event.loop or not loop.live:
        draft.tell(event.author.identity, "That loop is over.", "`/loop list` shows the loops there are.")
    elif not people.may(member, "drive"):
        draft.tell(event.author.identity, "Only members can have a loop followed.")
    elif event.follower in loop.followers or event.follower == draft.lane:
        draft.tell(event.author.identity, "This thread follows that loop already.")
    elif len(loop.followers) >= MOST:
        draft.tell(
            event.author.identity,
            f"A loop can be followed from {MOST} threads.",
            "`/loop unfollow` in one of them.",
        )
    else:
        loop = draft.now(followers=(*loop.followers, event.follower))
        draft.edge(graph.thread(event.follower), "links", graph.loop(loop.id))
        draft.say(
            reports.note(
                f"Loop #{loop.handle} is followed from {platform_of(event.follower).capitalize()} too, asked by {event.author.name}."
            ),
            what="followed",
        )
        message = cards.status(loop, draft.open_calls(), at=draft.at, secret=draft.house.secret)
        draft.show_in(event.follower, status_card(loop), message, priority=Priority.STATUS)
