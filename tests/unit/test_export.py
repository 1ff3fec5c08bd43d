"""A thread and a loop as pages. Owns: nothing. Effects: temp homes, real git."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import exporting
from core import errors
from tests.unit.journal_rig import Rig, a_long_story, lane


@pytest.fixture
def rig(home: Path) -> Rig:
    return Rig(root=home / "h")


async def test_a_thread_and_its_loop(rig: Rig) -> None:
    async with rig.telling() as telling:
        await a_long_story(telling)
        await telling.says(lane(4), "maya", "look\n# here `x`", permalink="https://chat.example/p/4")
        await telling.journalling.drain()
        loop = (await telling.store.desk(lane(1))).loop
        assert loop is not None
    page = await exporting.written(rig.journal(), lane(1))
    assert page.startswith(f"# Thread {lane(1)}\n")
    assert "swordfish" not in page
    assert "**09:00:04 Ravi** (deleted)" in page
    assert "> the session test fails again" in page
    assert "files: `/loop/inbox/log-" in page
    for words in (
        "**decision**",
        "not on a Friday",
        "> I left it.",
        "**commit** `cccccccccccc` Mend the test",
        "app/session.py",
    ):
        assert words in page, words
    page = await exporting.written(rig.journal(), loop.id[:8])
    assert page.startswith(f"# Loop {loop.handle}: ")
    assert "> /loop fix the test" in page
    assert "**commit** `dddddddddddd`" in page
    assert "I am a stranger here" not in page
    page = await exporting.written(rig.journal(), "https://chat.example/p/4")
    assert "> # here `x`" in page


async def test_what_is_not_known(rig: Rig) -> None:
    for what in ("", "abcd", "local:home/general/77", "https://chat.example/x", "--all"):
        with pytest.raises(errors.BadInput, match="no thread or loop"):
            await exporting.written(rig.journal(), what)
