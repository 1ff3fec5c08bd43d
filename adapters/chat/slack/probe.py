"""Whether Slack can be worked with. Owns: findings, SCOPES. Imports: core and the modules beside. Effects: asks Slack."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from adapters.chat.slack.client import Api
from adapters.chat.slack.payload import table, text
from adapters.chat.slack.workspace import Workspace
from core.errors import LoopbridgeError, Rejected
from core.ports import Finding

EVENTS = (
    "app_home_opened", "app_mention", "message.channels", "message.groups", "message.im", "message.mpim", "reaction_added",
)  # fmt: skip
UNCHECKED = f"Slack does not tell which events the app is subscribed to; it needs {', '.join(EVENTS)}"
TRY = "An app made from the manifest has them. If a mention is not answered, look under Event Subscriptions → Subscribe to bot events."
# Every scope with what it is for; the manifest asks for these and no others.
SCOPES: Mapping[str, str] = {
    "app_mentions:read": "be told of mentions",
    "channels:history": "read threads of public channels",
    "channels:read": "know which public channels it is in",
    "chat:write": "post, edit and whisper",
    "commands": "/loop and the message shortcut",
    "files:read": "read files that people share with a loop",
    "files:write": "share diffs and long answers",
    "groups:history": "read threads of private channels",
    "groups:read": "know which private channels it is in",
    "im:history": "read direct messages to it",
    "im:read": "know its direct conversations",
    "im:write": "tell one person something outside a channel",
    "mpim:history": "read group messages it is in",
    "mpim:read": "know which group conversations it is in",
    "reactions:read": "start a loop by 🔁",
    "reactions:write": "show 👀 on what it heard",
    "users:read": "call people by their names",
}


async def findings(
    workspaces: Sequence[Workspace], refused: Sequence[Rejected], app: Api | None
) -> Sequence[Finding]:
    """Test every token, its scopes and the app-level token."""
    found = [
        Finding(name="slack: a bot token", ok=False, detail=str(why), remedy=why.remedy) for why in refused
    ]
    for home in workspaces:
        found.append(await _finding(f"slack: workspace {home.me.team}", _known(home)))
        found.append(_scopes(home))
    if app is not None:
        found.append(await _finding("slack: app-level token", _opens(app, workspaces)))
    if workspaces:
        found.append(Finding(name="slack: events", ok=True, detail=UNCHECKED, remedy=TRY))
    return found


async def _finding(name: str, check: Awaitable[str]) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=await check)
    except LoopbridgeError as exc:
        return Finding(name=name, ok=False, detail=str(exc), remedy=exc.remedy)


async def _known(home: Workspace) -> str:
    answer = await home.api.call("auth.test")
    return f"the bot token is good: @{text(answer, 'user')} in {text(answer, 'team')}"


async def _opens(app: Api, workspaces: Sequence[Workspace]) -> str:
    answer = await app.call("apps.connections.open")
    address = urlsplit(text(answer, "url"))
    if address.scheme not in ("ws", "wss"):
        raise Rejected(
            "Slack gave no address for Socket Mode", remedy="Switch Socket Mode on in the app's settings."
        )
    (socket,) = parse_qs(address.query).get("app_id") or [""]
    for home in workspaces:
        bot = table(await home.api.call("bots.info", bot=home.me.bot), "bot")
        if socket and text(bot, "app_id") not in ("", socket):
            raise Rejected(
                f"the app-level token is of the app {socket}, the bot token in {home.me.team} of {text(bot, 'app_id')}:"
                " nothing that happens there would be heard",
                remedy="Take both tokens from the settings of one app.",
            )
    return "it opens Socket Mode, for the app of the bot token"


def _scopes(home: Workspace) -> Finding:
    name = f"slack: scopes in {home.me.team}"
    missing = sorted(set(SCOPES) - home.scopes)
    if not missing:
        return Finding(name=name, ok=True, detail=f"all {len(SCOPES)} are there")
    reasons = "; ".join(f"{scope} (to {SCOPES[scope]})" for scope in missing)
    return Finding(
        name=name,
        ok=False,
        detail=f"missing: {reasons}",
        remedy="Add them under OAuth & Permissions (or paste the manifest again), reinstall the app, and restart.",
    )
