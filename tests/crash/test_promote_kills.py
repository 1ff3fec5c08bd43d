"""`kill -9` while work is promoted and while a proposal is merged: it lands once and is told once, wherever the bridge was cut off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.crash.kills import rows
from tests.scenarios.daemon import Daemon
from tests.scenarios.house import House, Talk, house, until
from tests.scenarios.test_layers import SCRIPT, git, heads

# Around the moment at which the far side has the commit there is time to be killed in.
HOOK = "#!/bin/sh\ntouch {mark}\nsleep 0.3\n"


def furnished(home: House, layer: str) -> Path:
    """Make a remote whose hooks tell when a push is being taken and when it was."""
    remote = home.root / f"{layer}.git"
    remote.mkdir()
    git(remote, "init", "-q", "--bare", "-b", "main")
    (remote / "hooks").mkdir(exist_ok=True)
    for name in ("pre-receive", "post-receive"):
        hook = remote / "hooks" / name
        hook.write_text(HOOK.format(mark=remote / f"{name}.mark"))
        hook.chmod(0o755)
    return remote


async def struck(daemon: Daemon, *points: Callable[[], object]) -> None:
    """Kill the bridge once each of these holds, and start it again."""
    for point in points:
        await until(point, every=0.005)
        await daemon.kill()
        await daemon.start()


def marks(remote: Path) -> tuple[Callable[[], object], ...]:
    for name in ("pre-receive", "post-receive"):
        (remote / f"{name}.mark").unlink(missing_ok=True)
    return tuple((remote / f"{name}.mark").exists for name in ("pre-receive", "post-receive"))


async def test_a_promote_and_a_merge_that_are_killed_land_once_and_are_told_once() -> None:
    async with house(SCRIPT) as home:
        notes, knowledge = furnished(home, "notes"), furnished(home, "knowledge")
        home.configure(f'[context]\nnotes = "{notes}"\nknowledge = "{knowledge}"\n')
        async with home.daemon() as daemon, home.person() as maya:
            await until(lambda: heads(notes) == heads(knowledge) == ["main"])
            talk = await maya.opens("/loop keep: notes/a.md = kept")
            await talk.answered("Done")
            pushed = marks(notes)
            said = await talk.says("/loop promote notes")
            # A pack is in quarantine for a moment only: a slow look finds it pushed already.
            packed = home.home / "quarantine-context" / "notes"
            await struck(daemon, lambda: list(packed.glob(".in-*")) or pushed[1](), pushed[1])
            await talk.sees("Promoted to notes: `a.md` +1 −0", after=said)
            await merged_once(home, daemon, talk, knowledge)
            assert talk.count("Promoted to notes: `a.md`") == 1
            # The thread hears of it before the last of it is put away.
            await until(lambda: rows(home, "SELECT count(*) FROM effect WHERE over_at IS NULL") == [(0,)])
            await until(lambda: not list(home.home.glob("quarantine-context/*/*")))
        assert git(notes, "log", "--format=%s", "main", "--", "a.md").count("\n") == 0
        assert git(notes, "show", "main:a.md") == "kept"
        for layer in ("notes", "knowledge"):
            mirror = home.home / "context" / f"{layer}.git"
            assert git(mirror, "for-each-ref", "refs/loopbridge/landing") == ""
            assert git(mirror, "rev-parse", "main") == git(home.root / f"{layer}.git", "rev-parse", "main")


async def merged_once(home: House, daemon: Daemon, talk: Talk, remote: Path) -> None:
    said = await talk.says("keep: knowledge/b.md = true")
    await talk.answered("Done", after=said)
    said = await talk.says("/loop promote knowledge")
    card = await talk.sees("[1] Merge", after=said)
    before = git(remote, "rev-parse", "main")
    pushed = marks(remote)
    await talk.presses(card, "Merge")
    await struck(daemon, *pushed)
    await talk.sees("✓ merged by Maya")
    await until(lambda: heads(remote) == ["main"])
    assert git(remote, "rev-list", "--count", "--first-parent", f"{before}..main") == "1"
    assert git(remote, "log", "-1", "--format=%an|%cn", "main") == "Maya|Maya"
