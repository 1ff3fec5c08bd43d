"""What the homeserver and its library say, as the bridge's errors. Owns: Refusal, answer_error, nio_error, network. Imports: aiohttp, nio.

Effects: none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
import nio

from core.errors import PortError, RateLimited, Rejected, Unavailable

UNKNOWN_TOKEN = "M_UNKNOWN_TOKEN"  # noqa: S105 - an error's name
DEAD_TOKENS = (UNKNOWN_TOKEN, "M_MISSING_TOKEN")
LOGIN_AGAIN = (
    "Give the bot a password or a new access token in the settings; its rooms and the crypto store are kept."
)


class Refusal(Rejected):
    """The homeserver said no, by a Matrix error code."""

    def __init__(self, what: str, *, code: str, status: int, session: str = "", remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.code = code
        self.status = status
        self.session = session  # of an interactive authentication that the server wants


def answer_error(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> PortError:
    """Return the error of an answer with a status of 400 or more."""
    code, words = str(body.get("errcode", "")), str(body.get("error", ""))[:300]
    said = f"{code or status}{': ' if words else ''}{words}"
    if status == 429 or code == "M_LIMIT_EXCEEDED":
        return RateLimited(f"the homeserver asks for a pause ({said})", retry_after=_pause(body, headers))
    if status >= 500:
        return Unavailable(f"the homeserver cannot answer now ({said})")
    if code in DEAD_TOKENS:
        return Refusal(
            f"the homeserver does not take the bot's access token ({said})",
            code=UNKNOWN_TOKEN,
            status=status,
            remedy=LOGIN_AGAIN,
        )
    session = str(body.get("session", ""))
    return Refusal(f"the homeserver refused ({said})", code=code, status=status, session=session)


def nio_error(error: nio.ErrorResponse) -> PortError:
    """Return the error of a reply that the library made of an answer."""
    body: dict[str, Any] = {"errcode": error.status_code or "", "error": error.message or ""}
    if error.retry_after_ms:
        body["retry_after_ms"] = error.retry_after_ms
    return answer_error(getattr(error.transport_response, "status", 400), body, {})


@contextmanager
def network() -> Iterator[None]:
    """Turn what the network and the library raise into the bridge's errors."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as exc:
        raise Unavailable(f"the homeserver cannot be reached ({exc or type(exc).__name__})") from exc
    except nio.LocalProtocolError as exc:
        raise Unavailable(f"encryption is not ready for this room yet ({exc})") from exc


def _pause(body: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    """Return the seconds the server asks for: its body first, then its header, a second when it says neither."""
    told = body.get("retry_after_ms")
    if isinstance(told, int | float) and told >= 0:
        return float(told) / 1000
    header = headers.get("Retry-After", "")
    return float(header) if header.isdigit() else 1.0
