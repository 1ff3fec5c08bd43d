"""The agent's CLI, as boxes may run it. Owns: cli_copy. Imports: adapters.sandbox. Effects: copies a file once per version."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from adapters.sandbox.executable import execute_only_copy
from core.errors import Rejected

WHEEL = "claude_agent_sdk"


def bundled() -> tuple[Path, str]:
    """Return where the wheel's CLI is and its version, without importing the SDK. Raises Rejected when it is missing."""
    spec = importlib.util.find_spec(WHEEL)
    folder = Path(spec.origin).parent / "_bundled" if spec is not None and spec.origin else None
    if folder is None or not (folder / "claude").is_file():
        raise Rejected(
            "The agent's CLI is not installed.",
            remedy="Run scripts/bootstrap: it comes with the package claude-agent-sdk.",
        )
    version = folder / "claude.version"
    return folder / "claude", version.read_text().split()[0] if version.is_file() else "unknown"


def cli_copy(home: Path) -> tuple[Path, str]:
    """Return the execute-only copy of the CLI and its version. Installations share one; a read-only one has it in the home."""
    source, version = bundled()
    shared = Path(sys.prefix) / "var" / "loopbridge"
    if not os.access(sys.prefix, os.W_OK):
        shared = home / "cli"
    place = shared / f"claude-{version}" / "claude"
    execute_only_copy(source, place)
    return place, version
