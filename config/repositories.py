"""Where layers of context live, and how git reaches them. Owns: Context, Git. Imports: config, pydantic. Effects: none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from config.sections import GIB, MIB, Section, path_or_none
from config.units import Size


def _with_member(value: str) -> str:
    if value and "{member}" not in value:
        raise ValueError("every member's would be the same")
    return value


class Context(Section):
    """Where the team's layers of context live. What is empty stays in the home alone; set later, nothing has to be moved by hand."""

    knowledge: str = Field(
        "",
        description="The repository of what the team holds to be true; it changes only by a person's merge.",
        json_schema_extra={"expected": "a repository's URL or path, or nothing", "hidden": True},
    )
    notes: str = Field(
        "",
        description="The repository of what the team writes down as it goes.",
        json_schema_extra={"expected": "a repository's URL or path, or nothing", "hidden": True},
    )
    personal: Annotated[str, AfterValidator(_with_member)] = Field(
        "",
        description="Each member's own repository, `{member}` standing for the member's id.",
        json_schema_extra={"expected": "a URL or path with {member} in it, or nothing", "hidden": True},
    )
    most: Size = Field(
        GIB,
        ge=MIB,
        description="How much each layer may take on the bridge's disk; what would make it larger is not promoted."
        " What people have the bridge write (facts, pins, the inbox, merges) is small and goes on.",
    )


class Git(Section):
    """How the bridge reaches repositories over ssh. Its user's own keys and agent are never used."""

    ssh_key: Annotated[Path | None, BeforeValidator(path_or_none)] = Field(
        None,
        description="A private key without a passphrase, relative to the home.",
        json_schema_extra={"expected": "the path of a private key, or nothing"},
    )
    known_hosts: Annotated[Path | None, BeforeValidator(path_or_none)] = Field(
        None,
        description="The keys of the servers, as `ssh-keyscan` writes them, relative to the home. Others are refused, nobody is asked.",
        json_schema_extra={"expected": "the path of a known_hosts file, or nothing"},
    )
