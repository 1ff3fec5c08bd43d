"""The chats of others: Slack, Matrix, Discord. Owns: their sections, unfinished. Imports: config, pydantic. Effects: `unfinished` looks
for a file.

A chat is wanted once a credential of it is given. What then is missing is told before anything starts; whether what is given is any
good is for the chat itself to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr

from config.sections import Count, Section, loopback, repo_name, web_url

Missing = tuple[tuple[str, ...], str]  # the setting's path, and what completes "expected …"
_USER = re.compile(r"@[^:\s]+:[^\s/]+")
_SERVER = re.compile(r"[*A-Za-z0-9.:\[\]-]+")
_SNOWFLAKE = re.compile(r"\d{15,21}")


def _user_or_nothing(value: str) -> str:
    if value and not _USER.fullmatch(value):
        raise ValueError("not a Matrix user")
    return value


def _user(value: str) -> str:
    if not _USER.fullmatch(value):
        raise ValueError("not a Matrix user")
    return value


def _server(value: str) -> str:
    if not _SERVER.fullmatch(value):
        raise ValueError("not a server's name")
    return value


def _guild(value: str) -> str:
    if not _SNOWFLAKE.fullmatch(value):
        raise ValueError("not a Discord id")
    return value


def _url_or_nothing(value: str) -> str:
    return web_url(value) if value else value


class SlackWorkspace(Section):
    """A further workspace that the same Slack app is installed in."""

    bot_token: SecretStr = Field(
        SecretStr(""),
        description="The bot token (`xoxb-…`) that Slack shows after the app is installed there.",
    )


class Slack(Section):
    """Slack, once `bot_token` is given. `loopbridge init slack` helps."""

    bot_token: SecretStr = Field(
        SecretStr(""), description="The bot token (`xoxb-…`) of the workspace the app is installed in."
    )
    app_token: SecretStr = Field(
        SecretStr(""),
        description="The app-level token (`xapp-…`) with `connections:write`. With it the bridge connects to Slack (Socket Mode) and"
        " needs no address of its own.",
    )
    signing_secret: SecretStr = Field(
        SecretStr(""),
        description="Without an app-level token: the secret Slack signs its requests with. They are then taken over HTTP.",
    )
    api_url: Annotated[str, AfterValidator(web_url)] = Field(
        "https://slack.com/api",
        description="Where the Web API answers.",
        json_schema_extra={"expected": "a web address such as https://slack.com/api"},
    )
    listen_host: Annotated[str, AfterValidator(loopback)] = Field(
        "127.0.0.1",
        description="The loopback address signed requests are taken on; a proxy in front of it ends TLS.",
        json_schema_extra={"expected": "a loopback address such as 127.0.0.1 or ::1"},
    )
    listen_port: Count = Field(
        8485, ge=0, le=65_535, description="The port signed requests are taken on, at `/slack/events`."
    )
    workspaces: Mapping[Annotated[str, AfterValidator(repo_name)], SlackWorkspace] = Field(
        default_factory=dict, description="Further workspaces of the same app, by a name of your choice."
    )

    @property
    def bot_tokens(self) -> tuple[str, ...]:
        """Return the bot token of each workspace."""
        given = (self.bot_token, *(each.bot_token for each in self.workspaces.values()))
        return tuple(token for each in given if (token := each.get_secret_value()))

    @property
    def wanted(self) -> bool:
        """Say whether the bridge is to be in Slack."""
        return bool(
            self.bot_tokens or self.app_token.get_secret_value() or self.signing_secret.get_secret_value()
        )


class Matrix(Section):
    """Matrix, once `homeserver` and `user_id` are given. `loopbridge init matrix` helps."""

    homeserver: Annotated[str, AfterValidator(_url_or_nothing)] = Field(
        "",
        description="Where the homeserver's API answers.",
        json_schema_extra={"expected": "a web address such as https://matrix.example.org"},
    )
    user_id: Annotated[str, AfterValidator(_user_or_nothing)] = Field(
        "",
        description="The bot's own account.",
        json_schema_extra={"expected": "a user such as @loop:example.org"},
    )
    password: SecretStr = Field(
        SecretStr(""),
        description="The account's password, to log in as a device that is kept in the home, and again should its token die.",
    )
    access_token: SecretStr = Field(
        SecretStr(""),
        description="In place of a password: an access token of the device the bridge is to be.",
    )
    device_id: str = Field(
        "", description="The device of that access token; empty means whichever it belongs to."
    )
    recovery_key: SecretStr = Field(
        SecretStr(""),
        description="The key that opens the account's secret storage, for an account that is cross-signed already.",
    )
    allow_servers: tuple[Annotated[str, AfterValidator(_server)], ...] = Field(
        (),
        description="Servers whose users may invite the bot, `*` standing for anything; with none and no `allow_users`, its own server.",
        json_schema_extra={"expected": "a list of server names such as example.org"},
    )
    allow_users: tuple[Annotated[str, AfterValidator(_user)], ...] = Field(
        (),
        description="Users that may invite the bot, whatever server they are on.",
        json_schema_extra={"expected": "a list of users such as @maya:example.org"},
    )
    ghosts: tuple[Annotated[str, AfterValidator(_user)], ...] = Field(
        (),
        description="Users that bridges to other chats move; their reactions decide nothing.",
        json_schema_extra={"expected": "a list of users such as @slack_*:example.org"},
    )
    link_hosts: tuple[Annotated[str, AfterValidator(_server)], ...] = Field(
        (),
        description="Hosts that links in what the bot says may lead to; other links are shown as text.",
        json_schema_extra={"expected": "a list of hosts such as git.example.org"},
    )
    unsigned_devices: Literal["send", "withhold"] = Field(
        "send",
        description="Whether devices that their owners did not sign can read what the bot says in encrypted rooms.",
    )

    @property
    def wanted(self) -> bool:
        """Say whether the bridge is to be in Matrix."""
        secrets = (self.password, self.access_token, self.recovery_key)
        return bool(self.homeserver or self.user_id or any(each.get_secret_value() for each in secrets))


class Discord(Section):
    """Discord, once `token` is given. `loopbridge init discord` helps."""

    token: SecretStr = Field(SecretStr(""), description="The bot's token, from the developer portal.")
    api_url: Annotated[str, AfterValidator(web_url)] = Field(
        "https://discord.com/api/v10",
        description="Where the REST API answers.",
        json_schema_extra={"expected": "a web address such as https://discord.com/api/v10"},
    )
    guilds: tuple[Annotated[str, AfterValidator(_guild)], ...] = Field(
        (),
        description="The ids of the servers whose people are heard; empty means every server the bot was invited to.",
        json_schema_extra={"expected": "a list of server ids such as 112233445566778899"},
    )

    @property
    def wanted(self) -> bool:
        """Say whether the bridge is to be in Discord."""
        return bool(self.token.get_secret_value())


def unfinished(slack: Slack, matrix: Matrix, home: Path) -> Iterator[Missing]:
    """Yield what chats that were begun still need."""
    if slack.wanted:
        yield from _of_slack(slack)
    if matrix.wanted:
        yield from _of_matrix(matrix, known=(home / "matrix" / "state.db").exists())


def _of_slack(slack: Slack) -> Iterator[Missing]:
    for name, workspace in slack.workspaces.items():
        if not workspace.bot_token.get_secret_value():
            yield ("slack", "workspaces", name, "bot_token"), "the bot token (xoxb-…) of that workspace"
    if not slack.bot_tokens:
        yield ("slack", "bot_token"), "the bot token (xoxb-…), because Slack is set up otherwise"
    if not slack.app_token.get_secret_value() and not slack.signing_secret.get_secret_value():
        yield ("slack", "app_token"), "the app-level token (xapp-…) beside the bot token, or a signing_secret"


def _of_matrix(matrix: Matrix, *, known: bool) -> Iterator[Missing]:
    """Yield what is missing; `known`: the home keeps a device that logged in before."""
    if not matrix.homeserver:
        yield ("matrix", "homeserver"), "the homeserver's address, because Matrix is set up otherwise"
    if not matrix.user_id:
        yield (
            ("matrix", "user_id"),
            "the bot's account (@loop:example.org), because Matrix is set up otherwise",
        )
    given = matrix.password.get_secret_value() or matrix.access_token.get_secret_value()
    if not given and not known:
        yield ("matrix", "password"), "the password of the bot's account, or an access_token of it"
