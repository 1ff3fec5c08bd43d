"""The whole story, on every chat: a discussion, a loop, an ask, a crash, an answer, a branch."""

from __future__ import annotations

import os
import re

import pytest

from adapters import registry
from tests.scenarios.house import DEMO, house
from tests.scenarios.stages import sees, stage

PLATFORMS = ("local", "slack", "matrix", "discord")
ALERT = "build 8123 failed: test_token_expires_at_its_lifetime AssertionError"


def test_every_platform_has_its_story() -> None:
    assert set(PLATFORMS) == set(registry.CHATS)


@pytest.mark.parametrize("platform", PLATFORMS)
async def test_a_bug_is_talked_about_fixed_and_approved_across_a_crash(
    platform: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.getbasetemp()
    servers = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "synapse"
    async with house(DEMO) as home, stage(platform, home, servers) as chat, home.daemon() as daemon:
        if not chat.claimed:
            code = (await daemon.printed("/loop claim")).split()[-1]
            lobby = await chat.opens("maya", f"!loop claim {code}")
            await sees(chat, lobby, "You are the admin")
        thread = await chat.opens("maya", "the session test fails again on CI, third time this week")
        await chat.alerts(ALERT, thread)
        await chat.says(
            "ravi", "probably the comparison: a token is over when its lifetime has passed", thread
        )
        await chat.says("maya", "@loop fix the failing test", thread)
        await sees(chat, thread, "Context: 4 messages by 3 people")
        await sees(chat, thread, "python3 tools/regenerate_fixtures.py")

        await chat.presses("ravi", "Allow once", thread)
        await sees(chat, thread, "You can't decide ask", who="ravi")

        await daemon.kill()
        await daemon.start()
        await sees(chat, thread, "Back after")
        await chat.presses("maya", "Allow once", thread)
        await sees(chat, thread, "allowed once by")
        await sees(chat, thread, "Fixed: a session now expires at its lifetime")
        [branch] = home.branches()
        assert re.fullmatch(r"loop/fix-the-failing-test-[0-9a-f]{6}", branch)
        assert "now - issued_at >= lifetime" in home.git("show", f"{branch}:app/session.py")

        said = await chat.reads("maya", thread)
        for once in ("Back after", "allowed once by", "Fixed: a session now expires"):
            assert sum(once in text for text in said) == 1, said
        assert not daemon.complaints()
