"""The arrows of import. Owns: that import-linter's contracts hold, and that a start stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "late"),
    [
        (
            "bridge.cli",
            ["pydantic", "sqlalchemy", "aiohttp", "structlog", "git", "claude_agent_sdk", "prompt_toolkit"],
        ),
        ("config.settings", ["sqlalchemy", "aiohttp", "structlog", "rich", "core"]),
        ("core.ports", ["pydantic", "aiohttp", "sqlalchemy"]),
        (
            "bridge.app",
            ["claude_agent_sdk", "mcp", "prompt_toolkit", "slack_sdk", "slack_bolt", "nio", "discord"],
        ),
    ],
)
def test_what_is_heavy_comes_late(module: str, late: list[str]) -> None:
    code = f"import sys, {module}; print(*(set({late!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
