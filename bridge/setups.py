"""`loopbridge init slack | matrix | discord`. Owns: main. Imports: rich, bridge, config.

Effects: makes the home, prints, tries the chat, keeps a recovery key.

Until a chat's credentials are given it says, step by step, how to come by them and where each belongs; then it tries them.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

from rich.console import Console

import config
from bridge import checks_chats, doctor, wanted
from bridge.checklist import NAME
from bridge.clock import SystemClock
from bridge.home import PRIVATE_FILE, Home, prepare
from config.settings import Settings
from core.ports import ChatAdapter, Finding

MANIFEST = Path(config.__file__).with_name("slack-manifest.yaml")
RECOVERY = "matrix-recovery"
FAILED = 1
AFTER = {
    "slack": "Invite it into a channel:  /invite @loop  and write there  /loop what is to be done",
    "matrix": "Invite its account into a room, and write there  !loop what is to be done",
    "discord": "Write in a channel it can see  /loop what is to be done",
}


async def main(settings: Settings, chat: str) -> int:
    """Take one chat as far as it can be taken now; return the exit code. Raises as `prepare` does."""
    home = Home(settings.home)
    await asyncio.to_thread(_prepare, home, chat)
    out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    given = wanted.arguments(settings, SystemClock()).get(chat)
    program = await asyncio.to_thread(_program)
    if given is None:
        steps = [*STEPS[chat](home), f"Test it:  {program} init {chat}"]
        for number, line in enumerate(steps, 1):
            out.print(f"  {number}. {line}")
        return 0
    found = await checks_chats.tried(chat, given, also=partial(_recovery, home))
    doctor.show(found)
    if not all(finding.ok for finding in found):
        return FAILED
    out.print(f"\n{AFTER[chat]}\nKeep it running:  {program} run")
    return 0


@runtime_checkable
class Recoverable(Protocol):
    """A chat whose account has keys that can be lost."""

    async def recovery(self) -> str:
        """Put what was made here where the account keeps such things; return the key that opens it, "" when nothing was to be done."""


async def _recovery(home: Home, chat: ChatAdapter) -> Finding | None:
    """Keep the recovery key of an account that got its signing keys here."""
    key = await chat.recovery() if isinstance(chat, Recoverable) else ""
    if not key:
        return None
    path = home.keys / RECOVERY
    await asyncio.to_thread(_keep, path, key)
    return Finding(
        name="matrix: recovery key",
        ok=True,
        detail=f"the account's signing keys were made here; the key that recovers them is in {path}",
        remedy="Keep a copy of it in another place.",
    )


def _keep(path: Path, secret: str) -> None:
    if path.exists():
        path.replace(path.with_name(f"{path.name}.old"))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{secret}\n")


def _program() -> str:
    return NAME if shutil.which(NAME) else sys.argv[0]


def _prepare(home: Home, chat: str) -> None:
    prepare(home)
    if chat == "slack":
        home.slack_manifest.write_bytes(MANIFEST.read_bytes())


def _steps_slack(home: Home) -> Sequence[str]:
    return (
        f"Make your own app: https://api.slack.com/apps → Create New App → From a manifest → paste {home.slack_manifest}",
        "Install it into your workspace: Install App → Install.",
        f"Put the Bot User OAuth Token (xoxb-…) that is shown then into {home.keys}/slack-bot",
        "Make an app-level token with the scope connections:write: Basic Information → App-Level Tokens → Generate.",
        f"Put it (xapp-…) into {home.keys}/slack-app",
        f'Name both under [slack] in {home.config}:  bot_token_file = "keys/slack-bot"  and  app_token_file = "keys/slack-app"',
    )


def _steps_matrix(home: Home) -> Sequence[str]:
    return (
        "Register an account for the bot on your homeserver, as for a person.",
        f"Put its password into {home.keys}/matrix-password",
        f"If the account was cross-signed by a client already, put its recovery key into {home.keys}/{RECOVERY}",
        f'Under [matrix] in {home.config} give  homeserver = "https://matrix.example.org"  and  user_id = "@loop:example.org"',
        'There too:  password_file = "keys/matrix-password"  (and  recovery_key_file = "keys/matrix-recovery")',
    )


def _steps_discord(home: Home) -> Sequence[str]:
    return (
        "Make an application: https://discord.com/developers/applications → New Application.",
        "On its page Bot, turn on Message Content Intent (under Privileged Gateway Intents).",
        f"On the same page, Reset Token; put the token into {home.keys}/discord",
        f'Name it under [discord] in {home.config}:  token_file = "keys/discord"',
    )


STEPS: Mapping[str, Callable[[Home], Sequence[str]]] = {
    "slack": _steps_slack,
    "matrix": _steps_matrix,
    "discord": _steps_discord,
}
