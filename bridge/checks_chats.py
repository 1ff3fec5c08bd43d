"""What doctor asks of the chats. Owns: chats, tried. Imports: bridge, core. Effects: connects each chat and lets it try itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bridge import wanted
from bridge.chats import CONNECTED
from bridge.checks_state import UNHEARD, Daemon
from bridge.clock import SystemClock
from bridge.home import Home
from config.settings import Settings
from core.errors import LoopbridgeError, Unavailable
from core.ports import ChatAdapter, Finding

PATIENCE = 40.0  # seconds one chat may take


async def chats(settings: Settings, running: Daemon) -> Sequence[Finding]:
    """Connect each chat that is wanted, apart from the others. Those of a running bridge are the bridge's, which tells how they are."""
    given = wanted.arguments(settings, SystemClock())
    if not given:
        remedy = "Set enabled = true under [chat.local], or set up another: loopbridge init slack."
        return [Finding(name="chats", ok=False, detail="none is enabled", remedy=remedy)]
    if running.running:
        return [_told(name, running) for name in given]
    if running.held:
        return [Finding(name=f"chat {name}", ok=True, detail=f"left to {UNHEARD}") for name in given]
    if not await asyncio.to_thread(Home(settings.home).marker.exists):
        return []
    results = await asyncio.gather(*(tried(name, arguments) for name, arguments in given.items()))
    return [finding for found in results for finding in found]


async def tried(
    name: str,
    arguments: wanted.Arguments,
    *,
    also: Callable[[ChatAdapter], Awaitable[Finding | None]] | None = None,
) -> Sequence[Finding]:
    """Return what a chat finds out about itself and what is `also` done with it, or why it cannot be entered."""
    try:
        async with asyncio.timeout(PATIENCE), await wanted.build(name, arguments) as chat:
            found = await chat.probe()
            more = await also(chat) if also else None
            return [*found, *([more] if more else [])]
    except TimeoutError:
        detail, remedy = f"no answer within {PATIENCE:.0f} seconds", ""
    except LoopbridgeError as exc:
        detail, remedy = str(exc), exc.remedy
        if isinstance(exc, Unavailable):
            remedy = remedy or "Check this machine's network, then try again."
    except OSError as exc:
        detail = f"{exc.filename or 'its file'} cannot be used ({exc.strerror or exc})"
        remedy = "See that the home can be written: its disk is neither full nor read-only."
    return [
        Finding(
            name=f"chat {name}",
            ok=False,
            detail=detail,
            remedy=remedy or "Try again; if it stays so, see its section in docs/configuration.md.",
        )
    ]


def _told(name: str, running: Daemon) -> Finding:
    state = running.chats.get(name)
    if state is None:
        remedy = "Restart the bridge: it was set up after the bridge's start."
        return Finding(name=f"chat {name}", ok=False, detail="the running bridge is not in it", remedy=remedy)
    remedy = (
        "" if state == CONNECTED else "The bridge tries again by itself; if it stays so, mend what it says."
    )
    return Finding(
        name=f"chat {name}", ok=state == CONNECTED, detail=f"the running bridge says: {state}", remedy=remedy
    )
