"""The demo, and the thread it makes, kept word by word in docs/demo-thread.md.

LOOPBRIDGE_WRITE_GOLDEN=1 writes the page anew; every change of wording then shows in review.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from adapters.chat.local import render
from bridge import demo, edge
from core.errors import LoopbridgeError

PAGE = Path(__file__).parents[2] / "docs" / "demo-thread.md"
WRITE = os.environ.get("LOOPBRIDGE_WRITE_GOLDEN") == "1"  # read before the tests clean the environment
HEAD = """\
# The demo's thread

The whole thread of `make demo` as Maya sees it at its end, with ids, times, durations, hashes and money replaced by fixed ones; a test
compares it word by word, and `LOOPBRIDGE_WRITE_GOLDEN=1` makes that test write this page anew.

"""


async def test_the_demo_holds_and_its_thread_reads_as_the_page_says(home: Path) -> None:
    printed = io.StringIO()
    story = demo.Demo(root=home, console=Console(file=printed, width=100))
    await demo.act(story)
    assert [words for words, fine, _ in story.checks if not fine] == []
    assert len(story.checks) == 3
    page = HEAD + render.transcript(story.records, names={"maya": "Maya", "ravi": "Ravi"})
    if WRITE:
        PAGE.write_text(page, encoding="utf-8")
    assert page == PAGE.read_text(encoding="utf-8")


async def test_a_loop_that_fails_ends_the_demo_at_once_with_its_reason(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "cli_copy", lambda where: (where / "claude-that-is-not-there", "0"))
    monkeypatch.setattr(demo, "PATIENCE", 600.0)  # the run is over long before
    story = demo.Demo(root=home, console=Console(file=io.StringIO()))
    with pytest.raises(LoopbridgeError, match=r"The loop failed.*claude-that-is-not-there"):
        await demo.act(story)
