"""A leg as options of the SDK. Owns: arguments, TOOLS. Imports: core.ports. Effects: none; the SDK itself is not imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.ports import Leg

TOOLS = ("Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Write")
MAX_LINE = 8 << 20  # bytes of one message of the CLI; a longer one ends the session


def arguments(leg: Leg, *, resume: bool, tools: Sequence[str], max_turns: int | None) -> dict[str, Any]:
    """Return the arguments of ClaudeAgentOptions, callbacks excepted. With `resume` the session must exist already.

    The folder is where the launcher is spawned on the host; inside the box the launcher's own decides. What the bridge itself
    runs under stays with it: the launcher starts the box with an empty environment.
    """
    identity: dict[str, Any] = {"resume": leg.session} if resume else {"session_id": leg.session}
    return {
        **identity,
        "cli_path": str(leg.launcher),
        "cwd": str(leg.launcher.parent),
        "tools": list(tools),
        "system_prompt": {"type": "preset", "preset": "claude_code", "append": leg.system},
        "model": leg.model or None,
        "max_turns": max_turns,
        # The CLI counts what a session cost over all its resumes: the cap is the session's, not the process's.
        "max_budget_usd": leg.budget_usd,
        "permission_mode": "default",
        # The loop's own composed configuration; never the repository's, whose files anybody may have written.
        "setting_sources": ["user"],
        "strict_mcp_config": True,
        "verbatim_prompts": True,
        "max_buffer_size": MAX_LINE,
    }
