"""Chats side by side in one bridge. Owns: that one in trouble disturbs no other, that secrets stay out of the
logs, and that one person and one loop can be in several."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.far_sides.slack import Slack
from tests.scenarios.house import Daemon, House, house, until
from tests.scenarios.stages import sees, stage

TOKEN = "MTEyMjMz.of.nobody"


def in_slack(made: House, far: Slack) -> None:
    [team] = far.world.teams.values()
    made.environ |= {
        "LOOPBRIDGE_SLACK__BOT_TOKEN": team.bot_token,
        "LOOPBRIDGE_SLACK__APP_TOKEN": far.app_token,
        "LOOPBRIDGE_SLACK__API_URL": far.base_url,
    }


async def test_a_loop_in_slack_while_discord_cannot_be_reached() -> None:
    async with Slack() as far, house() as made:
        in_slack(made, far)
        made.environ |= {
            "LOOPBRIDGE_DISCORD__TOKEN": TOKEN,
            "LOOPBRIDGE_DISCORD__API_URL": "http://127.0.0.1:1/api/v10",
        }
        async with made.bridge() as bridge:
            states = bridge.chats.states
            assert states()["local"] == "connected"
            await until(
                lambda: states()["slack"] == "connected" and "cannot be reached" in states()["discord"]
            )
            health = bridge.health()
            assert health["status"] == "degraded"
            assert TOKEN not in str(health)
            far.user("maya", name="Maya")
            code = bridge.claim_code
            await far.user_posts("maya", "general", f"@loop claim {code}")
            await until(lambda: "admin" in far.text("general"))


async def test_swapped_tokens_are_one_line_of_the_log_and_stop_nothing() -> None:
    async with Slack() as far, house() as made:
        in_slack(made, far)
        bot, app = (made.environ[f"LOOPBRIDGE_SLACK__{name}_TOKEN"] for name in ("BOT", "APP"))
        made.environ |= {"LOOPBRIDGE_SLACK__BOT_TOKEN": app, "LOOPBRIDGE_SLACK__APP_TOKEN": bot}
        made.environ["LOOPBRIDGE_LOGS__LEVEL"] = "debug"
        daemon = Daemon(made)
        try:
            await daemon.launch()
            await daemon.logged("bridge.ready")
            assert "swapped" in (await daemon.logged("chat.failed"))["why"]
            async with made.person() as maya:
                talk = await maya.opens("/loop help")
                await talk.sees("starts a loop here")
        finally:
            await daemon.kill()
        failed = [line for line in daemon.log if line.get("event") == "chat.failed"]
        assert [(line["chat"], line["remedy"]) for line in failed] == [
            ("slack", "The bot token begins with xoxb-, the app-level token with xapp-.")
        ]
        assert not [line for line in daemon.said if bot in line or app in line]
        assert not daemon.complaints()


def lower(words: str) -> Callable[[str], bool]:
    """Look for words whatever a chat makes of a name's first letter."""
    return lambda text: words in text.lower()


async def test_one_person_follows_a_loop_of_slack_from_discord_and_decides_in_both(tmp_path: Path) -> None:
    async with (
        house() as home,
        stage("slack", home, tmp_path) as slack,
        stage("discord", home, tmp_path) as discord,
        home.bridge() as bridge,
    ):
        lobby = await slack.opens("maya", f"@loop claim {bridge.claim_code}")
        await sees(slack, lobby, "You are the admin")
        await slack.says("maya", "@loop link", lobby)
        told = await sees(slack, lobby, "/loop link")
        assert told not in await slack.reads("ravi", lobby), "the code is for one"
        code = re.search(r"link ([0-9A-Z]{4}-[0-9A-Z]{4})", told)
        assert code
        here = await discord.opens("maya", f"!loop link {code.group(1)}")
        await sees(discord, here, lower("this account belongs to maya now."))
        taken = await discord.opens("ravi", f"!loop link {code.group(1)}")
        await sees(discord, taken, "That code is not right", who="ravi")

        there = await slack.opens("maya", "@loop --repo demo remember: bananas")
        await sees(slack, there, "I will remember bananas.")
        card = await sees(slack, there, lower("driver maya"))
        handle = re.search(r"#([0-9a-f]{6})", card)
        assert handle
        await discord.says("maya", f"!loop follow {handle.group(1)}", here)
        assert handle.group() in await sees(discord, here, lower("driver maya"))
        await sees(slack, there, "is followed from Discord too")

        await discord.says("maya", "run: touch one", here)
        for chat, thread in ((slack, there), (discord, here)):
            await sees(chat, thread, lambda text: "touch one" in text and "may I run this?" in text)
        await discord.presses("ravi", "Allow once", here)
        await sees(discord, here, "You can't decide ask", who="ravi")
        await discord.presses("maya", "Allow once", here)
        for chat, thread in ((slack, there), (discord, here)):
            assert "touch one" in await sees(chat, thread, lower("✓ allowed once by maya"))
            await sees(chat, thread, "Done")
        assert "[Allow once]" not in "\n".join(await slack.reads("maya", there))

        await slack.says("maya", "run: touch two", there)
        await sees(discord, here, lambda text: "touch two" in text and "may I run this?" in text)
        await slack.presses("maya", "Allow for this loop", there)
        await sees(discord, here, lower("✓ allowed for this loop by maya"))
        workdir = home.folder() / "workdir"
        await until(lambda: all((workdir / name).exists() for name in ("one", "two")))
        for chat, thread in ((slack, there), (discord, here)):
            await sees(chat, thread, lower("✓ allowed for this loop by maya"))
            said = await chat.reads("maya", thread)
            assert sum("allowed once by maya" in text.lower() for text in said) == 1, said
            assert sum("allowed for this loop by maya" in text.lower() for text in said) == 1, said
