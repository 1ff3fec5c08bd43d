"""Slack's way in. Owns: build. Imports: core. Effects: none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from adapters.chat.slack.adapter import SlackChat
from adapters.chat.slack.client import API_URL
from adapters.chat.slack.errand import MayStart
from adapters.chat.slack.hometab import Home
from adapters.chat.slack.listening import Setup
from core.errors import BadInput
from core.ports import ChatAdapter, Clock


def build(
    *,
    clock: Clock,
    bot_tokens: Sequence[str],
    app_token: str = "",
    signing_secret: str = "",
    api_url: str = API_URL,
    listen_on: tuple[str, int] | None = None,
    remember: Callable[[str, str], Awaitable[None]] | None = None,
    recall: Callable[[str], Awaitable[str | None]] | None = None,
    home: Home | None = None,
    may_start: MayStart | None = None,
    ping_every: float = 5.0,
) -> ChatAdapter:
    """Return Slack, not yet entered: one app with a bot token per workspace.

    Socket Mode needs `app_token`; with `listen_on` (a loopback address and a port) signed HTTP requests are taken instead, which needs
    `signing_secret`. `remember` and `recall` keep small values for good; `home` says what somebody's home tab shows, `may_start` whose
    commands begin a loop; `ping_every` is in seconds. Raises BadInput when what is given cannot work.
    """
    _check(bot_tokens, app_token, signing_secret, api_url, over_http=listen_on is not None)
    return SlackChat(
        clock=clock,
        bot_tokens=[token for token in bot_tokens if token],
        app_token=app_token,
        api_url=api_url if api_url.endswith("/") else f"{api_url}/",
        setup=Setup(
            signing_secret=signing_secret,
            listen_on=listen_on,
            ping_every=ping_every,
            remember=remember,
            recall=recall,
            home=home,
            may_start=may_start,
        ),
    )


def _check(
    bot_tokens: Sequence[str], app_token: str, signing_secret: str, api_url: str, *, over_http: bool
) -> None:
    where = "docs/slack.md says where each is found."
    if not any(bot_tokens):
        raise BadInput(
            "Slack is set up without a bot token", remedy=f"Set LOOPBRIDGE_SLACK__BOT_TOKEN; {where}"
        )
    if any(token.startswith("xapp-") for token in bot_tokens) or app_token.startswith("xoxb-"):
        raise BadInput(
            "the two Slack tokens are swapped",
            remedy="The bot token begins with xoxb-, the app-level token with xapp-.",
        )
    if not over_http and not app_token:
        raise BadInput(
            "Slack is set up without an app-level token", remedy=f"Set LOOPBRIDGE_SLACK__APP_TOKEN; {where}"
        )
    if over_http and not signing_secret:
        raise BadInput(
            "Slack is set up without a signing secret",
            remedy=f"Set LOOPBRIDGE_SLACK__SIGNING_SECRET; {where}",
        )
    parts = urlsplit(api_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("Slack's API address is no web address", remedy=f"Leave it at {API_URL}.")
