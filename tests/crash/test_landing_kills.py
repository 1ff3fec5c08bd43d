"""`kill -9` between somebody's yes to delicate commits and their landing: they land once, and are told once."""

from __future__ import annotations

from pathlib import Path

from tests.crash.kills import rows
from tests.crash.test_promote_kills import HOOK, marks, struck
from tests.scenarios.house import house, until

TASK = "/loop --repo demo run: sh -c 'echo steer | tee .mcp.json; git add -A; git commit -qm Steer'"


def hooked(remote: Path) -> None:
    """Have the origin tell when a push is being taken and when it was."""
    for name in ("pre-receive", "post-receive"):
        hook = remote / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK.format(mark=remote / f"{name}.mark"))
        hook.chmod(0o755)


async def test_what_was_allowed_lands_once_wherever_the_bridge_was_cut_off() -> None:
    async with house() as home:
        hooked(home.origin)

        async with home.daemon() as daemon, home.person() as maya:
            talk = await maya.opens(TASK)
            await talk.presses(await talk.asked("Steer"), "Allow once")
            card = await talk.sees("[1] Land")
            await talk.presses(card, "Land")
            decided = "SELECT 1 FROM effect WHERE kind = 'land_work'"
            await struck(daemon, lambda: rows(home, decided), *marks(home.origin))
            await talk.sees("✓ landed, allowed by Maya")
            assert talk.count("landed") == 1, talk.transcript
            assert talk.count("not landed") == 0
            await until(lambda: rows(home, "SELECT count(*) FROM effect WHERE over_at IS NULL") == [(0,)])
            assert not daemon.complaints()
        (branch,) = home.branches()
        assert home.git("log", "--format=%s", f"main..{branch}").split() == ["Steer"]
        assert home.git("show", f"{branch}:.mcp.json").strip() == "steer"
        assert not list(home.home.glob("quarantine/demo/*"))
