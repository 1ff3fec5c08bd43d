"""What discord.py raises, as errors of ours. Owns: Refusal, mapped, and the codes that matter. Imports: discord, aiohttp, core. Effects: none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from core.errors import PortError, RateLimited, Rejected, Unavailable

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_INTERACTION = 10003, 10008, 10062
ACKNOWLEDGED, TOKEN_EXPIRED = 40060, 50027
NO_ACCESS, NOT_ALLOWED, NO_DMS, NO_THREADS_HERE = 50001, 50013, 50007, 50024
ARCHIVED, THREAD_EXISTS, LOCKED = 50083, 160004, 160005
BANNED_FOR = 600.0  # seconds to wait when Cloudflare says no without saying how long

SENTENCES = {
    UNKNOWN_CHANNEL: ("The thread or channel is gone from Discord.", "The loop and its files are kept; go on in another thread."),
    UNKNOWN_MESSAGE: ("The message is gone from Discord.", ""),
    UNKNOWN_INTERACTION: ("Discord gave up waiting for the answer.", "Do it again."),
    NO_ACCESS: ("Discord does not let the bridge see this channel.", "Allow the bot View Channels there."),
    NOT_ALLOWED: ("Discord does not let the bridge do this here.", "`loopbridge doctor` names the missing permission."),
    NO_DMS: ("This person takes no direct messages.", ""),
    LOCKED: ("The thread is locked.", "Somebody who manages threads can unlock it; the loop and its files are kept."),
    ARCHIVED: ("The thread is archived and locked.", "Somebody who manages threads can open it; the loop and its files are kept."),
}  # fmt: skip


class Refusal(Rejected):
    """Discord said no; `code` is its own number for why."""

    def __init__(self, what: str, *, code: int, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.code = code


def bad_token() -> Rejected:
    return Rejected(
        "Discord refused the bot token.",
        remedy="Make a new one in the developer portal (Bot, Reset Token) and set LOOPBRIDGE_DISCORD__TOKEN.",
    )


@contextmanager
def mapped(what: str) -> Iterator[None]:
    """Turn whatever the library raises into the tree of `core.errors`; `what` says what was tried."""
    try:
        yield
    except discord.LoginFailure as exc:
        raise bad_token() from exc
    except discord.RateLimited as exc:
        raise RateLimited("Discord asks for a pause.", retry_after=exc.retry_after) from exc
    except discord.HTTPException as exc:
        raise translate(exc, what) from exc
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise Unavailable(f"Discord cannot be reached ({type(exc).__name__}).") from exc


def translate(exc: discord.HTTPException, what: str) -> PortError:
    """Return an error answer as an error of ours."""
    if exc.status == 429:
        after = exc.response.headers.get("Retry-After", "")
        pause = float(after) if after.isascii() and after.isdigit() else BANNED_FOR
        return RateLimited("Discord asks for a pause.", retry_after=pause)
    if exc.status >= 500:
        return Unavailable(f"Discord has trouble ({exc.status}).")
    if exc.status == 401 and exc.code == 0:
        return bad_token()
    told, remedy = SENTENCES.get(exc.code, (f"Discord refused ({exc.code}): {exc.text[:300]}", ""))
    return Refusal(f"{told} ({what})" if exc.code not in SENTENCES else told, code=exc.code, remedy=remedy)
