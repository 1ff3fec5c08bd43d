"""The app's home tab. Owns: publish, Home. Imports: core and the modules beside. Effects: writes to Slack."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from adapters.chat.slack import names, render
from adapters.chat.slack.names import Me
from adapters.chat.slack.workspace import Workspace
from core.errors import LoopbridgeError
from core.ids import IdentityKey, ThreadKey
from core.message import Buttons, Message

log = logging.getLogger(__name__)
MAX_BLOCKS = 100

# Says what somebody's tab shows; it is given what makes the address of a thread, empty for one that is elsewhere.
Home = Callable[[IdentityKey, Callable[[ThreadKey], str]], Awaitable[Message]]


async def publish(home: Workspace, tell: Home, user: str) -> None:
    """Show somebody what `tell` says on the app's home tab; a failure is logged, the tab stays as it was.

    A button belongs to a thread, and the tab is in none: its place is taken by the links to where the buttons are.
    """
    if not user:
        return
    try:
        said = await tell(names.identity_of(home.me.team, user), lambda thread: address(thread, home.me))
        message = replace(said, blocks=tuple(each for each in said.blocks if not isinstance(each, Buttons)))
        blocks = [block for part in render.parts(message, home.me.team, files=False) for block in part.blocks]
        view = {"type": "home", "blocks": blocks[:MAX_BLOCKS]}
        await home.api.call("views.publish", user_id=user, view=view)
    except LoopbridgeError as exc:
        log.warning("chat.slack.home_not_shown", extra={"why": str(exc)})


def address(thread: ThreadKey, me: Me) -> str:
    """Return where a thread is in this workspace, empty for one of another workspace or another platform."""
    try:
        place = names.place(thread)
    except LoopbridgeError:
        return ""
    if place.team != me.team or not place.thread_ts:
        return ""
    return names.permalink(me, place.channel, place.root, place.root)
