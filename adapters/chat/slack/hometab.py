"""The app's home tab. Owns: publish. Imports: core and the modules beside. Effects: writes to Slack."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from adapters.chat.slack import names, render
from adapters.chat.slack.workspace import Workspace
from core.errors import LoopbridgeError
from core.ids import IdentityKey
from core.message import Message

log = logging.getLogger(__name__)
MAX_BLOCKS = 100


async def publish(home: Workspace, tell: Callable[[IdentityKey], Awaitable[Message]], user: str) -> None:
    """Show somebody what `tell` says on the app's home tab; a failure is logged, the tab stays as it was."""
    if not user:
        return
    try:
        message = await tell(names.identity_of(home.me.team, user))
        blocks = [block for part in render.parts(message, home.me.team, files=False) for block in part.blocks]
        view = {"type": "home", "blocks": blocks[:MAX_BLOCKS]}
        await home.api.call("views.publish", user_id=user, view=view)
    except LoopbridgeError as exc:
        log.warning("chat.slack.home_not_shown", extra={"why": str(exc)})
