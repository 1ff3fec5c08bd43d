"""How git is built from the settings. Owns: code, context, layer, grants. Imports: adapters.git, config, core. Effects: none."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable, Mapping

from adapters.git.host import GitHost
from adapters.git.layer import Layer
from adapters.git.layers import GitLayers
from adapters.git.safe import SafeGit
from bridge.home import Home
from config.settings import Settings
from core.ports import Clock, Sandbox

_SSH = "ssh -F none -o BatchMode=yes -o ConnectTimeout=15 -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes"


def code(settings: Settings, sandbox: Sandbox, clock: Clock) -> GitHost:
    """Return the mirrors of the code repositories."""
    origins = {name: repo.url for name, repo in settings.repos.items()}
    return GitHost(home=settings.home, sandbox=sandbox, origins=origins, clock=clock, grants=grants(settings))


def context(
    settings: Settings, sandbox: Sandbox, clock: Clock, moved: Callable[[str], Awaitable[None]]
) -> GitLayers:
    """Return the layers of context; `moved` hears of every move of a layer's `main`."""
    remotes = {name: str(getattr(settings.context, name)) for name in ("knowledge", "notes", "personal")}
    return GitLayers(
        home=settings.home,
        sandbox=sandbox,
        clock=clock,
        remotes=remotes,
        grants=grants(settings),
        moved=moved,
        most=settings.context.most,
    )


def layer(settings: Settings, name: str, *, clock: Clock) -> Layer:
    """Return one of the team's layers, for a command that runs without the bridge."""
    git = SafeGit(globals_at=settings.home / "repos" / "host.gitconfig", grants=grants(settings))
    path = Home(settings.home).layer(name)
    return Layer(name, path, git, clock=clock, remote=str(getattr(settings.context, name)), welcome="")


def grants(settings: Settings) -> Mapping[str, str]:
    """Return the variables that commands get which speak to an origin: the ssh key and the servers' keys, where they are configured."""
    key, hosts = settings.git.ssh_key, settings.git.known_hosts
    if key is None and hosts is None:
        return {}
    identity = shlex.quote(str(settings.home / key)) if key is not None else "none"
    words = [_SSH, f"-o IdentityFile={identity}", "-o GlobalKnownHostsFile=none"]
    if hosts is not None:
        words.append(f"-o UserKnownHostsFile={shlex.quote(str(settings.home / hosts))}")
    return {"GIT_SSH_COMMAND": " ".join(words)}
