"""What Slack's SDK raises, as the project's errors. Owns: slack_errors. Imports: slack_sdk, aiohttp, core.errors. Effects: none.

`ok: false` arrives with HTTP 200. What may pass later is Unavailable, a 429 RateLimited; everything else is Rejected with a sentence
that says what to do. No message here holds a token: Slack's answers name scopes and methods alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from adapters.chat.slack.payload import text
from core.errors import PortError, RateLimited, Rejected, Unavailable

PASSING = frozenset({
    "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "server_error", "update_failed",
    "two_factor_setup_required", "external_channel_migrating",
})  # fmt: skip
TOKENS = "Copy both tokens again from the app's pages (see docs/slack.md) and restart."
INVITE = "Invite it with /invite and the bot's name, then try again."
GONE = "Install the app again in the workspace and set the new token."
SAYINGS: Mapping[str, tuple[str, str]] = {
    "invalid_auth": ("Slack does not know this token", TOKENS),
    "not_authed": ("no token was given for Slack", TOKENS),
    "token_revoked": ("the Slack token was revoked", GONE),
    "token_expired": ("the Slack token has expired", GONE),
    "account_inactive": ("the Slack app was removed from the workspace", GONE),
    "app_uninstalled": ("the Slack app was removed from the workspace", GONE),
    "not_allowed_token_type": (
        "the two Slack tokens are swapped",
        "The bot token begins with xoxb-, the app-level token with xapp-.",
    ),
    "not_in_channel": ("the bot is not in this Slack channel", INVITE),
    "channel_not_found": ("the bot cannot see this Slack channel", INVITE),
    "is_archived": ("this Slack channel is archived", "Work in another channel, or unarchive it."),
    "restricted_action": ("this workspace does not let the bot post here", "Ask a workspace admin to allow it."),
    "message_not_found": ("this Slack message is gone", ""),
    "thread_not_found": ("this Slack thread is gone", ""),
    "cant_update_message": ("this Slack message is not the bridge's own", ""),
    "file_not_found": ("this Slack file is gone", ""),
    "expired_trigger_id": ("Slack waited three seconds for the form and no longer", "Press it once more."),
}  # fmt: skip

UNKNOWN = frozenset(
    {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "app_uninstalled"}
)


class Uncertain(Unavailable):
    """Slack was reached, or may have been: whether the call took effect is not known."""


@contextmanager
def slack_errors(what: str) -> Iterator[None]:
    """Map what the SDK and its HTTP client raise; `what` is the method, for people who look into a failure."""
    try:
        yield
    except SlackApiError as exc:
        raise translated(exc, what) from exc
    except TimeoutError as exc:
        raise Uncertain(f"Slack did not answer {what} in time") from exc
    except aiohttp.ClientConnectorError as exc:
        raise Unavailable("Slack cannot be reached", remedy="Check this machine's network.") from exc
    except (aiohttp.ClientError, SlackClientError, OSError) as exc:
        raise Uncertain(f"the connection to Slack broke during {what}") from exc


@contextmanager
def outlasting() -> Iterator[None]:
    """Have what is said wait for a token that is good again: a refused token is no word about the message."""
    try:
        yield
    except Rejected as exc:
        if name_of(exc) not in UNKNOWN:
            raise
        raise Unavailable(str(exc), remedy=exc.remedy) from exc


def translated(exc: SlackApiError, what: str) -> PortError:
    """Return the error that a refused call stands for."""
    status, error = int(exc.response.status_code), text(exc.response.data, "error")
    if status == 429 or error in ("ratelimited", "rate_limited"):
        return RateLimited(f"Slack asked for a pause before more {what}", retry_after=_pause(exc))
    if status >= 500 or error in PASSING or not error:
        return Uncertain(f"Slack could not do {what} now ({error or f'HTTP {status}'})")
    return refusal(error, what, needed=text(exc.response.data, "needed"))


def refusal(error: str, what: str, *, needed: str = "") -> Rejected:
    """Return the error for what Slack names `error`."""
    if error == "missing_scope":
        scope = needed.partition(",")[0] or "one more"
        return Rejected(
            f"the Slack app lacks the scope {scope} ({what})",
            remedy=f"Add {scope} under OAuth & Permissions, reinstall the app, and restart.",
        )
    sentence, remedy = SAYINGS.get(error, (f"Slack refused {what}: {error}", ""))
    return Rejected(sentence, remedy=remedy)


def name_of(error: PortError) -> str:
    """Return Slack's own name of what an error was made from, empty when there is none."""
    cause = error.__cause__
    return text(cause.response.data, "error") if isinstance(cause, SlackApiError) else ""


def _pause(exc: SlackApiError) -> float:
    value = exc.response.headers.get("Retry-After") or exc.response.headers.get("retry-after") or "1"
    try:
        return max(0.0, float(value))
    except ValueError:
        return 1.0
