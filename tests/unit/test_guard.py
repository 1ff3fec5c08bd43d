"""The event loop's guard itself. Owns: proof that a blocking call of ours fails a test."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import blockbuster
import pytest

from core import ids


def _as_ours(source: str) -> object:
    """Compile a function as if it stood in core/."""
    space: dict[str, object] = {"time": time, "os": os}
    exec(compile(source, str(Path(ids.__file__).with_name("pretend.py")), "exec"), space)  # noqa: S102
    return space["act"]


async def test_a_blocking_call_of_ours_is_found() -> None:
    act = _as_ours("def act():\n    time.sleep(0)\n")
    assert callable(act)
    with pytest.raises(blockbuster.BlockingError):
        act()


async def test_a_blocking_call_of_the_test_is_not() -> None:
    time.sleep(0)  # noqa: ASYNC251


def test_without_a_loop_everything_may_block() -> None:
    act = _as_ours("def act():\n    return os.listdir('/')\n")
    assert callable(act)
    assert act()


def test_the_environment_is_clean() -> None:
    assert not [name for name in os.environ if name.startswith(("LOOPBRIDGE_", "ANTHROPIC_"))]
    assert "blockbuster" in sys.modules
