"""The journal of a whole bridge: written while it works, rebuilt from, exported, forgotten. Owns: nothing. Effects: a home, the CLI."""

from __future__ import annotations

import asyncio
import json
import subprocess

from tests.scenarios.house import House, house, until
from tests.scenarios.test_cli import loopbridge


def tip(made: House) -> dict[str, object]:
    """Return what the journal's newest commit says."""
    done = subprocess.run(
        ["git", f"--git-dir={made.home}/context/journal.git", "show", "main:journal.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    said: dict[str, object] = json.loads(done.stdout) if done.returncode == 0 else {}
    return said


async def test_a_working_day_is_rebuilt_and_gone_on_with() -> None:
    async with house() as made:
        async with made.bridge() as bridge, made.person() as maya:
            talk = await maya.opens("a word before")
            await talk.says("/loop remember: plum")
            await talk.answered("plum")
            await until(lambda: tip(made).get("seq"))
            await bridge.dispatcher.idle()
        async with made.bridge() as bridge:
            graph = await bridge.store.digest()
        assert (await asyncio.to_thread(tip, made))["graph"] == graph
        said = await asyncio.to_thread(loopbridge, made.home, "export", made.folder().name[:6])
        assert (said.returncode, said.stderr) == (0, "")
        assert "I will remember plum." in said.stdout
        refused = await asyncio.to_thread(loopbridge, made.home, "rebuild")
        assert refused.returncode == 77
        assert "is not empty" in refused.stderr
        for path in list(made.home.glob("bridge.db*")):
            path.unlink()
        done = await asyncio.to_thread(loopbridge, made.home, "rebuild")
        assert done.returncode == 0, done.stderr
        assert "The graph is the one that was journalled" in done.stdout
        async with made.bridge() as bridge, made.person() as maya:
            assert await bridge.store.digest() == graph
            again = maya.joins(talk)
            await again.says("recall")
            await again.answered("You said plum.")
        shown = await asyncio.to_thread(loopbridge, made.home, "forget", "maya")
        assert "Nothing was changed." in shown.stdout
        assert "history is not rewritten unasked" in shown.stdout
        gone = await asyncio.to_thread(loopbridge, made.home, "forget", "maya", "--yes")
        assert gone.returncode == 0, gone.stderr
        said = await asyncio.to_thread(loopbridge, made.home, "export", made.folder().name[:6])
        assert "remember: plum" not in said.stdout
        unknown = await asyncio.to_thread(loopbridge, made.home, "forget", "maya")
        assert unknown.returncode == 78
