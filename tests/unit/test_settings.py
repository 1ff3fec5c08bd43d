"""Settings, from the file and the environment. Owns: precedence, and one line for whatever is wrong."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pydantic
import pytest

from config import describe, document, errors, settings, units

SECRET = "sk-very-secret-value"


def load(home: Path, text: str = "", **environ: str) -> settings.Settings:
    (home / settings.FILE).write_text(text, encoding="utf-8")
    return settings.load(home, environ)


def wrong(home: Path, text: str = "", **environ: str) -> list[str]:
    """Return the lines of the error, with the file's name cut to its last part."""
    with pytest.raises(errors.ConfigError) as caught:
        load(home, text, **environ)
    return str(caught.value).replace(f"{home}/", "").splitlines()


def test_the_defaults(tmp_path: Path) -> None:
    given = settings.load(tmp_path, {})
    assert given.home == tmp_path
    assert (given.http.host, given.http.port) == ("127.0.0.1", 8484)
    assert given.asks.expires == timedelta(hours=24)
    assert given.model.base_url == "https://api.anthropic.com"
    assert given.defaults.budget_usd is None
    assert type(given) is settings.Settings


def test_the_file_is_laid_over_the_defaults_and_the_environment_over_both(tmp_path: Path) -> None:
    text = '[http]\nport = 1\nhost = "::1"\n[asks]\nexpires = "1h30m"\n[repos.demo]\nurl = "/srv/demo.git"'
    given = load(tmp_path, text, LOOPBRIDGE_HTTP__PORT="2", LOOPBRIDGE_REPOS__DEMO__BRANCH="next", OTHER="x")
    assert (given.http.port, given.http.host) == (2, "::1")
    assert given.asks.expires == timedelta(minutes=90)
    assert (given.repos["demo"].url, given.repos["demo"].branch) == ("/srv/demo.git", "next")


def test_the_names_that_will_not_change(tmp_path: Path) -> None:
    environ = {
        "LOOPBRIDGE_HOME": str(tmp_path),
        "LOOPBRIDGE_MODEL__BASE_URL": "http://127.0.0.1:1/",
        "LOOPBRIDGE_MODEL__API_KEY": SECRET,
        "LOOPBRIDGE_MODEL__NAME": "m",
        "LOOPBRIDGE_DATABASE__URL": "sqlite:////tmp/x.db",
        "LOOPBRIDGE_HTTP__PORT": "0",
    }
    given = settings.load(None, environ)
    assert given.home == tmp_path
    assert (given.model.base_url, given.model.name) == ("http://127.0.0.1:1", "m")
    assert given.model.api_key.get_secret_value() == SECRET
    assert given.database.url.get_secret_value() == "sqlite:////tmp/x.db"
    assert given.http.port == 0
    assert SECRET not in repr(given) + str(given) + given.model_dump_json()


@pytest.mark.parametrize(
    ("url", "lacks"),
    [
        ("https://api.anthropic.com", True),
        ("https://8.8.8.8/v1", True),
        ("https://models.example.com", True),
        ("http://127.0.0.1:11434", False),
        ("http://[::1]:11434", False),
        ("http://localhost:11434/anthropic", False),
        ("http://ollama:11434", False),
        ("http://192.168.1.20", False),
        ("https://gpu.local", False),
    ],
)
def test_a_key_is_missed_only_where_one_is_needed(tmp_path: Path, url: str, lacks: bool) -> None:
    assert load(tmp_path, LOOPBRIDGE_MODEL__BASE_URL=url).model.lacks_key is lacks
    assert not load(
        tmp_path, LOOPBRIDGE_MODEL__BASE_URL=url, LOOPBRIDGE_MODEL__API_KEY=SECRET
    ).model.lacks_key
    assert not load(tmp_path, LOOPBRIDGE_MODEL__BASE_URL=url, LOOPBRIDGE_MODEL__REHEARSAL="s").model.lacks_key


def test_lists_in_the_environment(tmp_path: Path) -> None:
    assert load(tmp_path, LOOPBRIDGE_EGRESS__ALLOW="a.org, b.org:8443").egress.allow == (
        "a.org",
        "b.org:8443",
    )
    assert load(tmp_path, LOOPBRIDGE_EGRESS__ALLOW='["a.org"]').egress.allow == ("a.org",)
    assert load(tmp_path, "[egress]\nallow=['x']", LOOPBRIDGE_EGRESS__ALLOW="").egress.allow == ()


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    assert (
        load(tmp_path, LOOPBRIDGE_MODEL__API_KEY_FILE=str(tmp_path / "key")).model.api_key.get_secret_value()
        == SECRET
    )
    assert load(tmp_path, '[model]\napi_key_file = "key"').model.api_key.get_secret_value() == SECRET
    given = load(tmp_path, '[model]\napi_key_file = "key"', LOOPBRIDGE_MODEL__API_KEY="other")
    assert given.model.api_key.get_secret_value() == "other"


BOT, APP = "xoxb-very-secret", "xapp-very-secret"


def test_the_names_of_the_chats_that_will_not_change(tmp_path: Path) -> None:
    given = load(
        tmp_path,
        LOOPBRIDGE_SLACK__BOT_TOKEN=BOT,
        LOOPBRIDGE_SLACK__APP_TOKEN=APP,
        LOOPBRIDGE_SLACK__SIGNING_SECRET="signing-secret",
        LOOPBRIDGE_SLACK__API_URL="http://127.0.0.1:1/api/",
        LOOPBRIDGE_MATRIX__HOMESERVER="http://127.0.0.1:2",
        LOOPBRIDGE_MATRIX__USER_ID="@loop:example.org",
        LOOPBRIDGE_MATRIX__PASSWORD="a-password",
        LOOPBRIDGE_MATRIX__ACCESS_TOKEN="an-access-token",
        LOOPBRIDGE_MATRIX__DEVICE_ID="DEVICE",
        LOOPBRIDGE_MATRIX__RECOVERY_KEY="a-recovery-key",
        LOOPBRIDGE_DISCORD__TOKEN="discord-token",
        LOOPBRIDGE_DISCORD__API_URL="http://127.0.0.1:3/api/v10",
        LOOPBRIDGE_DISCORD__GUILDS="112233445566778899",
    )
    assert (given.slack.bot_tokens, given.slack.api_url) == ((BOT,), "http://127.0.0.1:1/api")
    assert (given.matrix.user_id, given.matrix.device_id) == ("@loop:example.org", "DEVICE")
    assert given.discord.guilds == ("112233445566778899",)
    assert given.slack.wanted
    assert given.matrix.wanted
    assert given.discord.wanted
    assert set(settings.secrets(given)) == {
        BOT, APP, "signing-secret", "a-password", "an-access-token", "a-recovery-key", "discord-token"
    }  # fmt: skip
    said = repr(given) + str(given) + given.model_dump_json()
    assert not [secret for secret in settings.secrets(given) if secret in said]


def test_no_chat_is_wanted_by_default(tmp_path: Path) -> None:
    given = settings.load(tmp_path, {})
    assert not any(chat.wanted for chat in (given.slack, given.matrix, given.discord))
    assert list(settings.secrets(given)) == []


def test_several_workspaces(tmp_path: Path) -> None:
    (tmp_path / "second").write_text("xoxb-second\n")
    (tmp_path / "third").write_text("xoxb-third")
    text = f"[slack]\nbot_token = '{BOT}'\napp_token = '{APP}'\n[slack.workspaces.two]\nbot_token_file = 'second'"
    given = load(tmp_path, text, LOOPBRIDGE_SLACK__WORKSPACES__THREE__BOT_TOKEN_FILE=str(tmp_path / "third"))
    assert set(given.slack.bot_tokens) == {BOT, "xoxb-second", "xoxb-third"}
    assert set(settings.secrets(given)) == {BOT, APP, "xoxb-second", "xoxb-third"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"[slack]\nbot_token = '{BOT}'", "slack.app_token: expected the app-level token (xapp-…) beside the bot token, or a signing_secret"),
        (f"[slack]\napp_token = '{APP}'", "slack.bot_token: expected the bot token (xoxb-…), because Slack is set up otherwise"),
        (f"[slack]\nbot_token = '{BOT}'\napp_token = '{APP}'\n[slack.workspaces.two]", "slack.workspaces.two.bot_token: expected the bot token (xoxb-…) of that workspace"),
        ("[matrix]\nuser_id = '@loop:example.org'\npassword = 'x'", "matrix.homeserver: expected the homeserver's address, because Matrix is set up otherwise"),
        ("[matrix]\nhomeserver = 'https://m.example.org'\naccess_token = 'x'", "matrix.user_id: expected the bot's account (@loop:example.org), because Matrix is set up otherwise"),
        ("[matrix]\nhomeserver = 'https://m.example.org'\nuser_id = '@loop:example.org'", "matrix.password: expected the password of the bot's account, or an access_token of it"),
    ],
)  # fmt: skip
def test_a_chat_that_is_half_set_up(tmp_path: Path, text: str, line: str) -> None:
    assert wrong(tmp_path, text) == [f"config.toml: {line}; found nothing"]


def test_a_chat_half_set_up_by_variables_is_told_in_variables(tmp_path: Path) -> None:
    assert wrong(tmp_path, LOOPBRIDGE_SLACK__BOT_TOKEN=BOT) == [
        "environment: LOOPBRIDGE_SLACK__APP_TOKEN: expected the app-level token (xapp-…) beside the bot token, or a signing_secret; found nothing"
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[matrix]\nuser_id = 'loop'", 'matrix.user_id: expected a user such as @loop:example.org; found "loop"'),
        ("[matrix]\nhomeserver = 'example.org'", 'matrix.homeserver: expected a web address such as https://matrix.example.org; found "example.org"'),
        ("[matrix]\nunsigned_devices = 'some'", 'matrix.unsigned_devices: expected one of send, withhold; found "some"'),
        ("[discord]\nguilds = ['my server']", 'discord.guilds[1]: expected a list of server ids such as 112233445566778899; found "my server"'),
        ("[slack]\nlisten_host = '0.0.0.0'", 'slack.listen_host: expected a loopback address such as 127.0.0.1 or ::1; found "0.0.0.0"'),
        ("[slack]\nbot_tokn = 'x'", "slack.bot_tokn: expected a setting that exists; the nearest name is slack.bot_token"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_chat(tmp_path: Path, text: str, line: str) -> None:
    assert wrong(tmp_path, text) == [f"config.toml: {line}"]


def test_nothing_can_be_changed(tmp_path: Path) -> None:
    given = settings.load(tmp_path, {})
    with pytest.raises(pydantic.ValidationError):
        given.http.port = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[http]\nprot = 1", "config.toml: http.prot: expected a setting that exists; the nearest name is http.port"),
        ("port = 1", "config.toml: port: expected a setting that exists; the nearest name is http.port"),
        ("[htpp]\nport = 1", "config.toml: htpp: expected a setting that exists; the nearest name is http"),
        ("[chat.locl]", "config.toml: chat.locl: expected a setting that exists; the nearest name is chat.local"),
        ("[zzz]", "config.toml: zzz: expected a setting that exists"),
        ("[http]\nport = 'eighty'", 'config.toml: http.port: expected a whole number from 0 to 65535; found "eighty"'),
        ("[http]\nport = 65536", "config.toml: http.port: expected a whole number from 0 to 65535; found 65536"),
        ("[http]\nport = true", "config.toml: http.port: expected a whole number from 0 to 65535; found true"),
        ("http = 3", "config.toml: http: expected a table, [http]"),
        ("[http]\nhost = '0.0.0.0'", 'config.toml: http.host: expected a loopback address such as 127.0.0.1 or ::1; found "0.0.0.0"'),
        ("[asks]\nexpires = '24'", 'config.toml: asks.expires: expected a time such as "90s", "10m" or "24h", longer than nothing; found "24"'),
        ("[asks]\nreminds = 4", 'config.toml: asks.reminds: expected a time such as "90s", "10m" or "24h", longer than nothing; found 4'),
        ("[asks]\nexpires = '0s'", 'config.toml: asks.expires: expected a time such as "90s", "10m" or "24h", longer than nothing; found "0s"'),
        ("[sandbox]\nmemory = '1K'", 'config.toml: sandbox.memory: expected a size such as "256M" or "6G", 256M or more; found "1K"'),
        ("[logs]\nlevel = 'loud'", 'config.toml: logs.level: expected one of debug, info, warning, error; found "loud"'),
        ("[chat.local]\nenabled = 'perhaps'", 'config.toml: chat.local.enabled: expected true or false; found "perhaps"'),
        ("[model]\nbase_url = 'ftp://x'", 'config.toml: model.base_url: expected a web address such as https://api.anthropic.com; found "ftp://x"'),
        ("[model]\nname = ''", 'config.toml: model.name: expected the name of a model; found ""'),
        ("[agent]\ntools = ['Read', 3]", "config.toml: agent.tools[2]: expected a list of words; found 3"),
        ("[agent]\ntools = 'Read'", 'config.toml: agent.tools: expected a list of words; found "Read"'),
        ("[egress]\nprivate_networks = ['10.1/99']", 'config.toml: egress.private_networks[1]: expected a list of networks such as 10.1.0.0/16; found "10.1/99"'),
        ("[repos.demo]", "config.toml: repos.demo.url: expected the origin's URL or path; found nothing"),
        ("[repos.demo]\nurl = 'x'\nbrnch = 'y'", "config.toml: repos.demo.brnch: expected a setting that exists; the nearest name is repos.demo.branch"),
        ("[repos.Demo]\nurl = 'x'", "config.toml: repos.Demo: expected a name of lower-case letters, digits, dots and dashes"),
        ("[repos.demo]\nurl = 'x'\n[defaults]\nrepo = 'dmo'", 'config.toml: defaults.repo: expected a name under repos (demo); found "dmo"; the nearest name is demo'),
        ("[defaults]\nbudget_usd = -1", "config.toml: defaults.budget_usd: expected dollars such as 5 or 2.5 (0 means no cap); found -1"),
        ("[defaults]\nbudget_usd = nan", "config.toml: defaults.budget_usd: expected dollars such as 5 or 2.5 (0 means no cap); found nan"),
        ("home = '/x'", "config.toml: home: expected the home directory in LOOPBRIDGE_HOME, not here"),
        ("a = \n", "config.toml: line 1, column 5: expected valid TOML (Invalid value)"),
        ("[model]\napi_key_file = 'none'", "config.toml: model.api_key_file: expected a file that holds the secret and can be read (No such file or directory)"),
        ("[model]\napi_key_file = '.'", "config.toml: model.api_key_file: expected a file that holds the secret and can be read (not a regular file)"),
        ("[model]\napi_key_fil = 'x'", "config.toml: model.api_key_fil: expected a setting that exists; the nearest name is model.api_key_file"),
    ],
)  # fmt: skip
def test_one_line_for_what_is_wrong_in_the_file(tmp_path: Path, text: str, line: str) -> None:
    assert wrong(tmp_path, text) == [line]


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("HTTP__PROT", "1", "expected a variable that names a setting; the nearest name is LOOPBRIDGE_HTTP__PORT"),
        ("HTTP_PORT", "1", "expected a variable that names a setting; the nearest name is LOOPBRIDGE_HTTP__PORT"),
        ("PORT", "1", "expected a variable that names a setting; the nearest name is LOOPBRIDGE_HTTP__PORT"),
        ("HOMES", "1", "expected a variable that names a setting; the nearest name is LOOPBRIDGE_HOME"),
        ("HTTP", "1", "expected a variable that names a setting"),
        ("REPOS____URL", "1", "expected a variable that names a setting"),
        ("HTTP__PORT", "abc", 'expected a whole number from 0 to 65535; found "abc"'),
        ("HTTP__PORT", "", 'expected a whole number from 0 to 65535; found ""'),
        ("REPOS__DEMO__UR", "x", "expected a variable that names a setting; the nearest name is LOOPBRIDGE_REPOS__DEMO__URL"),
        ("AGENT__TOOLS", '["a"', 'expected a list of words; found "["a""'),
        ("LOGS__LEVEL", "a\nb\x1b[31m", "expected one of debug, info, warning, error; found \"a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m\""),
        ("MODEL__API_KEY_FILE", SECRET, "expected a file that holds the secret and can be read (No such file or directory)"),
        ("MODEL__API_KEY_FILE", "", "expected a file that holds the secret and can be read (not a path)"),
        ("DEFAULTS__REPO", "x", 'expected a name under repos (none is configured); found "x"'),
    ],
)  # fmt: skip
def test_one_line_for_what_is_wrong_in_the_environment(
    tmp_path: Path, variable: str, value: str, line: str
) -> None:
    lines = wrong(tmp_path, **{f"LOOPBRIDGE_{variable}": value})
    assert [found for found in lines if line in found] == [f"environment: LOOPBRIDGE_{variable}: {line}"]
    if variable != "REPOS__DEMO__UR":
        assert len(lines) == 1


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    lines = wrong(
        tmp_path,
        "[http]\nprot = 1\nport = 'x'\n[logs]\nlevel = 'y'",
        LOOPBRIDGE_ASKS__EXPIRES="z",
        LOOPBRIDGE_ZZ="1",
    )
    assert len(lines) == 5


@pytest.mark.parametrize(
    "text",
    [
        f"[model]\napi_key = ['{SECRET}']",
        f"[model]\napi_key = '{SECRET}'\napi_key_file = '{SECRET}'",
        f"[model]\napikey = '{SECRET}'",
        f"[model]\napi_key = '{SECRET}",
        f"[model]\napi_key_file = 'x{SECRET}'",
        f"[database]\nurl = 'mysql://u:{SECRET}@h/d'",
        f"[repos.demo]\nurl = ['https://{SECRET}@h']",
    ],
)
def test_no_error_tells_a_secret(tmp_path: Path, text: str) -> None:
    assert SECRET not in "\n".join(wrong(tmp_path, text))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).mkdir()
    with pytest.raises(errors.ConfigError, match=r"a file that can be read \(not a regular file\)"):
        settings.load(tmp_path, {})
    (tmp_path / settings.FILE).rmdir()
    (tmp_path / settings.FILE).write_bytes(b"\xff\xfe[http]")
    with pytest.raises(errors.ConfigError, match=r"a file that can be read \(not UTF-8 text\)"):
        settings.load(tmp_path, {})
    (tmp_path / settings.FILE).write_bytes(b"\xef\xbb\xbf[http]\nport = 3")
    assert settings.load(tmp_path, {}).http.port == 3


def test_an_empty_home_is_no_home() -> None:
    with pytest.raises(errors.ConfigError, match="LOOPBRIDGE_HOME: expected the path of the home directory"):
        settings.load(None, {"LOOPBRIDGE_HOME": ""})


def test_the_example_holds_every_setting_with_its_default(tmp_path: Path) -> None:
    text = document.EXAMPLE.read_text(encoding="utf-8")
    assert text == document.example(), "run: python -m config.document"
    assert load(tmp_path, text) == settings.load(tmp_path, {})
    active = re.sub(r"(?m)^#(?=[a-z\[])", "", text)
    given, plain = load(tmp_path, active).model_dump(), load(tmp_path).model_dump()
    for tables, name in ((given, "repos"), (given["slack"], "workspaces")):
        assert list(tables.pop(name)) == ["demo"]
    plain.pop("repos")
    plain["slack"].pop("workspaces")
    assert given == plain
    keys = {entry.key.replace(describe.ANY, "demo") for entry in describe.entries(settings.Settings)} - {
        "home"
    }
    assert keys == set(flat(tomllib.loads(active)))


def flat(table: dict[str, object], above: str = "") -> list[str]:
    return [
        key
        for name, value in table.items()
        for key in (flat(value, f"{above}{name}.") if isinstance(value, dict) else [above + name])
    ]


def test_the_reference_page_is_current() -> None:
    assert document.REFERENCE.read_text(encoding="utf-8") == document.reference(), (
        "run: python -m config.document"
    )


@pytest.mark.parametrize("entry", list(describe.entries(settings.Settings)), ids=lambda entry: entry.key)
def test_every_setting_is_documented(entry: describe.Entry) -> None:
    if entry.key == "home":
        return
    assert entry.field.description
    assert entry.field.description.endswith(".")
    assert f"`{entry.variable}`" in document.reference()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("24h", 86_400), ("1h30m", 5400), ("2d", 172_800), ("1h 5s", 3605)],
)
def test_times(text: str, seconds: int) -> None:
    assert units.duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", ["", "h", "10", 10, 1.5, "-1h", "1.5h", "30m1h", "1w", "9" * 30 + "h", None, True]
)
def test_no_times(value: object) -> None:
    with pytest.raises(ValueError, match=r"time|year"):
        units.duration(value)


@pytest.mark.parametrize(
    ("text", "count"), [("6G", 6 << 30), ("256M", 256 << 20), ("1 GiB", 1 << 30), ("64k", 65_536)]
)
def test_sizes(text: object, count: int) -> None:
    assert units.size(text) == count
    assert units.size(units.spell_size(count)) == count


@pytest.mark.parametrize("value", ["", "G", "6", "6X", "-1G", "1.5G", True, None, 1.5])
def test_no_sizes(value: object) -> None:
    with pytest.raises(ValueError, match="size"):
        units.size(value)
