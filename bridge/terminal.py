"""`loopbridge chat`. Owns: main. Imports: adapters.chat.local, bridge. Effects: a terminal; a bridge too, when none runs here."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.chat.local import player, terminal
from bridge import logs
from bridge.chats import local_user
from bridge.home import Home
from config.settings import Settings
from core import commands

PATIENCE = 60.0  # seconds a script waits for what it expects, unless it says otherwise
LOG = "chat.log"


async def main(settings: Settings, *, script: Path | None = None, name: str = "") -> int:
    """Talk, or act a script out; return the exit code. Raises LoopbridgeError when the bridge cannot be reached or started."""
    home = Home(settings.home)
    async with _bridge(settings, home):
        if script is not None:
            return await player.play(script, socket=home.chat_socket, out=_print, patience=PATIENCE)
        words = [(word.name, word.about) for word in commands.WORDS]
        user = (name or local_user(settings)).lower()
        return await terminal.run(home.chat_socket, user, name=name, subcommands=words, may_become=True)


@asynccontextmanager
async def _bridge(settings: Settings, home: Home) -> AsyncIterator[None]:
    """Use the bridge that runs in this home; run one for as long as the chat is open when there is none."""
    if await asyncio.to_thread(_answers, home.chat_socket):
        yield
        return
    from bridge import app

    sys.stderr.write(
        f"No bridge runs in {home.root}: this chat runs one until you leave. Its log: {home.root / LOG}\n"
    )
    with (home.root / LOG).open("a", encoding="utf-8") as log:
        logs.configure(
            settings.logs.level,
            settings.logs.format,
            secrets=(settings.model.api_key.get_secret_value(),),
            stream=log,
        )
        async with app.open_bridge(settings):
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
