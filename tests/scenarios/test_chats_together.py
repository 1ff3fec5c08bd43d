"""Chats side by side in one bridge. Owns: that one in trouble is shown and disturbs no other, and that secrets stay out of the logs."""

from __future__ import annotations

from tests.far_sides.slack import Slack
from tests.scenarios.house import Daemon, House, house, until

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
            root = await far.user_posts("maya", "general", f"@loop claim {code}")
            await until(lambda: "admin" in far.text("general", root))


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
