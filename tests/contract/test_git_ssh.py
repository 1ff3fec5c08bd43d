"""Origins reached over ssh, with a key and a known host that the settings name."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge import checks_outside, origins
from config import settings as configuration
from core import errors
from core.layers import NOTES
from tests.contract.git_rig import SystemClock
from tests.contract.test_layers import bare, git
from tests.far_sides.git_ssh import GitServer, serve


async def _nobody(layer: str) -> None:
    """Hear of a move."""


def settings(home: Path, server: GitServer, remote: Path, *, more: str = "") -> configuration.Settings:
    home.mkdir(exist_ok=True)
    (home / "keys").mkdir(exist_ok=True)
    (home / "keys" / "ssh").write_bytes(server.key.read_bytes())
    (home / "keys" / "ssh").chmod(0o600)
    (home / "keys" / "known_hosts").write_bytes(server.known_hosts.read_bytes())
    (home / "config.toml").write_text(
        f'[git]\nssh_key = "keys/ssh"\nknown_hosts = "keys/known_hosts"\n'
        f'[context]\nnotes = "{server.address(remote)}"\n[repos.demo]\nurl = "{server.address(remote)}"\n{more}'
    )
    return configuration.load(home, {})


async def test_layers_and_code_are_fetched_and_pushed_with_the_key_that_is_configured(tmp_path: Path) -> None:
    remote = bare(tmp_path / "notes.git")
    async with serve(tmp_path) as server:
        known = await asyncio.to_thread(settings, tmp_path / "home", server, remote)
        layers = origins.context(known, None, SystemClock(), _nobody)  # type: ignore[arg-type]  # nothing goes into a box
        await layers.sweep()
        tip = await layers.write(NOTES, "By ssh", {"a.md": "1\n"}, by="Maya")
        assert git(remote, "rev-parse", "main") == tip
        theirs = await asyncio.to_thread(settings, tmp_path / "other", server, remote)
        other = origins.context(theirs, None, SystemClock(), _nobody)  # type: ignore[arg-type]
        assert await other.sync(NOTES) == tip
        code = origins.code(known, None, SystemClock())  # type: ignore[arg-type]
        await code.sweep()
        assert await code.sync("demo") == tip
        doctor = [*await checks_outside.layers(known), *await checks_outside.repositories(known)]
        assert [found.name for found in doctor if found.ok] == ["layer notes", "repository demo"]
        assert {asked.split()[0] for asked in server.asked} == {"git-upload-pack", "git-receive-pack"}


async def test_a_server_with_another_key_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    remote = bare(tmp_path / "notes.git")
    async with serve(tmp_path) as server:
        known = await asyncio.to_thread(settings, tmp_path / "home", server, remote)
        (tmp_path / "home" / "keys" / "known_hosts").write_text("")
        layers = origins.context(known, None, SystemClock(), _nobody)  # type: ignore[arg-type]
        await layers.sweep()
        with pytest.raises(errors.Unavailable, match="Host key verification failed"):
            await layers.write(NOTES, "By ssh", {"a.md": "1\n"}, by="Maya")
        assert not server.asked
