"""The one tree of settings. Owns: Settings, load, checked, secrets. Imports: config, pydantic_settings. Effects: `load` reads files.

`<home>/config.toml` is laid over the defaults, and the LOOPBRIDGE_… variables over both. The tree is read once, at the start, and
frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from config import chores, describe, platforms, repositories, sections, sources
from config.errors import ConfigError, Problem, nearest, shown
from config.report import Report

FILE = "config.toml"
DEFAULT_HOME = "~/.loopbridge"
M = TypeVar("M", bound=BaseModel)


class Settings(BaseSettings):
    """Everything that can be set. `home` is given by LOOPBRIDGE_HOME alone."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path
    model: sections.Model = Field(default_factory=sections.Model)
    database: sections.Database = Field(default_factory=sections.Database)
    journal: sections.Journal = Field(default_factory=sections.Journal)
    context: repositories.Context = Field(default_factory=repositories.Context)
    git: repositories.Git = Field(default_factory=repositories.Git)
    http: sections.Http = Field(default_factory=sections.Http)
    repos: sections.Repos = Field(default_factory=dict)
    defaults: sections.Defaults = Field(default_factory=sections.Defaults)
    asks: sections.Asks = Field(default_factory=sections.Asks)
    agent: sections.Agent = Field(default_factory=sections.Agent)
    sandbox: sections.SandboxSection = Field(default_factory=sections.SandboxSection)
    egress: sections.Egress = Field(default_factory=sections.Egress)
    jobs: chores.Jobs = Field(default_factory=chores.Jobs)
    chat: sections.Chat = Field(default_factory=sections.Chat)
    slack: platforms.Slack = Field(default_factory=platforms.Slack)
    matrix: platforms.Matrix = Field(default_factory=platforms.Matrix)
    discord: platforms.Discord = Field(default_factory=platforms.Discord)
    logs: sections.Logs = Field(default_factory=sections.Logs)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the `layers` that are given, the first on top, and nothing else: the process's environment is `load`'s to read."""
        given = dict(init_settings())
        return tuple(InitSettingsSource(settings_cls, layer) for layer in (*given.pop("layers", ()), given))


def load(home: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a home. `home` wins over LOOPBRIDGE_HOME. Raises ConfigError with every problem there is."""
    where = (home or home_of(environ)).expanduser().absolute()
    known = [entry for entry in describe.entries(Settings) if entry.path != ("home",)]
    above = sources.from_environment(environ, known)
    try:
        below = sources.from_file(where / FILE, known)
    except ConfigError as exc:
        raise ConfigError([*exc.problems, *above.problems]) from None
    report = Report(
        file=str(where / FILE),
        known=known,
        layers=(above.values, below.values),
        variables=above.variables,
    )
    problems = [*below.problems, *above.problems]
    build: Callable[..., Settings] = Settings
    if "home" in below.values:
        del below.values["home"]
        problems.append(
            Problem(
                file=str(where / FILE),
                key="home",
                expected=f"the home directory in {sources.HOME_VARIABLE}, not here",
            )
        )
    try:
        settings = build(layers=({"home": where}, above.values, below.values))
    except ValidationError as exc:
        problems += report.problems(exc)
    else:
        problems += _inconsistent(settings, report)
        if not problems:
            return settings
    raise ConfigError(dict.fromkeys(problems))


def secrets(settings: BaseModel) -> Iterator[str]:
    """Yield every secret value that is given."""
    for value in dict(settings).values():
        if isinstance(value, SecretStr):
            yield from filter(None, [value.get_secret_value()])
        for section in value.values() if isinstance(value, Mapping) else [value]:
            if isinstance(section, BaseModel):
                yield from secrets(section)


def checked(model: type[M], values: Mapping[str, Any], *, file: str) -> M:
    """Return the model of what a file holds. Raises ConfigError."""
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        known = list(describe.entries(model))
        raise ConfigError(
            Report(file=file, known=known, layers=(values,), variables={}).problems(exc)
        ) from None


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the home that LOOPBRIDGE_HOME names, as it is written, or the default. Raises ConfigError."""
    given = environ.get(sources.HOME_VARIABLE, DEFAULT_HOME)
    if not given.strip() or "\0" in given:
        raise ConfigError(
            [
                Problem(
                    file=sources.ENVIRONMENT,
                    key=sources.HOME_VARIABLE,
                    expected="the path of the home directory",
                )
            ]
        )
    return Path(given)


def _inconsistent(settings: Settings, report: Report) -> list[Problem]:
    found = [
        report.problem(path, expected, "nothing")
        for path, expected in platforms.unfinished(settings.slack, settings.matrix, settings.home)
    ]
    repo = settings.defaults.repo
    if repo and repo not in settings.repos:
        names = ", ".join(sorted(settings.repos)) or "none is configured"
        near = nearest(repo, settings.repos)
        found.append(report.problem(("defaults", "repo"), f"a name under repos ({names})", shown(repo), near))
    return found
