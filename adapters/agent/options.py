"""A leg as the CLI's arguments. Owns: command, TOOLS, OURS, MAX_LINE. Imports: core.ports. Effects: none; the SDK is not imported."""

from __future__ import annotations

import json
from collections.abc import Sequence

from core.ports import Leg

TOOLS = ("AskUserQuestion", "Bash", "Edit", "Glob", "Grep", "NotebookEdit", "Read", "Write")
PLANNING = "ExitPlanMode"  # the tool by which a session that plans hands its plan in
OURS = "loop"  # the server of our own tools: the agent calls them mcp__loop__<name>
MAX_LINE = 8 << 20  # bytes of one message of the CLI; a longer one ends the session


def command(
    leg: Leg, *, resume: bool, tools: Sequence[str], max_turns: int | None, with_ours: bool = False
) -> list[str]:
    """Return the launcher and the CLI's arguments. With `resume` the session must exist already, `with_ours` it has our tools too.

    Values stand behind `=`, so that none can be taken for a flag of its own.
    """
    flags: dict[str, str | None] = {
        "output-format": "stream-json",
        "input-format": "stream-json",
        "verbose": None,
        "resume" if resume else "session-id": leg.session,
        "append-system-prompt": leg.system or None,
        "model": leg.model or None,
        "tools": ",".join((*tools, PLANNING) if leg.plan else tools),
        "max-turns": None if max_turns is None else str(max_turns),
        # The CLI counts what a session cost over all its resumes: the cap is the session's, not the process's.
        "max-budget-usd": None if leg.budget_usd is None else f"{leg.budget_usd:.6f}",
        "permission-mode": "plan" if leg.plan else "default",
        "permission-prompt-tool": "stdio",
        # The loop's own composed configuration; never the repository's, whose files anybody may have written.
        "setting-sources": "user",
        # Spoken over the same pipes as everything else: the box needs no way out for it.
        "mcp-config": json.dumps({"mcpServers": {OURS: {"type": "sdk", "name": OURS}}})
        if with_ours
        else None,
        "strict-mcp-config": None,
    }
    bare = {"verbose", "strict-mcp-config"}
    given = [f"--{flag}={value}" for flag, value in flags.items() if value is not None]
    return [str(leg.launcher), *given, *(f"--{flag}" for flag in flags if flag in bare)]
