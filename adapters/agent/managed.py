"""What the CLI finds in its box. Owns: settings, environment and the places they belong to. Imports: json. Effects: none.

The agent can write its own settings and the repository's; the managed file is read-only in the box and stands above them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

SETTINGS_PATH = "/etc/claude-code/managed-settings.json"
PLACEHOLDER_KEY = "the-gateway-adds-the-key"
MAX_RETRIES = 6  # of a model request, with growing pauses: about half a minute
MAX_COMMAND_MS = 60 * 60 * 1000


def settings(*, hooks: Mapping[str, Sequence[Mapping[str, Any]]] | None = None, memory: str = "") -> bytes:
    """Return the managed-settings.json that keeps approvals on whatever the agent or the repository writes.

    `hooks` are those of trusted tiers: with this file no others run but the bridge's own. `memory` is the folder (a path inside) that
    the CLI reads its own memory from and writes it to; without one it has none, for what it wrote elsewhere would be lost with the box.
    """
    content: dict[str, Any] = {
        "allowManagedHooksOnly": True,
        "allowManagedPermissionRulesOnly": True,
        "allowManagedMcpServersOnly": True,
        "disableAllHooks": False,
        "disableAutoMode": "disable",
        "enableAllProjectMcpServers": False,
        "includeCoAuthoredBy": False,
        "permissions": {"defaultMode": "default", "disableBypassPermissionsMode": "disable"},
    }
    if memory:
        content["autoMemoryDirectory"] = memory
    else:
        content["autoMemoryEnabled"] = False
    if hooks:
        content["hooks"] = {
            event: [dict(matcher) for matcher in matchers] for event, matchers in hooks.items()
        }
    return json.dumps(content, indent=1, sort_keys=True).encode()


def environment(*, home: str, model_socket: str) -> dict[str, str]:
    """Return the CLI's variables in the box. `home` and `model_socket` are paths inside; the key in it opens nothing."""
    return {
        "HOME": home,
        "CLAUDE_CONFIG_DIR": f"{home}/.claude",
        "ANTHROPIC_BASE_URL": "http://localhost",
        "ANTHROPIC_UNIX_SOCKET": model_socket,
        "ANTHROPIC_API_KEY": PLACEHOLDER_KEY,
        "BASH_MAX_TIMEOUT_MS": str(MAX_COMMAND_MS),
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",  # nothing of a turn outlives the turn
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": str(MAX_RETRIES),
        "DISABLE_AUTOUPDATER": "1",
    }
