"""One frozen model per room. Owns: each setting with its default, meaning and what may stand there. Imports: pydantic. Effects: none.

Those of Slack, Matrix and Discord are in `config.platforms`, those of git in `config.repositories`.

A description is a sentence for the reference page. `expected` (in `json_schema_extra`) completes "expected …" in an error where
the type alone says too little; `hidden` keeps a value that may hold a password out of errors.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from config.units import Duration, Size

GIB, MIB = 1 << 30, 1 << 20
TOOLS = ("AskUserQuestion", "Bash", "Edit", "Glob", "Grep", "MultiEdit", "Read", "TodoWrite", "Write")
_REPO = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class Section(BaseModel):
    """What every section is: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def web_url(value: str) -> str:
    """Return a web address without a slash at its end. Raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not a web address")
    return value.rstrip("/")


def near(url: str) -> bool:
    """Return whether a web address is on this machine or in a private network."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".home.arpa"))


def _database_url(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"(|sqlite:///.+|postgresql(\+\w+)?://.+)", value.get_secret_value()):
        raise ValueError("not a database")
    return value


def loopback(value: str) -> str:
    """Return an address that only this machine reaches. Raises ValueError."""
    if value != "localhost" and not ipaddress.ip_address(value).is_loopback:
        raise ValueError("reachable from outside")
    return value


def repo_name(value: str) -> str:
    """Return a name that can be a folder's. Raises ValueError."""
    if not _REPO.fullmatch(value) or ".." in value or value.endswith((".git", ".lock", ".")):
        raise ValueError("not a name for a folder")
    return value


def _filled(value: str) -> str:
    if not value.strip() or value.startswith("-"):
        raise ValueError("empty")
    return value


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value))


def path_or_none(value: object) -> object:
    """Return a text as a path, an empty one as None."""
    if isinstance(value, str):
        return Path(value).expanduser() if value else None
    return value


def _none_if_zero(value: object) -> object:
    return None if _no_truth(value) in (0, "0", "") else value


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("not a number")  # noqa: TRY004 - what pydantic reports
    return value


Count = Annotated[int, BeforeValidator(_no_truth)]
RepoName = Annotated[str, AfterValidator(repo_name)]


class Model(Section):
    """The model, and the one place where its key is given."""

    base_url: Annotated[str, AfterValidator(web_url)] = Field(
        "https://api.anthropic.com",
        description="Where the Messages API answers.",
        json_schema_extra={"expected": "a web address such as https://api.anthropic.com"},
    )
    api_key: SecretStr = Field(
        SecretStr(""),
        description="The key, added to requests outside the sandbox. Better kept in a file that `api_key_file` names."
        " A model on this machine or in a private network may need none.",
    )
    auth: Literal["x-api-key", "bearer"] = Field(
        "x-api-key",
        description="How the key is sent: as the header `x-api-key`, or as `authorization: Bearer`.",
    )
    name: Annotated[str, AfterValidator(_filled)] = Field(
        "claude-sonnet-5-5",
        description="Which model works.",
        json_schema_extra={"expected": "the name of a model"},
    )
    rehearsal: Annotated[Path | None, BeforeValidator(path_or_none)] = Field(
        None,
        description="A rehearsal script: the bridge then answers for the model itself, offline, and needs no key. Relative to the home.",
        json_schema_extra={"expected": "the path of a script, or nothing"},
    )

    @property
    def lacks_key(self) -> bool:
        """Whether a key is missing. What answers near by may need none; whether it does, `loopbridge doctor` finds out by asking it."""
        return not self.api_key.get_secret_value() and self.rehearsal is None and not near(self.base_url)


class Database(Section):
    """Where state is kept."""

    url: Annotated[SecretStr, AfterValidator(_database_url)] = Field(
        SecretStr(""),
        description="An SQLAlchemy URL; empty means SQLite in the home directory.",
        json_schema_extra={
            "expected": "sqlite:///…, postgresql://… or nothing (SQLite in the home directory)"
        },
    )


class Journal(Section):
    """What the database can be rebuilt from: threads and loops as lines in a git repository."""

    every: Duration = Field(
        timedelta(minutes=5),
        gt=timedelta(0),
        description="How often it is written between the ends of turns, each of which writes it too.",
    )
    remote: str = Field(
        "",
        description="A repository of its own that every commit is pushed to; empty keeps it in the home alone.",
        json_schema_extra={"expected": "a repository's URL or path, or nothing", "hidden": True},
    )


class Http(Section):
    """The daemon's own door: health and metrics."""

    host: Annotated[str, AfterValidator(loopback)] = Field(
        "127.0.0.1",
        description="The loopback address to listen on.",
        json_schema_extra={"expected": "a loopback address such as 127.0.0.1 or ::1"},
    )
    port: Count = Field(8484, ge=0, le=65_535, description="The port to listen on; 0 takes any free one.")


class Repo(Section):
    """A repository that loops can work on."""

    url: Annotated[str, AfterValidator(_filled)] = Field(
        description="Its origin, as `git clone` takes it; a path is a repository on this machine.",
        json_schema_extra={"expected": "the origin's URL or path", "hidden": True},
        repr=False,
    )
    branch: str = Field("", description="Where loops start; empty means the origin's default branch.")


class Defaults(Section):
    """What a loop gets when nobody says."""

    repo: str = Field(
        "", description="The repository's name under `repos`; empty means that `--repo` has to be given."
    )
    budget_usd: Annotated[
        Annotated[float, Field(gt=0, le=100_000)] | None, BeforeValidator(_none_if_zero)
    ] = Field(
        None,
        description="Dollars one loop may spend in all; `/loop budget` raises it for one, 0 means no cap.",
        json_schema_extra={"expected": "dollars such as 5 or 2.5 (0 means no cap)"},
    )


class Asks(Section):
    """How long the bridge waits for people."""

    expires: Duration = Field(
        timedelta(hours=24), gt=timedelta(0), description="After this long nobody's answer counts any more."
    )
    reminds: Duration = Field(
        timedelta(hours=4), gt=timedelta(0), description="After this long the ask is brought up again, once."
    )
    park_after: Duration = Field(
        timedelta(seconds=120),
        description="After this long a session that waits for an answer is put away; the answer resumes it.",
    )


class Agent(Section):
    """How many sessions there are, and what they can use."""

    starts: Count = Field(
        2, ge=1, le=32, description="How many sessions start at the same time; others queue."
    )
    idle_after: Duration = Field(
        timedelta(minutes=10), description="After this long an idle session's process is ended."
    )
    max_idle: Count = Field(
        3, ge=0, le=256, description="How many idle sessions are kept at most; each takes about 100 MB."
    )
    tools: tuple[Annotated[str, AfterValidator(_filled)], ...] = Field(
        TOOLS, description="The tools the agent has; what each may do is for `policy.toml` to say."
    )


class SandboxSection(Section):
    """The bounds of one box."""

    user: str = Field(
        "loopbridge",
        description="Whom boxes run as when the bridge is started by root; otherwise they run as the bridge does.",
    )
    memory: Size = Field(6 * GIB, ge=256 * MIB, description="Memory of a whole box.")
    process_memory: Size = Field(4 * GIB, ge=256 * MIB, description="Memory of each process in it.")
    processes: Count = Field(512, ge=16, le=65_536, description="Processes and threads of a box.")
    open_files: Count = Field(4096, ge=64, le=1_048_576, description="Open files of each process.")
    file: Size = Field(2 * GIB, ge=MIB, description="The largest file that can be written.")
    tmp: Size = Field(256 * MIB, ge=MIB, description="Room in the box's `/tmp`, which is memory.")


class Egress(Section):
    """What the agent's tools can reach. A list in the environment is written with commas."""

    allow: tuple[Annotated[str, AfterValidator(_filled)], ...] = Field(
        (), description="Hosts, as `host`, `host:port` or `*.domain`; without a port only 443 passes."
    )
    private_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (),
        description="Networks (CIDR) that are refused otherwise and may be reached by names in `allow`.",
        json_schema_extra={"expected": "a list of networks such as 10.1.0.0/16"},
    )


class LocalChat(Section):
    """The built-in chat of this machine, `loopbridge chat`."""

    enabled: bool = Field(True, description="Whether it is there.")
    user: str = Field(
        "", description="The name under which you write; empty means your login name. This user is an admin."
    )


class Chat(Section):
    """The chats the bridge is in."""

    local: LocalChat = Field(default_factory=LocalChat, description="The built-in chat.")


class Logs(Section):
    """What the bridge says of itself, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least that is logged."
    )
    format: Literal["auto", "console", "json"] = Field(
        "auto",
        description="`console` for people, `json` for programs; `auto` chooses by whether a terminal is there.",
    )


Repos = Mapping[RepoName, Repo]
