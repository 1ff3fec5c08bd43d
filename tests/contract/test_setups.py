"""`loopbridge init <chat>`. Owns: what it says before there are tokens, and what it finds out with them, against far sides."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge import setups
from config import settings as configuration
from tests.contract.matrix_fixtures import homeserver
from tests.far_sides.discord.server import TOKEN, FarDiscord
from tests.far_sides.slack import Slack
from tests.far_sides.synapse import Synapse

__all__ = ["homeserver"]


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack() as far:
        yield far


async def init(home: Path, chat: str, **environ: str) -> int:
    named = {f"LOOPBRIDGE_{name}": value for name, value in environ.items()}
    settings = await asyncio.to_thread(configuration.load, home, named)
    return await setups.main(settings, chat)


def of_slack(far: Slack, **other: str) -> dict[str, str]:
    [team] = far.world.teams.values()
    given = {"BOT_TOKEN": team.bot_token, "APP_TOKEN": far.app_token, "API_URL": far.base_url, **other}
    return {f"SLACK__{name}": value for name, value in given.items()}


@pytest.mark.parametrize(
    ("chat", "words"),
    [
        ("slack", ["slack-manifest.yaml", "xoxb-", "xapp-", "connections:write", 'bot_token_file = "keys/slack-bot"']),
        ("matrix", ["homeserver", "user_id", 'password_file = "keys/matrix-password"', "recovery"]),
        ("discord", ["Message Content Intent", 'token_file = "keys/discord"']),
    ],
)  # fmt: skip
async def test_without_credentials_it_says_how_to_come_by_them(
    home: Path, capsys: pytest.CaptureFixture[str], chat: str, words: list[str]
) -> None:
    assert await init(home, chat) == 0
    said = capsys.readouterr().out
    assert not [word for word in words if word not in said]
    assert said.splitlines()[-1].endswith(f"init {chat}")


async def test_the_manifest_is_the_shipped_one(home: Path) -> None:
    await init(home, "slack")
    (home / "slack-manifest.yaml").write_text("of an older version")
    await init(home, "slack")
    assert (home / "slack-manifest.yaml").read_bytes() == setups.MANIFEST.read_bytes()


async def test_good_tokens(home: Path, slack: Slack, capsys: pytest.CaptureFixture[str]) -> None:
    assert await init(home, "slack", **of_slack(slack)) == 0
    said = capsys.readouterr().out
    assert "✗" not in said
    assert "/invite @loop" in said


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"BOT_TOKEN": "xoxb-of-nobody"}, "does not know this token"),
        ({"APP_TOKEN": "xapp-of-nobody"}, "app-level token"),
        ({"API_URL": "http://127.0.0.1:1/api"}, "cannot be reached"),
    ],
)
async def test_a_bad_token_is_one_line(
    home: Path, slack: Slack, capsys: pytest.CaptureFixture[str], other: dict[str, str], said: str
) -> None:
    assert await init(home, "slack", **of_slack(slack, **other)) == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if "✗" in line]
    assert said in line
    assert "of-nobody" not in line


async def test_swapped_tokens(home: Path, slack: Slack, capsys: pytest.CaptureFixture[str]) -> None:
    given = of_slack(slack)
    given["SLACK__BOT_TOKEN"], given["SLACK__APP_TOKEN"] = (
        given["SLACK__APP_TOKEN"],
        given["SLACK__BOT_TOKEN"],
    )
    assert await init(home, "slack", **given) == 1
    assert "swapped" in capsys.readouterr().out


async def test_a_missing_scope_is_named(home: Path, slack: Slack, capsys: pytest.CaptureFixture[str]) -> None:
    [team] = slack.world.teams.values()
    team.scopes.discard("reactions:read")
    assert await init(home, "slack", **of_slack(slack)) == 1
    assert "reactions:read" in capsys.readouterr().out


async def test_discord_gives_the_link_and_tests_the_token(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with FarDiscord() as far:
        far.world.guild("Team", far.world.user("maya"))
        given = {"DISCORD__TOKEN": TOKEN, "DISCORD__API_URL": far.api_url}
        assert await init(home, "discord", **given) == 0
        said = capsys.readouterr().out
        link = r"oauth2/authorize\?client_id=\d+&scope=bot\+applications\.commands&permissions=\d+"
        assert re.search(link, said)
        assert await init(home, "discord", **{**given, "DISCORD__TOKEN": "of-nobody"}) == 1
        [line] = [line for line in capsys.readouterr().out.splitlines() if "✗" in line]
        assert "of-nobody" not in line


async def test_discord_without_the_intent(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with FarDiscord(content_intent=False) as far:
        far.world.guild("Team", far.world.user("maya"))
        assert await init(home, "discord", DISCORD__TOKEN=TOKEN, DISCORD__API_URL=far.api_url) == 1
    assert "Message Content Intent" in capsys.readouterr().out


def of_matrix(synapse: Synapse, user: str, password: str) -> dict[str, str]:
    return {"MATRIX__HOMESERVER": synapse.url, "MATRIX__USER_ID": user, "MATRIX__PASSWORD": password}


async def test_matrix_logs_in_once_and_is_signed(
    home: Path, homeserver: Synapse, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = await homeserver.register("loop")
    given = of_matrix(homeserver, bot.user, bot.password)
    assert await init(home, "matrix", **given) == 0
    said = capsys.readouterr().out
    kept = home / "keys" / "matrix-recovery"
    key = kept.read_text().strip()
    assert (kept.stat().st_mode & 0o777, key in said, str(kept) in said) == (0o600, False, True)
    assert "!loop" in said
    for file in (home / "keys" / "matrix").iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
    device = re.search(r"on device (\w+)", said)
    assert await init(home, "matrix", **given) == 0
    again = capsys.readouterr().out
    assert device is not None
    assert f"on device {device[1]}" in again
    assert "recovery key" not in again

    # A bridge that lost its state is another device; the kept key lets it sign itself.
    shutil.rmtree(home / "keys" / "matrix")
    assert await init(home, "matrix", **given, MATRIX__RECOVERY_KEY_FILE=str(kept)) == 0
    assert f"on device {device[1]}" not in capsys.readouterr().out


async def test_matrix_with_a_wrong_password(
    home: Path, homeserver: Synapse, capsys: pytest.CaptureFixture[str]
) -> None:
    bot = await homeserver.register("loop")
    assert await init(home, "matrix", **of_matrix(homeserver, bot.user, "wrong-password")) == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if "✗" in line]
    assert "wrong-password" not in line
