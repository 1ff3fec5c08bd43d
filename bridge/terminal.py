"""`loopbridge chat`. Owns: main. Imports: adapters.chat.local, bridge. Effects: a terminal; a bridge too, when none runs here."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.chat.local import player, terminal
from bridge import checks_state, logs
from bridge.chats import CONNECTED, local_user
from bridge.home import Home, disk
from config import settings as configuration
from config.settings import Settings
from core import subcommands
from core.errors import BadInput, LoopbridgeError, Refused

PATIENCE = 60.0  # seconds a script waits for what it expects, unless it says otherwise
LOG = "chat.log"


async def main(settings: Settings, *, script: Path | None = None, name: str = "") -> int:
    """Talk, or act a script out; return the exit code. Raises LoopbridgeError when the bridge cannot be reached or started."""
    home = Home(settings.home)
    if script is None and not terminal.attended():
        return 2
    async with _bridge(settings, home):
        if script is not None:
            return await player.play(script, socket=home.chat_socket, out=_print, patience=PATIENCE)
        words = [(word.name, word.about) for word in subcommands.WORDS]
        user = (name or local_user(settings)).lower()
        return await terminal.run(home.chat_socket, user, name=name, subcommands=words, may_become=True)


@asynccontextmanager
async def _bridge(settings: Settings, home: Home) -> AsyncIterator[None]:
    """Use the bridge that runs in this home; run one for as long as the chat is open when there is none."""
    if await asyncio.to_thread(_answers, home.chat_socket):
        yield
        return
    if not settings.chat.local.enabled:
        raise BadInput(
            "The built-in chat is turned off.", remedy=f"Set chat.local.enabled = true in {home.config}."
        )
    if (await checks_state.daemon(settings)).alive:
        raise Refused(
            f"A bridge runs in {home.root}, but its built-in chat does not answer.",
            remedy="`loopbridge doctor` says why.",
        )
    from bridge import app

    sys.stderr.write(
        f"No bridge runs in {home.root}: this chat runs one until you leave. Its log: {home.root / LOG}\n"
    )
    with disk(home.root):
        log = await asyncio.to_thread((home.root / LOG).open, "a", encoding="utf-8")
    with log:
        logs.configure(
            settings.logs.level, settings.logs.format, secrets=configuration.secrets(settings), stream=log
        )
        async with app.open_bridge(settings) as bridge:
            state = bridge.chats.states()["local"]
            if state != CONNECTED:
                what, _, remedy = state.partition(" → ")
                raise LoopbridgeError(f"The built-in chat cannot be entered: {what}.", remedy=remedy)
            yield


def _print(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def _answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(str(place))
        except OSError:
            return False
    return True
