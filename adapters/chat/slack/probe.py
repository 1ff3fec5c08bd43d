"""Whether Slack can be worked with. Owns: findings, SCOPES. Imports: core and the modules beside. Effects: asks Slack."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

from adapters.chat.slack.client import Api
from adapters.chat.slack.payload import text
from adapters.chat.slack.workspace import Workspace
from core.errors import LoopbridgeError, Rejected
from core.ports import Finding

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
        found.append(await _finding("slack: app-level token", _opens(app)))
    return found


async def _finding(name: str, check: Awaitable[str]) -> Finding:
    try:
        return Finding(name=name, ok=True, detail=await check)
    except LoopbridgeError as exc:
        return Finding(name=name, ok=False, detail=str(exc), remedy=exc.remedy)


async def _known(home: Workspace) -> str:
    answer = await home.api.call("auth.test")
    return f"the bot token is good: @{text(answer, 'user')} in {text(answer, 'team')}"


async def _opens(app: Api) -> str:
    answer = await app.call("apps.connections.open")
    if not text(answer, "url").startswith(("ws://", "wss://")):
        raise Rejected(
            "Slack gave no address for Socket Mode", remedy="Switch Socket Mode on in the app's settings."
        )
    return "it opens Socket Mode"


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
